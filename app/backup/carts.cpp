#include "carts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "kit/time.hpp"

namespace souk::backup {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view prefix = "cart:{";
constexpr std::size_t at_once = 200;
constexpr std::size_t few = 50;  // changed carts that may be left for the moment itself
constexpr int rounds = 10;
constexpr std::string_view all_orders = "orders";

std::string cart_key(const std::string& user) {
  return fmt::format("cart:{{{}}}", user);
}

// The shopper of cart:{<user>}, cart:{<user>}:keys or cart:{<user>}:orders.
std::optional<std::string> user_of(std::string_view key) {
  const auto end = key.find('}');
  if (!key.starts_with(prefix) || end == std::string_view::npos) return std::nullopt;
  return std::string(key.substr(prefix.size(), end - prefix.size()));
}

std::optional<std::vector<cart_field>> to_fields(const redis_reply& pairs) {
  if (pairs.list.empty()) return std::nullopt;
  std::vector<cart_field> out;
  for (std::size_t i = 0; i + 1 < pairs.list.size(); i += 2) {
    out.push_back({pairs.list[i].text, pairs.list[i + 1].text});
  }
  return out;
}

std::optional<std::int64_t> until(const redis_reply& ttl, std::int64_t now_ms) {
  if (ttl.number < 0) return std::nullopt;
  return now_ms + ttl.number;
}

std::vector<std::string> scan(redis_link& db, std::string& cursor) {
  const auto got = db.ask({"SCAN", cursor, "MATCH", "cart:{*", "COUNT", "500"});
  cursor = got.list.at(0).text;
  std::vector<std::string> keys;
  for (const auto& k : got.list.at(1).list) keys.push_back(k.text);
  return keys;
}

}  // namespace

cart_copier::cart_copier(const std::string& url, const std::filesystem::path& file)
    : db_(url, 5s), news_(url, 5s), out_(file, std::ios::binary | std::ios::trunc), file_(file) {
  const auto id = news_.ask({"CLIENT", "ID"}).number;
  news_.ask({"SUBSCRIBE", "__redis__:invalidate"});
  db_.ask({"CLIENT", "TRACKING", "ON", "REDIRECT", std::to_string(id), "BCAST", "PREFIX",
           std::string(prefix)});
}

cart_copier::~cart_copier() {
  if (!held_) return;
  try {
    db_.ask({"CLIENT", "UNPAUSE"});
  } catch (const std::exception&) {
    // It ends by itself.
  }
}

// What has changed before this call is known after it: Redis tells of changes before it reads on.
void cart_copier::note_changes() {
  news_.send({"PING"});
  for (;;) {
    const auto got = news_.receive();
    if (got.what != redis_reply::kind::list || got.list.empty()) {
      throw std::runtime_error("Redis does not tell which carts change: " + got.text);
    }
    if (got.list[0].text == "pong") return;
    if (got.list[0].text != "message") continue;
    if (got.list.at(2).what != redis_reply::kind::list) {
      throw std::runtime_error("all carts were deleted while they were copied");
    }
    for (const auto& key : got.list[2].list) {
      if (auto user = user_of(key.text)) changed_.insert(std::move(*user));
    }
  }
}

void cart_copier::copy(std::vector<std::string> users) {
  constexpr std::size_t answers = 9;
  for (std::size_t from = 0; from < users.size(); from += at_once) {
    const auto end = std::min(users.size(), from + at_once);
    std::vector<redis_link::words> commands;
    for (auto i = from; i < end; ++i) {
      const auto key = cart_key(users[i]);
      commands.insert(commands.end(), {{"MULTI"},
                                       {"TIME"},
                                       {"HGETALL", key},
                                       {"PTTL", key},
                                       {"HGETALL", key + ":keys"},
                                       {"PTTL", key + ":keys"},
                                       {"ZRANGE", key + ":orders", "0", "-1", "WITHSCORES"},
                                       {"PTTL", key + ":orders"},
                                       {"EXEC"}});
    }
    const auto got = db_.ask_all(commands);
    for (auto i = from; i < end; ++i) {
      const auto& all = got[(i - from + 1) * answers - 1].list;
      for (const auto& part : all) {
        if (part.what == redis_reply::kind::error) {
          throw std::runtime_error(
              fmt::format("the cart {} cannot be read: {}", users[i], part.text));
        }
      }
      const auto& clock = all.at(0).list;
      const auto now_ms = std::stoll(clock.at(0).text) * 1000 + std::stoll(clock.at(1).text) / 1000;
      cart_record r{.user = users[i]};
      r.cart = to_fields(all.at(1));
      if (r.cart) r.cart_until = until(all.at(2), now_ms);
      r.keys = to_fields(all.at(3));
      if (r.keys) r.keys_until = until(all.at(4), now_ms);
      r.orders = to_fields(all.at(5));
      if (r.orders) r.orders_until = until(all.at(6), now_ms);
      if (r.cart || r.keys || r.orders) {
        copied_[r.user] = r.orders ? r.orders->size() : 0;
      } else if (copied_.erase(r.user) == 0) {
        continue;  // came and went between two looks
      }
      out_ << json::write(r) << '\n';
    }
  }
}

void cart_copier::copy_changed() {
  std::vector<std::string> users(changed_.begin(), changed_.end());
  changed_.clear();
  copy(std::move(users));
}

void cart_copier::prepare() {
  std::string cursor = "0";
  std::unordered_set<std::string> seen;
  do {
    std::vector<std::string> users;
    for (const auto& key : scan(db_, cursor)) {
      auto user = user_of(key);
      if (user && seen.insert(*user).second) users.push_back(std::move(*user));
    }
    copy(std::move(users));
  } while (cursor != "0");
  for (int i = 0; i < rounds; ++i) {
    note_changes();
    if (changed_.size() <= few) return;
    copy_changed();
  }
}

void cart_copier::hold(std::chrono::milliseconds limit) {
  db_.send({"CLIENT", "PAUSE", std::to_string(limit.count()), "WRITE"});
  held_ = db_.receive().what != redis_reply::kind::error;
}

void cart_copier::finish() {
  for (int i = 0; i < rounds; ++i) {
    note_changes();
    if (changed_.empty()) break;
    copy_changed();
  }
  if (!held_) return;
  db_.ask({"CLIENT", "UNPAUSE"});
}

carts_part cart_copier::close() {
  db_.ask({"CLIENT", "TRACKING", "OFF"});
  out_.close();
  const int fd = open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!out_ || !synced) {
    throw std::runtime_error("the carts could not be written; is the disk full?");
  }
  carts_part counted{.carts = static_cast<std::int64_t>(copied_.size())};
  for (const auto& [_, orders] : copied_) counted.orders += static_cast<std::int64_t>(orders);
  return counted;
}

// ---------------------------------------------------------------------------------------------

namespace {

cart_record parse(const std::string& line) {
  auto r = json::read<cart_record>(line);
  if (!r) throw std::runtime_error("a cart in the backup cannot be read: " + r.error()[0].detail);
  return std::move(*r);
}

void add_expiry(std::vector<redis_link::words>& commands, const std::string& key,
                const std::optional<std::int64_t>& end) {
  if (end) commands.push_back({"PEXPIREAT", key, std::to_string(*end)});
}

void add_hash(std::vector<redis_link::words>& commands, const std::string& key,
              const std::vector<cart_field>& fields, const std::optional<std::int64_t>& end) {
  redis_link::words command{"HSET", key};
  for (const auto& f : fields) {
    command.push_back(f.name);
    command.push_back(f.value);
  }
  commands.push_back(std::move(command));
  add_expiry(commands, key, end);
}

}  // namespace

carts_part load_carts(const std::string& url, const std::filesystem::path& file) {
  std::unordered_map<std::string, std::int64_t> last;  // user: number of the line that counts
  {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("the carts of the backup cannot be read");
    std::int64_t number = 0;
    for (std::string line; std::getline(in, line); ++number) last[parse(line).user] = number;
  }

  redis_link db(url, 10s);
  std::string cursor = "0";
  do {
    redis_link::words command{"UNLINK", std::string(all_orders)};
    for (auto& key : scan(db, cursor)) command.push_back(std::move(key));
    db.ask(command);
  } while (cursor != "0");

  const auto now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch()).count();
  const auto over = [now_ms](const std::optional<std::int64_t>& end) {
    return end && *end <= now_ms;
  };
  carts_part loaded;
  std::vector<redis_link::words> commands;
  std::ifstream in(file, std::ios::binary);
  std::int64_t number = 0;
  for (std::string line; std::getline(in, line); ++number) {
    const auto r = parse(line);
    if (last[r.user] != number || (!r.cart && !r.keys && !r.orders)) continue;
    ++loaded.carts;
    const auto key = cart_key(r.user);
    if (r.cart && !over(r.cart_until)) add_hash(commands, key, *r.cart, r.cart_until);
    if (r.keys && !over(r.keys_until)) add_hash(commands, key + ":keys", *r.keys, r.keys_until);
    if (r.orders && !over(r.orders_until)) {
      redis_link::words own{"ZADD", key + ":orders"}, all{"ZADD", std::string(all_orders)};
      for (const auto& o : *r.orders) {
        own.insert(own.end(), {o.value, o.name});
        all.insert(all.end(), {"0", o.name + " " + r.user});
      }
      loaded.orders += static_cast<std::int64_t>(r.orders->size());
      commands.push_back(std::move(own));
      add_expiry(commands, key + ":orders", r.orders_until);
      commands.push_back(std::move(all));
    }
    if (commands.size() >= at_once) {
      db.ask_all(commands);
      commands.clear();
    }
  }
  db.ask_all(commands);
  return loaded;
}

}  // namespace souk::backup
