#include "testing/sim_inode.h"

#include <algorithm>

namespace duskline::testing::sim {
namespace {

bool coin(std::mt19937_64& random) { return (random() & 1) != 0; }

// How much of what was not synced a power cut leaves. All and nothing are as likely as every mixture.
enum class Fate : std::uint8_t { all, nothing, mixed };

Fate draw_fate(std::mt19937_64& random) {
  switch (random() % 4) {
    case 0:
      return Fate::all;
    case 1:
      return Fate::nothing;
    default:
      return Fate::mixed;
  }
}

bool survives(Fate fate, std::mt19937_64& random) { return fate == Fate::all || (fate == Fate::mixed && coin(random)); }

// Each sector of the write reaches the disk or not.
void write_torn(Content& content, const Change& write, std::mt19937_64& random) {
  for (std::uint64_t at = 0; at < write.bytes.size();) {
    const std::uint64_t to_boundary = sector_bytes - (write.offset + at) % sector_bytes;
    const std::uint64_t length = std::min<std::uint64_t>(to_boundary, write.bytes.size() - at);
    if (coin(random)) content.write(write.offset + at, ByteView(write.bytes).subspan(at, length));
    at += length;
  }
}

}  // namespace

bool set_attributes(Meta& meta, std::vector<model::Attribute> attributes) {
  const auto is_settable = [](const model::Attribute& one) {
    return one.name.starts_with("user.") || one.name.starts_with("trusted.") || one.name.starts_with("security.") ||
           one.name.starts_with("system.posix_acl_");
  };
  if (!std::ranges::all_of(attributes, is_settable)) return false;
  std::ranges::sort(attributes, {}, &model::Attribute::name);
  meta.attributes = std::move(attributes);
  return true;
}

std::vector<model::Attribute> inherited(const Meta& directory, disk::FileKind kind) {
  std::vector<model::Attribute> attributes;
  for (const model::Attribute& one : directory.attributes) {
    if (one.name != "system.posix_acl_default" || kind == disk::FileKind::symlink) continue;
    attributes.push_back({"system.posix_acl_access", one.value});
    if (kind == disk::FileKind::directory) attributes.push_back(one);
  }
  return attributes;
}

std::size_t Content::read(std::uint64_t offset, ByteSpan into) const {
  if (offset >= size_bytes_) return 0;
  const std::uint64_t length = std::min<std::uint64_t>(into.size(), size_bytes_ - offset);
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t inside = (offset + done) % block_bytes;
    const std::uint64_t part = std::min(length - done, block_bytes - inside);
    const auto found = blocks_.find((offset + done) / block_bytes);
    const ByteSpan to = into.subspan(done, part);
    if (found == blocks_.end()) {
      std::fill(to.begin(), to.end(), std::uint8_t{0});
    } else {
      std::copy_n(found->second.begin() + static_cast<std::ptrdiff_t>(inside), part, to.begin());
    }
    done += part;
  }
  return length;
}

void Content::write(std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const std::uint64_t inside = offset % block_bytes;
    const std::uint64_t part = std::min<std::uint64_t>(bytes.size(), block_bytes - inside);
    Block& block = blocks_[offset / block_bytes];
    std::copy_n(bytes.begin(), part, block.begin() + static_cast<std::ptrdiff_t>(inside));
    bytes = bytes.subspan(part);
    offset += part;
  }
}

void Content::resize(std::uint64_t size_bytes) {
  if (size_bytes < size_bytes_) {
    blocks_.erase(blocks_.lower_bound((size_bytes + block_bytes - 1) / block_bytes), blocks_.end());
    const auto last = blocks_.find(size_bytes / block_bytes);
    if (last != blocks_.end()) {
      std::fill(last->second.begin() + static_cast<std::ptrdiff_t>(size_bytes % block_bytes), last->second.end(),
                std::uint8_t{0});
    }
  }
  size_bytes_ = size_bytes;
}

std::optional<disk::Segment> Content::next_data(std::uint64_t offset) const {
  auto block = blocks_.lower_bound(offset / block_bytes);
  if (offset >= size_bytes_ || block == blocks_.end()) return std::nullopt;
  const std::uint64_t begin = std::max(offset, block->first * block_bytes);
  std::uint64_t end = (block->first + 1) * block_bytes;
  for (++block; block != blocks_.end() && block->first * block_bytes == end; ++block) end += block_bytes;
  end = std::min(end, size_bytes_);
  if (begin >= end) return std::nullopt;
  return disk::Segment{begin, end - begin};
}

std::uint64_t Content::cost_bytes(std::uint64_t offset, std::uint64_t length) const {
  if (length == 0) return 0;
  const std::uint64_t first = offset / block_bytes, last = (offset + length - 1) / block_bytes;
  const auto there = std::distance(blocks_.lower_bound(first), blocks_.upper_bound(last));
  return (last - first + 1 - static_cast<std::uint64_t>(there)) * block_bytes;
}

std::uint64_t Ledger::take_number() {
  const std::lock_guard lock(mutex_);
  if (free_numbers_.empty()) return next_number_++;
  const std::uint64_t number = *free_numbers_.begin();
  free_numbers_.erase(free_numbers_.begin());
  return number;
}

void Ledger::give_number(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  free_numbers_.insert(number);
}

void Ledger::set_free(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_bytes_ = used_bytes_ + bytes;
}

std::uint64_t Ledger::free_bytes() const {
  const std::lock_guard lock(mutex_);
  return capacity_bytes_ - std::min(used_bytes_, capacity_bytes_);
}

void Ledger::move_used(std::uint64_t before_bytes, std::uint64_t after_bytes) {
  const std::lock_guard lock(mutex_);
  used_bytes_ = used_bytes_ - before_bytes + after_bytes;
}

Inode::~Inode() {
  ledger->give_number(number);
  ledger->move_used(content.stored_bytes(), 0);
}

disk::Stat Inode::stat() const {
  disk::Stat stat;
  stat.kind = kind;
  stat.mode = meta.mode;
  stat.uid = meta.owner.uid;
  stat.gid = meta.owner.gid;
  stat.links = links;
  stat.size_bytes = kind == disk::FileKind::symlink ? target.size() : content.size_bytes();
  stat.stored_bytes = content.stored_bytes();
  stat.mtime_ns = meta.mtime_ns;
  stat.ctime_ns = meta.ctime_ns;
  stat.device = device;
  stat.inode = number;
  stat.mount = device;
  return stat;
}

void Inode::make_durable() {
  for (const Change& change : changes) {
    if (change.kind == Change::Kind::meta) durable_meta = change.meta;
    if (change.kind == Change::Kind::resize) durable_content.resize(change.offset);
    if (change.kind != Change::Kind::write) continue;
    durable_content.write(change.offset, change.bytes);
    durable_content.resize(std::max(durable_content.size_bytes(), change.offset + change.bytes.size()));
  }
  changes.clear();
}

void Inode::keep_some(std::mt19937_64& random) {
  const Fate fate = draw_fate(random);
  for (const Change& change : changes) {
    const bool kept = survives(fate, random);
    if (change.kind == Change::Kind::meta && kept) durable_meta = change.meta;
    if (change.kind == Change::Kind::resize && kept) durable_content.resize(change.offset);
    if (change.kind != Change::Kind::write) continue;
    // A file system may write down a new size before, or without, the bytes that belong there.
    const bool sized = kept || (fate == Fate::mixed && coin(random));
    if (sized) {
      durable_content.resize(std::max(durable_content.size_bytes(), change.offset + change.bytes.size()));
    }
    if (kept) {
      durable_content.write(change.offset, change.bytes);
    } else if (sized && coin(random)) {
      write_torn(durable_content, change, random);
    }
    // Blocks beyond the size cannot be seen, but would be if the file grew.
    durable_content.resize(durable_content.size_bytes());
  }
  changes.clear();
  is_beyond_sync = false;
  ledger->move_used(content.stored_bytes(), durable_content.stored_bytes());
  content = durable_content;
  meta = durable_meta;
}

// Applies, in order, the changes that wanted(change) asks for from the newest on, and every earlier one that gives or
// takes a name that such a change touches too: each name's history is kept up to one point.
template <typename Wanted>
void NameLog::settle(Wanted&& wanted) {
  using Key = std::pair<const Inode*, std::string_view>;
  std::set<Key> touched;
  std::vector<bool> chosen(changes_.size());
  bool all_earlier = false;
  for (std::size_t i = changes_.size(); i-- > 0;) {
    const NameChange& change = changes_[i];
    const bool follows = std::any_of(change.slots.begin(), change.slots.end(), [&](const NameChange::Slot& slot) {
      return touched.count({slot.directory.get(), slot.name}) != 0;
    });
    const bool asked = wanted(change);
    if (!asked && !follows && !all_earlier) continue;
    chosen[i] = true;
    // A directory that moved, but not what was moved out of it before, could end up below itself.
    all_earlier = all_earlier || change.moves_directory;
    for (const NameChange::Slot& slot : change.slots) touched.insert({slot.directory.get(), slot.name});
  }
  std::vector<NameChange> left;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    if (!chosen[i]) {
      left.push_back(std::move(changes_[i]));
      continue;
    }
    for (const NameChange::Slot& slot : changes_[i].slots) {
      if (slot.value) {
        slot.directory->durable_entries[slot.name] = slot.value;
      } else {
        slot.directory->durable_entries.erase(slot.name);
      }
    }
  }
  changes_ = std::move(left);
}

void NameLog::sync(const InodePtr& directory) {
  settle([&](const NameChange& change) {
    return std::any_of(change.slots.begin(), change.slots.end(),
                       [&](const NameChange::Slot& slot) { return slot.directory == directory; });
  });
}

void NameLog::sync_device(std::uint64_t device) {
  settle([&](const NameChange& change) { return change.slots.front().directory->device == device; });
}

void NameLog::keep_some(std::mt19937_64& random) {
  const Fate fate = draw_fate(random);
  // Half of the mixtures are what a journal leaves: everything up to one moment.
  const bool journalled = coin(random);
  const std::size_t moment = random() % (changes_.size() + 1);
  std::size_t left = changes_.size();
  settle([&](const NameChange&) {
    --left;
    if (fate == Fate::mixed && journalled) return left < moment;
    return survives(fate, random);
  });
  changes_.clear();
}

}  // namespace duskline::testing::sim
