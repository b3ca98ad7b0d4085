#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "import_plan.hpp"
#include "kit/context.hpp"
#include "kit/http.hpp"
#include "repository.hpp"

namespace souk::product {

inline constexpr std::size_t longest_line = 256 * 1024;  // bytes

// Cuts pieces of a file into lines. Ends of lines may be \n or \r\n, the last one may be missing, a
// byte order mark at the beginning is passed over. Keeps one line and one piece at most.
class line_splitter {
 public:
  struct line {
    std::int64_t number = 0;  // from 1
    std::string_view text;    // without its end; valid until the next call; empty if too long
    bool too_long = false;
  };
  void add(std::string_view piece);
  // The next whole line, if there is one.
  std::optional<line> next();
  // What comes behind the last end of line, once all pieces are there.
  std::optional<line> rest();

 private:
  line cut(std::size_t end);

  std::string buffer_;
  std::size_t begin_ = 0;    // of the current line
  std::size_t scanned_ = 0;  // no end of line before
  std::int64_t number_ = 0;
  bool too_long_ = false;  // what is in the buffer is the tail of such a line
};

struct import_error {
  std::int64_t line = 0;
  std::optional<std::string> sku;
  json::errors errors;
};
BOOST_DESCRIBE_STRUCT(import_error, (), (line, sku, errors))

// lines = created + updated + unchanged + failed; empty lines don't count.
struct import_report {
  uuid import_id;
  std::int64_t lines = 0, created = 0, updated = 0, unchanged = 0, failed = 0;
  std::vector<import_error> errors;  // of the first 500 lines that failed
  bool errors_truncated = false;
};
BOOST_DESCRIBE_STRUCT(import_report, (),
                      (import_id, lines, created, updated, unchanged, failed, errors,
                       errors_truncated))

// One line as a product. Otherwise what is wrong with it, with the sku if it can be told.
std::expected<import_line, import_error> read_line(std::int64_t number, std::string_view text,
                                                   std::string_view store_currency);

// One run of POST /products/import. Products are written in batches, each in a transaction of its
// own; bad lines are reported and passed over. When the upload breaks off, what came before it may
// have been imported: the same import again does no harm.
class import_run {
 public:
  import_run(repository& products, std::string_view store_currency, import_stock stock);

  // Throws what `upload` and the repository throw, the latter only after it has been tried again.
  task<import_report> run(const context& ctx, http::body_stream& upload);

 private:
  task<> read(const context& ctx, http::body_stream& upload);
  task<> read_kept(const context& ctx);
  task<> take(const context& ctx, const line_splitter::line& line);
  task<> add(const context& ctx, import_line line);
  task<> flush(const context& ctx);
  // Lines that the database refuses together are tried one by one.
  task<> store(const context& ctx, const std::vector<import_line>& lines);
  task<std::vector<line_result>> store_patiently(const context& ctx,
                                                 const std::vector<import_line>& lines);
  void count(const import_line& line, line_result result);
  void fail(import_error error);

  repository& products_;
  std::string_view store_currency_;
  import_stock stock_;
  import_report report_;
  // Lines that wait for their parent. Those that are not there any more at the last chance count as
  // unchanged: a later line of their product has taken their place.
  std::int64_t kept_ = 0;
  bool is_last_chance_ = false;  // for lines whose parent is not there
  std::vector<import_line> batch_;
  std::set<std::string> skus_;  // of the batch
  std::size_t bytes_ = 0;       // of the batch
};

}  // namespace souk::product
