#include "load/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "kit/service.hpp"
#include "load/journal_writer.hpp"

namespace souk::load {
namespace {

using ::testing::HasSubstr;

const timestamp noon = *parse_rfc3339("2026-01-31T12:00:00.123456Z");
const uuid a_run = *uuid::parse("019c0000-0000-7000-8000-000000000001");
const run_begun begun{
    .run = a_run, .seed = 7, .at = noon, .store = "http://127.0.0.1:8088", .currency = "USD"};
constexpr auto begun_line =
    R"({"run":"019c0000-0000-7000-8000-000000000001","seed":7,"at":"2026-01-31T12:00:00.123456Z",)"
    R"("store":"http://127.0.0.1:8088","currency":"USD"})"
    "\n";

// A file that is gone with the test.
class temporary_file {
 public:
  temporary_file() {
    char name[] = "/tmp/souk-journal-XXXXXX";
    ::close(::mkstemp(name));
    path_ = name;
  }
  ~temporary_file() { std::filesystem::remove(path_); }
  temporary_file(const temporary_file&) = delete;
  const std::string& path() const { return path_; }
  void append(std::string_view text) const { std::ofstream(path_, std::ios::app) << text; }
  std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

std::vector<journal_record> read_all(const std::string& path) {
  journal_reader reader(path);
  std::vector<journal_record> out;
  while (auto record = reader.next()) out.push_back(std::move(*record));
  return out;
}

// What the reader says of a run with these lines; empty if nothing.
std::string complaint_about(std::string_view lines) {
  const temporary_file file;
  file.append(begun_line);
  file.append(lines);
  try {
    read_all(file.path());
  } catch (const journal_error& e) {
    return e.what();
  }
  return {};
}

TEST(journal, reads_what_it_writes) {
  const std::vector<journal_record> records{
      begun,
      ask{1, noon, "", asks::session{}},
      answer{.n = 2, .to = 1, .at = noon, .status = 201, .shopper = "anna"},
      ask{3, noon, "anna", asks::add{.product_id = "p", .quantity = 2, .key = "k"}},
      lost{4, 3, noon, "time over"},
      ask{5, noon, "anna", asks::add{.product_id = "p", .quantity = 2, .key = "k", .repeats = 3}},
      answer{.n = 6, .to = 5, .at = noon, .status = 200, .revision = ""},
      ask{7, noon, "anna", asks::set{"p", 0}},
      answer{.n = 8, .to = 7, .at = noon, .status = 200, .revision = "r"},
      ask{9, noon, "anna", asks::remove{"p"}},
      ask{10, noon, "anna", asks::clear{}},
      answer{.n = 11, .to = 10, .at = noon, .status = 204},
      answer{.n = 12, .to = 9, .at = noon, .status = 409, .problem = "/problems/cart-full"},
      ask{13, noon, "anna", asks::cart{}},
      answer{.n = 14,
             .to = 13,
             .at = noon,
             .status = 200,
             .revision = "r",
             .lines = std::vector<line>{{"p", 2}, {"q", 1}}},
      ask{15, noon, "anna",
          asks::checkout{.key = "k",
                         .cart_revision = "r",
                         .total_minor = 500,
                         .card = "approve",
                         .lines = {{"p", 2, 200}, {"q", 1, 100}},
                         .body_hash = "00ff"}},
      ask{16, noon, "anna",
          asks::checkout{.key = "k",
                         .cart_revision = "r",
                         .total_minor = 500,
                         .card = "approve",
                         .lines = {{"p", 2, 200}, {"q", 1, 100}},
                         .body_hash = "00ff",
                         .repeats = 15}},
      answer{.n = 17, .to = 16, .at = noon, .status = 202, .order_id = "o", .state = "pending"},
      answer{.n = 18,
             .to = 15,
             .at = noon,
             .status = 402,
             .problem = "/problems/payment-declined",
             .order_id = "o",
             .state = "rejected"},
      ask{19, noon, "anna", asks::cancel{"o"}},
      answer{.n = 20, .to = 19, .at = noon, .status = 202, .state = "confirmed"},
      ask{21, noon, "", asks::order{"o"}},
      answer{.n = 22, .to = 21, .at = noon, .status = 200, .state = "confirmed"},
      ask{23, noon, "", asks::delivery{.product_id = "p", .delta = 5, .key = "d"}},
      answer{.n = 24, .to = 23, .at = noon, .status = 200, .on_hand = 7},
      ask{25, noon, "", asks::ship{"o"}},
      answer{.n = 26, .to = 25, .at = noon, .status = 200, .state = "shipped"},
      ask{27, noon, "", asks::deliver{"o"}},
      answer{.n = 28, .to = 27, .at = noon, .status = 502},
      ask{29, noon, "",
          asks::refund{.order_id = "o", .key = "f", .amount_minor = 9, .lines = {{"p", 1}}}},
      answer{.n = 30, .to = 29, .at = noon, .status = 201, .state = "done", .refund_id = "refund"},
      ask{31, noon, "anna", asks::events{"o"}},
      answer{.n = 32,
             .to = 31,
             .at = noon,
             .status = 200,
             .events = std::vector<timeline_event>{{1, "placed", "pending"},
                                                   {2, "reserved", "reserved"}}},
      begun,  // the same file, another day
      ask{1, noon, "", asks::session{}},
  };
  const temporary_file file;
  for (const auto& r : records) file.append(to_line(r) + "\n");
  const auto read = read_all(file.path());
  ASSERT_EQ(read.size(), records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(read[i], records[i]) << to_line(records[i]);
  }
}

TEST(journal, looks_as_promised) {
  EXPECT_EQ(to_line(begun) + "\n", begun_line);
  EXPECT_EQ(to_line(ask{17, noon, "anna", asks::add{"p", 2, "k", {}}}),
            R"({"n":17,"at":"2026-01-31T12:00:00.123456Z","shopper":"anna","ask":"add",)"
            R"("product_id":"p","quantity":2,"key":"k"})");
  EXPECT_EQ(to_line(lost{19, 17, noon, "time over"}),
            R"({"n":19,"to":17,"at":"2026-01-31T12:00:00.123456Z","lost":"time over"})");
  EXPECT_EQ(kind_of(asks::checkout{}), "checkout");
}

TEST(journal, passes_over_a_torn_last_line_only) {
  const temporary_file file;
  file.append(begun_line);
  file.append(to_line(ask{1, noon, "", asks::session{}}) + "\n");
  file.append(R"({"n":2,"to":1,"at":"2026-01-)");
  journal_reader reader(file.path());
  EXPECT_TRUE(reader.next());
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.torn());
  file.append("\n");
  EXPECT_THROW(read_all(file.path()), journal_error);
}

TEST(journal, of_nothing_is_read_as_nothing) {
  const temporary_file file;
  journal_reader reader(file.path());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.torn());
  EXPECT_THROW(journal_reader("/nowhere/at/all"), journal_error);
}

TEST(journal, is_read_strictly) {
  const std::string at = R"("at":"2026-01-31T12:00:00Z")";
  const std::string session = R"({"n":1,)" + at +
                              R"(,"ask":"session"})"
                              "\n";
  EXPECT_EQ(complaint_about(session), "");
  EXPECT_THAT(complaint_about("nonsense\n"), HasSubstr(":2: "));
  EXPECT_NE(complaint_about("\n"), "");
  // Kinds and fields.
  EXPECT_THAT(complaint_about(R"({"n":1,)" + at +
                              R"(,"ask":"steal"})"
                              "\n"),
              HasSubstr("steal"));
  EXPECT_NE(complaint_about(R"({"n":1,)" + at +
                            R"(,"ask":"session","colour":"red"})"
                            "\n"),
            "");
  EXPECT_THAT(complaint_about(R"({"n":1,)" + at +
                              R"(,"ask":"session","delta":1})"
                              "\n"),
              HasSubstr("delta"));
  EXPECT_THAT(complaint_about(R"({"n":1,"ask":"session"})"
                              "\n"),
              HasSubstr("at"));
  EXPECT_THAT(complaint_about(R"({"n":1,)" + at +
                              R"(,"shopper":"a","ask":"set","product_id":"p"})"
                              "\n"),
              HasSubstr("quantity"));
  EXPECT_THAT(complaint_about(R"({"n":1,)" + at +
                              R"(,"ask":"cart"})"
                              "\n"),
              HasSubstr("shopper"));
  EXPECT_THAT(complaint_about(R"({"n":1,)" + at +
                              R"(,"shopper":"a","ask":"ship","order_id":"o"})"
                              "\n"),
              HasSubstr("shopper"));
  // Numbers.
  EXPECT_THAT(complaint_about(session + session), HasSubstr("ascend"));
  EXPECT_NE(complaint_about(R"({"n":0,)" + at +
                            R"(,"ask":"session"})"
                            "\n"),
            "");
  // Answers.
  const auto told = [&](std::string_view rest) {
    return complaint_about(session + R"({"n":2,)" + at + "," + std::string(rest) + "}\n");
  };
  EXPECT_EQ(told(R"("to":1,"status":201,"shopper":"a")"), "");
  EXPECT_EQ(told(R"("to":1,"status":503)"), "");
  EXPECT_EQ(told(R"("to":1,"lost":"time over")"), "");
  EXPECT_THAT(told(R"("to":1,"status":201)"), HasSubstr("shopper"));
  EXPECT_THAT(told(R"("to":1,"status":201,"shopper":"a","on_hand":1)"), HasSubstr("on_hand"));
  EXPECT_THAT(told(R"("to":1,"status":503,"shopper":"a")"), HasSubstr("shopper"));
  EXPECT_NE(told(R"("to":3,"status":503)"), "");
  EXPECT_NE(told(R"("to":1,"status":99)"), "");
  EXPECT_NE(told(R"("to":1)"), "");
  EXPECT_NE(told(R"("to":1,"lost":"x","status":200)"), "");
  const auto twice = session + R"({"n":2,)" + at +
                     R"(,"to":1,"status":503})"
                     "\n" +
                     R"({"n":3,)" + at +
                     R"(,"to":1,"status":503})"
                     "\n";
  EXPECT_THAT(complaint_about(twice), HasSubstr(":4: "));

  const temporary_file headless;
  headless.append(session);
  EXPECT_THROW(read_all(headless.path()), journal_error);
}

// ---------------------------------------------------------------------------------------------

// Runs a coroutine with a writer of this file.
template <class Body>
void write(const std::string& path, Body body) {
  event_loop loop("test");
  journal_writer writer(loop.executor(), path);
  loop.run_until_complete(body(writer));
}

TEST(journal_writer, has_written_what_it_says_is_on_disk) {
  const temporary_file file;
  write(file.path(), [&](journal_writer& to) -> task<> {
    to.begin(begun);
    const auto first = to.append("", asks::session{});
    const auto second = to.append("anna", asks::cart{});
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 2);
    co_await to.synced();
    EXPECT_EQ(read_all(file.path()).size(), 3u);
    to.append(answer{.to = first, .status = 201, .shopper = "anna"});
    to.append_lost(second, "time over");
    // Answers do not wait for ever to be written.
    for (int i = 0; i < 100 && read_all(file.path()).size() < 5; ++i) {
      co_await sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(read_all(file.path()).size(), 5u);
    EXPECT_EQ(to.so_far().records, 5);
    EXPECT_GE(to.so_far().syncs, 1);
    to.append("", asks::session{});
  });
  // What was left is written at the end.
  const auto all = read_all(file.path());
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(std::get<ask>(all[5]).n, 5);
}

task<> ask_many(journal_writer& to, int count, int& done) {
  for (int i = 0; i < count; ++i) {
    to.append("anna", asks::cart{});
    co_await to.synced();
  }
  ++done;
}

TEST(journal_writer, lets_many_share_a_sync) {
  const temporary_file file;
  constexpr int shoppers = 100, each = 5;
  event_loop loop("test");
  journal_writer to(loop.executor(), file.path());
  to.begin(begun);
  int done = 0;
  for (int i = 0; i < shoppers; ++i) loop.spawn("shopper", ask_many(to, each, done));
  loop.run_until_complete([](int& ended) -> task<> {
    while (ended < shoppers) co_await sleep_for(std::chrono::milliseconds(5));
  }(done));
  EXPECT_EQ(to.so_far().records, 1 + shoppers * each);
  EXPECT_LE(to.so_far().syncs, 10 * each);
  EXPECT_EQ(read_all(file.path()).size(), 1u + shoppers * each);
}

TEST(journal_writer, goes_on_behind_a_torn_line) {
  const temporary_file file;
  file.append(begun_line);
  file.append(R"({"n":1,"at":"2026-)");
  write(file.path(), [](journal_writer& to) -> task<> {
    to.begin(begun);
    to.append("", asks::session{});
    co_await to.synced();
  });
  EXPECT_EQ(read_all(file.path()).size(), 3u);
  // Also when the torn line is all that there is.
  const temporary_file torn;
  torn.append(R"({"run":"019c)");
  write(torn.path(), [](journal_writer& to) -> task<> {
    to.begin(begun);
    co_await to.synced();
  });
  EXPECT_EQ(torn.text(), begun_line);
}

TEST(journal_writer, touches_no_other_file) {
  const temporary_file file;
  file.append("Dear diary,\n");
  event_loop loop("test");
  EXPECT_THROW(journal_writer(loop.executor(), file.path()), journal_error);
  EXPECT_EQ(file.text(), "Dear diary,\n");
  EXPECT_THROW(journal_writer(loop.executor(), "/nowhere/at/all"), journal_error);
  const temporary_file taken;
  const journal_writer first(loop.executor(), taken.path());
  EXPECT_THROW(journal_writer(loop.executor(), taken.path()), journal_error);
}

// Files may not become larger than this, as if the disk were full.
class full_disk {
 public:
  explicit full_disk(rlim_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = size;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~full_disk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  full_disk(const full_disk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(journal_writer, says_when_the_disk_takes_no_more) {
  const temporary_file file;
  event_loop loop("test");
  bool failed = false;
  {
    journal_writer to(loop.executor(), file.path());
    to.begin(begun);
    loop.run_until_complete(to.synced());
    const full_disk full(65'536);
    for (int i = 0; i < 1000 && !failed; ++i) {
      to.append("anna", asks::cart{});
      try {
        if (i % 50 == 0) loop.run_until_complete(to.synced());
      } catch (const journal_error& e) {
        failed = true;
      }
    }
    EXPECT_TRUE(failed);
    // Nobody is told otherwise later on, and nothing is written behind the half line.
    to.append("", asks::session{});
    EXPECT_THROW(loop.run_until_complete(to.synced()), journal_error);
  }
  EXPECT_LE(std::filesystem::file_size(file.path()), 65'536u);
  EXPECT_NO_THROW(read_all(file.path()));
}

}  // namespace
}  // namespace souk::load
