#include "release/remote.h"

#include <algorithm>
#include <utility>

#include "base/units.h"
#include "base/workers.h"

namespace duskline::release {
namespace {

constexpr std::uint64_t first_guess_bytes = 64 << 10;  // of an index whose size is not known
constexpr std::size_t max_read_ahead = 16;             // segments
constexpr std::uint64_t max_run_bytes = 16 << 20;
constexpr std::uint32_t scratch_mode = 0600;
constexpr std::uint64_t part_bytes = 11 << 10;
constexpr std::uint64_t max_parts = 6;

// Writes a body into a file from `offset` on, at most `limit` bytes.
class FileSink final : public Sink {
 public:
  FileSink(disk::File& file, std::uint64_t offset, std::uint64_t limit) : file_(file), begin_(offset), limit_(limit) {}
  Status write(ByteView bytes) override {
    if (bytes.size() > limit_ - written_) {
      return Error{Code::corrupt, "the store sends more than the " + format_bytes(limit_) + " that it should have"};
    }
    DL_TRY(file_.write_at(begin_ + written_, bytes));
    written_ += bytes.size();
    return {};
  }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  disk::File& file_;
  std::uint64_t begin_, limit_, written_ = 0;
};

Error missing(const store::ObjectStore& store, const model::SetName& set, const model::ReleaseId& id, Error cause) {
  return wrap(std::move(cause), "fetch the manifest of release " + id.short_hex() + " of set \"" + set.text() +
                                    "\" from " + store.describe());
}

Result<std::unique_ptr<disk::File>> new_file(disk::Directory& scratch, const std::string& name) {
  DL_TRY(scratch.remove_file(name, disk::Missing::is_absent));
  return scratch.create(name, scratch_mode);
}

Status check_size(std::uint64_t expected, std::uint64_t found, std::string_view what) {
  if (expected == 0 || expected == found) return {};
  return Error{Code::corrupt, "the " + std::string(what) + " of the manifest has " + std::to_string(found) +
                                  " bytes, but the head says " + std::to_string(expected)};
}

// Fetches an object of known size by several requests at a time. On a connection just opened a server may send about a
// dozen KiB in the first round trip, so that a small object too comes sooner by several, and they are warm afterwards.
Status get_in_parts(store::ObjectStore& store, const Op& op, const store::Key& key, std::uint64_t length,
                    disk::File& file) {
  const std::uint64_t parts = std::clamp<std::uint64_t>(length / part_bytes, 1, max_parts);
  const std::uint64_t step = length / parts + 1;
  WorkerPool pool(op, static_cast<unsigned>(parts), parts);
  for (std::uint64_t begins = 0; begins < length; begins += step) {
    const bool taken = pool.submit([&, begins, size = std::min(step, length - begins)](const Op& own) -> Status {
      store::GetOptions options;
      options.range = store::ByteRange{begins, size};
      FileSink sink(file, begins, size);
      DL_ASSIGN(const store::ObjectInfo info, store.get(own, key, options, sink));
      DL_TRY(check_size(length, info.size_bytes, "whole"));
      return sink.written() == size ? Status{} : Error{Code::corrupt, "a part of it was cut short"};
    });
    if (!taken) break;
  }
  return pool.finish();
}

// Segments of an object in a store, kept in a sparse local file once fetched.
class RemoteSegments final : public SegmentSource {
 public:
  RemoteSegments(store::ObjectStore& store, store::Key key, const std::vector<SegmentInfo>& segments,
                 std::unique_ptr<disk::File> file)
      : store_(store), key_(std::move(key)), file_(std::move(file)), present_(segments.size(), false) {
    for (const SegmentInfo& segment : segments) begin_.push_back(segment.offset_bytes);
    begin_.push_back(segments.back().offset_bytes + segments.back().stored_bytes());
  }

  Status read(const Op& op, std::uint64_t offset, std::uint64_t length, Bytes& out) override {
    const auto after = std::upper_bound(begin_.begin(), begin_.end(), offset);
    const auto number = static_cast<std::size_t>(after - begin_.begin()) - 1;
    if (!present_[number]) DL_TRY(fetch(op, number));
    out.resize(length);
    DL_ASSIGN(const std::size_t got, file_->read_at(offset, out));
    if (got != length) return Error{Code::corrupt, "the temporary file of a manifest was cut short while in use"};
    return {};
  }

 private:
  Status fetch(const Op& op, std::size_t first) {
    read_ahead_ = first == next_ ? std::min(read_ahead_ * 2, max_read_ahead) : 1;
    std::size_t last = first + 1;
    while (last < present_.size() && !present_[last] && last - first < read_ahead_ &&
           begin_[last + 1] - begin_[first] <= max_run_bytes) {
      ++last;
    }
    const std::uint64_t length = begin_[last] - begin_[first];
    store::GetOptions options;
    options.range = store::ByteRange{begin_[first], length};
    FileSink sink(*file_, begin_[first], length);
    const auto got = store_.get(op, key_, options, sink);
    if (!got) return wrap(got.error(), "fetch a part of " + key_.text());
    if (sink.written() != length) return Error{Code::corrupt, key_.text() + " is shorter than its index says"};
    std::fill(present_.begin() + static_cast<std::ptrdiff_t>(first),
              present_.begin() + static_cast<std::ptrdiff_t>(last), true);
    next_ = last;
    return {};
  }

  store::ObjectStore& store_;
  store::Key key_;
  std::unique_ptr<disk::File> file_;
  std::vector<std::uint64_t> begin_;  // of each segment, and the object's end
  std::vector<bool> present_;
  std::size_t next_ = SIZE_MAX, read_ahead_ = 1;
};

// The first `length` bytes of an object (fewer if it is shorter).
Result<Bytes> get_start(store::ObjectStore& store, const Op& op, const store::Key& key, std::uint64_t length,
                        store::ObjectInfo& info) {
  store::GetOptions options;
  options.range = store::ByteRange{0, length};
  return store::get_all(store, op, key, length, options, &info);
}

Result<ManifestIndex> get_index(store::ObjectStore& store, const Op& op, const store::Key& key,
                                const ExpectedSize& expected) {
  store::ObjectInfo info;
  const std::uint64_t guess = expected.index_bytes != 0 ? expected.index_bytes : first_guess_bytes;
  DL_ASSIGN(Bytes start, get_start(store, op, key, guess, info));
  DL_ASSIGN(const std::uint64_t length, index_size(start));
  DL_TRY(check_size(expected.index_bytes, length, "index"));
  if (start.size() < length && start.size() == guess) {
    DL_ASSIGN(start, get_start(store, op, key, length, info));
  }
  DL_ASSIGN(ManifestIndex index, decode_index(start));
  DL_TRY(check_size(expected.total_bytes, index.total_bytes, "whole"));
  if (info.size_bytes != index.total_bytes) {
    return Error{Code::corrupt, "it has " + std::to_string(info.size_bytes) + " bytes, but its index says " +
                                    std::to_string(index.total_bytes)};
  }
  return index;
}

}  // namespace

Status check_statement(const ManifestIndex& index, const model::SetName& set, const model::ReleaseId& id,
                       const std::vector<PublicKey>& trusted) {
  const auto payload = model::verify_envelope(bytes_of(index.envelope), trusted);
  if (!payload) return wrap(payload.error(), "the manifest of release " + id.short_hex());
  if (index.id != id) {
    return Error{Code::corrupt,
                 "the store gave release " + index.id.short_hex() + " where " + id.short_hex() + " was asked for"};
  }
  if (index.release.set != set.text()) {
    return Error{Code::untrusted, "release " + id.short_hex() + " is signed for set \"" + index.release.set +
                                      "\", not for \"" + set.text() + "\""};
  }
  return {};
}

Result<std::unique_ptr<Manifest>> open_remote_manifest(store::ObjectStore& store, const Op& op,
                                                       const model::SetName& set, const model::ReleaseId& id,
                                                       const ExpectedSize& expected,
                                                       const std::vector<PublicKey>& trusted, disk::Directory& scratch,
                                                       const std::string& name) {
  DL_ASSIGN(std::unique_ptr<disk::File> file, new_file(scratch, name));
  const store::Key key(model::release_key(set, id));
  Status got;
  if (expected.total_bytes != 0) {
    got = get_in_parts(store, op, key, expected.total_bytes, *file);
  } else {
    FileSink sink(*file, 0, max_manifest_bytes);
    auto info = store.get(op, key, {}, sink);
    if (!info) got = std::move(info).error();
  }
  if (!got) return missing(store, set, id, std::move(got).error());
  auto manifest = Manifest::open(std::move(file));
  if (!manifest) return missing(store, set, id, std::move(manifest).error());
  const ManifestIndex& index = (*manifest)->index();
  DL_TRY(check_statement(index, set, id, trusted));
  DL_TRY(check_size(expected.index_bytes, index.index_bytes, "index"));
  DL_TRY(check_size(expected.total_bytes, index.total_bytes, "whole"));
  return manifest;
}

Result<std::unique_ptr<Manifest>> open_remote_manifest_on_demand(store::ObjectStore& store, const Op& op,
                                                                 const model::SetName& set, const model::ReleaseId& id,
                                                                 const ExpectedSize& expected,
                                                                 const std::vector<PublicKey>& trusted,
                                                                 disk::Directory& scratch, const std::string& name) {
  const store::Key key(model::release_key(set, id));
  auto index = get_index(store, op, key, expected);
  if (!index) return missing(store, set, id, std::move(index).error());
  DL_TRY(check_statement(*index, set, id, trusted));
  DL_ASSIGN(std::unique_ptr<disk::File> file, new_file(scratch, name));
  auto segments = std::make_unique<RemoteSegments>(store, key, index->segments, std::move(file));
  return std::make_unique<Manifest>(std::move(*index), std::move(segments));
}

}  // namespace duskline::release
