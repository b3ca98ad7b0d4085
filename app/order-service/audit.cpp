#include "audit.hpp"

#include <fmt/format.h>

#include <unordered_set>

#include "kit/telemetry.hpp"
#include "metrics.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t orders_at_once = 500;
constexpr std::size_t book_lines = 5000;  // as many as the others give at once
constexpr std::size_t products_at_once = 100;
constexpr int passes = 4;
constexpr auto between_passes = 250ms;
constexpr auto longest_flight = 10min;
constexpr std::chrono::milliseconds first_audit_after = 1min;
constexpr std::size_t shown_violations = 1000;

constexpr uuid last_uuid = [] {
  uuid u;
  u.bytes.fill(0xff);
  return u;
}();

struct product_book {
  uuid product_id;
  std::string sku;
  std::int64_t opening_quantity = 0;
  bool opening_sent = false;
};
BOOST_DESCRIBE_STRUCT(product_book, (), (product_id, sku, opening_quantity, opening_sent))

// A line of ?checks=true: a violation, or (last) how much was checked.
struct check_line {
  std::optional<std::string> violation, subject, detail;
  std::optional<std::int64_t> checked;
};
BOOST_DESCRIBE_STRUCT(check_line, (), (violation, subject, detail, checked))

template <class T>
T parse(std::string_view service, std::string_view line) {
  auto value = json::read_lenient<T>(line);
  if (!value) {
    const auto& error = value.error().front();
    throw http::call_failed(
        std::string(service),
        fmt::format("a line of the books is not as agreed: {} {}", error.pointer, error.detail),
        false);
  }
  return std::move(*value);
}

void add(audit_result& out, std::optional<uuid> order, std::string rule, std::string detail) {
  ++out.violations_total;
  if (out.violations.size() < shown_violations) {
    out.violations.push_back({order, std::move(rule), std::move(detail)});
  }
}

void add(audit_result& out, uuid order, std::vector<finding> findings) {
  for (auto& f : findings) add(out, order, std::string(f.rule), std::move(f.detail));
}

}  // namespace

task<audit_result> audit::compare(const context& ctx) {
  while (running_) {
    if (!co_await ended_.wait_until(ctx.deadline)) throw deadline_exceeded();
  }
  struct turn {
    audit& a;
    explicit turn(audit& one) : a(one) { a.running_ = true; }
    ~turn() {
      a.running_ = false;
      a.ended_.notify_all();
    }
  } mine(*this);
  const auto began = steady_clock::now();
  try {
    auto result = co_await compare_all(ctx);
    metrics::show_audit(result.violations_total, steady_clock::now() - began);
    co_return result;
  } catch (...) {
    metrics::count_failed_audit();
    throw;
  }
}

task<audit_result> audit::compare_all(const context& ctx) {
  audit_result out;
  out.started_at = now();
  uuid after{};
  for (;;) {
    auto orders = co_await orders_.book_page(ctx, after, last_uuid, orders_at_once);
    // The last range is open, so that nothing of the others lies outside all of them.
    const bool last = orders.size() < orders_at_once;
    const range r{after, last ? last_uuid : orders.back().id};
    co_await compare_range(ctx, std::move(orders), r, out);
    if (last) break;
    after = r.through;
  }
  for (const auto& v : co_await orders_.check(ctx)) {
    add(out, uuid::parse(v.subject), "order: " + v.violation, v.detail);
  }
  for (const auto service : partners::book_keepers) co_await ask_for_checks(ctx, service, out);
  co_await compare_opening_stock(ctx, out);
  out.balanced = out.violations_total == 0;
  out.finished_at = now();
  co_return out;
}

task<> audit::compare_range(const context& ctx, std::vector<order_record> orders, range r,
                            audit_result& out) {
  std::unordered_map<uuid, std::int64_t> suspects;  // with their version in the pass before
  for (int pass = 1;; ++pass) {
    auto others = co_await read_books(ctx, r);
    std::unordered_map<uuid, std::int64_t> versions;
    for (const auto& row : co_await orders_.versions(ctx, r.after, r.through)) {
      versions.emplace(row.id, row.version);
    }
    if (pass == 1) {
      // The orders were read last: what stands behind an entry was there before it.
      for (const auto& [id, entry] : others) {
        if (!versions.contains(id)) add(out, id, judge_without_order(entry));
      }
    }
    std::vector<uuid> again;
    for (const auto& o : orders) {
      bool stands_still = versions[o.id] == o.version;
      auto findings = stands_still ? judge(o, others[o.id]) : std::vector<finding>{};
      if ((!stands_still || !findings.empty()) && pass < passes) {
        again.push_back(o.id);
        suspects[o.id] = findings.empty() ? 0 : o.version;  // versions begin at 1
        continue;
      }
      if (!findings.empty() && suspects[o.id] != o.version) stands_still = false;
      if (stands_still) {
        ++out.checked_orders;
        add(out, o.id, std::move(findings));
      }
      if (stands_still && !o.unfinished_since) continue;
      ++out.in_flight;
      if (o.unfinished_since && now() - *o.unfinished_since > longest_flight) {
        add(out, o.id, "in-flight-too-long",
            fmt::format("{} since {}", json::enum_text(o.state), to_rfc3339(*o.unfinished_since)));
      }
    }
    if (again.empty()) co_return;
    co_await sleep_for(between_passes);
    orders.clear();
    for (const auto id : again) {
      if (auto o = co_await orders_.find(ctx, id)) orders.push_back(std::move(*o));
    }
  }
}

task<std::unordered_map<uuid, beside>> audit::read_books(const context& ctx, range r) {
  std::unordered_map<uuid, beside> all;
  const auto read = [](audit& self, const context& c, std::string_view service, range within,
                       std::function<uuid(std::string_view)> take) -> task<> {
    for (std::size_t lines = book_lines; lines == book_lines;) {
      lines = 0;
      const auto query = fmt::format("after={}&through={}&limit={}", within.after.str(),
                                     within.through.str(), book_lines);
      co_await self.partners_.books(c, service, query, [&](std::string_view line) {
        within.after = take(line);
        ++lines;
      });
    }
  };
  co_await read(*this, ctx, "inventory", r, [&all](std::string_view line) {
    auto entry = parse<reservation_book>("inventory", line);
    const auto id = entry.order_id;
    all[id].reservation = std::move(entry);
    return id;
  });
  co_await read(*this, ctx, "payment", r, [&all](std::string_view line) {
    auto entry = parse<payment_book>("payment", line);
    const auto id = entry.order_id;
    all[id].payment = std::move(entry);
    return id;
  });
  co_await read(*this, ctx, "cart", r, [&all](std::string_view line) {
    const auto id = parse<cart_book>("cart", line).order_id;
    all[id].cart_cleared = true;
    return id;
  });
  co_return all;
}

task<> audit::ask_for_checks(const context& ctx, std::string_view service, audit_result& out) {
  bool complete = false;
  co_await partners_.books(ctx, service, "checks=true", [&](std::string_view text) {
    const auto line = parse<check_line>(service, text);
    if (line.checked) complete = true;
    if (line.violation) {
      add(out, std::nullopt, fmt::format("{}: {}", service, *line.violation),
          line.subject.value_or("") + ": " + line.detail.value_or(""));
    }
  });
  if (!complete) throw http::call_failed(std::string(service), "its checks broke off", false);
}

// Stock that product-service has handed over must have arrived.
task<> audit::compare_opening_stock(const context& ctx, audit_result& out) {
  std::vector<product_book> page;
  uuid after{};
  do {
    page.clear();
    const auto query = fmt::format("after={}&limit={}", after.str(), products_at_once);
    co_await partners_.books(ctx, "product", query, [&page](std::string_view line) {
      page.push_back(parse<product_book>("product", line));
    });
    if (page.empty()) co_return;
    after = page.back().product_id;
    std::vector<uuid> ids;
    for (const auto& p : page) {
      if (p.opening_sent && p.opening_quantity > 0) ids.push_back(p.product_id);
    }
    if (ids.empty()) continue;
    std::unordered_set<uuid> present;
    for (const auto& s : co_await partners_.stock_of(ctx, ids)) present.insert(s.product_id);
    for (const auto& p : page) {
      if (p.opening_sent && p.opening_quantity > 0 && !present.contains(p.product_id)) {
        add(out, std::nullopt, "opening-stock-missing",
            fmt::format("product {}: {} handed over, inventory has no such product",
                        p.product_id.str(), p.opening_quantity));
      }
    }
  } while (page.size() == products_at_once);
}

task<> audit::run(std::chrono::milliseconds every) {
  // The first comes soon, but when those who started together with us can answer: a replica that
  // does not live for a whole interval has compared the books, too.
  auto pause = std::min(every, first_audit_after);
  for (;;) {
    co_await sleep_for(pause);
    pause = every;
    telemetry::span work(context::background(loop_.service_name(), 30min), "audit");
    const auto& ctx = work.ctx();
    try {
      const auto result = co_await compare(ctx);
      telemetry::log(result.balanced ? telemetry::level::info : telemetry::level::error, ctx,
                     result.balanced ? "the books balance" : "the books do not balance",
                     {{"orders", result.checked_orders},
                      {"in_flight", result.in_flight},
                      {"violations", result.violations_total}});
    } catch (const std::exception& e) {
      work.fail("the books could not be compared");
      telemetry::warn(ctx, "the books could not be compared", {{"error", e.what()}});
    }
  }
}

}  // namespace souk::order
