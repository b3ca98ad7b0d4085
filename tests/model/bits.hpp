#pragma once

// States as bits: one function names all fields of a state, for both directions.

#include <cstdint>
#include <optional>
#include <stdexcept>

namespace souk::model {

class packer {
 public:
  // The words must be 0.
  explicit packer(std::uint64_t* words) : words_(words) {}
  template <class T>
  void operator()(const T& value, int bits) {
    const auto v = static_cast<std::uint64_t>(value);
    if (v >> bits != 0) throw std::logic_error("a field of the model's state is too narrow");
    words_[at_ / 64] |= v << at_ % 64;
    if (at_ % 64 + bits > 64) words_[at_ / 64 + 1] |= v >> (64 - at_ % 64);
    at_ += bits;
  }
  template <class T>
  void operator()(const std::optional<T>& value, int bits) {
    (*this)(value ? static_cast<std::uint64_t>(*value) + 1 : 0, bits);
  }

 private:
  std::uint64_t* words_;
  int at_ = 0;
};

class unpacker {
 public:
  explicit unpacker(const std::uint64_t* words) : words_(words) {}
  template <class T>
  void operator()(T& value, int bits) {
    value = static_cast<T>(take(bits));
  }
  template <class T>
  void operator()(std::optional<T>& value, int bits) {
    const auto v = take(bits);
    value.reset();
    if (v > 0) value = static_cast<T>(v - 1);
  }

 private:
  std::uint64_t take(int bits) {
    auto v = words_[at_ / 64] >> at_ % 64;
    if (at_ % 64 + bits > 64) v |= words_[at_ / 64 + 1] << (64 - at_ % 64);
    at_ += bits;
    return v & ((std::uint64_t{1} << bits) - 1);
  }
  const std::uint64_t* words_;
  int at_ = 0;
};

}  // namespace souk::model
