// Requests from bytes: the kit's parser takes for a request what the reference takes for one, in
// whatever pieces the bytes come, and sees the same method, target, fields and body in it.

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "fuzz.hpp"
#include "kit/http_parser.hpp"
#include "reference_http.hpp"

namespace souk::fuzz {
namespace {

namespace beast = boost::beast;
using reference::state;

constexpr std::size_t header_limit = 16 * 1024;
constexpr std::size_t body_limit = 64 * 1024;

struct seen {
  state head = state::bad, whole = state::bad;
  std::string method, target, body;
  bool http_11 = true, keep_alive = true;
  std::vector<std::pair<std::string, std::string>> wanted;  // as get() says
};

// The bytes as a connection hands them to its parsers.
class reader {
 public:
  reader(std::vector<std::string_view> pieces, std::size_t limit)
      : pieces_(std::move(pieces)), header_limit_(limit) {}

  std::vector<seen> read(const std::vector<reference::request>& expected) {
    std::vector<seen> out;
    do {
      http::detail::request_head head;
      http::detail::request_parser parser(head, header_limit_);
      const auto head_state = take(parser, [&] { return parser.is_header_done(); });
      if (!head_state) return out;  // not a byte
      seen& s = out.emplace_back();
      s.head = *head_state;
      if (s.head != state::complete) return out;
      s.method = head.method();
      s.target = head.target();
      s.http_11 = head.is_http_11();
      s.keep_alive = parser.keep_alive();
      if (out.size() <= expected.size())
        for (const auto& [name, value] : expected[out.size() - 1].fields)
          s.wanted.emplace_back(name, head.get(name).value_or("absent"));
      parser.read_body_to(&s.body, body_limit);
      s.whole = parser.is_done()
                    ? state::complete
                    : take(parser, [&] { return parser.is_done(); }).value_or(state::incomplete);
    } while (out.back().whole == state::complete && out.back().keep_alive);
    return out;
  }

 private:
  // Until the parser is done with its part; nothing if there were no bytes at all.
  template <class Done>
  std::optional<state> take(http::detail::request_parser& parser, Done done) {
    for (bool any = false;; any = true) {
      if (in_.size() > 0) {
        any = true;
        beast::error_code ec;
        in_.consume(parser.feed(in_.data(), ec));
        if (ec && ec != beast::http::error::need_more) return state::bad;
        if (done()) return state::complete;
      }
      if (next_ == pieces_.size()) return any ? std::optional(state::incomplete) : std::nullopt;
      const auto piece = pieces_[next_++];
      in_.commit(boost::asio::buffer_copy(in_.prepare(piece.size()),
                                          boost::asio::buffer(piece.data(), piece.size())));
    }
  }

  beast::flat_buffer in_;
  std::vector<std::string_view> pieces_;
  std::size_t next_ = 0;
  std::size_t header_limit_;
};

void check(const std::vector<seen>& got, const std::vector<reference::request>& expected) {
  for (std::size_t i = 0; i < std::max(got.size(), expected.size()); ++i) {
    const bool got_head = i < got.size() && got[i].head == state::complete;
    const bool want_head = i < expected.size() && expected[i].head == state::complete;
    require(got_head || !want_head, "a request is refused or not found");
    require(want_head || !got_head, "something is taken for a request that is none");
    if (!got_head) return;
    const auto& g = got[i];
    const auto& w = expected[i];
    require(g.method == w.method && g.target == w.target && g.http_11 == w.http_11,
            "the request line is read otherwise");
    for (const auto& [name, value] : g.wanted)
      require(value == *w.field(reference::lower(name)), "a field is read otherwise");
    require(g.keep_alive == w.keep_alive, "whether the connection goes on is read otherwise");
    if (w.body.size() > body_limit) return;
    require((g.whole == state::complete) == (w.whole == state::complete),
            "where the request ends is seen otherwise");
    require(w.body.starts_with(g.body), "the body has bytes that were not sent in it");
    if (w.whole == state::complete) require(g.body == w.body, "the body is not whole");
  }
}

}  // namespace

SOUK_FUZZ_TARGET(http_request) {
  if (input.size() > header_limit) return;
  const auto expected = reference::requests_in(input);
  check(reader({input}, header_limit).read(expected), expected);
  dice d(input);
  check(reader(in_pieces(input, d), header_limit).read(expected), expected);

  // With less room fewer heads are accepted, and none is read otherwise.
  const std::size_t limit = 16 + d.below(200);
  const auto narrow = reader(in_pieces(input, d), limit).read(expected);
  for (std::size_t i = 0; i < narrow.size() && narrow[i].head == state::complete; ++i) {
    require(i < expected.size() && expected[i].head == state::complete &&
                narrow[i].target == expected[i].target && narrow[i].method == expected[i].method,
            "with less room something else is read");
    require(narrow[i].method.size() + narrow[i].target.size() <= limit,
            "the limit of the header is not kept");
  }
}

}  // namespace souk::fuzz
