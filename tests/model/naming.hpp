#pragma once

#include <array>
#include <boost/mp11.hpp>
#include <optional>
#include <string>

#include "kit/json.hpp"
#include "statements.hpp"

namespace souk::model {

// What services call the same thing, they call by the same name; as on the wire.
template <class To, class From>
To by_name(From from) {
  static const auto table = [] {
    std::array<std::optional<To>, 16> all{};
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<From>>([&](auto d) {
      all[static_cast<std::size_t>(d.value)] = json::enum_from_text<To>(json::enum_text(d.value));
    });
    return all;
  }();
  return table[static_cast<std::size_t>(from)].value();
}

template <class E>
std::string_view text(const std::optional<E>& e) {
  return e ? json::enum_text(*e) : "none";
}

// For traces.
std::string describe(const order_row& o);

}  // namespace souk::model
