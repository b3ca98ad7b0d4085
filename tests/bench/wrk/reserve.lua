-- Each order reserves one of a product, always the same.
-- Arguments: the service credential, the product, 12 hexadecimal digits that begin the orders' ids.
require('summary')

local headers, product, prefix, n = {}, '', '', 0

function init(args)
  headers = {['Souk-Service'] = args[1], ['Content-Type'] = 'application/json'}
  product, prefix = args[2], args[3]:sub(1, 8) .. '-' .. args[3]:sub(9, 12)
end

function request()
  n = n + 1
  return wrk.format('POST', '/reservations', headers, string.format(
    '{"order_id":"%s-7000-8000-%012x","lines":[{"product_id":"%s","quantity":1}]}',
    prefix, n, product))
end
