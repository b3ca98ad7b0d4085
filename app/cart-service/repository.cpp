#include "repository.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <unordered_map>

#include "kit/security.hpp"

namespace souk::cart {

namespace {

constexpr std::string_view all_orders = "orders";
constexpr std::string_view when_added = ":when_added";

// A cart's hash has the revision and two fields for each line.
constexpr redis::script add_to_cart{.name = "add_to_cart", .source = R"lua(
-- KEYS cart, keys  ARGV product, quantity, snapshot, revision, lifetime, max quantity, max lines
--                       [, key, body, now, key lifetime, max keys]
local cart, keys, product, quantity = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
if ARGV[8] then
  local seen = redis.call('HGET', keys, ARGV[8])
  if seen then
    if string.match(seen, '^%x+') ~= ARGV[9] then return {'key reused'} end
    return {'ok', redis.call('HGETALL', cart)}
  end
end
local old = tonumber(redis.call('HGET', cart, product) or '0')
if old + quantity > tonumber(ARGV[6]) then return {'quantity limit'} end
if old == 0 and redis.call('HLEN', cart) > 2 * (tonumber(ARGV[7]) - 1) + 1 then
  return {'cart full'}
end
redis.call('HSET', cart, product, old + quantity, 'revision', ARGV[4])
redis.call('HSETNX', cart, product .. ':when_added', ARGV[3])
redis.call('EXPIRE', cart, ARGV[5])
if ARGV[8] then
  if redis.call('HLEN', keys) >= tonumber(ARGV[12]) then
    local all, known = redis.call('HGETALL', keys), {}
    for i = 1, #all, 2 do
      known[#known + 1] = {key = all[i], time = tonumber(string.match(all[i + 1], '%d+$'))}
    end
    table.sort(known, function(a, b) return a.time < b.time end)
    for i = 1, #known / 2 do redis.call('HDEL', keys, known[i].key) end
  end
  redis.call('HSET', keys, ARGV[8], ARGV[9] .. ' ' .. ARGV[10])
  redis.call('EXPIRE', keys, ARGV[11])
end
return {'ok', redis.call('HGETALL', cart)}
)lua"};

constexpr redis::script set_line{.name = "set_line", .source = R"lua(
-- KEYS cart  ARGV product, quantity, snapshot, revision, lifetime, max lines
local cart, product, quantity = KEYS[1], ARGV[1], tonumber(ARGV[2])
local old = tonumber(redis.call('HGET', cart, product) or '0')
if old ~= quantity then
  if quantity == 0 then
    redis.call('HDEL', cart, product, product .. ':when_added')
    redis.call('HSET', cart, 'revision', ARGV[4])
  else
    if old == 0 and redis.call('HLEN', cart) > 2 * (tonumber(ARGV[6]) - 1) + 1 then
      return {'cart full'}
    end
    redis.call('HSET', cart, product, quantity, 'revision', ARGV[4])
    redis.call('HSETNX', cart, product .. ':when_added', ARGV[3])
  end
  redis.call('EXPIRE', cart, ARGV[5])
end
return {'ok', redis.call('HGETALL', cart)}
)lua"};

constexpr redis::script clear_cart{.name = "clear_cart", .source = R"lua(
-- KEYS cart  ARGV revision, lifetime
if redis.call('HLEN', KEYS[1]) > 1 then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'revision', ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
)lua"};

constexpr redis::script take_ordered_lines{.name = "take_ordered_lines", .source = R"lua(
-- KEYS cart, its orders, all orders
-- ARGV order, user, revision, now, lifetime, max orders, oldest order, then product, quantity ...
local cart, orders = KEYS[1], KEYS[2]
if not redis.call('ZSCORE', orders, ARGV[1]) then
  redis.call('ZREMRANGEBYSCORE', orders, '-inf', tonumber(ARGV[4]) - tonumber(ARGV[5]))
  redis.call('ZADD', orders, ARGV[4], ARGV[1])
  redis.call('ZREMRANGEBYRANK', orders, 0, -1 - tonumber(ARGV[6]))
  redis.call('EXPIRE', orders, ARGV[5])
  redis.call('ZREMRANGEBYLEX', KEYS[3], '-', '(' .. ARGV[7])
  redis.call('ZADD', KEYS[3], 0, ARGV[1] .. ' ' .. ARGV[2])
  local changed = false
  for i = 8, #ARGV, 2 do
    local product, old = ARGV[i], redis.call('HGET', cart, ARGV[i])
    if old then
      changed = true
      local left = tonumber(old) - tonumber(ARGV[i + 1])
      if left > 0 then
        redis.call('HSET', cart, product, left)
      else
        redis.call('HDEL', cart, product, product .. ':when_added')
      end
    end
  end
  if changed then
    redis.call('HSET', cart, 'revision', ARGV[3])
    redis.call('EXPIRE', cart, ARGV[5])
  end
end
return redis.call('HGET', cart, 'revision') or ''
)lua"};

constexpr redis::script find_forgotten_orders{.name = "find_forgotten_orders", .source = R"lua(
-- KEYS orders of a cart ...  ARGV order ..., one for each key
local missing = {}
for i = 1, #KEYS do
  if not redis.call('ZSCORE', KEYS[i], ARGV[i]) then missing[#missing + 1] = i - 1 end
end
return missing
)lua"};

constexpr redis::script count_sign_in{.name = "count_sign_in", .source = R"lua(
-- KEYS counters  ARGV window (ms), limit for each counter
for i = 1, #KEYS do
  if tonumber(redis.call('GET', KEYS[i]) or '0') >= tonumber(ARGV[1 + i]) then
    return math.max(1, redis.call('PTTL', KEYS[i]))
  end
end
for i = 1, #KEYS do
  if redis.call('INCR', KEYS[i]) == 1 then redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
end
return 0
)lua"};

constexpr redis::script forget_sign_ins{.name = "forget_sign_ins", .source = R"lua(
-- KEYS the address's counter, the common one
redis.call('DEL', KEYS[1])
if tonumber(redis.call('GET', KEYS[2]) or '0') > 0 then redis.call('DECR', KEYS[2]) end
return 1
)lua"};

// ---------------------------------------------------------------------------------------------

std::string cart_key(uuid user) {
  return "cart:{" + user.str() + "}";
}
std::string keys_key(uuid user) {
  return cart_key(user) + ":keys";
}
std::string orders_key(uuid user) {
  return cart_key(user) + ":orders";
}

std::string attempts_key(std::string_view address) {
  return "sign-in:{admin}:from:" + std::string(address);
}
const std::string all_attempts_key = "sign-in:{admin}:in-all";

template <class Duration>
std::string seconds_text(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count());
}

// A value that no cart had before.
std::string new_revision() {
  return random_hex(12);
}

// Keys and bodies are remembered by their hashes: they are short, and hold nothing of the shopper.
std::string short_hash(std::string_view text) {
  return hex_encode(security::sha256(text)).substr(0, 32);
}

std::int64_t to_number(std::string_view text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::runtime_error("a cart in Redis has a quantity that is no number");
  }
  return n;
}

uuid to_uuid(std::string_view text) {
  const auto id = uuid::parse(text);
  if (!id) throw std::runtime_error("a key in Redis is no identifier");
  return *id;
}

stored_cart to_cart(const redis::value& fields) {
  stored_cart cart;
  std::unordered_map<uuid, stored_line> lines;
  const auto& all = fields.list();
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    std::string_view name = all[i].text();
    const std::string& value = all[i + 1].text();
    if (name == "revision") {
      cart.revision = value;
    } else if (name.ends_with(when_added)) {
      name.remove_suffix(when_added.size());
      auto s = json::read_lenient<snapshot>(value);
      if (!s) throw std::runtime_error("a cart in Redis has a line that cannot be read");
      lines[to_uuid(name)].when_added = std::move(*s);
    } else {
      lines[to_uuid(name)].quantity = to_number(value);
    }
  }
  for (auto& [id, line] : lines) {
    line.product_id = id;
    cart.lines.push_back(std::move(line));
  }
  std::ranges::sort(cart.lines, {}, [](const stored_line& l) {
    return std::pair(l.when_added.added_at_ms, l.product_id);
  });
  return cart;
}

std::expected<stored_cart, failure> to_outcome(const redis::value& answer) {
  const std::string& what = answer.list().at(0).text();
  if (what == "key reused") return std::unexpected(failure::key_reused);
  if (what == "quantity limit") return std::unexpected(failure::quantity_limit);
  if (what == "cart full") return std::unexpected(failure::cart_full);
  return to_cart(answer.list().at(1));
}

// The smallest identifier (UUIDv7) of an order made `cart_lifetime` ago.
uuid oldest_order() {
  const auto ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 (now() - cart_lifetime).time_since_epoch())
                                                 .count());
  uuid id;
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  return id;
}

}  // namespace

task<stored_cart> repository::find(const context& ctx, uuid user) {
  const auto fields = co_await db_.read(ctx, "find_cart", {"HGETALL", cart_key(user)});
  co_return to_cart(fields);
}

task<repository::key_state> repository::find_key(const context& ctx, uuid user,
                                                 const idempotency& i) {
  const auto seen = co_await db_.read(ctx, "find_key", {"HGET", keys_key(user), short_hash(i.key)});
  if (seen.is_null()) co_return key_state::unused;
  co_return seen.text().starts_with(short_hash(i.body)) ? key_state::used
                                                        : key_state::used_for_another;
}

task<std::expected<stored_cart, failure>> repository::add(const context& ctx, uuid user,
                                                          line_change c,
                                                          const std::optional<idempotency>& i) {
  std::vector<std::string> arguments{c.product_id.str(),
                                     std::to_string(c.quantity),
                                     json::write(c.now),
                                     new_revision(),
                                     seconds_text(cart_lifetime),
                                     std::to_string(max_line_quantity),
                                     std::to_string(max_cart_lines)};
  if (i) {
    arguments.push_back(short_hash(i->key));
    arguments.push_back(short_hash(i->body));
    arguments.push_back(seconds_text(now().time_since_epoch()));
    arguments.push_back(seconds_text(key_lifetime));
    arguments.push_back(std::to_string(max_keys));
  }
  const auto answer =
      co_await db_.run(ctx, add_to_cart, {cart_key(user), keys_key(user)}, std::move(arguments));
  co_return to_outcome(answer);
}

task<std::expected<stored_cart, failure>> repository::set(const context& ctx, uuid user,
                                                          line_change c) {
  const auto answer = co_await db_.run(
      ctx, set_line, {cart_key(user)},
      {c.product_id.str(), std::to_string(c.quantity), json::write(c.now), new_revision(),
       seconds_text(cart_lifetime), std::to_string(max_cart_lines)});
  co_return to_outcome(answer);
}

task<> repository::clear(const context& ctx, uuid user) {
  co_await db_.run(ctx, clear_cart, {cart_key(user)},
                   {new_revision(), seconds_text(cart_lifetime)});
}

task<std::string> repository::take_ordered(const context& ctx, uuid user, uuid order,
                                           const std::vector<ordered_line>& lines) {
  std::vector<std::string> arguments{order.str(),
                                     user.str(),
                                     new_revision(),
                                     seconds_text(now().time_since_epoch()),
                                     seconds_text(cart_lifetime),
                                     std::to_string(max_orders),
                                     oldest_order().str()};
  for (const ordered_line& l : lines) {
    arguments.push_back(l.product_id.str());
    arguments.push_back(std::to_string(l.quantity));
  }
  const auto revision = co_await db_.run(
      ctx, take_ordered_lines, {cart_key(user), orders_key(user), std::string(all_orders)},
      std::move(arguments));
  co_return revision.text();
}

task<std::vector<cleared_order>> repository::list_orders(const context& ctx, uuid after,
                                                         uuid through, std::size_t limit) {
  // '!' sorts after the blank that follows the order in each member.
  const auto members = co_await db_.read(
      ctx, "list_orders",
      {"ZRANGEBYLEX", std::string(all_orders), "(" + std::max(after, oldest_order()).str() + "!",
       "(" + through.str() + "!", "LIMIT", "0", std::to_string(limit)});
  std::vector<cleared_order> orders;
  for (const redis::value& m : members.list()) {
    const std::string_view text = m.text();
    const auto blank = text.find(' ');
    orders.push_back({to_uuid(text.substr(0, blank)), to_uuid(text.substr(blank + 1))});
  }
  co_return orders;
}

task<std::vector<cleared_order>> repository::find_forgotten(
    const context& ctx, const std::vector<cleared_order>& orders) {
  std::vector<std::string> keys, arguments;
  for (const cleared_order& o : orders) {
    keys.push_back(orders_key(o.user_id));
    arguments.push_back(o.order_id.str());
  }
  const auto missing =
      co_await db_.run_read(ctx, find_forgotten_orders, std::move(keys), std::move(arguments));
  std::vector<cleared_order> forgotten;
  for (const redis::value& index : missing.list()) {
    forgotten.push_back(orders.at(static_cast<std::size_t>(index.integer())));
  }
  co_return forgotten;
}

task<std::optional<std::chrono::milliseconds>> repository::count_attempt(const context& ctx,
                                                                         std::string_view address,
                                                                         const attempt_limits& l) {
  const auto wait =
      co_await db_.run(ctx, count_sign_in, {attempts_key(address), all_attempts_key},
                       {std::to_string(l.window.count()), std::to_string(l.from_one_address),
                        std::to_string(l.in_all)});
  if (wait.integer() == 0) co_return std::nullopt;
  co_return std::chrono::milliseconds(wait.integer());
}

task<> repository::forget_attempts(const context& ctx, std::string_view address) {
  co_await db_.run(ctx, forget_sign_ins, {attempts_key(address), all_attempts_key}, {});
}

}  // namespace souk::cart
