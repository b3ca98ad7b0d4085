#include "chronicle.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <stdexcept>

#include "kit/time.hpp"

namespace souk::chaos {

chronicle::chronicle(const std::filesystem::path& file) : file_(file, std::ios::app) {
  if (!file_) throw std::runtime_error("cannot write " + file.string());
}

void chronicle::begin() {
  const std::lock_guard lock(mutex_);
  began_ = std::chrono::steady_clock::now();
}

milliseconds chronicle::now() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::floor<milliseconds>(std::chrono::steady_clock::now() - began_);
}

void chronicle::note(std::string_view text) {
  const auto at = in_seconds(now());
  const std::lock_guard lock(mutex_);
  file_ << fmt::format("{} {:8.2f} s  {}\n", to_rfc3339(souk::now()), at, text) << std::flush;
}

void chronicle::say(std::string_view text) {
  note(text);
  const auto at = in_seconds(now());
  const std::lock_guard lock(mutex_);
  fmt::print("{:7.1f} s  {}\n", at, text);
  std::fflush(stdout);
}

void chronicle::count(kind k, std::int64_t blows) {
  const std::lock_guard lock(mutex_);
  auto& t = tallies_[k];
  ++(blows > 0 ? t.struck : t.missed);
  t.blows += blows;
}

std::map<kind, chronicle::tally> chronicle::tallies() const {
  const std::lock_guard lock(mutex_);
  return tallies_;
}

double in_seconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace souk::chaos
