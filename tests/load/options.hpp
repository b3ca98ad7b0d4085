#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace souk::load {

enum class mix {
  all,  // everything that shoppers do
  buy,  // a session, one product, a good card, one order: for measuring checkouts
};

struct options {
  std::string store = "http://127.0.0.1:8088";
  std::int64_t seed = 1;
  std::size_t shoppers = 20;  // at a time, each coming again (closed loop); with `rate` the most
  double rate = 0;            // above 0: so many new ones a second, whatever comes of the others
  std::chrono::milliseconds duration{60'000};
  std::chrono::milliseconds give_up{15'000};  // after that, for what was begun
  std::chrono::milliseconds think{200};       // mean pause between a shopper's steps
  load::mix mix = load::mix::all;
  std::vector<std::string> products;  // skus or ids; empty: what the store shows
  std::string journal;                // empty: none
  std::string admin_password_file;    // empty: no staff
  bool json = false;                  // the table as JSON
};

// What is wrong with the command line.
struct wrong_usage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class wish { run, help };
// Fills in `out` from "--name value" and "--name=value". Throws wrong_usage.
wish parse(const std::vector<std::string>& words, options& out);

std::string_view help_text();

}  // namespace souk::load
