#pragma once

// What a backup says of itself. It is written last: a folder with a manifest is complete.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kit/json.hpp"

namespace souk::backup {

inline constexpr std::int64_t this_format = 1;
// The services with a database that belongs to the store. The mock gateway's is another company's.
inline constexpr const char* database_names[] = {"product", "order", "payment", "inventory"};
inline constexpr const char* carts_file = "carts.jsonl";

struct file_mark {
  std::string sha256;
  std::int64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(file_mark, (), (sha256, bytes))

struct database_part {
  std::int64_t schema = 0;                   // number of its newest migration
  std::string server;                        // PostgreSQL's version
  std::map<std::string, std::int64_t> rows;  // of each table
  std::vector<std::string> extensions;
};
BOOST_DESCRIBE_STRUCT(database_part, (), (schema, server, rows, extensions))

struct carts_part {
  std::int64_t carts = 0;   // shoppers of whom something is kept
  std::int64_t orders = 0;  // that carts remember
};
BOOST_DESCRIBE_STRUCT(carts_part, (), (carts, orders))

struct manifest {
  std::int64_t format = this_format;
  std::string souk_version;
  timestamp taken_at;         // the moment of everything in it, by order's database
  std::int64_t pause_ms = 0;  // for how long orders stood still
  std::string currency;
  std::map<std::string, database_part> databases;
  carts_part carts;
  std::map<std::string, file_mark> files;
};
BOOST_DESCRIBE_STRUCT(manifest, (),
                      (format, souk_version, taken_at, pause_ms, currency, databases, carts, files))

std::string dump_file(const std::string& database);
file_mark mark_of(const std::filesystem::path& file);
std::string read_file(const std::filesystem::path& file);
// Complete and on disk, or not there.
void write_file(const std::filesystem::path& file, const std::string& content);

std::string program_version();

// Reads the manifest of a folder and checks everything in it that can be checked without a
// database: that this program can read it, that its files are whole, that it is of this currency,
// and that no schema is newer than we know. Throws std::runtime_error with what is wrong.
manifest check_folder(const std::filesystem::path& folder, const std::string& currency);

}  // namespace souk::backup
