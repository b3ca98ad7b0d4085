#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kit/json.hpp"
#include "kit/task.hpp"
#include "products.hpp"
#include "stock_levels.hpp"

namespace souk::product {

// JSON that is ready but for the stock figures in it, which change more often than the catalogue.
class stocked_json {
 public:
  void add(std::string_view json) { text_ += json; }
  // An object with "available" as its last field: the sum over `stock_of`.
  template <class T>
  void add_object(const T& object, const std::vector<uuid>& stock_of) {
    open_object(object, stock_of);
    text_ += '}';
  }
  // The same without its closing brace.
  template <class T>
  void open_object(const T& object, const std::vector<uuid>& stock_of) {
    json::write_to(text_, object);
    text_.pop_back();
    gaps_.push_back({text_.size(), stock_of});
    products_.insert(products_.end(), stock_of.begin(), stock_of.end());
  }

  const std::vector<uuid>& products() const { return products_; }
  std::size_t size() const;
  // A figure that is not known is left out.
  std::string fill_in(const stock_levels& stock) const;

 private:
  struct gap {
    std::size_t at;  // in text_
    std::vector<uuid> stock_of;
  };
  std::string text_;
  std::vector<gap> gaps_;
  std::vector<uuid> products_;
};

stocked_json encode(const product_detail& product);

// An answer as it is sent. Filled in anew when it is asked for and the last time is half a second
// ago. One event loop.
class answer {
 public:
  // `version`: of the product that this is about, if it is about one.
  explicit answer(stocked_json json, std::optional<std::int64_t> version = std::nullopt)
      : json_(std::move(json)), version_(version) {}

  struct encoded {
    std::shared_ptr<const std::string> body;
    std::string entity_tag;  // with quotes; strong: other bytes, another tag
  };
  task<encoded> current(const context& ctx, stock_levels& stock);
  std::size_t size() const { return 2 * json_.size(); }

 private:
  stocked_json json_;
  std::optional<std::int64_t> version_;
  encoded latest_;
  steady_clock::time_point filled_in_at_{};
  bool being_filled_in_ = false;
};

// The version of a product from the entity tag of its answer, or from the bare number. Nothing if
// it is neither.
std::optional<std::int64_t> version_in_tag(std::string_view tag);

}  // namespace souk::product
