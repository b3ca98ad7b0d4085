#include "manifest.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <stdexcept>

namespace souk::backup {
namespace {

const std::map<std::string, std::int64_t> known_schemas{SOUK_SCHEMAS};

// Only the number: what else stands there may be of a form that we don't know.
struct any_format {
  std::int64_t format = 0;
};
BOOST_DESCRIBE_STRUCT(any_format, (), (format))

void sync_path(const std::filesystem::path& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0) {
    if (fd >= 0) close(fd);
    throw std::runtime_error(fmt::format("cannot write {}; is the disk full?", path.string()));
  }
  close(fd);
}

}  // namespace

std::string dump_file(const std::string& database) {
  return database + ".dump";
}

std::string program_version() {
  return SOUK_VERSION;
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(fmt::format("cannot read {}", file.filename().string()));
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& file, const std::string& content) {
  const auto beside = std::filesystem::path(file.string() + ".new");
  {
    std::ofstream out(beside, std::ios::binary | std::ios::trunc);
    out << content;
    out.close();
    if (!out) throw std::runtime_error(fmt::format("cannot write {}", file.string()));
  }
  sync_path(beside, O_RDONLY);
  std::filesystem::rename(beside, file);
  sync_path(file.parent_path(), O_RDONLY | O_DIRECTORY);
}

file_mark mark_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(fmt::format("{} is missing", file.filename().string()));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(),
                                                                     &EVP_MD_CTX_free);
  EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr);
  file_mark out;
  std::string buffer(1 << 16, '\0');
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    EVP_DigestUpdate(hash.get(), buffer.data(), static_cast<std::size_t>(in.gcount()));
    out.bytes += in.gcount();
  }
  if (in.bad()) {
    throw std::runtime_error(fmt::format("cannot read {}", file.filename().string()));
  }
  std::string digest(32, '\0');
  EVP_DigestFinal_ex(hash.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  out.sha256 = hex_encode(digest);
  return out;
}

manifest check_folder(const std::filesystem::path& folder, const std::string& currency) {
  if (!std::filesystem::exists(folder / "manifest.json")) {
    throw std::runtime_error("this is no backup, or not a whole one: it has no manifest");
  }
  const auto text = read_file(folder / "manifest.json");
  const auto format = json::read_lenient<any_format>(text);
  if (!format) throw std::runtime_error("this is no backup: its manifest cannot be read");
  if (format->format != this_format) {
    throw std::runtime_error(
        fmt::format("the backup is of format {}, and this version of Souk reads format {}",
                    format->format, this_format));
  }
  auto m = json::read<manifest>(text);
  if (!m) {
    const auto& e = m.error().front();
    throw std::runtime_error(
        fmt::format("the backup's manifest is damaged: {} {}", e.pointer, e.detail));
  }
  for (const auto& [name, known] : known_schemas) {
    const auto found = m->databases.find(name);
    if (found == m->databases.end() || !m->files.contains(dump_file(name))) {
      throw std::runtime_error(fmt::format("the backup has no database {}", name));
    }
    if (found->second.schema > known) {
      throw std::runtime_error(fmt::format(
          "the backup was made by a newer version of Souk ({}): its database {} has schema {}, and "
          "this version knows {}; update Souk first",
          m->souk_version, name, found->second.schema, known));
    }
  }
  if (!m->files.contains(carts_file)) throw std::runtime_error("the backup has no carts");
  if (m->currency != currency) {
    throw std::runtime_error(fmt::format("the backup is of a store in {}, and this one is in {}",
                                         m->currency, currency));
  }
  for (const auto& [name, mark] : m->files) {
    if (name.find('/') != std::string::npos) {
      throw std::runtime_error("the backup's manifest is damaged");
    }
    const auto is = mark_of(folder / name);
    if (is.bytes != mark.bytes || is.sha256 != mark.sha256) {
      throw std::runtime_error(
          fmt::format("the backup is damaged: {} is not what was written", name));
    }
  }
  return std::move(*m);
}

}  // namespace souk::backup
