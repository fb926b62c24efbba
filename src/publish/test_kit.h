// What the tests of publishing share: a source directory, a store, a cache folder and a clock far from the files'
// times.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "disk/real_disk.h"
#include "publish/publish.h"
#include "release/content.h"
#include "release/remote.h"
#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/scratch.h"
#include "testing/sim_clock.h"

namespace duskline::publish {

using testing::must;

// Remembers what it is told.
class ListeningReporter final : public Reporter {
 public:
  void note(Severity severity, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    notes.emplace_back(severity, message);
  }
  void progress(const Progress&) override {}
  void record(const FileRecord& record) override {
    const std::lock_guard lock(mutex_);
    records.push_back(std::string(record.action) + " " + std::string(record.path));
  }
  [[nodiscard]] std::string all_notes() const {
    std::string text;
    for (const auto& [severity, message] : notes) text += message + "\n";
    return text;
  }
  void clear() {
    notes.clear();
    records.clear();
  }
  std::vector<std::pair<Severity, std::string>> notes;
  std::vector<std::string> records;

 private:
  std::mutex mutex_;
};

// One entry as a directory or a release shows it; a file's content is kept whole.
struct SeenEntry {
  char kind = '?';
  std::uint32_t mode = 0;
  std::int64_t mtime_ns = 0;
  std::string content;  // of a symlink, where it leads
  std::string link_of;  // the first of several names
  bool operator==(const SeenEntry&) const = default;
};
using SeenTree = std::map<std::string, SeenEntry>;

inline std::string random_text(std::mt19937_64& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

inline void write_file(const std::string& path, std::string_view content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The tree below `top` by the C library alone; entries in byte order, as links are counted in it.
inline void look_at_directory(const std::string& top, const std::string& below,
                              std::map<std::pair<dev_t, ino_t>, std::string>& inodes, SeenTree& into) {
  std::vector<std::string> names;
  DIR* directory = opendir((top + "/" + below).c_str());
  if (directory == nullptr) throw std::runtime_error("cannot list " + below);
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(directory);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = below.empty() ? name : below + "/" + name;
    const std::string whole = top + "/" + path;
    struct stat stat{};
    if (lstat(whole.c_str(), &stat) != 0) throw std::runtime_error("cannot stat " + path);
    SeenEntry seen;
    seen.mtime_ns = nanoseconds(stat.st_mtim);
    if (S_ISLNK(stat.st_mode)) {
      seen.kind = 'l';
      seen.content = std::filesystem::read_symlink(whole).string();
    } else {
      seen.mode = stat.st_mode & 07777;
      seen.kind = S_ISDIR(stat.st_mode) ? 'd' : 'f';
    }
    if (seen.kind == 'f') {
      seen.content = read_file(whole);
      if (stat.st_nlink > 1) {
        const auto [first, is_first] = inodes.emplace(std::pair(stat.st_dev, stat.st_ino), path);
        if (!is_first) seen.link_of = first->second;
      }
    }
    const bool is_directory = seen.kind == 'd';
    into.emplace(path, std::move(seen));
    if (is_directory) look_at_directory(top, path, inodes, into);
  }
}

inline SeenTree tree_on_disk(const std::string& top) {
  std::map<std::pair<dev_t, ino_t>, std::string> inodes;
  SeenTree tree;
  look_at_directory(top, "", inodes, tree);
  return tree;
}

class PublishKit {
 public:
  PublishKit() {
    std::filesystem::create_directories(source());
    cache = must(disk->open_or_create(scratch.path("cache"), 0700));
    work = must(disk->open_or_create(scratch.path("work"), 0700));
    clock.set_wall(std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()) +
                   std::chrono::hours(1));
    store = store::open_mem_store(clock);
    options.source = source();
    options.workers = 2;
  }

  [[nodiscard]] std::string source() const { return scratch.path("source"); }
  [[nodiscard]] std::string source(const std::string& name) const { return scratch.path("source/" + name); }
  void write(const std::string& name, std::string_view content) const { write_file(source(name), content); }

  [[nodiscard]] PublishParts parts_with(store::ObjectStore& through, disk::Filesystem& by) {
    return {through, by, *cache, key, {key.public_key()}, {.if_none_match = true, .if_match = true}, clock, reporter};
  }
  Result<PublishResult> try_publish() { return try_publish(*store, *disk); }
  Result<PublishResult> try_publish(store::ObjectStore& through) { return try_publish(through, *disk); }
  Result<PublishResult> try_publish(store::ObjectStore& through, disk::Filesystem& by) {
    return publish::publish({}, parts_with(through, by), options);
  }
  // Time goes on between two runs, so that the files of the one before are old.
  PublishResult publish() {
    clock.advance(std::chrono::minutes(1));
    return must(try_publish());
  }

  void lose_cache() {
    cache.reset();
    std::filesystem::remove_all(scratch.path("cache"));
    cache = must(disk->open_or_create(scratch.path("cache"), 0700));
  }

  [[nodiscard]] std::optional<release::SeenHead> head() {
    return must(release::read_head(*store, {}, options.set, options.channel, {key.public_key()}));
  }
  [[nodiscard]] std::unique_ptr<release::Manifest> manifest(const model::ReleaseId& id) {
    return must(release::open_remote_manifest(*store, {}, options.set, id, {}, {key.public_key()}, *work, id.hex()));
  }
  // What a target would get.
  [[nodiscard]] SeenTree tree_in_store(const model::ReleaseId& id) {
    const auto of = manifest(id);
    release::ContentReader reader(*store, options.set, *of);
    SeenTree tree;
    add_directory(*of, reader, of->top(), "", tree);
    return tree;
  }
  [[nodiscard]] std::vector<std::string> keys(const std::string& prefix = "") {
    std::vector<std::string> found;
    must(store::for_each_object(*store, {}, prefix, [&](const store::ListedObject& object) -> Status {
      found.push_back(object.key.text());
      return {};
    }));
    return found;
  }

  testing::Scratch scratch;
  std::unique_ptr<disk::Filesystem> disk = disk::open_real_disk();
  testing::SimClock clock;
  std::unique_ptr<store::ObjectStore> store;
  SigningKey key = must(SigningKey::generate());
  ListeningReporter reporter;
  std::unique_ptr<disk::Directory> cache, work;
  PublishOptions options{.set = must(model::SetName::parse("set")), .channel = must(model::ChannelName::parse("live"))};

 private:
  void add_directory(release::Manifest& of, release::ContentReader& reader, const release::NodeRef& directory,
                     const std::string& below, SeenTree& tree) {
    const Op op;
    release::DirectoryCursor cursor(op, of, directory);
    std::vector<std::pair<std::string, release::NodeRef>> directories;
    while (const auto* item = must(cursor.next())) {
      const model::Entry& entry = *item->entry;
      const std::string path = below.empty() ? entry.name : below + "/" + entry.name;
      SeenEntry seen{'?', entry.mode, entry.mtime_ns, entry.target, entry.hard_link};
      if (entry.kind == model::EntryKind::directory) seen.kind = 'd';
      if (entry.kind == model::EntryKind::symlink) seen.kind = 'l';
      if (entry.kind == model::EntryKind::file) {
        seen.kind = 'f';
        Bytes content;
        BufferSink sink(content, entry.size_bytes);
        must(reader.read_all(op, *item, sink));
        if (sha256(content) != entry.content) throw std::runtime_error("wrong content hash of " + path);
        seen.content = text_of(content);
      }
      if (seen.kind == 'd') directories.emplace_back(path, item->directory());
      tree.emplace(path, std::move(seen));
    }
    for (const auto& [path, node] : directories) add_directory(of, reader, node, path, tree);
  }
};

}  // namespace duskline::publish
