#pragma once

// What the journals tell: what was asked of the store and what it acknowledged, kept by order,
// by key and by shopper, so that the stores can be compared with it. No I/O but the journals'.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kit/id.hpp"
#include "rows.hpp"

namespace souk::verdict {

// Where a record stands: for people `n` and which journal, for order `position` over all of them.
struct place {
  std::uint64_t position = 0;
  std::int64_t n = 0;
  std::int64_t at = 0;  // microseconds
  std::uint32_t journal = 0;
};

struct priced_line {
  uuid product_id;
  std::int64_t quantity = 0, unit_price_minor = 0;
  bool operator==(const priced_line&) const = default;
};

// How an ask ended.
enum class outcome {
  done,     // 2xx
  refused,  // 4xx: it did nothing
  unknown,  // nothing, lost, or 5xx: it may have been done, and may still be
};

// All checkouts of one shopper under one key.
struct checkout_story {
  uuid shopper;
  std::string key, currency;
  struct body {
    std::string hash, cart_revision, card;
    std::int64_t total_minor = 0;
    std::vector<priced_line> lines;
  };
  std::vector<body> bodies;  // more than one only if a key was used for something else on purpose
  struct acknowledgement {
    place where;
    int status = 0;
    std::string problem;  // without /problems/
    std::string state;
    uuid order;
  };
  std::vector<acknowledgement> told;  // which name an order
  place first;
  bool in_doubt = false;  // some ask has no answer
};

// Something else that was acknowledged about an order.
struct order_word {
  enum class kind { state, cancel, ship, deliver };
  kind what = kind::state;
  place where;
  std::string state;
};

struct timeline_read {
  place where;
  std::vector<std::pair<std::string, std::string>> events;  // type, state
  std::vector<std::int64_t> seqs;
};

struct refund_story {
  std::int64_t amount_minor = 0;
  quantities lines;
  struct acknowledgement {
    place where;
    uuid refund;
    std::string state;
  };
  std::vector<acknowledgement> told;
  place first;
  bool in_doubt = false;
};

struct delivery_story {
  uuid product;
  std::string key;
  std::int64_t delta = 0;
  place first;
  bool done = false, in_doubt = false;
};

// What a shopper did to the cart.
struct cart_ask {
  enum class kind { add, set, clear };
  kind what = kind::add;
  uuid product;  // not for clear
  std::int64_t quantity = 0;
  place asked;
  std::int64_t last_asked_at = 0;     // of its repeats under the same key
  std::optional<std::uint64_t> done;  // position of the first 2xx
  bool in_doubt = false;
};
struct cart_look {
  place asked;
  place answered;
  std::string revision;
  std::vector<std::pair<uuid, std::int64_t>> lines;  // ascending
};
struct shopper_story {
  bool from_the_beginning = false;  // the journals have the session
  std::vector<cart_ask> asks;
  std::vector<cart_look> looks;
  std::unordered_map<std::string, std::size_t> keyed;  // key of an add -> index
};

struct key_of_shopper {
  uuid shopper;
  std::string key;
  bool operator==(const key_of_shopper&) const = default;
};
struct key_hash {
  std::size_t operator()(const key_of_shopper& k) const {
    return std::hash<uuid>()(k.shopper) * 31 + std::hash<std::string>()(k.key);
  }
};

struct story {
  std::vector<checkout_story> checkouts;
  std::unordered_map<key_of_shopper, std::size_t, key_hash> checkout_of;
  std::unordered_map<uuid, std::vector<order_word>> words;             // by order
  std::unordered_map<uuid, std::vector<timeline_read>> timelines;      // by order
  std::unordered_map<key_of_shopper, refund_story, key_hash> refunds;  // by (order, key)
  std::unordered_map<uuid, std::vector<std::string>> refund_keys;      // by order
  std::vector<delivery_story> deliveries;
  std::unordered_map<key_of_shopper, std::size_t, key_hash> delivery_of;  // by (product, key)
  std::unordered_map<uuid, shopper_story> shoppers;
  std::int64_t timelines_read = 0;
};

// Throws could_not_judge for a malformed journal.
story read_story(std::span<const std::filesystem::path> journals);

// For each subject the lines of the journals that are about it: asks that contain any of its names,
// and what was answered to them. At most `limit` each, the last ones.
std::vector<std::vector<std::string>> lines_about(
    std::span<const std::filesystem::path> journals,
    std::span<const std::vector<std::string>> subjects, std::size_t limit);

}  // namespace souk::verdict
