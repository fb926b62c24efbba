// The storage engine of our own S3 server: buckets and versions of objects in one directory, served by one process.
//
// Durable: a call that changes something returns when the change would survive a power cut. Atomic: readers see the
// old or the new, and a Reading goes on with the version it began with. Writes are grouped: calls that wait at the
// same time share one flush. Every stored byte is covered by a hash. After kill -9 at any point, open() finds
// everything that was acknowledged and nothing half-written. How it lies on disk: docs/formats/objects.md.
//
// All methods may be called from any thread. Errors: Code::not_found (bucket, version, upload), already_exists, invalid
// (an empty key or bucket name, a run beyond a version's end), too_large (a key of more than 1,024 bytes), no_space,
// io, corrupt (stored bytes differ from their hash), locked (another process has the directory open), and whatever a
// Gate returns. A write that failed for the disk's sake was not done; once the disk can again, writes can.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/op.h"
#include "base/report.h"
#include "http/server.h"
#include "objects/types.h"

namespace duskline::objects {

// Bytes on their way in: nobody sees them before a put takes them, and they are gone when this is destroyed before.
class Incoming {
 public:
  virtual ~Incoming() = default;
  virtual Status write(ByteView bytes) = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
};

// Decides on a write while no other can come between: `current` is the version that the write would replace or
// remove (for a put: the latest, which may be a delete marker), or null. Must not call the engine.
using Gate = std::function<Status(const Version* current)>;

struct PutRequest {
  std::string bucket, key;
  std::unique_ptr<Incoming> bytes;
  std::string etag;
  std::string owner;
  Properties properties;
  Gate gate;  // may be empty
};

struct RemoveRequest {
  std::string bucket, key;
  std::optional<std::string> version;  // exactly this one; else the latest, as the bucket's versioning says
  std::string owner;                   // of a delete marker
  Gate gate;
};
struct Removed {
  std::optional<Version> marker;   // the delete marker that was made
  std::optional<Version> version;  // what is gone; nothing where there was nothing
};

struct CompleteRequest {
  std::string bucket, key, upload;
  std::vector<std::uint32_t> parts;     // ascending; each must be there, else Code::invalid
  std::vector<std::string> part_etags;  // empty, or one for each part: Code::invalid where it is another
  std::string etag;
  std::string owner;
  Properties properties;
  Gate gate;
};

struct ListRequest {
  std::string bucket;
  std::string prefix;
  std::string delimiter;       // empty: none
  std::string after;           // only keys (or common prefixes) greater than this
  std::string after_version;   // of listings of versions: only versions of `after` older than this, and later keys
  std::uint32_t limit = 1000;  // entries and common prefixes together
  bool versions = false;       // all versions and delete markers, newest first within a key; else latest objects
};
struct ListResult {
  std::vector<Version> entries;       // without parts and extents
  std::vector<std::string> prefixes;  // common prefixes, in order
  bool truncated = false;
  std::string next;          // to continue: the last key or common prefix
  std::string next_version;  // of listings of versions; empty after a common prefix
};

struct UploadListRequest {
  std::string bucket, prefix, delimiter;
  std::string after_key, after_upload;
  std::uint32_t limit = 1000;
};
struct UploadList {
  std::vector<Upload> uploads;  // by key, then by time of beginning
  std::vector<std::string> prefixes;
  bool truncated = false;
  std::string next_key, next_upload;
};

struct PartList {
  std::vector<Part> parts;
  bool truncated = false;
};

// A run of a version's bytes, checked against their hashes, ready to be sent.
struct Reading {
  std::vector<http::FileSlice> slices;
  // The same bytes where the run is small and had to be read anyway; empty otherwise. Sending them is cheaper.
  std::string bytes;
};

struct Counts {
  std::uint64_t buckets = 0, versions = 0;
  std::uint64_t live_bytes = 0;    // the sizes of all versions
  std::uint64_t stored_bytes = 0;  // of log and data files; copies share
  // Of the log, since it was opened: syncs, what was made durable by one, changes.
  std::uint64_t flushes = 0, batches = 0, writes = 0;
};

struct ScrubReport {
  std::uint64_t versions = 0, bytes = 0;
  std::vector<Version> rotten;         // at most 1,000
  std::vector<std::string> other_rot;  // of the log itself, of parts of uploads; at most 1,000
};

class Objects {
 public:
  virtual ~Objects() = default;

  virtual Result<Bucket> create_bucket(const Op&, const Bucket&) = 0;  // Code::already_exists
  // Code::refused where it holds versions (uploads go with it).
  virtual Status remove_bucket(const Op&, const std::string& name, const Gate& gate = {}) = 0;
  virtual Result<std::optional<Bucket>> bucket(const std::string& name) = 0;  // cheap: from memory
  virtual Result<std::vector<Bucket>> buckets() = 0;                          // by name
  // `change` sees the bucket as it is, and may refuse. Names, owners and times do not change. Code::refused where a
  // bucket that was versioned once would become one that never was.
  virtual Result<Bucket> change_bucket(const Op&, const std::string& name,
                                       const std::function<Status(Bucket&)>& change) = 0;

  [[nodiscard]] virtual Result<std::unique_ptr<Incoming>> receive(std::optional<std::uint64_t> size_bytes) = 0;
  // The bytes of a run of a version, shared rather than copied. The version must still be there.
  virtual Result<std::unique_ptr<Incoming>> share(const Version& version, std::uint64_t offset_bytes,
                                                  std::uint64_t length_bytes) = 0;

  virtual Result<Version> put(const Op&, PutRequest request) = 0;
  virtual Result<Removed> remove(const Op&, const RemoveRequest& request) = 0;
  // `change` may alter the properties (and nothing else). `version`: nothing for the latest.
  virtual Result<Version> change(const Op&, const std::string& bucket, const std::string& key,
                                 const std::optional<std::string>& version,
                                 const std::function<Status(Version&)>& change) = 0;

  // The latest version (also where it is a delete marker) or that one. Waits for nothing but page cache.
  virtual Result<std::optional<Version>> find(const std::string& bucket, const std::string& key,
                                              const std::optional<std::string>& version) = 0;
  // Opens a run for sending; Code::not_found where the version was removed meanwhile. Reads and checks what was not
  // checked since it was opened; `no_wait` gives nothing where that would need the disk for more than a small read, so
  // that an event loop can leave it to a worker.
  enum class Wait : std::uint8_t { yes, no };
  virtual Result<std::optional<Reading>> open(const Version& version, std::uint64_t offset_bytes,
                                              std::uint64_t length_bytes, Wait wait) = 0;
  virtual Result<ListResult> list(const Op&, const ListRequest& request) = 0;

  virtual Result<Upload> create_upload(const Op&, const Upload& upload) = 0;  // gives id and time
  virtual Result<std::optional<Upload>> upload(const std::string& bucket, const std::string& key,
                                               const std::string& id) = 0;
  virtual Result<Part> put_part(const Op&, const Upload& upload, std::uint32_t number, std::unique_ptr<Incoming> bytes,
                                std::string etag, Properties properties) = 0;
  virtual Result<PartList> parts(const Op&, const Upload& upload, std::uint32_t after, std::uint32_t limit) = 0;
  virtual Result<UploadList> uploads(const Op&, const UploadListRequest& request) = 0;
  virtual Result<Version> complete(const Op&, CompleteRequest request) = 0;
  virtual Status abort(const Op&, const Upload& upload) = 0;

  [[nodiscard]] virtual Counts counts() = 0;
  // Reads everything at `bytes_per_second` (0: as fast as it goes) and reports what differs from its hash or cannot be
  // read. What the page cache holds is taken from there: it is what would be sent.
  virtual Result<ScrubReport> scrub(const Op&, std::uint64_t bytes_per_second) = 0;
};

struct ObjectsOptions {
  std::string directory;
  std::uint64_t index_cache_bytes = 24 << 20;
  std::size_t open_files = 256;
  Reporter* reporter = nullptr;  // for notes; may be called from any thread
};
// Creates the directory where it is missing (and its parent is there). Replays what the index does not hold yet.
[[nodiscard]] Result<std::unique_ptr<Objects>> open_objects(const ObjectsOptions& options, Clock& clock);

struct CheckReport {
  std::uint64_t buckets = 0, versions = 0, problems = 0;
  std::vector<std::string> messages;  // at most 1,000
};
enum class CheckMode : std::uint8_t { report, rebuild };  // rebuild: the index is made anew from the data files
[[nodiscard]] Result<CheckReport> check_objects(const Op&, const ObjectsOptions& options, Clock& clock, CheckMode mode);

}  // namespace duskline::objects
