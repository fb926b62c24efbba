// One side of a sync: a directory of files, or a bucket's objects below a prefix; and wrappers of the same type.
//
// Paths are relative to the top, of any bytes, with '/' between names; one that ends with '/' is that of an empty
// directory. All methods may be called from several threads at once and end with Code::cancelled soon after the Op's
// stop token fires. Places never try again (see retry_place.h). What a method writes is seen by others whole or not at
// all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "base/stream.h"
#include "sync/stamp.h"

namespace duskline::sync {

struct Entry {
  std::string path;
  Stamp stamp;
};

// What goes with a file's content. A place keeps what it can.
struct Attributes {
  std::optional<std::int64_t> mtime_ns;
  std::optional<std::uint32_t> mode;
  // Of an object: its headers that describe content, and x-amz-meta-*; without mtime.
  std::vector<std::pair<std::string, std::string>> headers;
};

struct Version {
  Stamp stamp;
  Attributes attributes;
  bool has_md5_etag = false;     // the ETag was made from the content by MD5, so far as can be known
  std::uint64_t part_bytes = 0;  // of each part but the last that the ETag was made from; 0: not known
};

// Where a place lies, so that a run can tell that it is another one than the last time. Empty for a bucket.
struct Ground {
  std::string filesystem_id;
  bool is_mount_point = false;
};

// Entries in byte order of their paths.
class Lister {
 public:
  virtual ~Lister() = default;
  // nullptr at the end. Valid until the next call.
  virtual Result<const Entry*> next() = 0;
};

struct Range {
  std::uint64_t offset_bytes = 0, length_bytes = 0;
};

// A large file on its way into a place, piece by piece, in any order and several at once.
class Upload {
 public:
  virtual ~Upload() = default;
  std::string token;        // names it to a later run, which may go on with it
  bool is_resumed = false;  // the token that was given is still good
  std::vector<bool> done;   // by piece: is there already, so far as the place itself knows
};

class Place;

// A version of a file in another place, to be copied from there.
struct Origin {
  Place& place;
  const std::string& path;
  const Stamp& stamp;
  bool failed = false;  // an error came from there: it is not this place's to try again
};

// How a file's content can be recognised: the MD5 of the whole, or the MD5 of the MD5s of its parts, for the first size
// of parts in the list that gives it.
struct Fingerprint {
  std::string etag;
  std::vector<std::uint64_t> part_bytes;
  bool is_certain = false;  // content that does not match is other content; else its parts may be of another size
};

struct NewFile {
  std::string path;
  std::uint64_t size_bytes = 0;
  std::uint64_t piece_bytes = 0;  // of every piece but the last
  Attributes attributes;
};

// What is to go, and the version of it that a listing showed.
struct Removal {
  std::string path;
  Stamp stamp;
};

struct RemoveFailure {
  std::string path;
  Error error;
};

// Whether something lies at a path, asked apart from any listing.
enum class Presence : std::uint8_t {
  absent,
  present,
  other,  // what no sync copies stands there, or in its way: a symbolic link, a FIFO, a device
};

// What stands at a path is not what it should be: a file where a directory is needed, or the other way round.
[[nodiscard]] Error in_the_way(std::string message);
[[nodiscard]] bool is_in_the_way(const Error& error);

class Place {
 public:
  virtual ~Place() = default;

  virtual Result<Ground> ground() = 0;
  // Why nothing can stand here under `path`; nothing where it can.
  [[nodiscard]] virtual std::optional<std::string> why_not(std::string_view path) const = 0;
  // Whether no path can lie below a file's.
  enum class Nesting : std::uint8_t { below_directories_only, free };
  [[nodiscard]] virtual Nesting nesting() const = 0;
  // What comes after `after` (a path; "": everything). Entries that cannot be part of a sync are recorded as "skip" or
  // "refuse" with their reason. Code::refused for a directory that may not be read.
  virtual Result<std::unique_ptr<Lister>> list(const Op&, Reporter&, const std::string& after) = 0;
  virtual Result<std::optional<Version>> look(const Op&, const std::string& path) = 0;
  virtual Result<Presence> presence(const Op&, const std::string& path) = 0;

  // All of a file, at most `limit` bytes: Code::changing where it is longer, or does not hold still. What arrives is
  // checked as far as the place can.
  virtual Result<Version> fetch(const Op&, const std::string& path, std::uint64_t limit, Bytes& into) = 0;
  // A part of just this version; Code::changing where there is another by now.
  virtual Status read(const Op&, const std::string& path, const Stamp&, Range, Sink&) = 0;
  // The same, to be drawn from, as often as needed.
  virtual Result<std::unique_ptr<Source>> open(const Op&, const std::string& path, const Stamp&, Range) = 0;

  // Whether just this version has that fingerprint. Nothing where it would have to be fetched to tell.
  virtual Result<std::optional<bool>> matches(const Op&, const std::string& path, const Stamp&, const Fingerprint&) = 0;

  // A small file, or an empty directory.
  virtual Result<Stamp> store(const Op&, const std::string& path, ByteView, const Attributes&) = 0;
  // `token` is that of an earlier run's Upload of the same file, or empty.
  virtual Result<std::unique_ptr<Upload>> begin(const Op&, const NewFile&, const std::string& token) = 0;
  virtual Status write(const Op&, const NewFile&, Upload&, std::size_t piece, Range, Origin&) = 0;
  // The file is there once this succeeds. Code::corrupt where the content can be checked by `expected` and differs.
  virtual Result<Stamp> finish(const Op&, const NewFile&, Upload&, const Fingerprint& expected) = 0;
  // Drops the upload `token` of `path`, as far as possible.
  virtual void give_up(const Op&, const std::string& path, const std::string& token) = 0;
  // Copies a file within one machine or service, where that can be done at once. Nothing where it cannot.
  virtual Result<std::optional<Stamp>> copy(const Op&, const NewFile&, Origin&) = 0;

  virtual Result<Stamp> set_attributes(const Op&, const std::string& path, const Stamp&, const Attributes&) = 0;
  // Files and empty directories; for each what failed. Absence is no failure. Where that can be told at once, what is
  // another file by now stays: Code::changing.
  virtual Result<std::vector<RemoveFailure>> remove(const Op&, std::span<const Removal> removals) = 0;
  // Copies a file into the backup place (see the constructors), over one that is there already. Absence is no failure.
  virtual Status set_aside(const Op&, const std::string& path) = 0;

  // Removes what killed runs of this pair left behind, except the uploads with these tokens. After a list().
  virtual Status tidy(const Op&, const std::vector<std::string>& tokens_to_keep) = 0;
  // Everything written before survives a power cut after this.
  virtual Status settle(const Op&) = 0;
  // What a wrapper wraps; else the place itself.
  [[nodiscard]] virtual Place& base() { return *this; }
  [[nodiscard]] virtual FileClock clock() const = 0;
  [[nodiscard]] virtual std::string describe() const = 0;  // for messages; no secrets
};

}  // namespace duskline::sync
