#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <set>

#include "base/units.h"
#include "store/body.h"
#include "store/dir_list.h"
#include "store/stores.h"

namespace duskline::store {
namespace {

using disk::Directory;
using disk::FileKind;
using disk::Missing;

constexpr std::size_t piece_bytes = 256 << 10;
constexpr std::size_t max_name_bytes = 255;
constexpr std::uint32_t default_directory_mode = 0755;
constexpr auto leftover_age = std::chrono::hours(24);
constexpr std::chrono::microseconds first_lock_wait{200}, longest_lock_wait{20'000};
constexpr int max_unfinished = 100'000;  // files of killed runs; more than that is not ours

const std::string lock_name = "lock";

ObjectInfo info_of(const disk::Stat& stat) {
  char etag[64];
  std::snprintf(etag, sizeof etag, "%llx-%llx-%llx", static_cast<unsigned long long>(stat.inode),
                static_cast<unsigned long long>(stat.mtime_ns), static_cast<unsigned long long>(stat.size_bytes));
  return {stat.size_bytes, etag, WallTime{std::chrono::nanoseconds(stat.mtime_ns)}};
}

// Why a directory cannot hold `key`, or nullptr.
const char* why_not_here(const Key& key) {
  std::string_view rest = key.text();
  if (rest == temp_directory || rest.starts_with(std::string(temp_directory) + "/")) {
    return "the name is reserved for unfinished uploads";
  }
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (end > max_name_bytes) return "a component of it is longer than a file name can be";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return nullptr;
}

// The file at `path` or above it, if there is one: nothing can lie below it.
std::optional<std::string> object_above(Directory& root, std::string_view path) {
  for (; !path.empty(); path = disk::split_path(path).first) {
    const auto seen = root.stat(path);
    if (seen && *seen && (*seen)->kind == FileKind::file) return std::string(path);
  }
  return std::nullopt;
}

// The object at `path`, or nothing: also where a directory lies there, or a file where the path needs a directory.
Result<std::optional<disk::Stat>> stat_object(Directory& root, std::string_view path) {
  auto stat = root.stat(path);
  if (!stat) {
    if (object_above(root, disk::split_path(path).first)) return std::nullopt;
    return stat;
  }
  if (!*stat || (*stat)->kind == FileKind::directory) return std::nullopt;
  if ((*stat)->kind != FileKind::file) return not_followed(root, path);
  return stat;
}

Status sync_directory(Directory& root, std::string_view path) {
  if (path.empty()) return root.sync();
  DL_ASSIGN(const auto directory, root.open_directory(path));
  return directory->sync();
}

class FileSink final : public Sink {
 public:
  explicit FileSink(disk::File& file) : file_(file) {}
  Status write(ByteView bytes) override {
    DL_TRY(file_.write_at(at_, bytes));
    at_ += bytes.size();
    return {};
  }

 private:
  disk::File& file_;
  std::uint64_t at_ = 0;
};

// An unfinished upload. Its lock, held until it is renamed, tells other runs that somebody still writes it.
struct Unfinished {
  std::string name;
  std::unique_ptr<disk::File> file;
  std::unique_ptr<disk::Lock> lock;
};

class DirStore final : public ObjectStore {
 public:
  DirStore(disk::Filesystem& disk, std::string path, std::shared_ptr<Directory> root)
      : disk_(disk), path_(std::move(path)), root_(std::move(root)) {}

  Result<ObjectInfo> get(const Op&, const Key&, const GetOptions&, Sink&) override;
  Result<std::optional<ObjectInfo>> head(const Op&, const Key&) override;
  Result<ObjectInfo> put(const Op&, const Key&, Source&, const PutOptions&) override;
  Result<Listing> list(const Op&, const ListQuery&) override;
  Result<RemoveReport> remove(const Op&, std::span<const Key>) override;
  [[nodiscard]] std::string describe() const override { return "directory " + path_; }

 private:
  Error absent(const Key& key) const {
    return {Code::not_found, "get " + key.text() + ": no such object in " + describe()};
  }
  Result<std::shared_ptr<Directory>> root_if_there();
  Status prepare_writing();
  Result<std::unique_ptr<disk::Lock>> lock_store(const Op& op);
  Status remove_leftovers(const Op& op);
  Result<Unfinished> begin();
  Result<ObjectInfo> finish(const Op& op, const Key& key, Unfinished& upload, const PutOptions& options);
  Status swap_in(const Op& op, const Key& key, Unfinished& upload, const PutOptions& options, disk::Stat& now);
  Status make_durable_parent(std::string_view parent);
  Result<bool> remove_one(const Op& op, Directory& root, const Key& key);

  disk::Filesystem& disk_;
  const std::string path_;
  std::mutex mutex_;
  std::shared_ptr<Directory> root_, temp_;  // null until they exist
  std::uint32_t directory_mode_ = default_directory_mode;
  std::set<std::string, std::less<>> durable_parents_;  // that this process made sure of
  std::atomic<std::uint64_t> next_name_{0};
};

Result<std::shared_ptr<Directory>> DirStore::root_if_there() {
  const std::lock_guard lock(mutex_);
  if (root_) return root_;
  auto opened = disk_.open(path_);
  if (!opened && opened.error().code == Code::not_found) return std::shared_ptr<Directory>();
  if (!opened) return std::move(opened).error();
  root_ = std::move(*opened);
  return root_;
}

Result<ObjectInfo> DirStore::get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) {
  DL_TRY(op.check());
  DL_ASSIGN(const auto root, root_if_there());
  if (!root || why_not_here(key) != nullptr) return absent(key);
  auto file = root->open_read(key.text());
  if (!file) {
    DL_ASSIGN(const auto there, stat_object(*root, key.text()));
    if (!there) return absent(key);
    return std::move(file).error();
  }
  DL_ASSIGN(const disk::Stat stat, (*file)->stat());
  ObjectInfo info = info_of(stat);
  DL_TRY(check_get_conditions(key, options, info));
  DL_ASSIGN(const ByteRange range, resolve_range(key, options.range, info.size_bytes));
  if (options.begun != nullptr) *options.begun = info;
  Bytes piece(static_cast<std::size_t>(std::min<std::uint64_t>(range.length_bytes, piece_bytes)));
  for (std::uint64_t done = 0; done < range.length_bytes;) {
    DL_TRY(op.check());
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), range.length_bytes - done));
    DL_ASSIGN(const std::size_t count, (*file)->read_at(range.offset_bytes + done, ByteSpan(piece).first(want)));
    if (count == 0) return Error{Code::unavailable, "get " + key.text() + ": the file was cut off while it was read"};
    DL_TRY(sink.write(ByteView(piece).first(count)));
    done += count;
  }
  return info;
}

Result<std::optional<ObjectInfo>> DirStore::head(const Op& op, const Key& key) {
  DL_TRY(op.check());
  DL_ASSIGN(const auto root, root_if_there());
  if (!root || why_not_here(key) != nullptr) return std::nullopt;
  DL_ASSIGN(const auto stat, stat_object(*root, key.text()));
  return stat ? std::optional(info_of(*stat)) : std::nullopt;
}

Result<ObjectInfo> DirStore::put(const Op& op, const Key& key, Source& source, const PutOptions& options) {
  DL_TRY(op.check());
  if (const char* why = why_not_here(key)) {
    return Error{Code::unsupported, "put " + key.text() + " into " + describe() + ": " + why};
  }
  DL_TRY(prepare_writing());
  DL_ASSIGN(Unfinished upload, begin());
  FileSink sink(*upload.file);
  Result<ObjectInfo> info = [&]() -> Result<ObjectInfo> {
    DL_TRY(read_body(op, key, source, options, sink));
    DL_TRY(upload.file->sync());
    return finish(op, key, upload, options);
  }();
  // Where this fails as well, the file is a leftover like that of a killed run.
  if (!info) (void)temp_->remove_file(upload.name, Missing::is_absent);
  return info;
}

Status DirStore::prepare_writing() {
  {
    const std::lock_guard lock(mutex_);
    if (temp_) return {};
    if (!root_) {
      DL_ASSIGN(root_, disk_.open_or_create(path_, default_directory_mode));
    }
    // Whoever may write the top directory may write what is in it: several users can publish into one store.
    DL_ASSIGN(const disk::Stat top, root_->stat());
    directory_mode_ = (top.mode & 02777) | 0700;
    const Status made = root_->make_directory(temp_directory, directory_mode_);
    if (!made && made.error().code != Code::already_exists) return made;
    DL_ASSIGN(temp_, root_->open_directory(temp_directory));
    const auto lock_file = temp_->create(lock_name, directory_mode_ & 0666);
    if (!lock_file && lock_file.error().code != Code::already_exists) return lock_file.error();
  }
  return remove_leftovers({});
}

Result<std::unique_ptr<disk::Lock>> DirStore::lock_store(const Op& op) {
  RealClock clock;
  for (auto wait = first_lock_wait;; wait = std::min(wait * 2, longest_lock_wait)) {
    auto lock = temp_->try_lock(lock_name);
    if (lock || lock.error().code != Code::locked) return lock;
    DL_TRY(op.check());
    clock.sleep_until(clock.steady() + wait, op.stop);
  }
}

Result<Unfinished> DirStore::begin() {
  for (int tries = 0; tries < max_unfinished; ++tries) {
    Unfinished upload{std::to_string(++next_name_), nullptr, nullptr};
    auto file = temp_->create(upload.name, directory_mode_ & 0666);
    if (!file && file.error().code == Code::already_exists) continue;  // another process's, or a killed run's
    if (!file) return std::move(file).error();
    upload.file = std::move(*file);
    DL_ASSIGN(upload.lock, temp_->try_lock(upload.name));
    return upload;
  }
  return Error{Code::refused, temp_->display_path() + " is full of files that are not Duskline's; remove them"};
}

// What killed runs left. "Now" is the time of a file just made, so that only this disk's clock matters. The store's
// lock keeps a name from being taken anew between the look at its file and its removal.
Status DirStore::remove_leftovers(const Op& op) {
  DL_ASSIGN(const auto lock, lock_store(op));
  DL_ASSIGN(const auto entries, temp_->list());
  std::int64_t now_ns = 0;
  if (!entries.empty()) {
    DL_ASSIGN(const Unfinished probe, begin());
    DL_ASSIGN(const disk::Stat stat, probe.file->stat());
    now_ns = stat.mtime_ns;
    DL_TRY(temp_->remove_file(probe.name, Missing::is_absent));
  }
  for (const disk::DirectoryEntry& entry : entries) {
    const bool is_old = entry.stat.mtime_ns < now_ns - std::chrono::nanoseconds(leftover_age).count();
    if (!is_old || entry.name == lock_name || entry.stat.kind != FileKind::file) continue;
    const auto owner = temp_->try_lock(entry.name);
    if (!owner) continue;
    DL_TRY(temp_->remove_file(entry.name, Missing::is_absent));
  }
  return {};
}

Result<ObjectInfo> DirStore::finish(const Op& op, const Key& key, Unfinished& upload, const PutOptions& options) {
  const std::string_view parent = disk::split_path(key.text()).first;
  constexpr int tries = 3;  // a parent directory can be removed by hand at any time
  for (int i = 0;; ++i) {
    disk::Stat now;
    Status status = make_durable_parent(parent);
    if (status) status = swap_in(op, key, upload, options, now);
    if (status) {
      DL_TRY(sync_directory(*root_, parent));
      return info_of(now);
    }
    if (const auto above = object_above(*root_, parent)) {
      return Error{Code::unsupported, "put " + key.text() + " into " + describe() + ": \"" + *above +
                                          "\" is an object, and a file cannot be a directory too"};
    }
    if (status.error().code != Code::not_found || i + 1 == tries) return std::move(status).error();
    const std::lock_guard lock(mutex_);
    durable_parents_.clear();
  }
}

Status DirStore::swap_in(const Op& op, const Key& key, Unfinished& upload, const PutOptions& options, disk::Stat& now) {
  DL_ASSIGN(const auto lock, lock_store(op));
  DL_ASSIGN(const auto there, root_->stat(key.text()));
  if (there && there->kind == FileKind::directory) {
    return Error{Code::unsupported, "put " + key.text() + " into " + describe() +
                                        ": objects lie below that name, and a directory cannot be a file too"};
  }
  const bool is_object = there && there->kind == FileKind::file;
  DL_TRY(check_put_conditions(key, options, is_object ? std::optional(info_of(*there)) : std::nullopt));
  DL_ASSIGN(now, upload.file->stat());
  if (is_object && now.mtime_ns <= there->mtime_ns) {
    // Versions of one object never share a time, so that an inode used again cannot bring an old ETag back.
    now.mtime_ns = there->mtime_ns + 1;
    DL_TRY(upload.file->set_mtime(now.mtime_ns));
  }
  return temp_->rename(upload.name, *root_, key.text());
}

// Makes the directories above an object, and their names survive a power cut, whoever made them.
Status DirStore::make_durable_parent(std::string_view parent) {
  {
    const std::lock_guard lock(mutex_);
    if (durable_parents_.contains(parent)) return {};
  }
  if (!parent.empty()) {
    const std::string_view above = disk::split_path(parent).first;
    DL_TRY(make_durable_parent(above));
    const Status made = root_->make_directory(parent, directory_mode_);
    if (!made && made.error().code != Code::already_exists) return made;
    DL_TRY(sync_directory(*root_, above));
  }
  constexpr std::size_t most_remembered = 10'000;
  const std::lock_guard lock(mutex_);
  if (durable_parents_.size() >= most_remembered) durable_parents_.clear();
  durable_parents_.emplace(parent);
  return {};
}

Result<Listing> DirStore::list(const Op& op, const ListQuery& query) {
  DL_ASSIGN(const auto root, root_if_there());
  if (!root) return Listing{};
  return list_directory(op, *root, query, info_of);
}

// Whether something was removed.
Result<bool> DirStore::remove_one(const Op& op, Directory& root, const Key& key) {
  if (why_not_here(key) != nullptr) return false;
  DL_ASSIGN(const auto lock, lock_store(op));
  DL_ASSIGN(const auto there, stat_object(root, key.text()));
  if (!there) return false;
  DL_TRY(root.remove_file(key.text(), Missing::is_absent));
  return true;
}

Result<RemoveReport> DirStore::remove(const Op& op, std::span<const Key> keys) {
  DL_ASSIGN(const auto root, root_if_there());
  if (!root) return RemoveReport{};
  DL_TRY(prepare_writing());
  RemoveReport report;
  std::set<std::string_view> changed;
  for (const Key& key : keys) {
    DL_TRY(op.check());
    auto removed = remove_one(op, *root, key);
    if (!removed) {
      report.failures.push_back({key, std::move(removed).error()});
    } else if (*removed) {
      changed.insert(disk::split_path(key.text()).first);
    }
  }
  for (const std::string_view parent : changed) DL_TRY(sync_directory(*root, parent));
  return report;
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_dir_store(disk::Filesystem& disk, const std::string& path) {
  auto root = disk.open(path);
  if (!root && root.error().code != Code::not_found) return std::move(root).error();
  return std::make_unique<DirStore>(disk, path, root ? std::move(*root) : nullptr);
}

}  // namespace duskline::store
