#pragma once

// The fault points of kit/fault_point.hpp, from outside: recording which are passed, and arming.

#include <compare>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace souk::crash {

// The n-th pass (from 1) of a program's point.
struct pass {
  std::string program;  // "order-service"
  std::string point;    // "commit:save_move:sent"
  int n = 1;

  std::string text() const;  // "order-service/commit:save_move:sent#1"
  static std::optional<pass> parse(std::string_view text);
  auto operator<=>(const pass&) const = default;

  std::string_view kind() const;  // "commit"
  std::string_view what() const;  // "save_move"
  std::string_view when() const;  // "sent"
};

// A folder for FAULT_POINTS.
class fault_folder {
 public:
  explicit fault_folder(std::filesystem::path folder);

  const std::filesystem::path& path() const { return folder_; }
  void start_recording();
  // What was passed since, in order for each program.
  std::vector<pass> stop_recording();

  // `words` as in kit/fault_point.hpp; what was armed there before is forgotten.
  void arm(std::string_view program, std::string_view point, const std::string& words);
  bool is_armed(std::string_view program, std::string_view point) const;
  void disarm_all();
  // Where the program has stopped itself most recently; "" if nowhere since disarm_all().
  std::string latest_stop(std::string_view program) const;

 private:
  std::filesystem::path file_of(std::string_view program, std::string_view point) const;
  std::filesystem::path folder_;
};

}  // namespace souk::crash
