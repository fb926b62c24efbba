#include "testing/sim_state.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "model/tree.h"

namespace duskline::testing::sim {

using disk::FileKind;

State::State(Clock& clock_of, SimDiskOptions options_of)
    : clock(clock_of),
      options(options_of),
      random(options.seed),
      ledger(std::make_shared<Ledger>(options.capacity_bytes)),
      root(make_inode(FileKind::directory, 0755, 1)) {
  root->links = 1;
  root->is_mount_root = true;
}

std::int64_t State::now() const { return clock.now().time_since_epoch().count(); }

std::optional<Error> State::admit(Effect effect, std::uint64_t generation_of_handle) {
  ++operations;
  if (effect != Effect::none) ++changes;
  if (generation_of_handle != generation) return Error{Code::io, "it was opened before the power went (simulated)"};
  if (effect == Effect::sync && changes == cut_at) has_power = false;
  if (!has_power) return Error{Code::io, std::string(no_power)};
  if (const auto found = faults.find(operations); found != faults.end()) {
    return Error{found->second, "failed on request (simulated)"};
  }
  if (effect == Effect::change && read_only) return Error{Code::read_only, "the file system is read-only (simulated)"};
  return std::nullopt;
}

InodePtr State::make_inode(FileKind kind, std::uint32_t mode, std::uint64_t device) {
  auto inode = std::make_shared<Inode>(kind, ledger);
  inode->device = device;
  inode->meta.mode = mode;
  inode->meta.mtime_ns = inode->meta.ctime_ns = now();
  inode->durable_meta = inode->meta;  // an inode is written together with its first name
  return inode;
}

void State::touch(Inode& inode, Change change) {
  const bool again =
      change.kind == Change::Kind::meta && !inode.changes.empty() && inode.changes.back().kind == Change::Kind::meta;
  if (again) {
    inode.changes.back() = std::move(change);
  } else {
    inode.changes.push_back(std::move(change));
  }
  dirty.emplace(&inode, inode.shared_from_this());
}

void State::touch_meta(Inode& inode) {
  inode.meta.ctime_ns = now();
  Change change;
  change.meta = inode.meta;
  touch(inode, std::move(change));
}

void State::set_content_time(Inode& inode) {
  inode.meta.mtime_ns = now();
  touch_meta(inode);
}

void State::apply_live(const NameChange& change) {
  for (const NameChange::Slot& slot : change.slots) {
    InodePtr& value = slot.directory->entries[slot.name];
    if (value) --value->links;
    value = slot.value;
    if (!value) slot.directory->entries.erase(slot.name);
    if (!slot.value) continue;
    ++slot.value->links;
    if (slot.value->is_directory()) slot.value->parent = slot.directory;
  }
}

void State::add_names(NameChange change) {
  for (const NameChange::Slot& slot : change.slots) {
    const auto old = slot.directory->entries.find(slot.name);
    if (old != slot.directory->entries.end() && old->second) touch_meta(*old->second);
    if (slot.value) touch_meta(*slot.value);
    set_content_time(*slot.directory);
  }
  apply_live(change);
  names.add(std::move(change));
}

void State::sync(const InodePtr& inode) {
  inode->make_durable();
  if (inode->is_directory()) names.sync(inode);
  if (!inode->is_beyond_sync) dirty.erase(inode.get());
}

void State::lose_changes(Inode& inode) {
  inode.changes.clear();
  inode.is_beyond_sync = true;
  dirty.emplace(&inode, inode.shared_from_this());
}

void State::lose_device(std::uint64_t device) {
  for (const auto& [address, inode] : dirty) {
    if (inode->device != device || inode->kind != FileKind::file) continue;
    inode->changes.clear();
    inode->is_beyond_sync = true;
  }
}

void State::sync_device(std::uint64_t device) {
  names.sync_device(device);
  for (auto at = dirty.begin(); at != dirty.end();) {
    const bool here = at->second->device == device;
    if (here) at->second->make_durable();
    at = here && !at->second->is_beyond_sync ? dirty.erase(at) : std::next(at);
  }
}

void State::crash() {
  names.keep_some(random);
  // In the order of their numbers: that of a hash table depends on addresses.
  std::vector<InodePtr> inodes;
  for (const auto& [address, inode] : dirty) inodes.push_back(inode);
  std::sort(inodes.begin(), inodes.end(), [](const auto& a, const auto& b) { return a->number < b->number; });
  dirty.clear();
  for (const InodePtr& inode : inodes) inode->keep_some(random);

  std::set<const Inode*> seen;
  std::vector<InodePtr> directories{root};
  while (!directories.empty()) {
    const InodePtr directory = directories.back();
    directories.pop_back();
    directory->entries = directory->durable_entries;
    for (const auto& [name, inode] : directory->entries) {
      if (!seen.insert(inode.get()).second) {
        if (inode->is_directory()) throw std::logic_error("the simulated disk gave a directory two names");
        ++inode->links;
        continue;
      }
      inode->links = 1;
      if (!inode->is_directory()) continue;
      inode->parent = directory;
      directories.push_back(inode);
    }
  }
  restart();
}

void State::restart() {
  std::vector<InodePtr> directories{root};
  while (!directories.empty()) {
    const InodePtr directory = directories.back();
    directories.pop_back();
    for (const auto& [name, inode] : directory->entries) {
      inode->is_locked = false;
      if (inode->is_directory()) directories.push_back(inode);
    }
  }
  ++generation;
  faults.clear();
  cut_at = 0;
  has_power = true;
}

namespace {

// Spares most of the comparisons with full folding.
bool differ_in_ascii(std::string_view a, std::string_view b) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  auto one = a.rbegin(), two = b.rbegin();
  for (; one != a.rend() && two != b.rend(); ++one, ++two) {
    if (!is_ascii(*one) || !is_ascii(*two)) return false;
    if (lower(*one) != lower(*two)) return true;
  }
  return one == a.rend() ? two != b.rend() && is_ascii(*two) : is_ascii(*one);
}

}  // namespace

Entries::iterator State::find(Inode& directory, std::string_view name) const {
  auto& entries = directory.entries;
  const auto exact = entries.find(name);
  if (exact != entries.end() || options.names == SimDiskOptions::Names::exact) return exact;
  return std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
    return !differ_in_ascii(entry.first, name) && model::same_when_folded(entry.first, name);
  });
}

Found walk(const State& state, const InodePtr& from, std::string_view path) {
  Found found{from, {}, nullptr, 0};
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    const auto entry = state.find(*found.holder, name);
    const bool is_there = entry != found.holder->entries.end();
    found.name = is_there ? entry->first : std::string(name);
    found.inode = is_there ? entry->second : nullptr;
    if (slash == std::string_view::npos) return found;
    if (!is_there) {
      found.error = ENOENT;
    } else if (found.inode->kind == FileKind::symlink) {
      found.error = ELOOP;
    } else if (!found.inode->is_directory()) {
      found.error = ENOTDIR;
    }
    if (found.error != 0) return found;
    found.holder = found.inode;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace duskline::testing::sim
