#include "points.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <map>
#include <stdexcept>

namespace souk::crash {

namespace fs = std::filesystem;

std::string pass::text() const {
  return fmt::format("{}/{}#{}", program, point, n);
}

std::optional<pass> pass::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto hash = text.rfind('#');
  if (slash == text.npos || hash == text.npos || hash < slash) return std::nullopt;
  pass p{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1, hash - slash - 1))};
  const auto number = text.substr(hash + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), p.n);
  if (error != std::errc{} || end != number.data() + number.size() || p.n < 1) return std::nullopt;
  return p;
}

std::string_view pass::kind() const {
  return std::string_view(point).substr(0, point.find(':'));
}

std::string_view pass::what() const {
  const auto first = point.find(':') + 1;
  return std::string_view(point).substr(first, point.rfind(':') - first);
}

std::string_view pass::when() const {
  return std::string_view(point).substr(point.rfind(':') + 1);
}

fault_folder::fault_folder(fs::path folder) : folder_(std::move(folder)) {}

void fault_folder::start_recording() {
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().extension() == ".trail") fs::remove(entry.path());
  }
  std::ofstream(folder_ / "record").flush();
}

std::vector<pass> fault_folder::stop_recording() {
  fs::remove(folder_ / "record");
  std::vector<pass> passes;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().extension() != ".trail") continue;
    std::ifstream trail(entry.path());
    std::map<std::string, int> seen;
    for (std::string point; std::getline(trail, point);) {
      passes.push_back({entry.path().stem(), point, ++seen[point]});
    }
  }
  return passes;
}

fs::path fault_folder::file_of(std::string_view program, std::string_view point) const {
  return folder_ / program / point;
}

void fault_folder::arm(std::string_view program, std::string_view point, const std::string& words) {
  const auto file = file_of(program, point);
  fs::create_directories(file.parent_path());
  // In one piece: the program may look at any time.
  const auto next = folder_ / "next";
  if (!(std::ofstream(next) << words).flush())
    throw std::runtime_error("can't write " + next.string());
  fs::rename(next, file);
}

bool fault_folder::is_armed(std::string_view program, std::string_view point) const {
  return fs::exists(file_of(program, point));
}

void fault_folder::disarm_all() {
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.is_directory() || entry.path().extension() == ".stops") fs::remove_all(entry.path());
  }
}

std::string fault_folder::latest_stop(std::string_view program) const {
  std::ifstream stops(folder_ / (std::string(program) + ".stops"));
  std::string latest;
  for (std::string line; std::getline(stops, line);) latest = line;
  return latest;
}

}  // namespace souk::crash
