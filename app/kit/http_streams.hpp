#pragma once

// The streams that handlers are given: uploads, lines, server-sent events. Inside the kit.

#include <memory>

#include "kit/http_connection.hpp"

namespace souk::http::detail {

class upload final : public body_stream {
 public:
  upload(connection& c, std::size_t limit);
  task<std::optional<std::string_view>> read() override;

 private:
  connection& c_;
  std::string piece_;
};

// An answer in chunks, or until the connection closes for HTTP/1.0.
class chunked_answer {
 public:
  chunked_answer(connection& c, std::string_view content_type) : c_(c), type_(content_type) {}
  void header(std::string name, std::string value);
  task<> begin();  // once
  task<> write(std::string_view data);
  task<> finish();

 private:
  connection& c_;
  std::string_view type_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

class line_stream final : public response_stream {
 public:
  explicit line_stream(connection& c) : c_(c), answer_(c, "application/x-ndjson") {}
  void header(std::string name, std::string value) override;
  task<> write(std::string_view data) override;
  bool draining() const override;
  task<> finish();

 private:
  connection& c_;
  chunked_answer answer_;
};

class server_sent_events final : public event_stream {
 public:
  explicit server_sent_events(connection& c);
  ~server_sent_events() override;
  task<> send(std::string_view id, std::string_view event, std::string_view data) override;
  std::optional<std::string_view> last_event_id() const override;
  task<bool> wait(signal& s, steady_clock::time_point until) override;
  task<> finish();

 private:
  struct watch {
    explicit watch(executor on) : wake(on) {}
    bool gone = false;
    signal wake;
  };
  task<> begin();

  connection& c_;
  chunked_answer answer_;
  steady_clock::time_point last_sent_;
  std::shared_ptr<watch> watch_;
};

// A place among the event streams of one caller; nothing when they are too many.
class stream_place {
 public:
  stream_place(server::state& s, std::string caller);
  stream_place(stream_place&& other) noexcept;
  stream_place& operator=(stream_place&&) = delete;
  ~stream_place();

 private:
  server::state* server_;
  std::string caller_;
};
std::optional<stream_place> streams_of_one(server::state& s, const caller& who);

}  // namespace souk::http::detail
