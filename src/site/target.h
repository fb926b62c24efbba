// A target directory and what Duskline knows about it (docs/formats/state.md).
//
//   TARGET/.duskline/            0700; never content, never deleted, never reported as extra
//     lock, holder               held by whoever changes the target; who that is, for messages
//     state.json                 State
//     trees/<id>                 manifest record (no places) of the current and each kept release
//     files/<folder>             FileStamps of each: what every file looked like when it was laid down
//     staging/                   one release being put together; survives a kill, bounded, reused by the next pull
//     journal, undo, previous/   in-place activation in progress (activate.h)
//     set-aside/                 files of others that stood where content had to go
//     trash/                     dropped releases on their way out
//     receipts/<number>-<time>.json   the last 100
//   switched: TARGET/releases/<folder>/ whole trees; TARGET/current -> releases/<folder>, which is the truth about
//             what is shown: open() makes the state fit it
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
#include "site/patterns.h"
#include "site/stamps.h"

namespace duskline::site {

inline constexpr std::string_view private_folder_name = ".duskline";

enum class Mode : std::uint8_t { switched, in_place };

// How content is laid down; fixed by the first pull, changed by saying so again, and what verify checks against.
struct Layout {
  Mode mode = Mode::switched;
  std::vector<std::string> keep;  // patterns of what belongs to the site: never touched, never crossed
  std::string only;               // subtree, which lies at its own path in the target; "" is all
  std::optional<model::Owner> owner;
  std::uint32_t mode_mask = 07777;  // modes of files and directories are and-ed with this
  bool operator==(const Layout&) const = default;
};

struct InstalledRelease {
  model::ReleaseId id;
  model::ReleaseNumber number = 0;
  WallTime published{}, activated{};
  // Name below releases/ and files/: the id; with ".1" and so on where the same release is laid down anew in another
  // way while it is shown.
  std::string folder;
  Layout layout;
  bool operator==(const InstalledRelease&) const = default;
};

// Whether a check decides about what is being activated; what it replaces is kept until then.
enum class Check : std::uint8_t { none, follows };

// An activation that has begun: open() either completes or undoes it.
struct Pending {
  InstalledRelease release;
  Check check = Check::none;
  bool operator==(const Pending&) const = default;
};

struct State {
  std::string realm, set, channel, store_url;  // no secrets in the URL
  Layout layout;                               // of what is installed: what the next pull goes by
  release::Floor floor;                        // highest head seen
  WallTime latest_time{};                      // time never goes below this
  std::optional<InstalledRelease> current;
  // Newest activation first, without current. In-place: what was shown before, without its content.
  std::vector<InstalledRelease> kept;
  std::optional<model::ReleaseId> pinned;     // stays until unpin
  std::optional<model::ReleaseId> rejected;   // its check failed: not activated again unless asked for by id
  std::optional<model::ReleaseId> unchecked;  // shown, but a crash came before its check had passed
  std::optional<model::ReleaseId> after_due;  // shown, but the command after its activation has failed
  std::optional<Pending> pending;
  bool operator==(const State&) const = default;
};
inline constexpr std::size_t max_state_bytes = 8 << 20;
[[nodiscard]] std::string encode_state(const State& state);  // JSON, format 1
// Code::invalid for what breaks the format, Code::unsupported for a later format.
[[nodiscard]] Result<State> decode_state(std::string_view json);
// The release that a folder below releases/ holds, by its name; nothing for a name that Duskline would not give.
[[nodiscard]] std::optional<model::ReleaseId> folder_id(std::string_view folder);

// The target, opened and locked. Methods from one thread.
class Target {
 public:
  // Code::refused where TARGET itself is a symlink or not a directory, or its private folder is not the caller's own;
  // Code::locked where another run has it and `wait` has passed; Code::not_found with make == existing_only and no
  // state there. An activation that a crash interrupted is completed or undone first. On a file system mounted
  // read-only an existing target opens without lock, for reading.
  enum class Make : std::uint8_t { existing_only, create };
  [[nodiscard]] static Result<std::unique_ptr<Target>> open(const Op&, disk::Filesystem&, const std::string& path,
                                                            Make make, std::chrono::nanoseconds wait, Clock&,
                                                            Reporter&);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Clock& clock() { return *clock_; }
  [[nodiscard]] State& state() { return state_; }
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] Status save_state();                                     // durable
  [[nodiscard]] disk::Directory& root() { return *root_; }               // TARGET
  [[nodiscard]] disk::Directory& private_folder() { return *private_; }  // TARGET/.duskline
  // The current or a kept release of that id, or nothing.
  [[nodiscard]] const InstalledRelease* find(const model::ReleaseId& id) const;
  // The directory that shows a kept or current release's content: TARGET/releases/<folder>, or TARGET.
  [[nodiscard]] Result<std::unique_ptr<disk::Directory>> content(const model::ReleaseId& id);
  // The record of an installed release; Code::not_found where there is none. Each call opens it anew, so that threads
  // can have one each.
  [[nodiscard]] Result<std::unique_ptr<release::Manifest>> tree(const model::ReleaseId& id);
  // The stamps of an installed release, or an error that says why there are none to use.
  [[nodiscard]] Result<StampReader> stamps(const model::ReleaseId& id);
  // Keeps the last 100. The number is the release's.
  [[nodiscard]] Status write_receipt(std::string_view json, model::ReleaseNumber number);
  // Removes kept releases beyond `count`, their trees and stamps; never current, pinned or one that waits for its
  // check. Also what earlier runs left half removed.
  [[nodiscard]] Status drop_old(std::size_t count);
  // Holds the target at an installed release (Code::not_found else) until unpin(). Durable.
  [[nodiscard]] Status pin(const model::ReleaseId& id);
  // Follows the channel again; also forgets that a release was rejected. Durable.
  [[nodiscard]] Status unpin();

 private:
  Target() = default;
  Status open_private(const Op&, Make make, std::chrono::nanoseconds wait, Reporter&);
  Status take_lock(const Op&, std::chrono::nanoseconds wait);
  Status load_state(Make make);
  std::string path_;
  Clock* clock_ = nullptr;
  State state_;
  std::unique_ptr<disk::Directory> root_, private_;
  std::unique_ptr<disk::Lock> lock_;
  bool read_only_ = false;
};

}  // namespace duskline::site
