#include "import.hpp"

#include <algorithm>
#include <exception>

#include "kit/resilience.hpp"
#include "kit/telemetry.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch_lines = 200;
constexpr std::size_t batch_bytes = 1024 * 1024;
constexpr std::size_t most_errors = 500;
constexpr int most_attempts = 6;
constexpr auto batch_time = 2min;

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == text.npos;
}

json::errors one_error(std::string pointer, std::string detail) {
  json::errors out;
  out.push_back({std::move(pointer), std::move(detail)});
  return out;
}

// The sku of a line that is otherwise wrong, as far as it is one.
std::optional<std::string> sku_in(std::string_view text) {
  const json::document document(text);
  if (document.error()) return std::nullopt;
  const auto field = document.root().field("sku");
  if (!field || field->kind() != json::kind::text) return std::nullopt;
  auto sku = json::from_text<sku_text>(field->as_text());
  if (!sku) return std::nullopt;
  return std::string(*sku);
}

}  // namespace

// ---------------------------------------------------------------------------------------------

void line_splitter::add(std::string_view piece) {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  buffer_ += piece;
}

line_splitter::line line_splitter::cut(std::size_t end) {
  line out{.number = ++number_, .too_long = too_long_ || end - begin_ > longest_line};
  if (!out.too_long) {
    out.text = std::string_view(buffer_).substr(begin_, end - begin_);
    if (number_ == 1 && out.text.starts_with("\xEF\xBB\xBF")) out.text.remove_prefix(3);
    if (out.text.ends_with('\r')) out.text.remove_suffix(1);
  }
  too_long_ = false;
  return out;
}

std::optional<line_splitter::line> line_splitter::next() {
  const auto end = buffer_.find('\n', scanned_);
  if (end != buffer_.npos) {
    auto out = cut(end);
    begin_ = scanned_ = end + 1;
    return out;
  }
  scanned_ = buffer_.size();
  if (scanned_ - begin_ > longest_line) {
    too_long_ = true;
    begin_ = scanned_;
  }
  return std::nullopt;
}

std::optional<line_splitter::line> line_splitter::rest() {
  if (begin_ == buffer_.size() && !too_long_) return std::nullopt;
  auto out = cut(buffer_.size());
  begin_ = scanned_ = buffer_.size();
  return out;
}

// ---------------------------------------------------------------------------------------------

std::expected<import_line, import_error> read_line(std::int64_t number, std::string_view text,
                                                   std::string_view store_currency) {
  auto input = json::read<new_product>(text);
  if (!input) return std::unexpected(import_error{number, sku_in(text), std::move(input.error())});
  auto content = content_of(*input, store_currency);
  if (!content)
    return std::unexpected(
        import_error{number, std::string(input->sku), std::move(content.error())});
  import_line out{.number = number, .content = std::move(*content), .document = std::string(text)};
  out.parent_sku = parent_named(input->variant_of);
  if (input->quantity) out.quantity = input->quantity->value;
  return out;
}

// ---------------------------------------------------------------------------------------------

import_run::import_run(repository& products, std::string_view store_currency, import_stock stock)
    : products_(products), store_currency_(store_currency), stock_(stock) {
  report_.import_id = uuid::v7();
}

task<import_report> import_run::run(const context& ctx, http::body_stream& upload) {
  std::exception_ptr broken;
  try {
    co_await read(ctx, upload);
    co_await read_kept(ctx);
  } catch (...) {
    broken = std::current_exception();
  }
  try {
    co_await products_.end_import(ctx.with_time_limit(batch_time), report_.import_id);
  } catch (const std::exception& e) {
    // The next import tidies up.
    telemetry::warn(ctx, "an import could not be tidied up", {{"error", e.what()}});
  }
  if (broken) std::rethrow_exception(broken);
  std::ranges::sort(report_.errors, {}, &import_error::line);
  telemetry::info(ctx, "import finished",
                  {{"import_id", report_.import_id.str()},
                   {"lines", report_.lines},
                   {"created", report_.created},
                   {"updated", report_.updated},
                   {"failed", report_.failed}});
  co_return std::move(report_);
}

task<> import_run::read(const context& ctx, http::body_stream& upload) {
  line_splitter lines;
  while (const auto piece = co_await upload.read()) {
    lines.add(*piece);
    while (const auto line = lines.next()) co_await take(ctx, *line);
  }
  if (const auto line = lines.rest()) co_await take(ctx, *line);
  co_await flush(ctx);
}

task<> import_run::read_kept(const context& ctx) {
  is_last_chance_ = true;
  std::int64_t after = 0;
  for (;;) {
    const auto kept =
        co_await products_.find_kept_lines(ctx.with_time_limit(batch_time), report_.import_id,
                                           after, static_cast<std::int64_t>(batch_lines));
    if (kept.empty()) break;
    for (const auto& [number, document] : kept) {
      after = number;
      auto line = read_line(number, document, store_currency_);
      if (!line) continue;
      --kept_;
      co_await add(ctx, std::move(*line));
    }
  }
  co_await flush(ctx);
  report_.unchanged += kept_;
}

task<> import_run::take(const context& ctx, const line_splitter::line& line) {
  if (!line.too_long && is_blank(line.text)) co_return;
  ++report_.lines;
  if (line.too_long) {
    fail({line.number, std::nullopt, one_error("", "must be at most 256 KB long")});
    co_return;
  }
  auto read = read_line(line.number, line.text, store_currency_);
  if (!read) {
    fail(std::move(read.error()));
    co_return;
  }
  co_await add(ctx, std::move(*read));
}

task<> import_run::add(const context& ctx, import_line line) {
  // A batch names each product once.
  if (skus_.contains(line.content.sku)) co_await flush(ctx);
  skus_.insert(line.content.sku);
  bytes_ += line.document.size();
  batch_.push_back(std::move(line));
  if (batch_.size() >= batch_lines || bytes_ >= batch_bytes) co_await flush(ctx);
}

task<> import_run::flush(const context& ctx) {
  if (batch_.empty()) co_return;
  co_await store(ctx, batch_);
  batch_.clear();
  skus_.clear();
  bytes_ = 0;
}

task<> import_run::store(const context& ctx, const std::vector<import_line>& lines) {
  std::optional<std::vector<line_result>> results;
  try {
    results = co_await store_patiently(ctx, lines);
  } catch (const pg::error& e) {
    telemetry::warn(ctx, "the database refused lines of an import",
                    {{"lines", lines.size()}, {"sqlstate", e.sqlstate}});
  }
  if (results) {
    for (std::size_t i = 0; i < lines.size(); ++i) count(lines[i], (*results)[i]);
  } else if (lines.size() == 1) {
    count(lines.front(), line_result::not_stored);
  } else {
    for (const auto& line : lines) {
      const std::vector<import_line> one{line};
      co_await store(ctx, one);
    }
  }
}

// A batch that may or may not be stored is simply stored once more.
task<std::vector<line_result>> import_run::store_patiently(const context& ctx,
                                                           const std::vector<import_line>& lines) {
  for (int attempt = 1;; ++attempt) {
    std::exception_ptr failed;
    try {
      co_return co_await products_.import_lines(ctx.with_time_limit(batch_time), report_.import_id,
                                                lines, stock_, is_last_chance_);
    } catch (const pg::unavailable&) {
      failed = std::current_exception();
    } catch (const pg::unknown_outcome&) {
      failed = std::current_exception();
    }
    if (attempt == most_attempts) std::rethrow_exception(failed);
    co_await sleep_for(resilience::backoff(attempt, 200ms, 3s));
  }
}

void import_run::count(const import_line& line, line_result result) {
  const auto refuse = [&](std::string pointer, std::string detail) {
    fail({line.number, line.content.sku, one_error(std::move(pointer), std::move(detail))});
  };
  switch (result) {
    case line_result::created:
      ++report_.created;
      return;
    case line_result::updated:
      ++report_.updated;
      return;
    case line_result::unchanged:
      ++report_.unchanged;
      return;
    case line_result::kept:
      ++kept_;
      return;
    case line_result::parent_unknown:
      return refuse("/variant_of", "must be the sku of a product, here or in the store");
    case line_result::parent_is_variant:
      return refuse("/variant_of", "must be the sku of a product that is no variant itself");
    case line_result::parent_is_itself:
      return refuse("/variant_of", "must be the sku of another product");
    case line_result::has_variants:
      return refuse("/variant_of", "must be absent: the product has variants itself");
    case line_result::not_stored:
      return refuse("", "could not be stored as it is");
  }
}

void import_run::fail(import_error error) {
  ++report_.failed;
  if (report_.errors.size() < most_errors)
    report_.errors.push_back(std::move(error));
  else
    report_.errors_truncated = true;
}

}  // namespace souk::product
