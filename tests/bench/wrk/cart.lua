-- Each shopper in turn adds one more of a product.
-- Argument: a file with "user token product" a line.
require('summary')

local requests, n = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local user, token, product = line:match('(%S+) (%S+) (%S+)')
    requests[#requests + 1] = wrk.format('POST', '/cart/' .. user .. '/items',
      {['Authorization'] = 'Bearer ' .. token, ['Content-Type'] = 'application/json'},
      '{"product_id":"' .. product .. '","quantity":1}')
  end
end

function request()
  n = n % #requests + 1
  return requests[n]
end
