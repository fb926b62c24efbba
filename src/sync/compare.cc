#include "sync/compare.h"

#include <optional>

#include "base/hash.h"
#include "sync/fingerprint.h"

namespace duskline::sync {
namespace {

class HashSink final : public Sink {
 public:
  Status write(ByteView bytes) override {
    hash_.update(bytes);
    return {};
  }
  [[nodiscard]] Hash256 finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

Result<Hash256> hash_of(const Op& op, const std::string& path, const Side& side) {
  HashSink sink;
  const Stamp& stamp = side.version.stamp;
  if (stamp.size_bytes > 0) DL_TRY(side.place.read(op, path, stamp, {0, stamp.size_bytes}, sink));
  return sink.finish();
}

// Two ETags that say for certain, with nothing read.
std::optional<bool> by_etags(const Version& a, const Version& b) {
  if (!a.has_md5_etag || !b.has_md5_etag) return std::nullopt;
  if (a.stamp.etag == b.stamp.etag) return true;
  // Of objects made of parts, only equal tags say something.
  if (form_of(a.stamp.etag).parts == 0 && form_of(b.stamp.etag).parts == 0) return false;
  return std::nullopt;
}

// `tagged`'s ETag made again from the content of `other`. Nothing where that cannot be done without fetching, or the
// sizes of the parts are not known.
Result<std::optional<bool>> by_fingerprint(const Op& op, const std::string& path, const Version& tagged,
                                           const Side& other) {
  if (!tagged.has_md5_etag) return std::optional<bool>();
  const Fingerprint wanted = fingerprint_of(tagged);
  DL_ASSIGN(const auto same, other.place.matches(op, path, other.version.stamp, wanted));
  if (same && !*same && !wanted.is_certain) return std::optional<bool>();
  return same;
}

}  // namespace

Result<bool> is_same_content(const Op& op, const std::string& path, const Side& a, const Side& b) {
  if (a.version.stamp.size_bytes == 0) return true;
  if (const auto same = by_etags(a.version, b.version)) return *same;
  DL_ASSIGN(const auto by_a, by_fingerprint(op, path, a.version, b));
  if (by_a) return *by_a;
  DL_ASSIGN(const auto by_b, by_fingerprint(op, path, b.version, a));
  if (by_b) return *by_b;
  DL_ASSIGN(const Hash256 left, hash_of(op, path, a));
  DL_ASSIGN(const Hash256 right, hash_of(op, path, b));
  return left == right;
}

}  // namespace duskline::sync
