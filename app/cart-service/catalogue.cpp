#include "catalogue.hpp"

namespace souk::cart {

namespace {

constexpr std::chrono::milliseconds time_limit{1'000};

struct product_list {
  std::vector<product> items;
};
BOOST_DESCRIBE_STRUCT(product_list, (), (items))

struct level {
  uuid product_id;
  std::int64_t available = 0;
};
BOOST_DESCRIBE_STRUCT(level, (), (product_id, available))

struct level_list {
  std::vector<level> items;
};
BOOST_DESCRIBE_STRUCT(level_list, (), (items))

std::string joined(const std::vector<uuid>& ids) {
  std::string text;
  for (const uuid id : ids) {
    if (!text.empty()) text += ',';
    text += id.str();
  }
  return text;
}

template <class T>
T accepted(const std::string& upstream, std::expected<T, http::refusal> answer) {
  if (answer) return std::move(*answer);
  throw http::call_failed(upstream, "refused with status " + std::to_string(answer.error().status),
                          false);
}

}  // namespace

catalogue::catalogue(event_loop& loop, http::upstream product, http::upstream inventory)
    : product_(loop, std::move(product)),
      inventory_(loop, std::move(inventory)),
      products_(loop, "ask product-service", time_limit,
                [this](const context& ctx, const std::vector<uuid>& ids) {
                  return ask_products(ctx, ids);
                }),
      levels_(loop, "ask inventory-service", time_limit,
              [this](const context& ctx, const std::vector<uuid>& ids) {
                return ask_inventory(ctx, ids);
              }) {}

task<catalogue::products_found> catalogue::ask_products(const context& ctx,
                                                        const std::vector<uuid>& ids) {
  auto answer = co_await product_.call_for<product_list>(
      ctx, http::get("/products?ids=" + joined(ids) + "&limit=100").within(time_limit));
  product_list list = accepted(product_.name(), std::move(answer));
  products_found found;
  for (product& p : list.items) found.emplace_back(p.id, std::move(p));
  co_return found;
}

task<catalogue::levels_found> catalogue::ask_inventory(const context& ctx,
                                                       const std::vector<uuid>& ids) {
  auto answer = co_await inventory_.call_for<level_list>(
      ctx, http::get("/inventory?ids=" + joined(ids)).within(time_limit));
  const level_list list = accepted(inventory_.name(), std::move(answer));
  levels_found found;
  for (const level& l : list.items) found.emplace_back(l.product_id, l.available);
  co_return found;
}

task<knowledge> catalogue::about(const context& ctx, std::span<const uuid> ids) {
  knowledge known;
  auto products = products_.ask(ctx, ids);
  auto levels = levels_.ask(ctx, ids);
  co_await products_.collect(ctx, std::move(products), known.products);
  co_await levels_.collect(ctx, std::move(levels), known.available);
  co_return known;
}

}  // namespace souk::cart
