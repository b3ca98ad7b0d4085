#include "answers.hpp"

#include <charconv>

#include "kit/security.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;

constexpr auto fill_in_again_after = 500ms;

// True while one coroutine is at work.
class at_work {
 public:
  explicit at_work(bool& flag) : flag_(flag) { flag_ = true; }
  at_work(const at_work&) = delete;
  at_work& operator=(const at_work&) = delete;
  ~at_work() { flag_ = false; }

 private:
  bool& flag_;
};

}  // namespace

std::size_t stocked_json::size() const {
  return text_.size() + gaps_.size() * sizeof(gap) + 2 * products_.size() * sizeof(uuid);
}

std::string stocked_json::fill_in(const stock_levels& stock) const {
  std::string out;
  out.reserve(text_.size() + gaps_.size() * 20);
  std::size_t done = 0;
  for (const auto& [at, stock_of] : gaps_) {
    out.append(text_, done, at - done);
    done = at;
    if (const auto available = stock.sum(stock_of))
      out.append(",\"available\":").append(std::to_string(*available));
  }
  return out.append(text_, done);
}

stocked_json encode(const product_detail& product) {
  stocked_json out;
  std::vector<uuid> stock_of;
  for (const auto& variant : product.variants) stock_of.push_back(variant.id);
  if (stock_of.empty()) stock_of.push_back(product.id);
  out.open_object(static_cast<const product_view&>(product), stock_of);
  out.add(",\"variants\":[");
  for (const auto& variant : product.variants) {
    if (&variant != &product.variants.front()) out.add(",");
    out.add_object(variant, {variant.id});
  }
  out.add("]}");
  return out;
}

task<answer::encoded> answer::current(const context& ctx, stock_levels& stock) {
  const bool fresh = steady_clock::now() < filled_in_at_ + fill_in_again_after;
  if (latest_.body && (fresh || being_filled_in_ || json_.products().empty())) co_return latest_;
  const at_work working(being_filled_in_);
  if (!json_.products().empty()) co_await stock.refresh(ctx, json_.products());
  auto text = json_.fill_in(stock);
  filled_in_at_ = steady_clock::now();
  if (latest_.body && *latest_.body == text) co_return latest_;
  const auto hash = base64url_encode(security::sha256(text).substr(0, 9));
  latest_.entity_tag =
      '"' + (version_ ? std::to_string(*version_) + '.' : std::string()) + hash + '"';
  latest_.body = std::make_shared<const std::string>(std::move(text));
  co_return latest_;
}

std::optional<std::int64_t> version_in_tag(std::string_view tag) {
  tag = tag.substr(0, tag.find('.'));
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(tag.data(), tag.data() + tag.size(), version);
  if (error != std::errc{} || end != tag.data() + tag.size() || version < 1) return std::nullopt;
  return version;
}

}  // namespace souk::product
