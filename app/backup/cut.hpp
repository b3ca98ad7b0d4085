#pragma once

// One moment of the whole store, while it sells.
//
// What must not happen is an effect without its cause (a reservation whose order is not in the
// backup) or a recorded answer without its effect (a confirmed order whose stock is still there).
// Every effect between services has its cause in order's database: an intent is committed before a
// call is made, and its answer after. So the moment is one at which nothing is committed to order's
// `orders`: the backup holds the table's lock in SHARE mode (writers wait, readers don't), and
// under it takes a snapshot in each database and the carts. Calls that are in flight then may be
// in the snapshots or not; either way the order says that the call may have been made, and after a
// restore it is made again, as after a crash. The same holds between product and inventory, for the
// table `stock_messages`.
//
// The lock lives in a transaction of the backup's connection, so it ends with the connection, and
// the server ends that when the backup stands still (idle_in_transaction_session_timeout). It costs
// nothing while no backup runs, and no statement can forget to ask for it.

#include <chrono>
#include <filesystem>
#include <map>
#include <string>

#include "addresses.hpp"
#include "carts.hpp"
#include "database.hpp"
#include "manifest.hpp"

namespace souk::backup {

// Holds back all writes to a table.
class table_guard {
 public:
  // `limit`: for how long at most, by the server's clock.
  table_guard(const std::string& url, std::string label, std::string table,
              std::chrono::milliseconds limit);
  // False when others had the table for so long. Writers that come meanwhile wait behind us.
  bool take(std::chrono::milliseconds wait);
  // The server's clock.
  std::string clock();
  // Throws when the table was not ours until now.
  void release();
  const std::string& table() const { return table_; }

 private:
  database db_;
  std::string table_;
};

struct cut_limits {
  std::chrono::milliseconds pause{1'500};      // how long orders may be held
  std::chrono::milliseconds patience{30'000};  // how long to wait for the moment
};

// The snapshots of one moment, for as long as this object lives.
class cut {
 public:
  // Throws std::runtime_error when no such moment was found within the limits; nothing is held
  // then.
  cut(const addresses& where, const std::filesystem::path& carts_to, const cut_limits& limits);

  struct snapshot {
    database session;
    std::string id;  // for SET TRANSACTION SNAPSHOT, pg_dump --snapshot
  };
  std::map<std::string, snapshot>& snapshots() { return snapshots_; }
  const carts_part& carts() const { return carts_; }
  bool carts_exact() const { return carts_exact_; }
  timestamp taken_at() const { return taken_at_; }
  std::chrono::milliseconds paused() const { return paused_; }

 private:
  std::map<std::string, snapshot> snapshots_;
  carts_part carts_;
  bool carts_exact_ = true;
  timestamp taken_at_{};
  std::chrono::milliseconds paused_{};
};

// Writes a backup into the folder, which must be empty.
manifest save(const addresses& where, const std::filesystem::path& folder,
              const cut_limits& limits = {});

}  // namespace souk::backup
