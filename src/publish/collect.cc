#include "publish/collect.h"

#include <utility>

#include "base/units.h"

namespace duskline::publish {
namespace {

constexpr std::size_t max_open_links = 50'000;

}  // namespace

Result<bool> is_unchanged(Scanner& scanner, StampReader& stamps, std::uint64_t top_device) {
  std::uint64_t index = 0;
  for (;;) {
    DL_ASSIGN(const Step* step, scanner.next());
    if (step == nullptr) return index == stamps.header().count;
    if (step->kind == Step::Kind::leave) continue;
    if (!stamps.still_holds(index++, stamp_of(step->name, step->depth, *step->stat, top_device))) return false;
  }
}

LinkTable::Found LinkTable::find(const disk::Stat& stat, std::string_view path) {
  if (stat.links < 2) return {};
  const Inode inode{stat.device, stat.inode};
  if (const auto known = links_.find(inode); known != links_.end()) {
    Found found{known->second, Found::Turn::later};
    if (--found.link->names_to_come == 0) links_.erase(known);
    return found;
  }
  if (links_.size() >= max_open_links) {
    is_full_ = true;
    return {};
  }
  auto link = std::make_shared<Link>();
  link->path = path;
  link->names_to_come = stat.links - 1;
  links_.emplace(inode, link);
  return {std::move(link), Found::Turn::first};
}

Status Collector::Level::advance() {
  if (item != nullptr) {
    const model::Entry& entry = *item->entry;
    stamp += 1 + (entry.kind == model::EntryKind::directory ? entry.stats.entries : 0);
  }
  DL_ASSIGN(item, cursor.next());
  return {};
}

Status Collector::run() {
  for (;;) {
    DL_ASSIGN(const Step* step, parts_.scanner.next());
    if (step == nullptr) break;
    switch (step->kind) {
      case Step::Kind::enter:
        DL_TRY(enter(*step));
        break;
      case Step::Kind::leave:
        levels_.pop_back();
        DL_TRY(parts_.pipeline.leave());
        break;
      case Step::Kind::file:
        DL_TRY(file(*step));
        break;
      case Step::Kind::symlink:
        DL_TRY(symlink(*step));
        break;
    }
  }
  if (links_.is_full()) {
    parts_.reporter.note(Severity::warning,
                         "more than 50,000 files with several names (hard links): further ones are published as "
                         "files of their own");
  }
  return parts_.pipeline.finish();
}

// The top's have a place of their own in a release, and a smaller one.
Result<std::vector<model::Attribute>> Collector::attributes_of(const Step& step) {
  if (options_.attributes != PublishOptions::Record::yes) return std::vector<model::Attribute>();
  DL_ASSIGN(std::vector<model::Attribute> attributes, parts_.scanner.parent()->attributes());
  if (!step.path.empty()) {
    DL_TRY(check_attributes(attributes, step.path));
  } else if (!model::check_top_attributes(attributes)) {
    parts_.reporter.note(Severity::warning,
                         "the extended attributes of the source directory itself are not published, since they are "
                         "more than 32 KiB: give them to the directories at the targets, e.g. by pull --after");
    parts_.reporter.record({".", "skip", 0, "", "extended attributes of more than 32 KiB"});
    attributes.clear();
  }
  return attributes;
}

Result<std::unique_ptr<Collector::Level>> Collector::open_level(release::NodeRef directory, std::uint64_t stamp) {
  auto level = std::make_unique<Level>(
      Level{release::DirectoryCursor(op_, parts_.before->manifest, std::move(directory)), nullptr, stamp});
  DL_TRY(level->advance());
  return level;
}

Status Collector::enter(const Step& step) {
  DL_ASSIGN(auto attributes, attributes_of(step));
  if (step.is_mount_point && mounts_.size() < max_mounts) {
    mounts_.emplace_back(step.path);
    parts_.reporter.note(Severity::info,
                         "\"" + printable(step.path) + "\" is another file system; it is published too");
  }
  std::unique_ptr<Level> level;
  if (levels_.empty()) {
    if (parts_.before != nullptr) {
      DL_ASSIGN(level, open_level(parts_.before->manifest.top(), 1));
    }
  } else {
    DL_ASSIGN(const auto* item, find(step));
    if (item != nullptr && item->entry->kind == model::EntryKind::directory) {
      DL_ASSIGN(level, open_level(item->directory(), levels_.back()->stamp + 1));
    }
  }
  levels_.push_back(std::move(level));
  return parts_.pipeline.enter(step.name, step.depth, *step.stat, std::move(attributes));
}

Result<const release::DirectoryCursor::Item*> Collector::find(const Step& step) {
  Level* level = levels_.back().get();
  if (level == nullptr) return nullptr;
  while (level->item != nullptr && level->item->entry->name < step.name) DL_TRY(level->advance());
  if (level->item == nullptr || level->item->entry->name != step.name) return nullptr;
  return level->item;
}

Result<const release::DirectoryCursor::Item*> Collector::find_unchanged(const Step& step, model::EntryKind kind) {
  DL_ASSIGN(const auto* item, find(step));
  if (item == nullptr || item->entry->kind != kind) return nullptr;
  const Stamp now = stamp_of(step.name, step.depth, *step.stat, options_.top_device);
  if (!parts_.before->stamps.still_holds(levels_.back()->stamp, now)) return nullptr;
  return item;
}

Status Collector::keep(const Step& step, std::shared_ptr<Link> link) {
  const release::DirectoryCursor::Item item = *levels_.back()->item;
  model::Entry entry = *item.entry;
  entry.hard_link.clear();
  for (std::size_t i = 0; i < entry.lists.size(); ++i) {
    DL_ASSIGN(const ByteView node, parts_.before->manifest.node(op_, item.first_child + i, entry.lists[i].node));
    DL_TRY(parts_.tree.spool().add(node));
  }
  return parts_.pipeline.keep(std::move(entry), step.depth, *step.stat, std::move(link));
}

Status Collector::file(const Step& step) {
  auto [link, turn] = links_.find(*step.stat, step.path);
  if (turn == LinkTable::Found::Turn::later) {
    return parts_.pipeline.repeat(step.name, step.depth, std::move(link));
  }
  DL_ASSIGN(const auto* item, find_unchanged(step, model::EntryKind::file));
  if (item != nullptr) return keep(step, std::move(link));
  SourceFile file{parts_.scanner.parent(), std::string(step.name), std::string(step.path), *step.stat};
  return parts_.pipeline.read(std::move(file), step.depth, std::move(link));
}

Status Collector::symlink(const Step& step) {
  DL_ASSIGN(const auto* item, find_unchanged(step, model::EntryKind::symlink));
  if (item != nullptr) return keep(step, nullptr);
  model::Entry entry = entry_of(model::EntryKind::symlink, step.name, *step.stat, options_);
  auto target = parts_.scanner.parent()->read_link(step.name);
  if (!target) {
    if (target.error().code != Code::not_found && target.error().code != Code::refused)
      return std::move(target).error();
    return source_error(Code::changing, step.path, "vanished while it was read");
  }
  entry.target = std::move(*target);
  if (entry.target.empty() || entry.target.size() > model::max_link_bytes) {
    return source_error(Code::refused, step.path,
                        "is a symlink to a path of more than 4,095 bytes; leave it out by --exclude");
  }
  return parts_.pipeline.keep(std::move(entry), step.depth, *step.stat, nullptr);
}

}  // namespace duskline::publish
