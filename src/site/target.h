// A target directory and what Duskline knows about it.
//
//   TARGET/.duskline/            0700; never content, never deleted, never reported as extra
//     lock                       held by whoever changes the target
//     state.json                 State
//     trees/<id>                 manifest record (no places) of each kept release
//     files/<id>                 FileStats of each kept release: size, mtime, ctime, inode of every file as it was
//     installed staging/                   one release being put together; survives a kill, bounded, reused by the next
//     pull journal                    in-place activation in progress (activate.h) receipts/<number>-<time>.json   the
//     last 100
//   switched: TARGET/releases/<id>/ whole trees; TARGET/current -> releases/<id>
//   in-place: the content lies in TARGET itself
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "model/release.h"
#include "release/heads.h"
#include "release/manifest.h"
#include "site/stamps.h"

namespace duskline::site {

enum class Mode : std::uint8_t { switched, in_place };

struct InstalledRelease {
  model::ReleaseId id;
  model::ReleaseNumber number = 0;
  WallTime published{}, activated{};
  bool operator==(const InstalledRelease&) const = default;
};

// How content is laid down; fixed by the first pull, changed by saying so again, and what verify checks against.
struct Layout {
  Mode mode = Mode::switched;
  std::vector<std::string> keep;  // patterns of what belongs to the site: never touched, never crossed
  std::string only;               // subtree; "" is all
  std::optional<model::Owner> owner;
  std::uint32_t mode_mask = 07777;  // modes of files and directories are and-ed with this
  bool operator==(const Layout&) const = default;
};

struct State {
  std::string realm, set, channel, store_url;  // no secrets in the URL
  Layout layout;
  release::Floor floor;    // highest head seen
  WallTime latest_time{};  // time never goes below this
  std::optional<InstalledRelease> current;
  std::vector<InstalledRelease> kept;      // newest first, without current
  std::optional<model::ReleaseId> pinned;  // stays until unpin
  bool operator==(const State&) const = default;
};
[[nodiscard]] std::string encode_state(const State& state);  // JSON, format 1
[[nodiscard]] Result<State> decode_state(std::string_view json);

// The target, opened and locked. Methods from one thread.
class Target {
 public:
  // Code::refused where TARGET itself is a symlink or not a directory; Code::locked where another run has it and `wait`
  // has passed; Code::not_found with make == existing_only and no state there. A journal left by a crash is completed
  // first.
  enum class Make : std::uint8_t { existing_only, create };
  [[nodiscard]] static Result<std::unique_ptr<Target>> open(const Op&, disk::Filesystem&, const std::string& path,
                                                            Make make, std::chrono::nanoseconds wait, Clock&,
                                                            Reporter&);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] State& state() { return state_; }
  [[nodiscard]] Status save_state();                                     // durable
  [[nodiscard]] disk::Directory& root() { return *root_; }               // TARGET
  [[nodiscard]] disk::Directory& private_folder() { return *private_; }  // TARGET/.duskline
  // The directory that shows a kept or current release's content: TARGET/releases/<id>, or TARGET.
  [[nodiscard]] Result<std::unique_ptr<disk::Directory>> content(const model::ReleaseId& id);
  // The record of an installed release; Code::not_found where there is none.
  [[nodiscard]] Result<std::unique_ptr<release::Manifest>> tree(const model::ReleaseId& id);
  [[nodiscard]] Status write_receipt(std::string_view json, model::ReleaseNumber number);
  // Removes kept releases beyond `count`, their trees and stamps; never current or pinned.
  [[nodiscard]] Status drop_old(std::size_t count);

 private:
  Target() = default;
  std::string path_;
  State state_;
  std::unique_ptr<disk::Directory> root_, private_;
  std::unique_ptr<disk::Lock> lock_;
};

// Patterns in the manner of .gitignore: "*", "?", "[..]", "**"; with a '/' inside anchored at the top, else any
// component; a trailing '/' only directories. A match covers everything below.
class Patterns {
 public:
  [[nodiscard]] static Result<Patterns> parse(const std::vector<std::string>& patterns);
  [[nodiscard]] bool matches(std::string_view path, bool is_directory) const;
  [[nodiscard]] bool empty() const { return patterns_.empty(); }

 private:
  std::vector<std::string> patterns_;
};

}  // namespace duskline::site
