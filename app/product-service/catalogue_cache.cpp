#include "catalogue_cache.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;

constexpr auto good_for_unheard = 1s;

telemetry::counter& outcome_counter(const char* outcome) {
  return telemetry::get_counter("souk_catalogue_cache_total",
                                "Answers asked of the catalogue cache", {{"outcome", outcome}});
}

}  // namespace

catalogue_cache::catalogue_cache(executor on, const catalogue_version& version,
                                 std::size_t max_bytes, std::size_t max_answers)
    : executor_(on),
      version_(version),
      max_bytes_(max_bytes),
      max_answers_(max_answers),
      hits_(outcome_counter("hit")),
      misses_(outcome_counter("miss")),
      shared_(outcome_counter("shared")) {}

// Ends a flight, also when its coroutine ends early.
class catalogue_cache::landing {
 public:
  landing(catalogue_cache& cache, const std::string& key, std::shared_ptr<flight> f)
      : cache_(cache), key_(key), flight_(std::move(f)) {
    cache_.flights_[key_] = flight_;
  }
  landing(const landing&) = delete;
  landing& operator=(const landing&) = delete;
  ~landing() {
    flight_->over = true;
    const auto mine = cache_.flights_.find(key_);
    if (mine != cache_.flights_.end() && mine->second == flight_) cache_.flights_.erase(mine);
    flight_->landed.notify_all();
  }

 private:
  catalogue_cache& cache_;
  const std::string& key_;
  std::shared_ptr<flight> flight_;
};

task<catalogue_cache::answer_ptr> catalogue_cache::get(const context& ctx, std::string key,
                                                       maker make) {
  if (auto found = find(key)) {
    hits_.add();
    co_return found;
  }
  // What goes wrong for another need not go wrong for us (it may have been given up), so we stop
  // waiting for others at some point.
  for (int patience = 2; patience > 0; --patience) {
    const auto under_way = flights_.find(key);
    if (under_way == flights_.end() || under_way->second->version != version_.current()) break;
    const auto other = under_way->second;
    while (!other->over)
      if (!co_await other->landed.wait_until(ctx.deadline)) throw deadline_exceeded();
    if (other->succeeded) {
      shared_.add();
      co_return other->made;
    }
  }

  misses_.add();
  const auto begun_at = steady_clock::now();
  const auto mine = std::make_shared<flight>(executor_, version_.current());
  const landing guard(*this, key, mine);
  mine->made = co_await make();
  mine->succeeded = true;
  if (mine->made && mine->version == version_.current())
    keep(key, {.kept = mine->made, .version = mine->version, .begun_at = begun_at});
  co_return mine->made;
}

catalogue_cache::answer_ptr catalogue_cache::find(const std::string& key) {
  const auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  auto& s = slots_[place->second];
  const bool good =
      s.version == version_.current() &&
      (version_.hears_others() || steady_clock::now() < s.begun_at + good_for_unheard);
  if (!good) {
    remove(place->second);
    return nullptr;
  }
  s.used = true;
  return s.kept;
}

void catalogue_cache::keep(const std::string& key, slot s) {
  s.key = key;
  s.size = s.kept->size() + 2 * key.size() + sizeof(slot);
  if (s.size > max_bytes_) return;
  if (const auto place = places_.find(key); place != places_.end()) remove(place->second);
  make_room(s.size);
  bytes_ += s.size;
  places_[key] = slots_.size();
  slots_.push_back(std::move(s));
}

// The last slot takes the place of the removed one.
void catalogue_cache::remove(std::size_t at) {
  bytes_ -= slots_[at].size;
  places_.erase(slots_[at].key);
  if (at + 1 < slots_.size()) {
    slots_[at] = std::move(slots_.back());
    places_[slots_[at].key] = at;
  }
  slots_.pop_back();
}

void catalogue_cache::make_room(std::size_t size) {
  while (!slots_.empty() && (bytes_ + size > max_bytes_ || slots_.size() >= max_answers_)) {
    if (hand_ >= slots_.size()) hand_ = 0;
    auto& s = slots_[hand_];
    const bool spare = s.used && s.version == version_.current();
    s.used = false;
    if (spare)
      ++hand_;
    else
      remove(hand_);
  }
}

}  // namespace souk::product
