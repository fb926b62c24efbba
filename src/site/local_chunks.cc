#include "site/local_chunks.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "release/node_source.h"

namespace duskline::site {
namespace {

constexpr std::uint32_t no_file = std::numeric_limits<std::uint32_t>::max();

class RecordIndexer final : public release::TreeDiffVisitor {
 public:
  RecordIndexer(const Op& op, release::Manifest& record, const Scope& scope, StampReader* stamps, LocalFiles& files,
                std::uint32_t source, LocalChunks& chunks)
      : op_(op), record_(record), scope_(scope), stamps_(stamps), files_(files), source_(source), chunks_(chunks) {}

  Status differs(const release::Sided& sided) override {
    const model::Entry& entry = *sided.after->entry;
    if (entry.kind != model::EntryKind::file || scope_.part_of(sided.path) != Scope::Part::inside) return {};
    FileStamp stamp;
    if (stamps_ != nullptr) {
      DL_ASSIGN(stamp, stamps_->next());
    }
    if (entry.size_bytes == 0 || scope_.is_kept(sided.path, false)) return {};
    if (chunks_.wants(entry.content)) {
      chunks_.add_installed({source_, std::string(sided.path), entry.content, stamp});
    }
    std::uint32_t file = no_file;
    return release::for_each_chunk(
        op_, record_, *sided.after,
        [&](const model::Chunk& chunk, std::uint64_t offset, std::uint64_t, std::uint32_t) -> Status {
          if (chunk.is_hole() || !chunks_.wants(chunk.hash)) return {};
          if (file == no_file) {
            if (files_.path_bytes() > LocalChunks::max_path_bytes) return {};
            file = files_.add_file(source_, sided.path);
          }
          chunks_.add(chunk.hash, {file, offset});
          return {};
        });
  }

 private:
  const Op& op_;
  release::Manifest& record_;
  const Scope& scope_;
  StampReader* stamps_;
  LocalFiles& files_;
  const std::uint32_t source_;
  LocalChunks& chunks_;
};

class StagedIndexer final : public release::TreeDiffVisitor {
 public:
  StagedIndexer(const Op& op, release::Manifest& record, LocalFiles& files, std::uint32_t source, LocalChunks& chunks)
      : op_(op),
        record_(record),
        files_(files),
        source_(source),
        tree_(files.directory(source), max_folders_open),
        chunks_(chunks) {
    levels_.push_back(tree_.at(""));
  }

  Status differs(const release::Sided& sided) override {
    const model::Entry& entry = *sided.after->entry;
    if (entry.kind == model::EntryKind::directory) {
      auto folder = levels_.back() ? tree_.at(std::string(sided.path)) : nullptr;
      if (folder && !folder->open()) folder.reset();
      levels_.push_back(std::move(folder));
      return {};
    }
    if (entry.kind != model::EntryKind::file || entry.size_bytes == 0 || !levels_.back()) return {};
    const auto folder = levels_.back()->open();
    if (!folder) return {};
    const auto stat = (*folder)->stat(entry.name);
    if (!stat || !*stat || (*stat)->kind != disk::FileKind::file) return {};
    const auto file = (*folder)->open_read(entry.name);
    return file ? index(sided, **file) : Status{};
  }

  Status leave(const release::Sided&) override {
    levels_.pop_back();
    return {};
  }

 private:
  Status index(const release::Sided& sided, disk::File& file) {
    std::optional<std::uint32_t> number;
    return release::for_each_chunk(
        op_, record_, *sided.after,
        [&](const model::Chunk& chunk, std::uint64_t offset, std::uint64_t, std::uint32_t) -> Status {
          if (chunk.is_hole() || !chunks_.wants(chunk.hash) || chunks_.find(chunk.hash)) return {};
          if (files_.path_bytes() > LocalChunks::max_path_bytes) return {};
          DL_TRY(op_.check());
          buffer_.resize(chunk.length_bytes);
          const auto got = file.read_at(offset, buffer_);
          if (!got || *got != buffer_.size() || sha256(buffer_) != chunk.hash) return {};
          if (!number) number = files_.add_file(source_, sided.path);
          chunks_.add(chunk.hash, {*number, offset});
          return {};
        });
  }

  static constexpr std::size_t max_folders_open = 32;
  const Op& op_;
  release::Manifest& record_;
  LocalFiles& files_;
  const std::uint32_t source_;
  FolderTree tree_;
  LocalChunks& chunks_;
  std::vector<std::shared_ptr<Folder>> levels_;
  Bytes buffer_;
};

}  // namespace

std::uint32_t LocalFiles::add_source(std::shared_ptr<disk::Directory> directory, Origin origin) {
  const std::lock_guard lock(mutex_);
  sources_.push_back({std::move(directory), origin});
  return static_cast<std::uint32_t>(sources_.size() - 1);
}

std::uint32_t LocalFiles::add_file(std::uint32_t source, std::string_view path) {
  const std::lock_guard lock(mutex_);
  files_.push_back({source, std::string(path)});
  path_bytes_ += path.size() + sizeof(Named);
  return static_cast<std::uint32_t>(files_.size() - 1);
}

Result<std::unique_ptr<disk::File>> LocalFiles::open(std::uint32_t file) const {
  const Named* named = nullptr;
  const Source* source = nullptr;
  {
    const std::lock_guard lock(mutex_);
    named = &files_[file];  // a deque's elements stay where they are
    source = &sources_[named->source];
  }
  return source->directory->open_read(named->path);
}

Origin LocalFiles::origin_of(std::uint32_t file) const {
  const std::lock_guard lock(mutex_);
  return sources_[files_[file].source].origin;
}

std::shared_ptr<disk::Directory> LocalFiles::directory(std::uint32_t source) const {
  const std::lock_guard lock(mutex_);
  return sources_[source].directory;
}

std::uint64_t LocalFiles::path_bytes() const {
  const std::lock_guard lock(mutex_);
  return path_bytes_;
}

LocalChunks::LocalChunks(std::vector<std::uint64_t> wanted) : keys_(std::move(wanted)) {
  std::ranges::sort(keys_);
  keys_.erase(std::ranges::unique(keys_).begin(), keys_.end());
  places_.assign(keys_.size(), {no_file, 0});
}

std::size_t LocalChunks::slot_of(const Hash256& hash) const {
  const std::uint64_t key = hash.prefix64();
  const auto found = std::ranges::lower_bound(keys_, key);
  return found != keys_.end() && *found == key ? static_cast<std::size_t>(found - keys_.begin()) : none;
}

void LocalChunks::add(const Hash256& chunk, LocalPlace place) {
  const std::size_t slot = slot_of(chunk);
  if (slot != none && places_[slot].file == no_file) places_[slot] = place;
}

std::optional<LocalPlace> LocalChunks::find(const Hash256& chunk) const {
  const std::size_t slot = slot_of(chunk);
  if (slot == none || places_[slot].file == no_file) return std::nullopt;
  return places_[slot];
}

void LocalChunks::add_installed(InstalledFile file) {
  if (installed_bytes_ > max_path_bytes) return;
  installed_bytes_ += file.path.size() + sizeof file;
  const std::uint64_t key = file.content.prefix64();
  installed_.try_emplace(key, std::move(file));
}

const InstalledFile* LocalChunks::find_installed(const Hash256& content) const {
  const auto found = installed_.find(content.prefix64());
  return found != installed_.end() && found->second.content == content ? &found->second : nullptr;
}

Status index_record(const Op& op, release::Manifest& record, const Scope& scope, StampReader* stamps, LocalFiles& files,
                    std::uint32_t source, LocalChunks& chunks) {
  RecordIndexer indexer(op, record, scope, stamps, files, source, chunks);
  return release::diff_trees(op, nullptr, std::nullopt, &record, record.top(), indexer);
}

Status index_staged(const Op& op, release::Manifest& record, LocalFiles& files, std::uint32_t source,
                    LocalChunks& chunks) {
  StagedIndexer indexer(op, record, files, source, chunks);
  return release::diff_trees(op, nullptr, std::nullopt, &record, record.top(), indexer);
}

}  // namespace duskline::site
