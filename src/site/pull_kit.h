// What the tests of pulling share: a store, a target, and a look at what is in it.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "disk/real_disk.h"
#include "site/pull.h"
#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/release_maker.h"
#include "testing/scratch.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::site {

using testing::must;
using testing::SampleEntry;

class PullReporter final : public Reporter {
 public:
  void note(Severity, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    notes += std::string(message) + "\n";
  }
  void progress(const Progress&) override {}
  void record(const FileRecord& record) override {
    const std::lock_guard lock(mutex_);
    records.push_back(std::string(record.action) + " " + std::string(record.path));
    sources[std::string(record.path)] = std::string(record.source);
  }
  [[nodiscard]] std::vector<std::string> sorted() {
    std::ranges::sort(records);
    return records;
  }
  void clear() {
    records.clear();
    sources.clear();
    notes.clear();
  }
  std::vector<std::string> records;
  std::map<std::string, std::string> sources;
  std::string notes;

 private:
  std::mutex mutex_;
};

// What lies below a directory, as a tree of samples. `.duskline` is left out.
inline SampleEntry read_tree(disk::Directory& directory, bool is_top = true) {
  SampleEntry tree = testing::sample_directory();
  tree.mode = must(directory.stat()).mode;
  tree.mtime_ns = must(directory.stat()).mtime_ns;
  tree.attributes = must(directory.attributes());
  for (const auto& found : must(directory.list())) {
    if (is_top && found.name == private_folder_name) continue;
    SampleEntry entry;
    entry.mode = found.stat.mode;
    if (found.stat.kind == disk::FileKind::directory) {
      entry = read_tree(*must(directory.open_directory(found.name)), false);
    } else if (found.stat.kind == disk::FileKind::symlink) {
      entry.kind = model::EntryKind::symlink;
      entry.mode = 0;
      entry.target = must(directory.read_link(found.name));
    } else {
      const auto file = must(directory.open_read(found.name));
      entry.content.resize(found.stat.size_bytes);
      must(file->read_at(0, entry.content));
      entry.attributes = must(file->attributes());
    }
    entry.mtime_ns = found.stat.mtime_ns;
    tree.children.emplace(found.name, std::move(entry));
  }
  return tree;
}

// The top's own mode and time are those of the release, which the samples do not set.
inline SampleEntry with_top(SampleEntry tree) {
  tree.mode = 0755;
  tree.mtime_ns = 0;
  return tree;
}

inline void describe_difference(const SampleEntry& a, const SampleEntry& b, const std::string& path, std::string& out) {
  if (out.size() > 2000) return;
  if (a.kind != b.kind) out += path + ": other kind\n";
  if (a.mode != b.mode) out += path + ": mode " + std::to_string(a.mode) + " and " + std::to_string(b.mode) + "\n";
  if (a.mtime_ns != b.mtime_ns) out += path + ": other mtime\n";
  if (a.content != b.content) out += path + ": other content\n";
  if (a.target != b.target) out += path + ": other target\n";
  if (a.attributes != b.attributes) out += path + ": other attributes\n";
  for (const auto& [name, child] : a.children) {
    const auto other = b.children.find(name);
    if (other == b.children.end()) out += path + "/" + name + ": missing\n";
    if (other != b.children.end()) describe_difference(child, other->second, path + "/" + name, out);
  }
  for (const auto& [name, child] : b.children) {
    if (!a.children.contains(name)) out += path + "/" + name + ": extra\n";
  }
}
inline std::string difference(const SampleEntry& wanted, const SampleEntry& found) {
  std::string out;
  describe_difference(wanted, found, "", out);
  return out;
}

// The way to the store. Counts the bytes of packs that pass, those of a body that breaks included, and can close.
class PackLink final : public store::ObjectStore {
 public:
  explicit PackLink(store::ObjectStore& inner) : inner_(inner) {}
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // No more than so many further bytes of packs pass.
  void close_after(std::uint64_t bytes) { closes_at_ = bytes_ + bytes; }
  void open() { closes_at_ = never; }
  // Bodies of packs pass in pieces of so many bytes, and `after_piece` is called after each.
  void drip(std::size_t bytes, std::function<void()> after_piece) {
    drip_bytes_ = bytes;
    after_piece_ = std::move(after_piece);
  }
  Result<store::ObjectInfo> get(const Op& op, const store::Key& key, const store::GetOptions& options,
                                Sink& sink) override {
    if (key.text().find("/pack/") == std::string::npos) return inner_.get(op, key, options, sink);
    LinkSink through(*this, sink);
    return inner_.get(op, key, options, through);
  }
  Result<std::optional<store::ObjectInfo>> head(const Op& op, const store::Key& key) override {
    return inner_.head(op, key);
  }
  Result<store::ObjectInfo> put(const Op& op, const store::Key& key, Source& body,
                                const store::PutOptions& options) override {
    return inner_.put(op, key, body, options);
  }
  Result<store::Listing> list(const Op& op, const store::ListQuery& query) override { return inner_.list(op, query); }
  Result<store::RemoveReport> remove(const Op& op, std::span<const store::Key> keys) override {
    return inner_.remove(op, keys);
  }
  [[nodiscard]] std::string describe() const override { return inner_.describe(); }

 private:
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  class LinkSink final : public Sink {
   public:
    LinkSink(PackLink& link, Sink& to) : link_(link), to_(to) {}
    Status write(ByteView bytes) override {
      while (link_.drip_bytes_ > 0 && bytes.size() > link_.drip_bytes_) {
        DL_TRY(pass(bytes.first(link_.drip_bytes_)));
        bytes = bytes.subspan(link_.drip_bytes_);
        link_.after_piece_();
      }
      return pass(bytes);
    }

   private:
    Status pass(ByteView bytes) {
      const std::uint64_t before = link_.bytes_.fetch_add(bytes.size());
      const std::uint64_t closes_at = link_.closes_at_;
      if (before + bytes.size() <= closes_at) return to_.write(bytes);
      const std::uint64_t passes = closes_at - std::min(closes_at, before);
      link_.bytes_ -= bytes.size() - passes;
      if (passes > 0) DL_TRY(to_.write(bytes.first(passes)));
      return Error{Code::unavailable, "the link was closed"};
    }

    PackLink& link_;
    Sink& to_;
  };
  store::ObjectStore& inner_;
  std::atomic<std::uint64_t> bytes_{0}, closes_at_{never};
  std::size_t drip_bytes_ = 0;
  std::function<void()> after_piece_;
};

class PullKit {
 public:
  explicit PullKit(testing::SampleCut cut = {})
      : mem(store::open_mem_store(clock)),
        faults(*mem),
        link(faults),
        maker(*mem, cut),
        disk(disk::open_real_disk()),
        target_path_(scratch.path("target")) {}
  // With the target on a disk of the test's own.
  explicit PullKit(const testing::SimDiskOptions& simulated, testing::SampleCut cut = {}) : PullKit(cut) {
    auto made = std::make_unique<testing::SimDisk>(clock, simulated);
    sim = made.get();
    disk = std::move(made);
    target_path_ = "/target";
  }

  [[nodiscard]] PullOptions options(Mode mode = Mode::switched) const {
    PullOptions options{.set = maker.set(), .channel = maker.channel()};
    options.mode = mode;
    options.sync = false;
    options.workers = 3;
    return options;
  }
  [[nodiscard]] const std::string& target_path() const { return target_path_; }
  [[nodiscard]] std::unique_ptr<Target> open() {
    return must(Target::open({}, *disk, target_path(), Target::Make::create, {}, clock, reporter));
  }
  Result<PullResult> pull(const PullOptions& options) {
    const auto target = open();
    return pull_into(*target, options);
  }
  Result<PullResult> pull_into(Target& target, const PullOptions& options) {
    reporter.clear();
    const PullParts parts{link, *disk, {maker.key().public_key()}, clock, reporter};
    return site::pull({}, parts, target, options);
  }
  Result<RepairResult> repair() {
    const auto target = open();
    reporter.clear();
    const PullParts parts{link, *disk, {maker.key().public_key()}, clock, reporter};
    return site::repair({}, parts, *target, options());
  }
  [[nodiscard]] std::unique_ptr<disk::Directory> shown() {
    const auto target = open();
    return must(target->content(target->state().current.value().id));
  }
  [[nodiscard]] SampleEntry seen() { return read_tree(*shown()); }
  [[nodiscard]] bool shows_nothing() { return !open()->state().current; }
  // "" where the target shows just this tree.
  [[nodiscard]] std::string differs_from(const SampleEntry& tree) { return difference(with_top(tree), seen()); }

  // Bytes of packs that the store gave in all pulls, those that failed included.
  [[nodiscard]] std::uint64_t pack_bytes_given() const { return link.bytes(); }

  testing::SimClock clock;
  std::unique_ptr<store::ObjectStore> mem;
  testing::FaultStore faults;
  PackLink link;
  testing::ReleaseMaker maker;
  std::unique_ptr<disk::Filesystem> disk;
  testing::SimDisk* sim = nullptr;
  testing::Scratch scratch;
  PullReporter reporter;

 private:
  std::string target_path_;
};

}  // namespace duskline::site
