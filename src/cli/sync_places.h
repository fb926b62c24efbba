// The two sides of `duskline sync`, opened from what the command line says.
#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "sync/pacer.h"
#include "sync/place.h"
#include "sync/rules.h"

namespace duskline::cli {

struct SyncArguments {
  StoreArguments source, destination;  // with the URL or path of each side
  std::string backup;                  // URL or path
  bool copy_links = false, empty_folders = true, opaque_etags = false;
  bool is_written = true;  // this run may change the destination
  std::uint64_t limit_bytes_per_second = 0;
  unsigned workers = 0;  // 0: by what the sides are
};

struct SyncPlaces {
  std::string pair;  // names the pair's folder
  unsigned workers = 0;
  std::unique_ptr<sync::Pacer> pacer;  // before what uses it
  std::unique_ptr<sync::Place> source, destination;
};

// Code::usage for wrong URLs, Code::refused for a source that cannot be read and for sides that lie in each other.
// `rules` must outlive the places.
[[nodiscard]] Result<SyncPlaces> open_sync_places(Context& context, const SyncArguments& arguments,
                                                  const sync::Rules& rules);

}  // namespace duskline::cli
