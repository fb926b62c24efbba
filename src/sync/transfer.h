// One file on its way, except for large ones, which travel in pieces (see executor.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/op.h"
#include "sync/place.h"
#include "sync/record_file.h"
#include "sync/sync.h"

namespace duskline::sync {

// What the record of a file becomes after its content was read, and the other side compared or written.
struct Outcome {
  enum class Kind : std::uint8_t {
    kept,       // was the same
    touched,    // only time or mode differed
    added,      // was copied, or would be by a run that writes
    changed,    // the same, in place of another version
    vanished,   // is gone from the source
    too_large,  // must travel in pieces
  } kind = Kind::kept;
  Record record;
  std::uint64_t moved_bytes = 0;
  std::uint64_t shown_bytes = 0;  // of the progress, that were counted on the way
};

class Transfer {
 public:
  Transfer(const Parts& parts, const Options& options) : parts_(parts), options_(options) {}

  // Compares where the record says so, and copies. A file that does not hold still is tried again, then Code::changing.
  Result<Outcome> run(const Op& op, const Record& record);

  // What begins and ends the way of a large file.
  struct Begun {
    Version version;
    NewFile file;
    std::int64_t began_ns = 0;
  };
  Result<std::optional<Begun>> look(const Op& op, const Record& record);  // nothing: it vanished
  Status set_aside(const Op& op, const Record& record);
  [[nodiscard]] Outcome stored(const Record& before, const Begun& begun, const Stamp& now, std::uint64_t moved) const;
  [[nodiscard]] std::int64_t now_ns() const { return parts_.clock.now().time_since_epoch().count(); }

 private:
  Result<Outcome> try_once(const Op& op, const Record& record);
  Result<Outcome> compare(const Op& op, const Record& record);
  Result<Outcome> copy(const Op& op, const Record& record);
  Result<Outcome> copy_in_one(const Op& op, const Record& record, const Begun& begun);
  Result<std::optional<Stamp>> touch(const Op& op, const std::string& path, const Version& source,
                                     const Version& destination);
  [[nodiscard]] NewFile new_file(const Record& record, const Version& version) const;
  [[nodiscard]] Record settled(Record record, const Version& version, std::int64_t began_ns) const;

  const Parts& parts_;
  const Options& options_;
};

}  // namespace duskline::sync
