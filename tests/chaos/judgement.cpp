#include "judgement.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <boost/describe.hpp>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "child.hpp"
#include "kit/json.hpp"

namespace souk::chaos {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// Steps that fail are repeated after a minute at most; some may fail once more before they succeed.
constexpr std::chrono::seconds time_to_settle = 240s;

// The part of souk-verdict's --json that is told here.
struct violation {
  std::string check, subject, detail;
};
BOOST_DESCRIBE_STRUCT(violation, (), (check, subject, detail))
struct history {
  std::string subject, text;
};
BOOST_DESCRIBE_STRUCT(history, (), (subject, text))
struct figures_of {
  std::int64_t checkouts_tried = 0, checkouts_acknowledged = 0;
};
BOOST_DESCRIBE_STRUCT(figures_of, (), (checkouts_tried, checkouts_acknowledged))
struct report {
  figures_of counted;
  std::vector<violation> violations;
  std::int64_t violations_total = 0;
  std::vector<history> histories;
};
BOOST_DESCRIBE_STRUCT(report, (), (counted, violations, violations_total, histories))

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The first cell.
std::string value(const std::string& url, const std::string& query) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> c(PQconnectdb(url.c_str()), PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> r(PQexec(c.get(), query.c_str()), PQclear);
  if (PQntuples(r.get()) != 1) throw std::runtime_error(PQerrorMessage(c.get()));
  return PQgetvalue(r.get(), 0, 0);
}

}  // namespace

void judgement::begin() {
  began_ = value(store_.database_url("order"), "SELECT clock_timestamp()");
}

void judgement::ask_verdict(const std::function<void(std::string_view)>& say) {
  say("waiting until nothing is unfinished, then the verdict");
  variables where;
  for (const auto* database : {"PRODUCT", "ORDER", "PAYMENT", "INVENTORY", "MOCK_GATEWAY"}) {
    std::string name = database;
    for (auto& c : name) c = c == '_' ? c : static_cast<char>(c - 'A' + 'a');
    where.emplace_back(std::string("DATABASE_URL_") + database, store_.database_url(name));
  }
  where.emplace_back("REDIS_URL", store_.redis_url());
  const auto output = store_.folder / "verdict.json", errors = store_.folder / "verdict.log";
  fs::remove(output);
  child c({programs_ / "souk-verdict", "--journal", journal_, "--settle",
           std::to_string(time_to_settle.count()), "--json"},
          {.environment = where, .output = output, .errors = errors});
  const auto status = c.wait(time_to_settle + 300s);
  const auto said = json::read_lenient<report>(text_of(output));
  if (!status || *status > 1 || !said) {
    throw std::runtime_error("souk-verdict could not judge:\n" + text_of(errors));
  }
  const auto& f = said->counted;
  const auto confirmed =
      value(store_.database_url("order"),
            fmt::format("SELECT count(*) FROM orders WHERE created_at >= '{}' AND state IN "
                        "('confirmed', 'shipped', 'delivered', 'refunding', 'restocking')",
                        began_));
  figures_ = fmt::format("{} checkouts tried, {} acknowledged, {} confirmed", f.checkouts_tried,
                         f.checkouts_acknowledged, confirmed);
  violations_ += said->violations_total;
  for (const auto& v : said->violations) {
    texts_.push_back(fmt::format("VIOLATION {}: {}: {}", v.check, v.subject, v.detail));
  }
  for (const auto& h : said->histories) texts_.push_back(fmt::format("{}\n{}", h.subject, h.text));
}

void judgement::ask_audit() {
  const auto output = store_.folder / "audit.log";
  fs::remove(output);
  child c({store_.souk, "audit"}, {.output = output});
  const auto status = c.wait(600s);
  const auto said = text_of(output);
  if (said.starts_with("souk:") || !status) throw std::runtime_error("./souk audit: " + said);
  texts_.push_back(said.substr(0, said.find_last_not_of('\n') + 1));
  if (*status != 0) ++violations_;
}

void judgement::add(std::string_view check, const std::vector<std::string>& found) {
  violations_ += static_cast<std::int64_t>(found.size());
  for (const auto& text : found) texts_.push_back(fmt::format("VIOLATION {}: {}", check, text));
}

}  // namespace souk::chaos
