#include "site/verify.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "base/units.h"
#include "base/workers.h"
#include "site/extended.h"
#include "site/findings.h"
#include "site/pacer.h"
#include "site/scope.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Stat;
using model::EntryKind;

constexpr std::size_t read_bytes = 256 << 10;
constexpr std::size_t batch_files = 128;
constexpr std::uint64_t batch_bytes = 4 << 20;
constexpr std::size_t batches_a_worker = 4;

// Files of one directory to be read by one worker.
struct FileJob {
  std::string name;
  std::uint64_t size_bytes = 0;
  Hash256 content;
  std::vector<model::Attribute> attributes;
  ModeIs mode = ModeIs::as_released;
};
struct Batch {
  std::shared_ptr<disk::Directory> directory;
  std::shared_ptr<DirectoryFindings> findings;
  std::string path;
  std::vector<FileJob> files;
  std::uint64_t bytes = 0;
};

// A long file, read chunk by chunk by several workers. What they find is told once.
struct LongFile {
  std::shared_ptr<disk::Directory> directory;
  std::shared_ptr<DirectoryFindings> findings;
  std::string name, path;
  std::atomic<bool> is_told = false;

  void tell(Finding finding) {
    if (!is_told.exchange(true)) findings->add(finding, path);
  }
};
struct Part {
  std::shared_ptr<LongFile> file;
  std::uint64_t offset_bytes = 0, bytes = 0;
  std::vector<model::Chunk> chunks;
};

std::string join(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string(name) : directory + "/" + std::string(name);
}

FileKind kind_of(const model::Entry& entry) {
  switch (entry.kind) {
    case EntryKind::directory:
      return FileKind::directory;
    case EntryKind::symlink:
      return FileKind::symlink;
    default:
      return FileKind::file;
  }
}

// Equal as far as a file system that keeps 100 ns, one or two seconds can tell.
bool is_same_time(std::int64_t promised, std::int64_t found) {
  for (const std::int64_t grain : {std::int64_t{1}, std::int64_t{100}, std::int64_t{1'000'000'000}}) {
    const std::int64_t rest = ((promised % grain) + grain) % grain;
    if (found == promised - rest) return true;
  }
  constexpr std::int64_t two_seconds = 2'000'000'000;
  return found % two_seconds == 0 && found <= promised && promised - found < two_seconds;
}

// What the workers do: reads files of batches and compares them.
class Reading {
 public:
  Reading(const VerifyOptions& options, Clock& clock, const model::TreeStats& stats, Reporter& reporter)
      : pacer_(options.bytes_per_second, clock), stats_(stats), reporter_(reporter) {}

  Status read(const Op& op, const Batch& batch) {
    std::uint64_t largest = 1;
    for (const FileJob& file : batch.files) largest = std::max(largest, file.size_bytes);
    Bytes buffer(std::min<std::uint64_t>(largest, read_bytes));
    Sha256 hash;
    for (const FileJob& file : batch.files) {
      DL_ASSIGN(const auto finding, compare(op, *batch.directory, file, buffer, hash));
      if (finding) batch.findings->add(*finding, join(batch.path, file.name));
    }
    count(batch.files.size());
    return {};
  }
  Status read_part(const Op& op, const Part& part) {
    auto file = part.file->directory->open_read(part.file->name);
    if (!file) {
      part.file->tell(file.error().code == Code::not_found ? Finding::missing : Finding::unreadable);
      return {};
    }
    Bytes buffer;
    std::uint64_t at = part.offset_bytes;
    for (const model::Chunk& chunk : part.chunks) {
      DL_ASSIGN(const auto finding, compare_chunk(op, **file, at, chunk, buffer));
      if (finding) {
        part.file->tell(*finding);
        return {};
      }
      at += chunk.length_bytes;
    }
    count(0);
    return {};
  }
  void count(std::uint64_t files) {
    files_ += files;
    reporter_.progress({.phase = "verify",
                        .files = files_,
                        .files_total = stats_.files,
                        .bytes = bytes_,
                        .bytes_total = stats_.bytes});
  }
  [[nodiscard]] std::uint64_t files() const { return files_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  using MayFind = Result<std::optional<Finding>>;

  // An error only where the whole run must end.
  MayFind compare(const Op& op, disk::Directory& directory, const FileJob& job, Bytes& buffer, Sha256& hash) {
    auto file = directory.open_read(job.name);
    if (!file) return MayFind(file.error().code == Code::not_found ? Finding::missing : Finding::unreadable);
    for (std::uint64_t at = 0; at < job.size_bytes;) {
      const ByteSpan part(buffer.data(), std::min<std::uint64_t>(buffer.size(), job.size_bytes - at));
      DL_TRY(pacer_.take(op, part.size()));
      const auto got = (*file)->read_at(at, part);
      if (!got) return MayFind(Finding::unreadable);
      hash.update(part.first(*got));
      bytes_ += *got;
      at += *got;
      if (*got < part.size()) break;
      DL_TRY(op.check());
      if (job.size_bytes > batch_bytes) count(0);
    }
    if (hash.finish() != job.content) return MayFind(Finding::changed);
    if (job.attributes.empty()) return MayFind(std::nullopt);
    const auto attributes = (*file)->attributes();
    if (!attributes && attributes.error().code == Code::unsupported) return MayFind(std::nullopt);
    const bool is_equal = attributes && comparable(*attributes, job.mode) == comparable(job.attributes, job.mode);
    return is_equal ? MayFind(std::nullopt) : MayFind(Finding::xattr);
  }

  MayFind compare_chunk(const Op& op, disk::File& file, std::uint64_t begin, const model::Chunk& chunk, Bytes& buffer) {
    const std::uint64_t most = chunk.is_hole() ? read_bytes : model::max_chunk_bytes;
    for (std::uint64_t done = 0; done < chunk.length_bytes;) {
      DL_TRY(op.check());
      buffer.resize(std::min(most, chunk.length_bytes - done));
      DL_TRY(pacer_.take(op, buffer.size()));
      const auto got = file.read_at(begin + done, buffer);
      if (!got) return MayFind(Finding::unreadable);
      bytes_ += *got;
      done += buffer.size();
      const bool is_equal = *got == buffer.size() &&
                            (chunk.is_hole() ? std::ranges::all_of(buffer, [](std::uint8_t byte) { return byte == 0; })
                                             : sha256(buffer) == chunk.hash);
      if (!is_equal) return MayFind(Finding::changed);
    }
    return MayFind(std::nullopt);
  }

  Pacer pacer_;
  const model::TreeStats& stats_;
  Reporter& reporter_;
  std::atomic<std::uint64_t> files_ = 0, bytes_ = 0;
};

// Walks record and directories side by side, compares what can be seen, and hands out what must be read.
class Walker {
 public:
  Walker(const VerifyOptions& options, const Scope& scope, Mode mode, disk::Directory& top, release::NodeSource& tree,
         FindingSink& sink, Reading& reading, WorkerPool& pool, Reporter& reporter)
      : options_(options),
        scope_(scope),
        mode_(mode),
        top_(top),
        tree_(tree),
        sink_(sink),
        reading_(reading),
        pool_(pool),
        reporter_(reporter) {}

  Status run(release::NodeRef ref, const model::Release& release);

 private:
  // A directory of the release, found here.
  struct Here {
    std::string path;
    release::NodeRef ref;
    std::uint32_t mode = 0;
    std::int64_t mtime_ns = 0;  // as promised
    std::vector<model::Attribute> attributes;
    Stat stat;
  };
  Status directory(Here here);
  Status match(const Here& here, std::vector<disk::DirectoryEntry>& found, Batch& batch, std::vector<Here>& below);
  Status compare(const release::DirectoryCursor::Item& item, const disk::DirectoryEntry& found, Batch& batch,
                 std::vector<Here>& below);
  Status compare_file(const release::DirectoryCursor::Item& item, const Stat& stat, Batch& batch);
  Status read_long(const release::DirectoryCursor::Item& item, const Batch& batch);
  Status compare_symlink(const model::Entry& entry, const Stat& stat, Batch& batch);
  void compare_owner(const model::Entry& entry, const Stat& stat, Batch& batch, const std::string& path);
  void note_hard_link(const model::Entry& entry, const Stat& stat, const std::string& path);
  // True where the entry's absence, or the presence of one that the release does not have, means something.
  [[nodiscard]] bool is_missed(const model::Entry& entry, const std::string& path) const;
  [[nodiscard]] bool is_extra(const disk::DirectoryEntry& found, const std::string& path) const;
  [[nodiscard]] ModeIs mode_is(std::uint32_t mode) const {
    return scope_.mode_of(mode) == mode ? ModeIs::as_released : ModeIs::masked;
  }
  [[nodiscard]] bool has_attributes(const Here& here, disk::Directory& directory) const;
  Status hand_out(Batch& batch);

  const VerifyOptions& options_;
  const Scope& scope_;
  const Mode mode_;
  disk::Directory& top_;
  release::NodeSource& tree_;
  FindingSink& sink_;
  Reading& reading_;
  WorkerPool& pool_;
  Reporter& reporter_;
  bool is_as_listed_ = true;  // the directory at hand holds the release's names and no others
};

Status Walker::run(release::NodeRef ref, const model::Release& release) {
  DL_ASSIGN(const Stat stat, top_.stat());
  return directory({"", ref, release.top_mode, release.top_mtime_ns, release.top_attributes, stat});
}

Status Walker::directory(Here here) {
  DL_TRY(pool_.op().check());
  Batch batch{.directory = nullptr,
              .findings = std::make_shared<DirectoryFindings>(sink_),
              .path = here.path,
              .files = {},
              .bytes = 0};
  const std::string shown = here.path.empty() ? "." : here.path;
  auto opened = top_.open_directory(here.path);
  auto found = opened ? (*opened)->list() : std::move(opened).error();
  if (!found) {
    batch.findings->add(Finding::unreadable, shown);
    return {};
  }
  batch.directory = std::move(*opened);
  std::vector<Here> below;
  is_as_listed_ = true;
  DL_TRY(match(here, *found, batch, below));
  // The top of an in-place target is the site's own, as are times of directories that hold other things besides.
  const bool is_ours =
      scope_.part_of(here.path) == Scope::Part::inside && (mode_ == Mode::switched || !here.path.empty());
  if (is_ours && scope_.mode_of(here.mode) != here.stat.mode) batch.findings->add(Finding::mode, shown);
  if (is_ours && is_as_listed_ && !is_same_time(here.mtime_ns, here.stat.mtime_ns)) {
    batch.findings->add(Finding::mtime, shown);
  }
  if (is_ours && !has_attributes(here, *batch.directory)) batch.findings->add(Finding::xattr, shown);
  DL_TRY(hand_out(batch));
  batch = {};
  found->clear();
  found->shrink_to_fit();
  for (Here& child : below) DL_TRY(directory(std::move(child)));
  return {};
}

bool Walker::has_attributes(const Here& here, disk::Directory& directory) const {
  if (here.attributes.empty()) return true;
  const auto found = directory.attributes();
  if (!found) return found.error().code == Code::unsupported;
  const ModeIs mode = mode_is(here.mode);
  return comparable(*found, mode) == comparable(here.attributes, mode);
}

Status Walker::match(const Here& here, std::vector<disk::DirectoryEntry>& found, Batch& batch,
                     std::vector<Here>& below) {
  std::ranges::sort(found, {}, &disk::DirectoryEntry::name);
  auto next = found.begin();
  const auto pass_extra = [&](const disk::DirectoryEntry& entry) {
    const std::string path = join(here.path, entry.name);
    is_as_listed_ = false;
    if (is_extra(entry, path)) batch.findings->add(Finding::extra, path);
  };
  release::DirectoryCursor cursor(pool_.op(), tree_, here.ref);
  for (;;) {
    DL_ASSIGN(const auto* item, cursor.next());
    if (item == nullptr) break;
    const model::Entry& entry = *item->entry;
    while (next != found.end() && next->name < entry.name) pass_extra(*next++);
    const bool is_here = next != found.end() && next->name == entry.name;
    const std::string path = join(here.path, entry.name);
    if (!is_missed(entry, path)) {
      is_as_listed_ = false;
      if (is_here) ++next;
    } else if (!is_here) {
      is_as_listed_ = false;
      batch.findings->add(Finding::missing, path);
      if (entry.kind == EntryKind::file) reading_.count(1);
    } else {
      DL_TRY(compare(*item, *next++, batch, below));
    }
  }
  while (next != found.end()) pass_extra(*next++);
  return {};
}

bool Walker::is_missed(const model::Entry& entry, const std::string& path) const {
  return scope_.part_of(path) != Scope::Part::outside && !scope_.is_kept(path, entry.kind == EntryKind::directory);
}

bool Walker::is_extra(const disk::DirectoryEntry& found, const std::string& path) const {
  if (mode_ == Mode::in_place && path == private_folder_name) return false;
  if (mode_ == Mode::in_place && scope_.part_of(path) == Scope::Part::outside) return false;
  return !scope_.is_kept(path, found.stat.kind == FileKind::directory);
}

Status Walker::compare(const release::DirectoryCursor::Item& item, const disk::DirectoryEntry& found, Batch& batch,
                       std::vector<Here>& below) {
  const model::Entry& entry = *item.entry;
  const std::string path = join(batch.path, entry.name);
  if (found.stat.kind != kind_of(entry)) {
    // A directory of the site's, kept by a pattern for directories, in the place of a file.
    if (!scope_.is_kept(path, found.stat.kind == FileKind::directory)) batch.findings->add(Finding::kind, path);
    if (entry.kind == EntryKind::file) reading_.count(1);
    return {};
  }
  if (scope_.part_of(path) == Scope::Part::inside) compare_owner(entry, found.stat, batch, path);
  switch (entry.kind) {
    case EntryKind::directory:
      below.push_back({path, item.directory(), entry.mode, entry.mtime_ns, entry.attributes, found.stat});
      return {};
    case EntryKind::symlink:
      return compare_symlink(entry, found.stat, batch);
    default:
      return compare_file(item, found.stat, batch);
  }
}

void Walker::compare_owner(const model::Entry& entry, const Stat& stat, Batch& batch, const std::string& path) {
  const auto wanted = scope_.owner_of(entry.owner);
  if (!wanted || (::geteuid() != 0 && !scope_.owner_of(std::nullopt))) return;
  if (wanted->uid != stat.uid || wanted->gid != stat.gid) batch.findings->add(Finding::owner, path);
}

Status Walker::compare_symlink(const model::Entry& entry, const Stat& stat, Batch& batch) {
  const std::string path = join(batch.path, entry.name);
  const auto target = batch.directory->read_link(entry.name);
  if (!target) {
    batch.findings->add(Finding::unreadable, path);
  } else if (*target != entry.target) {
    batch.findings->add(Finding::changed, path);
  } else if (!is_same_time(entry.mtime_ns, stat.mtime_ns)) {
    batch.findings->add(Finding::mtime, path);
  }
  return {};
}

Status Walker::compare_file(const release::DirectoryCursor::Item& item, const Stat& stat, Batch& batch) {
  const model::Entry& entry = *item.entry;
  const std::string path = join(batch.path, entry.name);
  const bool is_time_right = is_same_time(entry.mtime_ns, stat.mtime_ns);
  if (scope_.mode_of(entry.mode) != stat.mode) batch.findings->add(Finding::mode, path);
  if (!is_time_right) batch.findings->add(Finding::mtime, path);
  if (!entry.hard_link.empty()) note_hard_link(entry, stat, path);
  const bool is_quick = options_.depth == VerifyOptions::Depth::metadata && is_time_right;
  if (stat.size_bytes != entry.size_bytes) batch.findings->add(Finding::changed, path);
  if (stat.size_bytes != entry.size_bytes || is_quick || (entry.size_bytes == 0 && entry.attributes.empty())) {
    reading_.count(1);
    return {};
  }
  if (entry.size_bytes >= options_.long_file_bytes && entry.attributes.empty()) return read_long(item, batch);
  batch.files.push_back({entry.name, entry.size_bytes, entry.content, entry.attributes, mode_is(entry.mode)});
  batch.bytes += entry.size_bytes;
  if (batch.files.size() < batch_files && batch.bytes < batch_bytes) return {};
  return hand_out(batch);
}

Status Walker::read_long(const release::DirectoryCursor::Item& item, const Batch& batch) {
  auto file = std::make_shared<LongFile>();
  file->directory = batch.directory;
  file->findings = batch.findings;
  file->name = item.entry->name;
  file->path = join(batch.path, file->name);
  const std::uint64_t part_bytes = std::min(batch_bytes, options_.long_file_bytes);
  auto part = std::make_shared<Part>();
  const auto submit = [&]() -> Status {
    const bool is_taken = pool_.submit([this, part](const Op& op) { return reading_.read_part(op, *part); });
    return is_taken ? Status() : Status(Error{Code::cancelled, "verification was stopped"});
  };
  DL_TRY(release::for_each_chunk(
      pool_.op(), tree_, item,
      [&](const model::Chunk& chunk, std::uint64_t offset, std::uint64_t, std::uint32_t) -> Status {
        if (part->bytes >= part_bytes) {
          DL_TRY(submit());
          part = std::make_shared<Part>();
        }
        if (part->chunks.empty()) {
          part->file = file;
          part->offset_bytes = offset;
        }
        part->chunks.push_back(chunk);
        part->bytes += chunk.length_bytes;
        return {};
      }));
  DL_TRY(submit());
  reading_.count(1);
  return {};
}

void Walker::note_hard_link(const model::Entry& entry, const Stat& stat, const std::string& path) {
  // Pulled as a file of its own where the other is none of the release's here.
  if (scope_.part_of(entry.hard_link) != Scope::Part::inside || scope_.is_kept(entry.hard_link, false)) return;
  const auto other = top_.stat(entry.hard_link);
  if (other && *other && (*other)->inode == stat.inode && (*other)->device == stat.device) return;
  reporter_.note(Severity::info, "\"" + printable(path) +
                                     "\" has an inode of its own, where the release has a hard link to \"" +
                                     printable(entry.hard_link) + "\"");
}

Status Walker::hand_out(Batch& batch) {
  if (batch.files.empty()) return {};
  auto full = std::make_shared<Batch>();
  full->directory = batch.directory;
  full->findings = batch.findings;
  full->path = batch.path;
  full->files = std::exchange(batch.files, {});
  batch.bytes = 0;
  const bool is_taken = pool_.submit([this, full](const Op& op) { return reading_.read(op, *full); });
  return is_taken ? Status() : Status(Error{Code::cancelled, "verification was stopped"});
}

}  // namespace

Result<VerifyResult> verify(const Op& op, Target& target, const VerifyOptions& options, Reporter& reporter,
                            const std::function<void(Finding, const std::string&)>& found) {
  const State& state = target.state();
  if (!options.release && !state.current) {
    return Error{Code::not_found, "nothing is installed in \"" + printable(target.path()) + "\"; pull first"};
  }
  const model::ReleaseId id = options.release.value_or(state.current ? state.current->id : model::ReleaseId{});
  DL_ASSIGN(const auto top, target.content(id));
  DL_ASSIGN(const auto tree, target.tree(id));
  const Layout& layout = target.find(id)->layout;
  DL_ASSIGN(const Scope scope, Scope::make(layout));
  const model::Release& release = tree->index().release;

  FindingSink sink(found);
  Reading reading(options, target.clock(), release.stats, reporter);
  const unsigned workers = options.workers != 0 ? options.workers : default_workers();
  WorkerPool pool(op, workers, workers * batches_a_worker);
  Walker walker(options, scope, layout.mode, *top, *tree, sink, reading, pool, reporter);
  Status walked = walker.run(tree->top(), release);
  Status read = pool.finish();
  if (!read) return std::move(read).error();  // what went wrong first, where the walk was only stopped by it
  DL_TRY(walked);

  VerifyResult result;
  result.files = reading.files();
  result.bytes = reading.bytes();
  result.mode = layout.mode;
  result.tree = release.tree;
  sink.count_into(result);
  return result;
}

}  // namespace duskline::site
