#pragma once

// The folder of a test process and whoever cleans it up. Private to the testing library.

#include <filesystem>
#include <string>

namespace souk::testing {

// A temporary folder for servers, each in a folder of its own with its process id in the file `pid`
// (and in `paused` those of stopped processes). A watching process ends what still runs and removes
// the folder as soon as the test process is gone, whatever ended it.
class sandbox {
 public:
  static sandbox& instance();
  ~sandbox();
  // Makes a new folder in it, owned by `user` unless that is empty.
  std::filesystem::path make_folder(const std::string& name, const std::string& user);

 private:
  sandbox();
  std::filesystem::path path_;
  int lifeline_ = -1;  // closes with the process
  int made_ = 0;
};

}  // namespace souk::testing
