// What a publisher remembers of a source between runs, beside the release itself. Lives in the cache folder: losing it
// costs time and the comparison of mounts, nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "disk/filesystem.h"
#include "model/release.h"
#include "publish/publish.h"
#include "release/heads.h"

namespace duskline::publish {

struct SourceState {
  std::string publisher;      // a random name, so that two publishers' leases are two
  std::string filesystem_id;  // "" before the first release
  bool is_mount_point = false;
  std::vector<std::string> mounts;               // inside the source
  model::ReleaseId release;                      // zero before the first
  model::TreeStats stats;                        // of it
  std::map<std::string, release::Floor> floors;  // by channel: the newest head seen
  bool operator==(const SourceState&) const = default;
};
[[nodiscard]] std::string encode_state(const SourceState& state);
[[nodiscard]] Result<SourceState> decode_state(std::string_view json);

// From the cache folder, or a new one where there is none or it makes no sense.
[[nodiscard]] Result<SourceState> load_state(disk::Directory& cache);
[[nodiscard]] Status save_state(disk::Directory& cache, const SourceState& state);

// Code::refused unless the source lies where it lay the last time, or the user means it.
[[nodiscard]] Status check_mount(const SourceState& state, const disk::VolumeInfo& now, const Meant& meant,
                                 std::string_view source);
// Of the file systems mounted inside.
[[nodiscard]] Status check_mounts(const SourceState& state, const std::vector<std::string>& now, const Meant& meant,
                                  std::string_view source);
// Code::refused for an empty source, and for one that lost more than half of what the last release had.
[[nodiscard]] Status check_size(const model::TreeStats* before, const model::TreeStats& now, const Meant& meant,
                                std::string_view source);

}  // namespace duskline::publish
