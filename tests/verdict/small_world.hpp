#pragma once

// A small store for the verdict's tests, written by SQL: orders in every state in which one may
// rest, with all that belongs to them in the five databases, in Redis and in a journal.

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "load/journal.hpp"
#include "verdict.hpp"

namespace souk::verdict::testing {

using redis_command = std::vector<std::string>;

struct content {
  std::map<std::string, std::string> sql;  // by database: product, order, payment, inventory, ...
  std::vector<redis_command> redis;
  std::vector<load::journal_record> journal;
};

// Identifiers of things by their names: orders "confirmed", "shipped", ...; products "mug", ...
uuid id_of(std::string_view name);
std::string id(std::string_view name);           // as text
std::string literal(std::string_view name);      // as an SQL literal
std::string payment_of(std::string_view order);  // SQL literals
std::string refund_of(std::string_view order);
std::string cart_of(std::string_view shopper);  // key in Redis

content small_world();

// Its databases, of which copies are made for what is to be changed.
class servers {
 public:
  servers();
  stores clean() const { return clean_; }
  const content& what() const { return content_; }

  // A store that differs: the SQL and the commands are carried out on copies.
  stores changed(const std::map<std::string, std::string>& sql,
                 const std::vector<redis_command>& redis);
  // Another store, with so many sold orders of as many shoppers, each of one mug.
  stores many_orders(int orders);
  // Drops the copies, and makes Redis what it was.
  void restore();

 private:
  void fill_redis();
  content content_;
  std::map<std::string, std::string> templates_, empty_;  // names of databases
  stores clean_;
  std::vector<std::string> copies_;
  int made_ = 0;
};

std::string database_in(const std::string& url);  // its name
std::vector<load::journal_record> journal_of_many(int orders);
std::filesystem::path write_journal(const std::vector<load::journal_record>& records);

}  // namespace souk::verdict::testing
