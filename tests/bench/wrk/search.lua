-- Searches, none of them twice: the n-th has the n-th range of prices.
-- Arguments: the first n; a file with the words, one a line; one with the categories.
require('summary')

local function lines(path)
  local all = {}
  for line in io.lines(path) do all[#all + 1] = line end
  return all
end

local words, categories, n

function init(args)
  n = tonumber(args[1])
  words, categories = lines(args[2]), lines(args[3])
end

function request()
  n = n + 1
  local low = 500 + n % 10007
  local high = low + 15000 + math.floor(n / 10007)
  return wrk.format('GET', string.format(
    '/products?search=%s&category=%s&min_price=%d&max_price=%d',
    words[n * 7 % #words + 1], categories[n * 11 % #categories + 1], low, high))
end
