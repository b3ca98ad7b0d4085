#include "kit/keys_tool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <istream>
#include <iterator>
#include <map>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kit/id.hpp"
#include "kit/keys.hpp"
#include "kit/security.hpp"

namespace souk {
namespace {

constexpr std::string_view usage = R"(usage:
  souk-keys generate --private FILE --public FILE
      Makes a new ES256 key. FILE of --private receives it (PEM, readable by the owner only), FILE
      of --public all public keys (JSON Web Key Set). If the files exist, the new key is added to
      the set and replaces the private one: services with these files follow without a restart.
      Prints the new key's id (kid).
  souk-keys retire --public FILE --keep KID
      Removes all keys but KID from the set. Wait until the last token of the others has expired.
  souk-keys hash-password
      Reads a password from standard input and prints its scrypt hash (ADMIN_PASSWORD_HASH).
  souk-keys hash-secret
      Reads a service's secret from standard input and prints its SHA-256 (ACCEPTED_CALLERS).
)";

struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::runtime_error system_failure(std::string_view what, const std::string& path) {
  return std::runtime_error(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

// The values of `names`, which must all be given, each once, and nothing else.
std::vector<std::string> options(const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& names) {
  std::map<std::string, std::string> given;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string& name = arguments[i];
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw usage_error("unknown option " + name);
    if (i + 1 == arguments.size() || arguments[i + 1].empty())
      throw usage_error(name + " needs a value");
    if (!given.emplace(name, arguments[i + 1]).second) throw usage_error(name + " is given twice");
  }
  std::vector<std::string> values;
  for (const std::string& name : names) {
    if (!given.contains(name)) throw usage_error(name + " is missing");
    values.push_back(given[name]);
  }
  return values;
}

// The new content of a file, written beside it until it takes its place: readers see the old text
// or the new one, whatever happens meanwhile.
class replacement {
 public:
  replacement(std::string path, std::string_view text, mode_t mode)
      : path_(std::move(path)), temporary_(path_ + ".XXXXXX"), file_(::mkstemp(temporary_.data())) {
    if (file_ < 0) throw system_failure("create a file beside", path_);
    try {
      write(text);
      if (::fchmod(file_, mode) != 0 || ::fsync(file_) != 0) throw system_failure("write", path_);
    } catch (...) {
      discard();
      throw;
    }
  }
  ~replacement() { discard(); }
  replacement(const replacement&) = delete;

  void take_place() {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw system_failure("replace", path_);
    temporary_.clear();
    const std::string folder = std::filesystem::absolute(path_).parent_path();
    const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return;
    ::fsync(directory);  // the new name outlives a loss of power
    ::close(directory);
  }

 private:
  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::write(file_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw system_failure("write", path_);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void discard() {
    ::close(file_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  std::string path_, temporary_;
  int file_;
};

std::string with_line_end(std::string text) {
  return std::move(text) + '\n';
}

template <class Parse>
auto parse_file(const std::string& path, Parse parse) {
  try {
    return parse(security::read_key_file(path));
  } catch (const std::runtime_error& e) {
    throw std::runtime_error(path + ": " + e.what());
  }
}

// Gives the new key's kid.
std::string generate(const std::string& private_file, const std::string& public_file) {
  security::key_set set;
  if (std::filesystem::exists(public_file))
    set = parse_file(public_file, security::key_set::from_jwks);
  if (std::filesystem::exists(private_file))  // its tokens stay valid, even if the set was lost
    set.add(parse_file(private_file, security::private_key::from_pem).public_part());
  const auto key = security::private_key::generate();
  set.add(key.public_part());
  replacement new_public(public_file, with_line_end(set.jwks()), 0644);
  replacement new_private(private_file, key.pem(), 0600);
  new_public.take_place();  // published before it signs
  new_private.take_place();
  return key.public_part().kid();
}

void retire(const std::string& public_file, const std::string& keep) {
  auto set = parse_file(public_file, security::key_set::from_jwks);
  if (!set.keep_only(keep)) {
    std::string known;
    for (const auto& key : set.keys()) known += "\n  " + key.kid();
    throw std::runtime_error(
        fmt::format("{} has no key {}, nothing is changed; it has{}", public_file, keep, known));
  }
  replacement(public_file, with_line_end(set.jwks()), 0644).take_place();
}

// Without the end of the line.
std::string read_secret(std::istream& in) {
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) throw std::runtime_error("nothing came on standard input");
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos)
    throw std::runtime_error("one line is expected on standard input");
  return text;
}

void run(const std::string& command, const std::vector<std::string>& arguments, std::istream& in,
         std::ostream& out) {
  if (command == "generate") {
    const auto files = options(arguments, {"--private", "--public"});
    if (files[0] == files[1]) throw usage_error("--private and --public must be two files");
    out << generate(files[0], files[1]) << '\n';
  } else if (command == "retire") {
    const auto values = options(arguments, {"--public", "--keep"});
    retire(values[0], values[1]);
  } else if (command == "hash-password") {
    options(arguments, {});
    out << security::hash_password(read_secret(in)) << '\n';
  } else if (command == "hash-secret") {
    options(arguments, {});
    out << hex_encode(security::sha256(read_secret(in))) << '\n';
  } else {
    throw usage_error(command.empty() ? "a command is missing" : "unknown command " + command);
  }
}

}  // namespace

int run_keys_tool(const std::vector<std::string>& words, std::istream& in, std::ostream& out,
                  std::ostream& err) {
  const std::string command = words.empty() ? "" : words[0];
  if (command == "--help" || command == "-h" || command == "help") {
    out << usage;
    return 0;
  }
  try {
    run(command, {words.begin() + (words.empty() ? 0 : 1), words.end()}, in, out);
    return 0;
  } catch (const usage_error& e) {
    err << "souk-keys: " << e.what() << "\n\n" << usage;
    return 2;
  } catch (const std::exception& e) {
    err << "souk-keys: " << e.what() << '\n';
    return 1;
  }
}

}  // namespace souk
