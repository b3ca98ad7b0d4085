#pragma once

// From a backup's folder back to a store, in steps of which each can fail without loss:
//
//   prepare   while the store goes on: makes a new database beside each (order_restoring), fills it
//             from the backup and compares it with the manifest. What an earlier restore has left
//             behind is dropped here: that can take long
//   swap      while the services are stopped: lets the time that has passed since the backup not
//             count, puts the carts in place, and renames the databases; those that were there stay
//             as order_before_restore until the next restore
//   recover   after a swap that was interrupted: finishes it or takes it back
//
// As long as the databases are not renamed, all that was there can be put back, and is.

#include <filesystem>
#include <string>

#include "addresses.hpp"
#include "manifest.hpp"

namespace souk::backup {

void prepare(const addresses& where, const std::filesystem::path& folder);
void swap(const addresses& where, const std::filesystem::path& folder);
enum class recovered { nothing, finished, taken_back };
recovered recover(const addresses& where, const std::filesystem::path& folder);

}  // namespace souk::backup
