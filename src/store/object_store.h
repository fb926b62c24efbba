// A place for named, immutable-by-convention blobs: S3, a directory, memory; and wrappers of the same type.
//
// All methods may be called from several threads at once, wait at most until the Op's deadline, and end with
// Code::cancelled soon after its stop token fires. Backends never retry (RetryStore does). After a put has
// returned successfully the object is durable as far as the backend can make it, and visible to every reader.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/op.h"
#include "base/result.h"
#include "base/stream.h"

namespace duskline::store {

// An object's name below the store's prefix: 1-900 bytes of components joined by '/', none of them empty, "."
// or "..", of printable ASCII without '\' (so that every backend can hold it).
class Key {
 public:
  [[nodiscard]] static Result<Key> parse(std::string_view text);
  // For keys that the program itself builds; breaks off the program on a bad one (a bug, not input).
  explicit Key(std::string text);
  [[nodiscard]] const std::string& text() const { return text_; }
  auto operator<=>(const Key&) const = default;

 private:
  std::string text_;
};

struct ObjectInfo {
  std::uint64_t size_bytes = 0;  // of the whole object, also after a ranged get
  std::string etag;              // opaque, for conditions; never empty
  WallTime modified{};           // by the store's clock
};

struct ByteRange {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;  // at least 1; cut off at the object's end
};

enum class Freshness : std::uint8_t { any, revalidated };  // revalidated: caches on the way must ask the origin

struct GetOptions {
  std::optional<ByteRange> range;
  std::string if_match;       // else Code::precondition
  std::string if_none_match;  // else Code::not_modified
  Freshness freshness = Freshness::any;
  // Where set: filled before the sink sees the first byte, so that a get which broke in mid-body can be resumed bound
  // to the same version.
  ObjectInfo* begun = nullptr;
};

enum class Caching : std::uint8_t { immutable, forbidden };  // forbidden: stored as no-store

struct PutOptions {
  std::string if_match;  // replace exactly this version, else Code::precondition
  enum class Existing : std::uint8_t {
    replace,
    refuse
  } existing = Existing::replace;  // refuse: else Code::precondition
  std::optional<Hash256> sha256;   // of the whole body, when known
  Caching caching = Caching::immutable;
};

struct ListQuery {
  std::string prefix;       // a string prefix of keys, not necessarily at a '/'
  std::string start_after;  // only keys greater than this
  std::uint32_t limit = 1000;
};
struct ListedObject {
  Key key;
  ObjectInfo info;
};
struct Listing {
  std::vector<ListedObject> objects;  // in byte order of keys
  bool truncated = false;             // more follow the last one
};

struct RemoveFailure {
  Key key;
  Error error;
};
struct RemoveReport {
  std::vector<RemoveFailure> failures;
};  // a key that did not exist is not a failure

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  // Absent: Code::not_found. A range that begins past the end: Code::invalid. A body that ends early or is
  // longer than announced: Code::unavailable; the sink has then seen a part of it.
  virtual Result<ObjectInfo> get(const Op&, const Key&, const GetOptions&, Sink&) = 0;
  virtual Result<std::optional<ObjectInfo>> head(const Op&, const Key&) = 0;
  // Rewinds the source first. Readers see the old or the whole new object. A body that is shorter or longer than the
  // source promised: Code::changing; one that differs from `sha256`: Code::corrupt; nothing is stored then. With a
  // condition and an endpoint without them: Code::unsupported. A put that failed with Code::unavailable or timeout may
  // have happened all the same, so that a condition tried again fails: the caller reads back and compares.
  virtual Result<ObjectInfo> put(const Op&, const Key&, Source&, const PutOptions&) = 0;
  // At most `limit` objects; a backend may give fewer and say `truncated`.
  virtual Result<Listing> list(const Op&, const ListQuery&) = 0;
  // Any number of keys. An outcome per key; an error of the whole where nothing is known of any.
  virtual Result<RemoveReport> remove(const Op&, std::span<const Key>) = 0;
  [[nodiscard]] virtual std::string describe() const = 0;  // "s3://bucket/prefix at http://..."; no secrets
};

// Small objects whole.
[[nodiscard]] Result<Bytes> get_all(ObjectStore&, const Op&, const Key&, std::uint64_t limit_bytes,
                                    const GetOptions& = {}, ObjectInfo* info = nullptr);
[[nodiscard]] Result<ObjectInfo> put_all(ObjectStore&, const Op&, const Key&, ByteView, PutOptions);

// Calls `fn` for every object below `prefix`, page by page.
[[nodiscard]] Status for_each_object(ObjectStore&, const Op&, const std::string& prefix,
                                     const std::function<Status(const ListedObject&)>& fn);

}  // namespace duskline::store
