#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "cut.hpp"
#include "reconcile.hpp"
#include "restoring.hpp"

namespace {

constexpr const char* usage_text =
    R"(souk-backup COMMAND: backup and restore of a store, whole and of one moment

  save FOLDER       writes a backup into an empty folder, while the store sells
  check FOLDER      is it whole, and can this version restore it?
  prepare FOLDER    fills new databases (order_restoring ...) from it, while the store goes on
  swap FOLDER       puts them and the carts in place; the services must be stopped
  recover FOLDER    after a swap that was interrupted: finishes it or takes it back
  reconcile [--settle]
                    lists what the payment gateway has and the restored store does not know;
                    --settle gives back what is kept for orders that are gone. Exit status 3: there
                    are differences left

PostgreSQL's pg_dump and pg_restore must be in PATH. Environment:

)";

int run(const std::vector<std::string>& words) {
  using namespace souk::backup;
  using namespace std::chrono_literals;
  souk::environment env;
  const addresses where(env);
  const auto command = words.empty() ? "" : words[0];
  if (command == "--help" || command == "help") {
    fmt::print("{}{}", usage_text, env.describe());
    return 0;
  }
  const bool wants_folder = command == "save" || command == "check" || command == "prepare" ||
                            command == "swap" || command == "recover";
  const bool has_folder = wants_folder && words.size() == 2;
  const bool reconciles = command == "reconcile" &&
                          (words.size() == 1 || (words.size() == 2 && words[1] == "--settle"));
  if (!has_folder && !reconciles) {
    fmt::print(stderr, "{}{}", usage_text, env.describe());
    return 2;
  }
  if (!env.complaints().empty()) {
    for (const auto& c : env.complaints()) fmt::print(stderr, "souk-backup: {}\n", c);
    return 2;
  }
  if (command == "save") {
    save(where, words[1]);
  } else if (command == "check") {
    const auto m = check_folder(words[1], where.currency);
    std::int64_t rows = 0;
    for (const auto& [_, part] : m.databases) {
      for (const auto& [table, n] : part.rows) rows += n;
    }
    fmt::print("{} orders, {} products, {} carts, {} rows in all, of {} (Souk {})\n",
               m.databases.at("order").rows.at("orders"),
               m.databases.at("product").rows.at("products"), m.carts.carts, rows,
               souk::to_rfc3339(m.taken_at), m.souk_version);
  } else if (command == "prepare") {
    prepare(where, words[1]);
  } else if (command == "swap") {
    swap(where, words[1]);
  } else if (command == "recover") {
    switch (recover(where, words[1])) {
      case recovered::nothing:
        break;
      case recovered::finished:
        fmt::print("finished\n");
        break;
      case recovered::taken_back:
        fmt::print("taken back\n");
        break;
    }
  } else {
    const auto done = reconcile(where, words.size() == 2, 90s);
    if (done.settled > 0) fmt::print("{} settled\n", done.settled);
    if (done.left > 0) return 3;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Redis may end while it is written to; that is told, and what is half done put right.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& e) {
    fmt::print(stderr, "souk-backup: {}\n", e.what());
    return 1;
  }
}
