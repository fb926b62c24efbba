// Makes one place hold the files of another.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/op.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "sync/fingerprint.h"
#include "sync/judge.h"
#include "sync/place.h"

namespace duskline::sync {

enum class Mode : std::uint8_t {
  sync,
  dry_run,  // says what sync would do
  check,    // says what differs, on either side
};

struct Options {
  Mode mode = Mode::sync;
  Trust trust = Trust::stamps;
  enum class Extra : std::uint8_t { keep, remove } extra = Extra::keep;  // what only the destination has
  MaxRemovals max_removals;
  enum class Backup : std::uint8_t { none, made } backup = Backup::none;
  // Safety rules that the user says not to apply, each by a flag of its own.
  struct Meant {
    bool empty = false;        // --allow-empty
    bool shrink = false;       // --allow-shrink
    bool other_mount = false;  // --allow-other-mount, of either side
  } meant;
  enum class Wait : std::uint8_t { yes, no } wait = Wait::yes;  // for another run of the same pair
  enum class Flush : std::uint8_t { at_end, left_to_system } flush = Flush::at_end;
  enum class Tell : std::uint8_t { changes, everything } tell = Tell::changes;  // also one record for each file kept
  unsigned workers = 16;
  std::uint64_t piece_bytes = default_piece_bytes;
  std::string rules_text;  // that the counts of the last run hold for
};

struct Parts {
  Place& source;
  Place& destination;
  disk::Directory& folder;  // this pair's own; may be empty or lost at any time
  Clock& clock;
  Reporter& reporter;
};

struct Totals {
  std::uint64_t source_files = 0, source_bytes = 0, destination_files = 0;
  std::uint64_t kept = 0, added = 0, changed = 0, touched = 0, removed = 0;
  std::uint64_t moved_bytes = 0;
  std::uint64_t skipped = 0, refused = 0, failed = 0;  // refused: names that the other side cannot hold
  std::uint64_t extra = 0;                             // only in the destination, and left there
};

// What happened to each file goes to the reporter as a record: "add", "change", "touch" (only its time or mode),
// "remove", "keep" (where everything is told), "extra", "skip", "refuse", "fail". What fails with single files is
// counted and the others go on; nothing is removed then. Code::refused by the rules of `Meant` and `max_removals`,
// before anything was changed; Code::locked where another run of the pair goes on and `wait` is no. At any failure or
// kill the next run goes on from there.
[[nodiscard]] Result<Totals> run(const Op& op, const Parts& parts, const Options& options);

// The folder's name of a pair, by what the two sides are.
[[nodiscard]] std::string pair_name(std::string_view source, std::string_view destination);

}  // namespace duskline::sync
