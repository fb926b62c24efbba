// Targets for tests, with releases staged in them as a pull would, from trees in memory.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "disk/real_disk.h"
#include "site/activate.h"
#include "site/change.h"
#include "site/folders.h"
#include "site/stamps.h"
#include "site/target.h"
#include "testing/must.h"
#include "testing/sample_release.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::site {

using testing::must;
using testing::must_fail;
using testing::sample_directory;
using testing::sample_file;
using testing::SampleEntry;

// Collects what is said.
class TestReporter final : public Reporter {
 public:
  void note(Severity, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    notes_ += std::string(message) + "\n";
  }
  void progress(const Progress&) override {}
  void record(const FileRecord& record) override {
    const std::lock_guard lock(mutex_);
    records_ += std::string(record.action) + " " + std::string(record.path) + "\n";
  }
  [[nodiscard]] bool said(std::string_view text) const { return notes_.find(text) != std::string::npos; }
  [[nodiscard]] bool recorded(std::string_view text) const { return records_.find(text) != std::string::npos; }
  [[nodiscard]] const std::string& notes() const { return notes_; }

 private:
  std::mutex mutex_;
  std::string notes_, records_;
};

// A release as it is published: its record, and the tree that it stands for.
struct TestRelease {
  SampleEntry tree;
  testing::SampleRelease sample;
  [[nodiscard]] const model::ReleaseId& id() const { return sample.index.id; }
};

class TestPublisher {
 public:
  TestPublisher() : key_(must(SigningKey::generate())), disk_(clock_) {
    scratch_ = must(disk_.open_or_create("/publisher", 0755));
    publisher_ = std::make_unique<testing::SamplePublisher>(*scratch_, key_);
  }
  TestRelease publish(SampleEntry tree) {
    tree.mtime_ns = 0;  // what a sample's release statement says of its top
    auto sample = publisher_->publish(tree, testing::SamplePlaces::no);
    return {std::move(tree), std::move(sample)};
  }

 private:
  SigningKey key_;
  testing::SimClock clock_;
  testing::SimDisk disk_;
  std::unique_ptr<disk::Directory> scratch_;
  std::unique_ptr<testing::SamplePublisher> publisher_;
};

inline void write_file(disk::Directory& in, const std::string& path, const SampleEntry& file) {
  must(in.remove_file(path, disk::Missing::is_absent));
  const auto out = must(in.create(path, file.mode));
  must(out->write_at(0, file.content));
  must(out->set_attributes(file.attributes));
  must(out->set_mtime(file.mtime_ns));
}

inline void write_text(disk::Directory& in, const std::string& path, std::string_view text) {
  write_file(in, path, sample_file(text));
}

// Everything below `path`, which is made.
inline void write_tree(disk::Directory& in, const std::string& path, const SampleEntry& entry) {
  switch (entry.kind) {
    case model::EntryKind::directory:
      must(in.make_directory(path, 0700));
      for (const auto& [name, child] : entry.children) write_tree(in, path + "/" + name, child);
      must(must(in.open_directory(path))->set_attributes(entry.attributes));
      must(in.set_mode(path, entry.mode));
      must(in.set_mtime(path, entry.mtime_ns));
      return;
    case model::EntryKind::symlink:
      must(in.make_symlink(entry.target, path));
      must(in.set_mtime(path, entry.mtime_ns));
      return;
    default:
      write_file(in, path, entry);
  }
}

// What lies below `path` ("" is the directory itself), without the private folder.
inline SampleEntry read_tree(disk::Directory& in, const std::string& path = "") {
  const disk::Stat stat = *must(in.stat(path));
  SampleEntry entry{.mode = stat.mode, .mtime_ns = stat.mtime_ns};
  if (stat.kind == disk::FileKind::symlink) {
    entry.kind = model::EntryKind::symlink;
    entry.mode = 0;
    entry.target = must(in.read_link(path));
  } else if (stat.kind == disk::FileKind::file) {
    entry.content = *must(in.read_all(path, 1 << 20));
    entry.attributes = must(must(in.open_read(path))->attributes());
  } else {
    entry.kind = model::EntryKind::directory;
    const auto directory = must(in.open_directory(path));
    entry.attributes = must(directory->attributes());
    for (const auto& child : must(directory->list())) {
      if (path.empty() && child.name == private_folder_name) continue;
      entry.children[child.name] = read_tree(in, path.empty() ? child.name : path + "/" + child.name);
    }
  }
  return entry;
}

// The same, with what an in-place target does not promise about its top made equal.
inline SampleEntry read_content(disk::Directory& in) {
  SampleEntry tree = read_tree(in);
  tree.mode = 0755;
  tree.mtime_ns = 0;
  return tree;
}

// A tree as text, a line for each entry, so that a difference can be read.
inline std::string listing(const SampleEntry& entry, const std::string& path = ".") {
  std::string text = path + " kind " + std::to_string(static_cast<int>(entry.kind)) + " mode " +
                     std::to_string(entry.mode) + " mtime " + std::to_string(entry.mtime_ns) + " " +
                     (entry.content.empty() ? entry.target : sha256(entry.content).short_hex());
  for (const auto& [name, value] : entry.attributes) text += " " + name + "=" + to_hex(value);
  text += "\n";
  for (const auto& [name, child] : entry.children) text += listing(child, path + "/" + name);
  return text;
}

// The changes between two trees, as a planner would list them.
class TestPlan {
 public:
  TestPlan(Target& target, ChangeWriter& removals, ChangeWriter& creations)
      : root_(target.root()), own_(target.private_folder()), removals_(removals), creations_(creations) {}

  void directory(const std::string& path, const SampleEntry* before, const SampleEntry& after) {
    add({.kind = Change::Kind::make_directory,
         .path = path,
         .mode = after.mode,
         .mtime_ns = after.mtime_ns,
         .attributes = after.attributes});
    must(own_.make_directory(std::string(folders::staged_tree) + (path.empty() ? "" : "/" + path), 0700));
    if (before != nullptr) {
      for (const auto& [name, old] : before->children) {
        if (!after.children.contains(name)) remove(join(path, name), old);
      }
    }
    for (const auto& [name, wanted] : after.children) {
      const SampleEntry* old = nullptr;
      if (before != nullptr && before->children.contains(name)) old = &before->children.at(name);
      entry(join(path, name), old, wanted);
    }
  }

 private:
  static std::string join(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "/" + name;
  }
  void add(Change change) { must(creations_.add(change)); }
  FileStamp seen(const std::string& path) {
    const auto found = root_.stat(path);  // refused below what is a symlink still
    const auto stat = found ? *found : std::nullopt;
    return stat && stat->kind != disk::FileKind::directory ? saw(*stat) : FileStamp{};
  }

  void remove(const std::string& path, const SampleEntry& old) {
    if (old.kind != model::EntryKind::directory) {
      must(removals_.add({.kind = Change::Kind::remove_file, .path = path, .seen = seen(path)}));
      return;
    }
    for (const auto& [name, child] : old.children) remove(path + "/" + name, child);
    must(removals_.add({.kind = Change::Kind::remove_directory, .path = path}));
  }

  void entry(const std::string& path, const SampleEntry* old, const SampleEntry& wanted) {
    const bool was_directory = old != nullptr && old->kind == model::EntryKind::directory;
    if (wanted.kind == model::EntryKind::directory) {
      if (old != nullptr && !was_directory) remove(path, *old);
      directory(path, was_directory ? old : nullptr, wanted);
      return;
    }
    if (was_directory) remove(path, *old);
    if (old != nullptr && *old == wanted) return;
    Change change{.path = path, .mode = wanted.mode, .mtime_ns = wanted.mtime_ns, .seen = seen(path)};
    if (wanted.kind == model::EntryKind::symlink) {
      change.kind = Change::Kind::make_symlink;
      change.other = wanted.target;
    } else if (old != nullptr && old->kind == model::EntryKind::file && old->content == wanted.content) {
      change.kind = Change::Kind::set_attributes;
    } else {
      change.kind = Change::Kind::place_file;
      write_file(own_, std::string(folders::staged_tree) + "/" + path, wanted);
    }
    add(change);
  }

  disk::Directory& root_;
  disk::Directory& own_;
  ChangeWriter& removals_;
  ChangeWriter& creations_;
};

inline void copy_changes(disk::Directory& own, std::string_view from, ChangeWriter& to) {
  ChangeList list = must(ChangeList::open(must(own.open_read(from))));
  while (const Change* change = must(list.next())) must(to.add(*change));
}

inline void write_stamps(disk::Directory* in, const std::string& path, const SampleEntry& tree, StampWriter& out) {
  for (const auto& [name, child] : tree.children) {
    const std::string below = path.empty() ? name : path + "/" + name;
    if (child.kind == model::EntryKind::directory) write_stamps(in, below, child, out);
    if (child.kind != model::EntryKind::file) continue;
    must(out.add(in == nullptr ? to_be_placed() : stamp_of(*must(in->stat(below)))));
  }
}

// Stages `release` in the way of `mode`; `before` is what an in-place target holds.
inline Staged stage(Target& target, const TestRelease& release, Mode mode, const SampleEntry* before = nullptr) {
  disk::Directory& own = target.private_folder();
  must(own.remove_tree(folders::staging, disk::Missing::is_absent));
  must(own.make_directory(folders::staging, 0700));
  const auto record = must(own.create(folders::staged_record, 0600));
  must(record->write_at(0, release.sample.object));
  StampWriter stamps(must(own.create(folders::staged_stamps, 0600)), release.id(), "");
  if (mode == Mode::switched) {
    const std::string tree(folders::staged_tree);
    write_tree(own, tree, release.tree);
    write_stamps(must(own.open_directory(tree)).get(), "", release.tree, stamps);
  } else {
    ChangeWriter removals(must(own.create("staging/removals", 0600)), release.id());
    ChangeWriter creations(must(own.create("staging/creations", 0600)), release.id());
    TestPlan(target, removals, creations).directory("", before, release.tree);
    must(removals.finish());
    must(creations.finish());
    ChangeWriter all(must(own.create(folders::staged_changes, 0600)), release.id());
    copy_changes(own, "staging/removals", all);
    copy_changes(own, "staging/creations", all);
    must(all.finish());
    write_stamps(nullptr, "", release.tree, stamps);
  }
  must(stamps.finish());
  return {.id = release.id(), .release = release.sample.release, .layout = Layout{.mode = mode}};
}

inline Result<std::unique_ptr<Target>> try_open(disk::Filesystem& disk, const std::string& path, Clock& clock,
                                                Reporter& reporter) {
  return Target::open({}, disk, path, Target::Make::create, std::chrono::seconds(0), clock, reporter);
}

}  // namespace duskline::site
