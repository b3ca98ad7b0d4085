// Backup and restore against real servers: whether what was copied is of one moment, and whether a
// restore that fails loses anything.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "cut.hpp"
#include "kit/testing/sandbox.hpp"
#include "kit/testing/servers.hpp"
#include "restoring.hpp"

namespace souk::backup {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::filesystem::path new_folder() {
  return testing::sandbox::instance().make_folder("backup", "");
}

// A store in outline: the columns that backup and restore look at.
constexpr const char* tables[][2] = {
    {"product",
     "CREATE TABLE products (id int PRIMARY KEY);"
     "CREATE TABLE stock_messages (id int PRIMARY KEY, state text NOT NULL)"},
    {"order",
     "CREATE TABLE orders (id int PRIMARY KEY, state text NOT NULL, token bigint NOT NULL "
     "DEFAULT 1, due_at timestamptz, unfinished_since timestamptz)"},
    {"payment",
     "CREATE TABLE card_tokens (id int, expires_at timestamptz);"
     "CREATE TABLE refunds (id int, state text, lease bigint, lease_until timestamptz, "
     "  next_attempt_at timestamptz, updated_at timestamptz);"
     "CREATE TABLE payments (id int PRIMARY KEY, unsettled boolean NOT NULL DEFAULT "
     "  false, lease bigint NOT NULL DEFAULT 0, lease_until timestamptz, "
     "  next_attempt_at timestamptz, updated_at timestamptz)"},
    {"inventory",
     "CREATE TABLE stock (id int PRIMARY KEY);"
     "CREATE TABLE reservations (id int PRIMARY KEY, state text NOT NULL DEFAULT "
     "'held', expires_at timestamptz)"},
};

struct store {
  std::map<std::string, std::string> urls;
  addresses where;

  store() : store(make()) {}
  explicit store(std::map<std::string, std::string> made)
      : urls(std::move(made)), where(settings_of(urls)) {
    for (const auto& [name, sql] : tables) {
      open(name).execute(std::string(sql) +
                         "; INSERT INTO schema_migrations (number, name, checksum) "
                         "VALUES (1, 'outline', '')");
    }
  }
  database open(const std::string& name) const { return database(urls.at(name), name); }

 private:
  static std::map<std::string, std::string> make() {
    testing::fresh_redis();
    std::map<std::string, std::string> out;
    for (const std::string name : database_names) out[name] = testing::fresh_database();
    return out;
  }
  static addresses settings_of(const std::map<std::string, std::string>& urls) {
    environment env({{"DATABASE_URL_PRODUCT", urls.at("product")},
                     {"DATABASE_URL_ORDER", urls.at("order")},
                     {"DATABASE_URL_PAYMENT", urls.at("payment")},
                     {"DATABASE_URL_INVENTORY", urls.at("inventory")},
                     {"REDIS_URL", testing::redis().url()}});
    return addresses(env);
  }
};

// Does something again and again on threads of its own.
class meanwhile {
 public:
  ~meanwhile() { end(); }
  void go_on(std::function<void(int round)> what) {
    threads_.emplace_back([this, what = std::move(what)] {
      for (int i = 1; !over_; ++i) what(i);
    });
  }
  void end() {
    over_ = true;
    for (auto& t : threads_) t.join();
    threads_.clear();
  }

 private:
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

void create_databases_allowed(bool allowed) {
  testing::postgres().execute("postgres",
                              std::string("ALTER ROLE souk ") + (allowed ? "" : "NO") + "CREATEDB");
}

std::string message_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

// What the last line about each cart in a file says of its revision; "" if it is gone.
std::map<std::string, std::string> revisions(const std::filesystem::path& file) {
  std::map<std::string, std::string> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto r = json::read<cart_record>(line).value();
    out[r.user].clear();
    for (const auto& f : r.cart.value_or(std::vector<cart_field>{})) {
      if (f.name == "revision") out[r.user] = f.value;
    }
  }
  return out;
}

// ---------------------------------------------------------------------------------------------

TEST(cut, is_of_one_moment_between_orders_and_those_they_call) {
  store s;
  meanwhile selling;
  for (int shopper = 1; shopper <= 4; ++shopper) {
    selling.go_on([shopper, orders = s.open("order"), inventory = s.open("inventory"),
                   payments = s.open("payment"),
                   carts = redis_link(s.where.redis, 5s)](int round) mutable {
      const auto id = std::to_string(shopper * 1'000'000 + round);
      orders.execute("INSERT INTO orders VALUES (" + id + ", 'pending')");
      inventory.execute("INSERT INTO reservations VALUES (" + id + ")");
      orders.execute("UPDATE orders SET state = 'reserved' WHERE id = " + id);
      payments.execute("INSERT INTO payments VALUES (" + id + ")");
      orders.execute("UPDATE orders SET state = 'captured' WHERE id = " + id);
      carts.ask({"HSET", "cart:{" + id + "}", "revision", id});
      orders.execute("UPDATE orders SET state = 'confirmed' WHERE id = " + id);
    });
  }
  // An outbox: told, then marked.
  selling.go_on([products = s.open("product"), inventory = s.open("inventory")](int round) mutable {
    const auto id = std::to_string(round);
    products.execute("INSERT INTO stock_messages VALUES (" + id + ", 'waiting')");
    inventory.execute("INSERT INTO stock VALUES (" + id + ")");
    products.execute("UPDATE stock_messages SET state = 'sent' WHERE id = " + id);
  });
  const auto folder = new_folder();
  std::size_t orders_seen = 0;
  for (int i = 0; i < 15; ++i) {
    std::this_thread::sleep_for(30ms);
    cut c(s.where, folder / "carts", {});
    EXPECT_LT(c.paused(), 2s);
    const auto set_of = [&c](const std::string& name, const std::string& query) {
      std::map<std::string, std::string> out;
      for (const auto& r : c.snapshots().at(name).session.execute(query)) {
        out[r[0].value()] = r.size() > 1 ? r[1].value() : "";
      }
      return out;
    };
    const auto orders = set_of("order", "SELECT id, state FROM orders");
    const auto held = set_of("inventory", "SELECT id FROM reservations");
    const auto paid = set_of("payment", "SELECT id FROM payments");
    const auto cleared = revisions(folder / "carts");
    orders_seen += orders.size();
    for (const auto& [id, state] : orders) {
      EXPECT_TRUE(state == "pending" || held.contains(id)) << id << " " << state;
      EXPECT_TRUE(state == "pending" || state == "reserved" || paid.contains(id)) << id << state;
      EXPECT_TRUE(state != "confirmed" || cleared.contains(id)) << id;
    }
    for (const auto& [id, _] : held) EXPECT_TRUE(orders.contains(id)) << "held without order";
    for (const auto& [id, _] : paid) EXPECT_TRUE(orders.contains(id)) << "paid without order";
    for (const auto& [id, _] : cleared) EXPECT_TRUE(orders.contains(id)) << "cleared without order";
    const auto messages = set_of("product", "SELECT id, state FROM stock_messages");
    const auto stock = set_of("inventory", "SELECT id FROM stock");
    for (const auto& [id, state] : messages) EXPECT_TRUE(state == "waiting" || stock.contains(id));
    for (const auto& [id, _] : stock) EXPECT_TRUE(messages.contains(id)) << "stock of no product";
  }
  EXPECT_GT(orders_seen, 100u);
}

TEST(cut, copies_carts_of_one_moment) {
  store s;
  redis_link setup(s.where.redis, 5s);
  for (int i = 0; i < 3'000; ++i) {
    setup.ask({"HSET", "cart:{" + std::to_string(i) + "}", "revision", "0"});
  }
  meanwhile shopping;
  // One shopper after the other: whoever is ahead is so by one at most.
  shopping.go_on([carts = redis_link(s.where.redis, 5s)](int round) mutable {
    for (const std::string user : {"first", "second", "third"}) {
      carts.ask({"HSET", "cart:{" + user + "}", "revision", std::to_string(round)});
    }
  });
  shopping.go_on([carts = redis_link(s.where.redis, 5s)](int round) mutable {
    carts.ask({"HSET", "cart:{" + std::to_string(round % 3'000) + "}", "revision", "1"});
    carts.ask({"DEL", "cart:{" + std::to_string((round + 1'500) % 3'000) + "}"});
  });
  const auto folder = new_folder();
  for (int i = 0; i < 15; ++i) {
    std::this_thread::sleep_for(20ms);
    cut c(s.where, folder / "carts", {});
    EXPECT_TRUE(c.carts_exact());
    auto seen = revisions(folder / "carts");
    const auto first = std::stoll("0" + seen["first"]), second = std::stoll("0" + seen["second"]),
               third = std::stoll("0" + seen["third"]);
    EXPECT_GE(first, second);
    EXPECT_GE(second, third);
    EXPECT_LE(first - third, 1);
    EXPECT_GT(third, 0);
  }
}

TEST(cut, lets_orders_go_on_when_the_backup_dies_or_stands_still) {
  store s;
  auto writer = s.open("order");
  {
    table_guard dies(s.urls.at("order"), "order", "orders", 5s);
    ASSERT_TRUE(dies.take(200ms));
  }
  writer.execute("INSERT INTO orders VALUES (1, 'pending')");

  table_guard stands_still(s.urls.at("order"), "order", "orders", 400ms);
  ASSERT_TRUE(stands_still.take(200ms));
  const auto began = std::chrono::steady_clock::now();
  writer.execute("INSERT INTO orders VALUES (2, 'pending')");
  EXPECT_GE(std::chrono::steady_clock::now() - began, 200ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
  // And it does not take for a moment what was none.
  EXPECT_THAT(message_of([&] { stands_still.release(); }), HasSubstr("nothing was backed up"));
}

TEST(cut, gives_up_when_something_holds_the_orders_and_lets_them_go_on_meanwhile) {
  store s;
  auto holder = s.open("order"), writer = s.open("order");
  holder.execute("BEGIN; LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE");  // as a vacuum does
  std::string said;
  std::thread backup(
      [&] { said = message_of([&] { cut(s.where, new_folder() / "carts", {.patience = 1s}); }); });
  for (int i = 0; i < 10; ++i) {
    const auto began = std::chrono::steady_clock::now();
    writer.execute("INSERT INTO orders VALUES (" + std::to_string(i) + ", 'pending')");
    EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
    std::this_thread::sleep_for(50ms);
  }
  backup.join();
  EXPECT_THAT(said, HasSubstr("table orders"));
}

TEST(cut, two_backups_at_once_are_refused) {
  store s;
  cut one(s.where, new_folder() / "carts", {});
  EXPECT_THAT(message_of([&] { cut(s.where, new_folder() / "carts", {}); }),
              HasSubstr("another backup"));
}

// ---------------------------------------------------------------------------------------------

// A store with something in it, and a backup of that.
struct backed_up_store : store {
  std::filesystem::path folder = new_folder();
  redis_link carts{where.redis, 5s};

  backed_up_store() {
    create_databases_allowed(true);
    open("order").execute(
        "INSERT INTO orders VALUES (1, 'confirmed', 1, NULL, NULL), "
        "(2, 'reserved', 7, now(), now())");
    open("inventory")
        .execute("INSERT INTO reservations VALUES (2, 'held', now() + interval '10 minutes')");
    open("payment").execute(
        "INSERT INTO payments VALUES (2, true, 3, now() + interval '9 s', now(), now());"
        "INSERT INTO card_tokens VALUES (1, now() + interval '10 minutes')");
    carts.ask(
        {"HSET", "cart:{ada}", "revision", "r1", "p", "2", "p:when_added", "{\"name\":\"Ö\"}"});
    carts.ask({"PEXPIRE", "cart:{ada}", "500000"});
    carts.ask({"ZADD", "cart:{ada}:orders", "1700000000", "order-1"});
    carts.ask({"EXPIRE", "cart:{ada}:orders", "1000"});
    carts.ask({"ZADD", "orders", "0", "order-1 ada"});
    carts.ask({"HSET", "cart:{ada}:keys", "k", "b 1"});
    save(where, folder);
  }
  // What happens after the backup.
  void sell_on() {
    open("order").execute(
        "INSERT INTO orders VALUES (3, 'confirmed'); "
        "UPDATE orders SET state = 'confirmed' WHERE id = 2");
    carts.ask({"HSET", "cart:{ada}", "revision", "r2"});
    carts.ask({"HSET", "cart:{bob}", "revision", "r1"});
    carts.ask({"ZADD", "orders", "0", "order-3 bob"});
  }
  std::string orders() const {
    return open("order").value(
        "SELECT string_agg(id || ' ' || state, ', ' ORDER BY id) FROM orders");
  }
  std::string revision(const std::string& user) {
    return carts.ask({"HGET", "cart:{" + user + "}", "revision"}).text;
  }
  void expect_as_sold_on() {
    EXPECT_EQ(orders(), "1 confirmed, 2 confirmed, 3 confirmed");
    EXPECT_EQ(revision("ada"), "r2");
    EXPECT_EQ(revision("bob"), "r1");
    // This set is made anew from the carts, and bob's remembers nothing.
    EXPECT_EQ(carts.ask({"ZCARD", "orders"}).number, carts_reloaded ? 1 : 2);
  }
  bool carts_reloaded = false;
};

TEST(restore, brings_back_what_was_there) {
  backed_up_store s;
  s.sell_on();
  prepare(s.where, s.folder);
  s.expect_as_sold_on();  // nothing has been touched yet
  swap(s.where, s.folder);
  EXPECT_EQ(s.orders(), "1 confirmed, 2 reserved");
  EXPECT_EQ(s.revision("ada"), "r1");
  EXPECT_EQ(s.carts.ask({"HGET", "cart:{ada}", "p:when_added"}).text, "{\"name\":\"Ö\"}");
  const auto ttl = s.carts.ask({"PTTL", "cart:{ada}"}).number;
  EXPECT_GT(ttl, 400'000);
  EXPECT_LE(ttl, 500'000);
  EXPECT_EQ(s.carts.ask({"ZSCORE", "cart:{ada}:orders", "order-1"}).text, "1700000000");
  EXPECT_EQ(s.carts.ask({"HGET", "cart:{ada}:keys", "k"}).text, "b 1");
  EXPECT_EQ(s.carts.ask({"EXISTS", "cart:{bob}"}).number, 0);
  const auto all = s.carts.ask({"ZRANGE", "orders", "0", "-1"});
  ASSERT_EQ(all.list.size(), 1u);
  EXPECT_EQ(all.list[0].text, "order-1 ada");
  // The services' own role can go on with it.
  s.open("order").execute("INSERT INTO orders VALUES (4, 'pending'); ALTER TABLE orders ADD x int");
  // Once more, with what the first restore has left behind.
  prepare(s.where, s.folder);
  swap(s.where, s.folder);
  EXPECT_EQ(s.orders(), "1 confirmed, 2 reserved");
}

TEST(restore, does_not_count_the_time_since_the_backup) {
  backed_up_store s;
  s.sell_on();
  prepare(s.where, s.folder);
  std::this_thread::sleep_for(1500ms);
  swap(s.where, s.folder);
  auto inventory = s.open("inventory"), orders = s.open("order"), payment = s.open("payment");
  EXPECT_EQ(inventory.value("SELECT expires_at > now() + interval '599 s' FROM reservations"), "t");
  EXPECT_EQ(payment.value("SELECT expires_at > now() + interval '599 s' FROM card_tokens"), "t");
  EXPECT_EQ(orders.value("SELECT due_at <= now() AND unfinished_since > now() - interval '1 s' AND "
                         "token > 4294967296 FROM orders WHERE id = 2"),
            "t");
  EXPECT_EQ(payment.value("SELECT lease_until IS NULL AND lease > 4294967296 FROM payments"), "t");
  EXPECT_EQ(orders.value("SELECT token FROM orders WHERE id = 1"), "1");
}

TEST(restore, that_fails_in_the_middle_changes_nothing) {
  backed_up_store s;
  s.sell_on();
  prepare(s.where, s.folder);
  // The last of the databases cannot be renamed: its new name is taken.
  const auto live = s.open("product").database_name();
  testing::postgres().execute("postgres", "CREATE DATABASE " + live + "_before_restore");
  EXPECT_THAT(message_of([&] { swap(s.where, s.folder); }), HasSubstr("as it was before"));
  s.carts_reloaded = true;
  s.expect_as_sold_on();
  EXPECT_FALSE(std::filesystem::exists(s.folder / "swapping"));
}

TEST(restore, that_is_killed_in_the_middle_is_taken_back_or_finished) {
  backed_up_store s;
  s.sell_on();
  prepare(s.where, s.folder);
  // As if it had died after renaming the first database: the marker, the old carts, the new ones.
  cart_copier before(s.where.redis, s.folder / "carts-before.jsonl");
  before.prepare();
  before.finish();
  before.close();
  write_file(s.folder / "swapping", "");
  load_carts(s.where.redis, s.folder / carts_file);
  const auto live = s.open("product").database_name();
  testing::postgres().execute("postgres",
                              "ALTER DATABASE " + live + " RENAME TO " + live + "_before_restore");
  testing::postgres().execute("postgres",
                              "ALTER DATABASE " + live + "_restoring RENAME TO " + live);
  EXPECT_EQ(s.revision("ada"), "r1");
  EXPECT_EQ(recover(s.where, s.folder), recovered::taken_back);
  s.carts_reloaded = true;
  s.expect_as_sold_on();
  EXPECT_EQ(recover(s.where, s.folder), recovered::nothing);
  // Nothing is lost of the backup either.
  swap(s.where, s.folder);
  EXPECT_EQ(s.orders(), "1 confirmed, 2 reserved");
  // Died after the last step: it is complete.
  write_file(s.folder / "swapping", "");
  EXPECT_EQ(recover(s.where, s.folder), recovered::finished);
  EXPECT_EQ(s.orders(), "1 confirmed, 2 reserved");
  EXPECT_EQ(s.revision("ada"), "r1");
}

TEST(restore, waits_for_nobody_for_ever) {
  backed_up_store s;
  create_databases_allowed(false);
  EXPECT_THAT(message_of([&] { prepare(s.where, s.folder); }),
              HasSubstr("DATABASE_ADMIN_URL_PRODUCT"));
  create_databases_allowed(true);
  EXPECT_THAT(message_of([&] { swap(s.where, s.folder); }), HasSubstr("has not been prepared"));
}

TEST(restore, refuses_what_is_damaged_newer_or_of_another_currency) {
  backed_up_store s;
  const auto check = [&s] { return message_of([&s] { check_folder(s.folder, "USD"); }); };
  EXPECT_EQ(check(), "");
  EXPECT_THAT(message_of([&s] { check_folder(s.folder, "EUR"); }), HasSubstr("USD"));

  const auto text = read_file(s.folder / "manifest.json");
  auto m = json::read<manifest>(text).value();
  m.databases["order"].schema = 1'000;
  write_file(s.folder / "manifest.json", json::write(m));
  EXPECT_THAT(check(), HasSubstr("newer version"));
  m = json::read<manifest>(text).value();
  m.format = 2;
  write_file(s.folder / "manifest.json", json::write(m));
  EXPECT_THAT(check(), HasSubstr("format 2"));
  write_file(s.folder / "manifest.json", text.substr(0, text.size() / 2));
  EXPECT_NE(check(), "");
  write_file(s.folder / "manifest.json", text);
  EXPECT_EQ(check(), "");

  auto dump = read_file(s.folder / "order.dump");
  dump[dump.size() / 2] = static_cast<char>(dump[dump.size() / 2] ^ 1);
  write_file(s.folder / "order.dump", dump);
  EXPECT_THAT(check(), HasSubstr("order.dump is not what was written"));
  std::filesystem::remove(s.folder / "order.dump");
  EXPECT_THAT(check(), HasSubstr("order.dump is missing"));
  std::filesystem::remove(s.folder / "manifest.json");
  EXPECT_THAT(check(), HasSubstr("no manifest"));
}

}  // namespace
}  // namespace souk::backup
