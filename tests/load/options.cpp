#include "load/options.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace souk::load {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view help =
    R"(souk-shoppers: simulated shoppers, who buy at a store through its gateway

  souk-shoppers --journal FILE | --no-journal [OPTION...]

Each browses, searches, fills a cart, changes it, checks out with good and bad cards, repeats what
was not answered with the same key, submits twice, buys in two windows at once, cancels, and follows
its order live. What they do follows from the seed and the store's answers.

  --store URL        the gateway (http://127.0.0.1:8088)
  --seed N           what is done by lot, 0 or more (1)
  --shoppers N       so many at a time, each coming again when it is through (20)
  --rate R           instead: R new shoppers a second, whatever comes of those before; at most
                     --shoppers (then 2000) at a time, those beyond are counted as turned away
  --duration TIME    90, 90s, 15m, 2h: how long shoppers come (60s)
  --give-up TIME     how long what was begun may take after that (15s)
  --think TIME       mean pause between a shopper's steps, e.g. 50ms; 0 for none (200ms)
  --mix all|buy      everything, or only: a session, one product, a good card, one order (all)
  --products A,B     only these skus or ids
  --journal FILE     appends what is asked, before it is asked, and what is answered
  --no-journal       writes none
  --admin-password-file FILE
                     also runs the store's staff, who restock what runs low, ship, deliver and
                     refund, as administrator with this password
  --json             the table at the end as JSON
  --help

All requests come from one address, so the gateway's limits must allow for them. For example start
the store with
  GATEWAY_RATE=100000 GATEWAY_BURST=100000 GATEWAY_SESSION_RATE=100000 GATEWAY_SESSION_BURST=100000 \
  GATEWAY_SIGN_IN_RATE=6000 GATEWAY_CONNECTIONS=4000 ./souk up
Otherwise 429 is among the answers, and shoppers wait as it tells them to.

A signal (INT, TERM) ends the run as its duration would; a second one ends it at once. Times are
measured from when a request was meant to be sent. Exit status: 0 when the run has ended, also when
the store was down; 1 when the journal cannot be written; 2 for wrong options.
)";

template <class T>
T number(std::string_view name, std::string_view text, T low, T high) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || !(out >= low && out <= high)) {
    throw wrong_usage(
        fmt::format("{} must be a number from {} to {}, not '{}'", name, low, high, text));
  }
  return out;
}

milliseconds time(std::string_view name, std::string_view text, milliseconds low,
                  milliseconds high) {
  static constexpr struct {
    std::string_view unit;
    std::int64_t ms;
  } units[] = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"", 1'000}};
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& u : units) {
    if (error != std::errc{} || u.unit != unit) continue;
    const double ms = value * static_cast<double>(u.ms);
    const bool fits =  // what is no number does not
        ms >= static_cast<double>(low.count()) && ms <= static_cast<double>(high.count());
    if (!fits) break;
    return milliseconds(static_cast<std::int64_t>(ms));
  }
  throw wrong_usage(
      fmt::format("{} must be a time from {} ms to {} h like 500ms, 90s, 15m or 2h, not '{}'", name,
                  low.count(), high.count() / 3'600'000, text));
}

std::vector<std::string> names(std::string_view name, std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const auto comma = text.find(',');
    const auto one = text.substr(0, comma);
    if (one.empty()) throw wrong_usage(fmt::format("{} has an empty name in it", name));
    out.emplace_back(one);
    if (comma == text.npos) return out;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view help_text() {
  return help;
}

wish parse(const std::vector<std::string>& words, options& out) {
  using namespace std::chrono_literals;
  std::set<std::string, std::less<>> given;
  bool no_journal = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view name = words[i];
    std::optional<std::string_view> attached;
    if (const auto equals = name.find('='); name.starts_with("--") && equals != name.npos) {
      attached = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    const auto value = [&]() -> std::string_view {
      if (attached) return *std::exchange(attached, std::nullopt);
      if (i + 1 >= words.size()) throw wrong_usage(fmt::format("{} needs a value", name));
      return words[++i];
    };
    if (name == "--help" || name == "-h") return wish::help;
    if (!given.emplace(name).second) throw wrong_usage(fmt::format("{} is given twice", name));
    if (name == "--store") {
      out.store = value();
      while (out.store.ends_with('/')) out.store.pop_back();
    } else if (name == "--seed") {
      out.seed = number<std::int64_t>(name, value(), 0, std::numeric_limits<std::int64_t>::max());
    } else if (name == "--shoppers") {
      out.shoppers = number<std::size_t>(name, value(), 1, 10'000);
    } else if (name == "--rate") {
      out.rate = number(name, value(), 0.01, 100'000.0);
    } else if (name == "--duration") {
      out.duration = time(name, value(), 100ms, 168h);
    } else if (name == "--give-up") {
      out.give_up = time(name, value(), 0ms, 1h);
    } else if (name == "--think") {
      out.think = time(name, value(), 0ms, 1h);
    } else if (name == "--mix") {
      const auto which = value();
      if (which != "all" && which != "buy") {
        throw wrong_usage(fmt::format("--mix must be all or buy, not '{}'", which));
      }
      out.mix = which == "buy" ? mix::buy : mix::all;
    } else if (name == "--products") {
      out.products = names(name, value());
    } else if (name == "--journal") {
      out.journal = value();
      if (out.journal.empty()) throw wrong_usage("--journal needs the name of a file");
    } else if (name == "--admin-password-file") {
      out.admin_password_file = value();
      if (out.admin_password_file.empty()) {
        throw wrong_usage("--admin-password-file needs the name of a file");
      }
    } else if (name == "--no-journal") {
      no_journal = true;
    } else if (name == "--json") {
      out.json = true;
    } else {
      throw wrong_usage(fmt::format("there is no option '{}'", words[i]));
    }
    if (attached) throw wrong_usage(fmt::format("{} has no value", name));
  }
  if (no_journal && !out.journal.empty()) {
    throw wrong_usage("either --journal or --no-journal");
  }
  if (!no_journal && out.journal.empty()) {
    throw wrong_usage("say where the journal goes (--journal FILE), or --no-journal");
  }
  if (out.rate > 0 && !given.contains("--shoppers")) out.shoppers = 2'000;
  return wish::run;
}

}  // namespace souk::load
