#include <algorithm>
#include <map>
#include <mutex>

#include "store/body.h"
#include "store/stores.h"

namespace duskline::store {
namespace {

using disk::Directory;
using disk::Missing;

constexpr std::size_t piece_bytes = 256 << 10;
constexpr std::uint32_t file_mode = 0600, directory_mode = 0700;
constexpr std::string_view temp_prefix = "tmp-";
constexpr int max_temp_names = 10'000;
constexpr std::uint64_t keep_tenths =
    9;  // how full the cache stays after making room, so that it is not made each time

// The SHA-256 that a key promises of its object's bytes: "<set>/pack/<sha256>".
std::optional<Hash256> promised_hash(const Key& key) {
  const auto [parent, name] = disk::split_path(key.text());
  if (parent != "pack" && !parent.ends_with("/pack")) return std::nullopt;
  return Hash256::from_hex(name);
}

// One flat directory; equal packs of different sets stay apart, so that a set's cache never answers for another's.
std::string cache_name(const Key& key, const Hash256& hash) {
  constexpr std::size_t parent_digits = 16;
  return hash.hex() + "-" + sha256(disk::split_path(key.text()).first).hex().substr(0, parent_digits);
}

struct Seen {  // a file as it was when its hash was right
  std::uint64_t inode = 0, size_bytes = 0;
  std::int64_t mtime_ns = 0;
  bool operator==(const Seen&) const = default;
};
Seen seen_of(const disk::Stat& stat) { return {stat.inode, stat.size_bytes, stat.mtime_ns}; }

Result<Hash256> hash_file(const Op& op, disk::File& file, std::uint64_t size_bytes) {
  Bytes piece(static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes, piece_bytes)));
  Sha256 hash;
  for (std::uint64_t at = 0; at < size_bytes;) {
    DL_TRY(op.check());
    DL_ASSIGN(const std::size_t count, file.read_at(at, piece));
    if (count == 0) break;
    hash.update(ByteView(piece).first(count));
    at += count;
  }
  return hash.finish();
}

// The files of the cache. Whatever fails here makes a get slower, never wrong, and fails none.
class CacheFiles {
 public:
  CacheFiles(std::unique_ptr<Directory> directory, std::uint64_t most_bytes)
      : directory_(std::move(directory)), most_bytes_(most_bytes) {}

  // What an earlier run left unfinished goes; what another run is writing is locked.
  Status start() {
    DL_ASSIGN(const auto entries, directory_->list());
    for (const disk::DirectoryEntry& entry : entries) {
      if (!entry.name.starts_with(temp_prefix)) continue;
      if (const auto owner = directory_->try_lock(entry.name)) {
        DL_TRY(directory_->remove_file(entry.name, Missing::is_absent));
      }
    }
    make_room();
    return {};
  }

  struct Found {
    std::unique_ptr<disk::File> file;
    disk::Stat stat;
  };
  // The whole right file, or nothing.
  std::optional<Found> find(const Op& op, const std::string& name, const Hash256& hash) {
    auto file = directory_->open_read(name);
    if (!file) return std::nullopt;
    auto stat = (*file)->stat();
    if (!stat) return std::nullopt;
    if (!is_verified(name, *stat)) {
      const auto actual = hash_file(op, **file, stat->size_bytes);
      if (!actual) return std::nullopt;
      if (*actual != hash) {
        remove(name);
        return std::nullopt;
      }
    }
    touch(name, *stat);
    return Found{std::move(*file), *stat};
  }

  struct Draft {
    std::string name;
    std::unique_ptr<disk::File> file;
    std::unique_ptr<disk::Lock> lock;
  };
  std::optional<Draft> begin(std::uint64_t size_bytes) {
    if (size_bytes > most_bytes_) return std::nullopt;
    for (int i = 0; i < max_temp_names; ++i) {
      Draft draft{std::string(temp_prefix) + std::to_string(next_name()), nullptr, nullptr};
      auto file = directory_->create(draft.name, file_mode);
      if (!file && file.error().code == Code::already_exists) continue;
      if (!file) return std::nullopt;
      draft.file = std::move(*file);
      if (auto lock = directory_->try_lock(draft.name)) draft.lock = std::move(*lock);
      return draft;
    }
    return std::nullopt;
  }

  void keep(const Draft& draft, const std::string& name) {
    const auto stat = draft.file->stat();
    if (!stat || !directory_->rename(draft.name, *directory_, name)) return remove(draft.name);
    {
      const std::lock_guard lock(mutex_);
      verified_[name] = seen_of(*stat);
      newest_ns_ = std::max(newest_ns_, stat->mtime_ns);
      total_bytes_ += stat->size_bytes;
      if (total_bytes_ <= most_bytes_) return;
    }
    make_room();
  }

  void remove(const std::string& name) {
    (void)directory_->remove_file(name, Missing::is_absent);
    const std::lock_guard lock(mutex_);
    verified_.erase(name);
  }

 private:
  std::uint64_t next_name() {
    const std::lock_guard lock(mutex_);
    return ++names_;
  }

  bool is_verified(const std::string& name, const disk::Stat& stat) {
    const std::lock_guard lock(mutex_);
    const auto at = verified_.find(name);
    return at != verified_.end() && at->second == seen_of(stat);
  }

  // Makes the file the most recently used, by its mtime: later than that of any other seen so far.
  void touch(const std::string& name, disk::Stat& stat) {
    const std::lock_guard lock(mutex_);
    if (stat.mtime_ns < newest_ns_ && directory_->set_mtime(name, newest_ns_ + 1)) stat.mtime_ns = ++newest_ns_;
    newest_ns_ = std::max(newest_ns_, stat.mtime_ns);
    verified_[name] = seen_of(stat);
  }

  // Looks at what is there, other runs' files too, and removes the longest unused where it is too much.
  void make_room() {
    auto listed = directory_->list();
    if (!listed) return;
    std::ranges::sort(*listed, {}, [](const disk::DirectoryEntry& entry) { return entry.stat.mtime_ns; });
    const std::lock_guard lock(mutex_);
    total_bytes_ = 0;
    for (const disk::DirectoryEntry& entry : *listed) total_bytes_ += entry.stat.size_bytes;
    if (!listed->empty()) newest_ns_ = std::max(newest_ns_, listed->back().stat.mtime_ns);
    if (total_bytes_ <= most_bytes_) return;
    for (const disk::DirectoryEntry& entry : *listed) {
      if (total_bytes_ <= most_bytes_ / 10 * keep_tenths) return;
      if (entry.name.starts_with(temp_prefix)) continue;
      if (!directory_->remove_file(entry.name, Missing::is_absent)) continue;
      verified_.erase(entry.name);
      total_bytes_ -= entry.stat.size_bytes;
    }
  }

  const std::unique_ptr<Directory> directory_;
  const std::uint64_t most_bytes_;
  std::mutex mutex_;
  std::map<std::string, Seen> verified_;
  std::int64_t newest_ns_ = 0;
  std::uint64_t total_bytes_ = 0, names_ = 0;
};

// Gives a body to its reader and writes it down on the way.
class KeepingSink final : public Sink {
 public:
  KeepingSink(Sink& out, CacheFiles& files, const ObjectInfo& begun) : out_(out), files_(files), begun_(begun) {}
  ~KeepingSink() override {
    if (draft_) files_.remove(draft_->name);
  }

  Status write(ByteView bytes) override {
    if (at_ == 0) draft_ = files_.begin(begun_.size_bytes);
    DL_TRY(out_.write(bytes));
    hash_.update(bytes);
    if (draft_ && !draft_->file->write_at(at_, bytes)) {
      files_.remove(draft_->name);
      draft_.reset();
    }
    at_ += bytes.size();
    return {};
  }

  // After the whole body.
  Status finish(const Key& key, const Hash256& promised, const std::string& name) {
    if (hash_.finish() != promised) {
      return Error{Code::corrupt, "get " + key.text() + ": its bytes are not those that its name promises"};
    }
    if (draft_) files_.keep(*draft_, name);
    draft_.reset();
    return {};
  }

 private:
  Sink& out_;
  CacheFiles& files_;
  const ObjectInfo& begun_;
  std::optional<CacheFiles::Draft> draft_;
  Sha256 hash_;
  std::uint64_t at_ = 0;
};

class CacheStore final : public ObjectStore {
 public:
  CacheStore(std::unique_ptr<ObjectStore> inner, std::unique_ptr<CacheFiles> files)
      : inner_(std::move(inner)), files_(std::move(files)) {}

  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
    const std::optional<Hash256> hash = promised_hash(key);
    const bool is_plain = options.if_match.empty() && options.if_none_match.empty();
    if (!hash || !is_plain || options.freshness != Freshness::any) return inner_->get(op, key, options, sink);
    DL_TRY(op.check());
    const std::string name = cache_name(key, *hash);
    if (const auto found = files_->find(op, name, *hash)) return give(op, key, *found, *hash, options, sink);
    if (options.range) return inner_->get(op, key, options, sink);
    ObjectInfo begun;
    GetOptions noted = options;
    if (noted.begun == nullptr) noted.begun = &begun;
    KeepingSink keeping(sink, *files_, *noted.begun);
    DL_ASSIGN(ObjectInfo info, inner_->get(op, key, noted, keeping));
    DL_TRY(keeping.finish(key, *hash, name));
    return info;
  }

  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override { return inner_->head(op, key); }

  Result<ObjectInfo> put(const Op& op, const Key& key, Source& source, const PutOptions& options) override {
    return inner_->put(op, key, source, options);
  }

  Result<Listing> list(const Op& op, const ListQuery& query) override { return inner_->list(op, query); }

  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override {
    for (const Key& key : keys) {
      if (const auto hash = promised_hash(key)) files_->remove(cache_name(key, *hash));
    }
    return inner_->remove(op, keys);
  }

  [[nodiscard]] std::string describe() const override { return inner_->describe(); }

 private:
  static Result<ObjectInfo> give(const Op& op, const Key& key, const CacheFiles::Found& found, const Hash256& hash,
                                 const GetOptions& options, Sink& sink) {
    const ObjectInfo info{found.stat.size_bytes, hash.hex(), WallTime{std::chrono::nanoseconds(found.stat.mtime_ns)}};
    DL_ASSIGN(const ByteRange range, resolve_range(key, options.range, info.size_bytes));
    if (options.begun != nullptr) *options.begun = info;
    Bytes piece(static_cast<std::size_t>(std::min<std::uint64_t>(range.length_bytes, piece_bytes)));
    for (std::uint64_t done = 0; done < range.length_bytes;) {
      DL_TRY(op.check());
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), range.length_bytes - done));
      DL_ASSIGN(const std::size_t count, found.file->read_at(range.offset_bytes + done, ByteSpan(piece).first(want)));
      if (count == 0) return Error{Code::unavailable, "get " + key.text() + ": its copy in the cache was cut off"};
      DL_TRY(sink.write(ByteView(piece).first(count)));
      done += count;
    }
    return info;
  }

  std::unique_ptr<ObjectStore> inner_;
  std::unique_ptr<CacheFiles> files_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> cache_store(std::unique_ptr<ObjectStore> inner, disk::Filesystem& disk,
                                                 const std::string& path, std::uint64_t bytes) {
  DL_ASSIGN(auto directory, disk.open_or_create(path, directory_mode));
  auto files = std::make_unique<CacheFiles>(std::move(directory), bytes);
  DL_TRY(files->start());
  return std::make_unique<CacheStore>(std::move(inner), std::move(files));
}

}  // namespace duskline::store
