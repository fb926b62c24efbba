#include "sync/folder_place.h"

#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <random>

#include "base/units.h"
#include "sync/fingerprint.h"
#include "sync/folder_handles.h"
#include "sync/folder_streams.h"
#include "sync/folder_walk.h"
#include "sync/names.h"

namespace duskline::sync {
namespace {

using disk::FileKind;
using disk::Missing;

constexpr std::uint32_t new_file_mode = 0644, new_folder_mode = 0755;
constexpr std::size_t buffer_bytes = 256 << 10;

Version version_of(const disk::Stat& stat) {
  return {stamp_of(stat), {.mtime_ns = stat.mtime_ns, .mode = stat.mode, .headers = {}}, false};
}

ByteSpan thread_buffer() {
  thread_local Bytes buffer(buffer_bytes);
  return buffer;
}

std::string some_hex() {
  std::random_device source;
  constexpr std::array<char, 16> digits = {'0', '1', '2', '3', '4', '5', '6', '7',
                                           '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
  std::string text(8, '0');
  for (char& c : text) c = digits[source() % digits.size()];
  return text;
}

class NoEntries final : public Lister {
 public:
  Result<const Entry*> next() override { return nullptr; }
};

struct FolderUpload final : Upload {
  std::unique_ptr<disk::File> file;
  std::mutex mutex;  // of its writers
};

class FolderPlace final : public Place {
 public:
  FolderPlace(disk::Filesystem& disk, FolderOptions options, const Rules& rules)
      : disk_(disk),
        options_(std::move(options)),
        rules_(rules),
        folders_(disk, options_.path, new_folder_mode),
        backup_(disk, options_.backup, new_folder_mode) {}

  Status check_top() {
    auto top = folders_.top();
    const bool may_be_absent = options_.absent == FolderOptions::Absent::is_empty;
    if (top || (may_be_absent && top.error().code == Code::not_found)) return {};
    return std::move(top).error();
  }

  Result<Ground> ground() override;
  [[nodiscard]] std::optional<std::string> why_not(std::string_view path) const override {
    auto reason = why_not_a_path(path);
    if (reason) return "it cannot be the name of a file: " + *reason;
    return std::nullopt;
  }
  [[nodiscard]] Nesting nesting() const override { return Nesting::below_directories_only; }
  Result<std::unique_ptr<Lister>> list(const Op&, Reporter&, const std::string& after) override;
  Result<std::optional<Version>> look(const Op&, const std::string& path) override;
  Result<Presence> presence(const Op&, const std::string& path) override;
  Result<Version> fetch(const Op&, const std::string& path, std::uint64_t limit, Bytes& into) override;
  Status read(const Op&, const std::string& path, const Stamp&, Range, Sink&) override;
  Result<std::unique_ptr<Source>> open(const Op&, const std::string& path, const Stamp&, Range) override;
  Result<std::optional<bool>> matches(const Op&, const std::string& path, const Stamp&, const Fingerprint&) override;
  Result<Stamp> store(const Op&, const std::string& path, ByteView, const Attributes&) override;
  Result<std::unique_ptr<Upload>> begin(const Op&, const NewFile&, const std::string& token) override;
  Status write(const Op&, const NewFile&, Upload&, std::size_t piece, Range, Origin&) override;
  Result<Stamp> finish(const Op&, const NewFile&, Upload&, const Fingerprint&) override;
  void give_up(const Op&, const std::string& path, const std::string& token) override;
  Result<std::optional<Stamp>> copy(const Op&, const NewFile&, Origin&) override;
  Result<Stamp> set_attributes(const Op&, const std::string& path, const Stamp&, const Attributes&) override;
  Result<std::vector<RemoveFailure>> remove(const Op&, std::span<const Removal> removals) override;
  Status set_aside(const Op&, const std::string& path) override;
  Status tidy(const Op&, const std::vector<std::string>& tokens_to_keep) override;
  Status settle(const Op&) override {
    const auto top = folders_.top();
    return top ? (*top)->sync_filesystem() : Status();  // nothing was written into a directory that is not there
  }
  [[nodiscard]] FileClock clock() const override { return options_.clock; }
  [[nodiscard]] std::string describe() const override { return printable(options_.path); }

  // A file, by the way that its path leads.
  Result<std::unique_ptr<disk::File>> open_file(const std::string& path);

 private:
  // An unfinished file in the directory where it belongs.
  struct Draft {
    std::shared_ptr<disk::Directory> folder;
    std::string name;
    std::unique_ptr<disk::File> file;
  };
  [[nodiscard]] bool follows_links() const { return options_.links == FolderOptions::Links::follow; }
  [[nodiscard]] std::string real_path(const std::string& path, std::error_code& failed) const;
  Result<Listing> read_listing_of(const std::string& path);
  std::optional<disk::Stat> target_of_link(const std::string& path);
  Status make_folders_like(FolderPlace& other, std::string_view path);
  Result<Draft> make_draft(const std::string& path, const Attributes& attributes);
  Result<Stamp> put_in_place(Draft draft, const std::string& path, const Attributes& attributes);
  Status copy_content(const Op& op, disk::File& from, disk::File& to, const disk::Stat& stat, const std::string& path);
  Status copy_range(const Op& op, disk::File& from, disk::File& to, Range range, const std::string& path);
  Status remove_one(const std::string& path, const Stamp& listed);
  void remove_empty_parents(std::span<const Removal> removed);
  [[nodiscard]] std::string draft_name(char kind, const std::string& what) const;

  disk::Filesystem& disk_;
  const FolderOptions options_;
  const Rules& rules_;
  FolderHandles folders_;
  FolderHandles backup_;
  std::mutex mutex_;                     // of what follows
  std::vector<std::string> unfinished_;  // that the last list() saw
  const std::string run_ = some_hex();   // in the names of drafts: another machine may be at work here too
  std::atomic<std::uint64_t> next_draft_{0};
  std::atomic<bool> can_share_blocks_{true};  // until it turns out that the file system cannot
};

// Of a directory that is yet to be made: where it would be.
Result<Ground> FolderPlace::ground() {
  auto top = folders_.top();
  if (!top && top.error().code == Code::not_found && options_.absent == FolderOptions::Absent::is_empty) {
    std::error_code failed;
    std::filesystem::path above = std::filesystem::absolute(options_.path, failed);
    while (above.has_relative_path() && !std::filesystem::exists(above, failed)) above = above.parent_path();
    DL_ASSIGN(const auto parent, disk_.open(above.native()));
    DL_ASSIGN(const disk::VolumeInfo volume, disk_.volume(*parent));
    return Ground{volume.filesystem_id, false};
  }
  if (!top) return std::move(top).error();
  DL_ASSIGN(const disk::VolumeInfo volume, disk_.volume(**top));
  return Ground{volume.filesystem_id, volume.is_mount_point};
}

std::string FolderPlace::real_path(const std::string& path, std::error_code& failed) const {
  return std::filesystem::canonical(std::filesystem::path(options_.path) / path, failed).native();
}

std::optional<disk::Stat> FolderPlace::target_of_link(const std::string& path) {
  std::error_code failed;
  const std::string real = real_path(path, failed);
  if (failed) return std::nullopt;
  const auto parent = disk_.open(real.substr(0, real.rfind('/') + 1));
  if (!parent) return std::nullopt;
  const auto stat = (*parent)->stat(last_name_of(real));
  return stat ? *stat : std::nullopt;
}

Result<Listing> FolderPlace::read_listing_of(const std::string& path) {
  FollowLink follow;
  if (follows_links()) follow = [this](const std::string& link) { return target_of_link(link); };
  DL_ASSIGN(const auto top, folders_.top());
  if (path.empty()) return read_listing(*top, path, rules_, follow);
  auto directory = top->open_directory(path);
  if (!directory && directory.error().code == Code::refused && follows_links()) {
    std::error_code failed;
    const std::string real = real_path(path, failed);
    if (!failed) directory = disk_.open(real);
  }
  if (!directory) return std::move(directory).error();
  return read_listing(**directory, path, rules_, follow);
}

Result<std::unique_ptr<Lister>> FolderPlace::list(const Op& op, Reporter& reporter, const std::string& after) {
  const auto top = folders_.top();
  const bool is_absent = !top && top.error().code == Code::not_found;
  if (is_absent && options_.absent == FolderOptions::Absent::is_empty) {
    return std::unique_ptr<Lister>(std::make_unique<NoEntries>());
  }
  FolderWalk::Settings settings{.empty_folders = options_.empty_folders == FolderOptions::EmptyFolders::keep,
                                .after = after,
                                .found_unfinished = {},
                                .follows_links = follows_links()};
  if (!options_.tag.empty()) {
    const std::string own = std::string(reserved_prefix) + options_.tag + "-";
    settings.found_unfinished = [this, own](std::string_view path) {
      if (!last_name_of(path).starts_with(own)) return;
      const std::lock_guard lock(mutex_);
      unfinished_.emplace_back(path);
    };
  }
  return std::unique_ptr<Lister>(std::make_unique<FolderWalk>(
      op, reporter, [this](const std::string& path) { return read_listing_of(path); }, options_.read_ahead,
      std::move(settings)));
}

Result<std::unique_ptr<disk::File>> FolderPlace::open_file(const std::string& path) {
  DL_ASSIGN(const auto top, folders_.top());
  auto file = top->open_read(path);
  if (file || file.error().code != Code::refused || !follows_links()) return file;
  std::error_code failed;
  const std::string real = real_path(path, failed);
  if (failed) return file;
  DL_ASSIGN(const auto parent, disk_.open(real.substr(0, real.rfind('/') + 1)));
  return parent->open_read(last_name_of(real));
}

Result<std::optional<Version>> FolderPlace::look(const Op&, const std::string& path) {
  if (path.ends_with('/')) {
    const auto folder = folders_.get(path.substr(0, path.size() - 1));
    if (!folder) return std::optional<Version>();
    DL_ASSIGN(const disk::Stat stat, (*folder)->stat());
    return std::optional(Version{Stamp{.mode = stat.mode}, {.mtime_ns = {}, .mode = stat.mode, .headers = {}}, false});
  }
  auto file = open_file(path);
  if (!file && file.error().code == Code::not_found) return std::optional<Version>();
  if (!file) return std::move(file).error();
  DL_ASSIGN(const disk::Stat stat, (*file)->stat());
  return std::optional(version_of(stat));
}

// Nothing needs to be readable for this, and no link is followed.
Result<Presence> FolderPlace::presence(const Op&, const std::string& path) {
  if (why_not_a_path(path)) return Presence::absent;
  DL_ASSIGN(const auto top, folders_.top());
  const std::string_view whole = path.ends_with('/') ? std::string_view(path).substr(0, path.size() - 1) : path;
  for (std::size_t slash = 0; slash != std::string_view::npos;) {
    slash = whole.find('/', slash + 1);
    DL_ASSIGN(const auto stat, top->stat(whole.substr(0, slash)));
    if (!stat) return Presence::absent;
    if (stat->kind == FileKind::directory) continue;
    if (stat->kind != FileKind::file) return Presence::other;
    return slash == std::string_view::npos ? Presence::present : Presence::absent;  // nothing lies below a file
  }
  return path.ends_with('/') ? Presence::present : Presence::absent;  // a directory
}

Result<Version> FolderPlace::fetch(const Op&, const std::string& path, std::uint64_t limit, Bytes& into) {
  DL_ASSIGN(const auto file, open_file(path));
  DL_ASSIGN(const disk::Stat before, file->stat());
  if (before.size_bytes > limit) return changed(path);
  into.resize(before.size_bytes);
  DL_ASSIGN(const std::size_t count, file->read_at(0, into));
  DL_ASSIGN(const disk::Stat after, file->stat());
  if (count != before.size_bytes || stamp_of(before) != stamp_of(after)) return changed(path);
  return version_of(before);
}

Result<std::unique_ptr<Source>> FolderPlace::open(const Op&, const std::string& path, const Stamp& stamp, Range range) {
  DL_ASSIGN(auto file, open_file(path));
  DL_ASSIGN(const disk::Stat now, file->stat());
  if (stamp_of(now) != stamp) return changed(path);
  return std::unique_ptr<Source>(std::make_unique<FileSource>(std::move(file), path, stamp, range));
}

Status FolderPlace::read(const Op& op, const std::string& path, const Stamp& stamp, Range range, Sink& sink) {
  DL_ASSIGN(const auto source, open(op, path, stamp, range));
  for (;;) {
    DL_TRY(op.check());
    const ByteSpan buffer = thread_buffer();
    DL_ASSIGN(const std::size_t count, source->read(buffer));
    if (count == 0) return {};
    DL_TRY(sink.write(buffer.first(count)));
  }
}

Result<std::optional<bool>> FolderPlace::matches(const Op& op, const std::string& path, const Stamp& stamp,
                                                 const Fingerprint& wanted) {
  DL_ASSIGN(const auto file, open_file(path));
  DL_ASSIGN(const disk::Stat before, file->stat());
  if (stamp_of(before) != stamp) return changed(path);
  const auto read = [&](std::uint64_t offset, ByteSpan into) { return file->read_at(offset, into); };
  DL_ASSIGN(const bool same, sync::matches(op, read, stamp.size_bytes, wanted));
  DL_ASSIGN(const disk::Stat after, file->stat());
  if (stamp_of(after) != stamp) return changed(path);
  return std::optional(same);
}

std::string FolderPlace::draft_name(char kind, const std::string& what) const {
  return std::string(reserved_prefix) + options_.tag + "-" + kind + what;
}

Result<FolderPlace::Draft> FolderPlace::make_draft(const std::string& path, const Attributes& attributes) {
  Draft draft;
  DL_ASSIGN(draft.folder, folders_.get_or_make(parent_of(path), new_folder_mode));
  const std::uint32_t mode = attributes.mode.value_or(new_file_mode);
  constexpr int max_tries = 1000;  // names that are taken, against all odds
  for (int tries = 0;; ++tries) {
    draft.name = draft_name('s', run_ + "-" + std::to_string(next_draft_.fetch_add(1, std::memory_order_relaxed)));
    auto file = draft.folder->create(draft.name, mode);
    if (!file && file.error().code == Code::already_exists && tries < max_tries) continue;
    if (!file && file.error().code == Code::not_found && tries == 0) {  // the folder was removed meanwhile
      folders_.forget(parent_of(path));
      DL_ASSIGN(draft.folder, folders_.get_or_make(parent_of(path), new_folder_mode));
      continue;
    }
    if (!file) return std::move(file).error();
    draft.file = std::move(*file);
    return draft;
  }
}

Result<Stamp> FolderPlace::put_in_place(Draft draft, const std::string& path, const Attributes& attributes) {
  if (attributes.mtime_ns) DL_TRY(draft.file->set_mtime(*attributes.mtime_ns));
  const std::string_view name = last_name_of(path);
  auto renamed = draft.folder->rename(draft.name, *draft.folder, name);
  if (!renamed) {
    const auto there = draft.folder->stat(name);
    (void)draft.folder->remove_file(draft.name, Missing::is_absent);  // best effort: a leftover is found next time
    if (there && *there && (*there)->kind == FileKind::directory) {
      return in_the_way("the directory \"" + printable(path) + "\" stands where a file is needed");
    }
    return std::move(renamed).error();
  }
  DL_ASSIGN(const disk::Stat stat, draft.file->stat());
  return stamp_of(stat);
}

Result<Stamp> FolderPlace::store(const Op&, const std::string& path, ByteView bytes, const Attributes& attributes) {
  if (path.ends_with('/')) {
    const std::string folder = path.substr(0, path.size() - 1);
    DL_ASSIGN(const auto made, folders_.get_or_make(folder, attributes.mode.value_or(new_folder_mode)));
    DL_ASSIGN(const disk::Stat stat, made->stat());
    return Stamp{.mode = stat.mode};
  }
  DL_ASSIGN(Draft draft, make_draft(path, attributes));
  if (auto written = draft.file->write_at(0, bytes); !written) {
    (void)draft.folder->remove_file(draft.name, Missing::is_absent);
    return std::move(written).error();
  }
  return put_in_place(std::move(draft), path, attributes);
}

// The name of a large file's draft is its token, so that a later run finds it.
Result<std::unique_ptr<Upload>> FolderPlace::begin(const Op&, const NewFile& file, const std::string& token) {
  auto upload = std::make_unique<FolderUpload>();
  DL_ASSIGN(const auto folder, folders_.get_or_make(parent_of(file.path), new_folder_mode));
  upload->token = draft_name('r', sha256(file.path).short_hex());
  if (token == upload->token) {
    auto there = folder->open_write(token);
    const auto stat = there ? (*there)->stat() : Result<disk::Stat>(there.error());
    if (stat && stat->size_bytes == file.size_bytes) {
      upload->file = std::move(*there);
      upload->is_resumed = true;
    }
  }
  if (!upload->is_resumed) {
    DL_TRY(folder->remove_file(upload->token, Missing::is_absent));
    DL_ASSIGN(upload->file, folder->create(upload->token, file.attributes.mode.value_or(new_file_mode)));
    DL_TRY(upload->file->resize(file.size_bytes));
  }
  return std::unique_ptr<Upload>(std::move(upload));
}

Status FolderPlace::write(const Op& op, const NewFile&, Upload& upload, std::size_t, Range range, Origin& origin) {
  auto& own = static_cast<FolderUpload&>(upload);
  FileSink sink(*own.file, own.mutex, range.offset_bytes);
  auto done = origin.place.read(op, origin.path, origin.stamp, range, sink);
  origin.failed = !done;
  return done;
}

Result<Stamp> FolderPlace::finish(const Op& op, const NewFile& file, Upload& upload, const Fingerprint& expected) {
  auto& own = static_cast<FolderUpload&>(upload);
  if (expected.is_certain) {
    const auto read = [&](std::uint64_t offset, ByteSpan into) { return own.file->read_at(offset, into); };
    DL_ASSIGN(const bool right, sync::matches(op, read, file.size_bytes, expected));
    if (!right) {
      return Error{Code::corrupt, "what arrived of \"" + printable(file.path) + "\" does not have the ETag " +
                                      printable(expected.etag) + " that the object has"};
    }
  }
  DL_ASSIGN(auto folder, folders_.get(parent_of(file.path)));
  // The name of a large draft is the same in every run: one that another machine began has another inode.
  DL_ASSIGN(const auto named, folder->stat(own.token));
  DL_ASSIGN(const disk::Stat written, own.file->stat());
  if (!named || named->inode != written.inode || named->device != written.device) {
    return Error{Code::changing, "the unfinished file of \"" + printable(file.path) +
                                     "\" was replaced: another sync is at work in " + describe()};
  }
  return put_in_place({std::move(folder), own.token, std::move(own.file)}, file.path, file.attributes);
}

void FolderPlace::give_up(const Op&, const std::string& path, const std::string& token) {
  if (!token.starts_with(reserved_prefix)) return;
  const auto folder = folders_.get(parent_of(path));
  if (folder) (void)(*folder)->remove_file(token, Missing::is_absent);  // best effort: found again by the next list()
}

Status FolderPlace::copy_range(const Op& op, disk::File& from, disk::File& to, Range range, const std::string& path) {
  const std::uint64_t end = range.offset_bytes + range.length_bytes;
  for (std::uint64_t at = range.offset_bytes; at < end;) {
    DL_TRY(op.check());
    const ByteSpan buffer =
        thread_buffer().first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer_bytes, end - at)));
    DL_ASSIGN(const std::size_t count, from.read_at(at, buffer));
    if (count != buffer.size()) return changed(path);
    if (options_.pacer != nullptr) DL_TRY(options_.pacer->pass(op, count));
    DL_TRY(to.write_at(at, buffer));
    at += count;
  }
  return {};
}

Status FolderPlace::copy_content(const Op& op, disk::File& from, disk::File& to, const disk::Stat& stat,
                                 const std::string& path) {
  if (stat.size_bytes == 0) return {};
  if (can_share_blocks_.load(std::memory_order_relaxed)) {
    auto shared = to.clone_from(from, 0, stat.size_bytes, 0);
    if (shared || shared.error().code != Code::unsupported) return shared;
    can_share_blocks_.store(false, std::memory_order_relaxed);
  }
  if (stat.stored_bytes >= stat.size_bytes) return copy_range(op, from, to, {0, stat.size_bytes}, path);
  DL_TRY(to.resize(stat.size_bytes));
  for (std::uint64_t at = 0; at < stat.size_bytes;) {  // holes stay holes
    DL_ASSIGN(const auto data, from.next_data(at));
    if (!data || data->offset_bytes >= stat.size_bytes) break;
    const std::uint64_t length = std::min(data->length_bytes, stat.size_bytes - data->offset_bytes);
    DL_TRY(copy_range(op, from, to, {data->offset_bytes, length}, path));
    at = data->offset_bytes + length;
  }
  return {};
}

// The directories above a file, with the modes that they have in the source.
Status FolderPlace::make_folders_like(FolderPlace& other, std::string_view path) {
  if (path.empty() || folders_.get(path)) return {};
  DL_TRY(make_folders_like(other, parent_of(path)));
  const auto like = other.folders_.get(path);
  const auto stat = like ? (*like)->stat() : Result<disk::Stat>(like.error());
  constexpr std::uint32_t owner_may_all = 0700;  // else nothing could be put into it
  const std::uint32_t mode = stat ? stat->mode | owner_may_all : new_folder_mode;
  DL_TRY(folders_.get_or_make(path, mode));
  return {};
}

Result<std::optional<Stamp>> FolderPlace::copy(const Op& op, const NewFile& file, Origin& origin) {
  auto* other = dynamic_cast<FolderPlace*>(&origin.place.base());
  if (other == nullptr) return std::optional<Stamp>();
  DL_ASSIGN(const auto from, other->open_file(origin.path));
  DL_ASSIGN(const disk::Stat before, from->stat());
  if (stamp_of(before) != origin.stamp) return changed(origin.path);
  DL_TRY(make_folders_like(*other, parent_of(file.path)));
  DL_ASSIGN(Draft draft, make_draft(file.path, file.attributes));
  auto copied = copy_content(op, *from, *draft.file, before, origin.path);
  auto after = copied ? from->stat() : Result<disk::Stat>(std::move(copied).error());
  if (after && stamp_of(*after) != origin.stamp) after = changed(origin.path);
  if (!after) {
    (void)draft.folder->remove_file(draft.name, Missing::is_absent);
    return std::move(after).error();
  }
  DL_ASSIGN(Stamp stamp, put_in_place(std::move(draft), file.path, file.attributes));
  return std::optional(std::move(stamp));
}

Result<Stamp> FolderPlace::set_attributes(const Op&, const std::string& path, const Stamp& stamp,
                                          const Attributes& attributes) {
  DL_ASSIGN(const auto folder, folders_.get(parent_of(path)));
  const std::string_view name = last_name_of(path);
  if (attributes.mode && *attributes.mode != stamp.mode) DL_TRY(folder->set_mode(name, *attributes.mode));
  if (attributes.mtime_ns) DL_TRY(folder->set_mtime(name, *attributes.mtime_ns));
  DL_ASSIGN(const auto now, folder->stat(name));
  if (!now || now->inode != stamp.inode || now->size_bytes != stamp.size_bytes) return changed(path);
  return stamp_of(*now);
}

// `listed` as a listing showed the file, or empty. One that was put in its place meanwhile stays: on a file system that
// takes "A" and "a" for the same name, it is the very file that this run has just written.
Status FolderPlace::remove_one(const std::string& path, const Stamp& listed) {
  auto folder = folders_.get(parent_of(path));
  if (!folder && folder.error().code == Code::not_found) return {};
  if (!folder) return std::move(folder).error();
  const std::string_view name = last_name_of(path);
  if (path.ends_with('/')) {
    folders_.forget(path.substr(0, path.size() - 1));
    auto removed = (*folder)->remove_directory(name, Missing::is_absent);
    if (!removed && removed.error().code == Code::already_exists) return {};  // something came into it: it stays
    return removed;
  }
  if (listed.inode != 0) {
    DL_ASSIGN(const auto now, (*folder)->stat(name));
    const bool is_numbered = options_.clock == FileClock::ours;  // over a network, inodes may have new numbers
    const bool is_other = now && (now->size_bytes != listed.size_bytes || now->mtime_ns != listed.mtime_ns ||
                                  (is_numbered && now->inode != listed.inode));
    if (is_other) {
      return Error{Code::changing, "\"" + printable(path) + "\" is another file than was listed, and stays"};
    }
  }
  return (*folder)->remove_file(name, Missing::is_absent);
}

// A directory that only held what was removed goes too; one that holds anything else stays.
void FolderPlace::remove_empty_parents(std::span<const Removal> removed) {
  const auto top = folders_.top();
  if (!top) return;
  std::string last;
  for (auto removal = removed.rbegin(); removal != removed.rend(); ++removal) {
    for (std::string folder(parent_of(removal->path)); !folder.empty() && folder != last; folder = parent_of(folder)) {
      last = folder;
      folders_.forget(folder);
      if (!(*top)->remove_directory(folder, Missing::is_absent)) break;
    }
  }
}

Result<std::vector<RemoveFailure>> FolderPlace::remove(const Op& op, std::span<const Removal> removals) {
  std::vector<RemoveFailure> failures;
  for (const auto& [path, listed] : removals) {
    DL_TRY(op.check());
    if (auto removed = remove_one(path, listed); !removed) failures.push_back({path, std::move(removed).error()});
  }
  remove_empty_parents(removals);
  return failures;
}

Status FolderPlace::set_aside(const Op& op, const std::string& path) {
  const auto from_folder = folders_.get(parent_of(path));
  if (!from_folder && from_folder.error().code == Code::not_found) return {};
  if (!from_folder) return from_folder.error();
  const auto& from = *from_folder;
  DL_ASSIGN(const auto to, backup_.get_or_make(parent_of(path), new_folder_mode));
  const std::string_view name = last_name_of(path);
  const std::string draft = draft_name('b', sha256(path).short_hex());
  DL_TRY(to->remove_file(draft, Missing::is_absent));
  auto linked = from->make_hard_link(name, *to, draft);
  if (!linked && linked.error().code == Code::not_found) return {};
  if (!linked) {  // another file system, or one without links
    DL_ASSIGN(const auto file, from->open_read(name));
    DL_ASSIGN(const disk::Stat stat, file->stat());
    DL_ASSIGN(const auto copy, to->create(draft, stat.mode));
    DL_TRY(copy_content(op, *file, *copy, stat, path));
    DL_TRY(copy->set_mtime(stat.mtime_ns));
    DL_TRY(copy->sync());
  }
  return to->rename(draft, *to, name);
}

Status FolderPlace::tidy(const Op& op, const std::vector<std::string>& tokens_to_keep) {
  std::vector<std::string> found;
  {
    const std::lock_guard lock(mutex_);
    found = std::exchange(unfinished_, {});
  }
  for (const std::string& path : found) {
    if (std::ranges::find(tokens_to_keep, last_name_of(path)) != tokens_to_keep.end()) continue;
    DL_TRY(op.check());
    DL_TRY(remove_one(path, {}));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Place>> open_folder(disk::Filesystem& disk, const FolderOptions& options, const Rules& rules) {
  auto place = std::make_unique<FolderPlace>(disk, options, rules);
  DL_TRY(place->check_top());
  return std::unique_ptr<Place>(std::move(place));
}

bool is_remote_folder(const std::string& path) {
  // From <linux/magic.h> and the file systems' own headers.
  constexpr std::array<unsigned long, 12> remote = {
      0x6969,      // NFS
      0x517B,      // SMB
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB2
      0x65735546,  // FUSE
      0x01021997,  // 9P
      0x00C36400,  // Ceph
      0x5346414F,  // AFS
      0x73757245,  // Coda
      0x0BD00BD0,  // Lustre
      0x47504653,  // GPFS
      0x20030528,  // OrangeFS
  };
  struct statfs info{};
  if (statfs(path.c_str(), &info) != 0) return false;
  const auto kind = static_cast<unsigned long>(static_cast<std::uint32_t>(info.f_type));
  return std::ranges::find(remote, kind) != remote.end();
}

}  // namespace duskline::sync
