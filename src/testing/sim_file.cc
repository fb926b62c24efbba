#include <cerrno>
#include <limits>

#include "disk/system.h"
#include "testing/sim_handles.h"

namespace duskline::testing::sim {
namespace {

constexpr std::uint64_t max_file_bytes = std::numeric_limits<std::int64_t>::max();

}  // namespace

template <typename Body>
auto SimFile::run(Effect effect, const char* verb, Body&& body) -> decltype(body()) {
  return handle_.state->run(
      effect, handle_.generation, [&] { return std::string(verb) + ' ' + handle_.display; }, std::forward<Body>(body));
}

Error SimFile::fail(const char* verb, int err) const { return disk::path_error(verb, handle_.display, err); }

Result<std::size_t> SimFile::read_at(std::uint64_t offset, ByteSpan into) {
  return run(Effect::none, "read", [&]() -> Result<std::size_t> { return handle_.inode->content.read(offset, into); });
}

// As much as there is space for; Code::no_space where that is not all.
Status SimFile::put(std::uint64_t offset, ByteView bytes) {
  Inode& inode = *handle_.inode;
  const std::uint64_t wanted = bytes.size();
  const std::uint64_t free = inode.ledger->free_bytes();
  while (!bytes.empty() && inode.content.cost_bytes(offset, bytes.size()) > free) {
    const std::uint64_t end = offset + bytes.size();
    const std::uint64_t last_block = (end - 1) / block_bytes * block_bytes;
    bytes = bytes.first(static_cast<std::size_t>(std::max(last_block, offset) - offset));
  }
  if (!bytes.empty()) {
    const std::uint64_t before = inode.content.stored_bytes();
    inode.content.resize(std::max(inode.content.size_bytes(), offset + bytes.size()));
    inode.content.write(offset, bytes);
    inode.ledger->move_used(before, inode.content.stored_bytes());
    Change change;
    change.kind = Change::Kind::write;
    change.offset = offset;
    change.bytes.assign(bytes.begin(), bytes.end());
    handle_.state->touch(inode, std::move(change));
    handle_.state->set_content_time(inode);
  }
  if (bytes.size() < wanted) return fail("write", ENOSPC);
  return {};
}

Status SimFile::write_at(std::uint64_t offset, ByteView bytes) {
  return run(Effect::change, "write", [&]() -> Status {
    if (access_ == Access::read) return fail("write", EBADF);
    if (offset > max_file_bytes || bytes.size() > max_file_bytes - offset) return fail("write", EFBIG);
    return put(offset, bytes);
  });
}

Status SimFile::resize(std::uint64_t size_bytes) {
  return run(Effect::change, "resize", [&]() -> Status {
    if (access_ == Access::read) return fail("resize", EINVAL);
    if (size_bytes > max_file_bytes) return fail("resize", EFBIG);
    Inode& inode = *handle_.inode;
    const std::uint64_t before = inode.content.stored_bytes();
    inode.content.resize(size_bytes);
    inode.ledger->move_used(before, inode.content.stored_bytes());
    Change change;
    change.kind = Change::Kind::resize;
    change.offset = size_bytes;
    handle_.state->touch(inode, std::move(change));
    handle_.state->set_content_time(inode);
    return {};
  });
}

Result<disk::Stat> SimFile::stat() {
  return run(Effect::none, "inspect", [&]() -> Result<disk::Stat> { return handle_.inode->stat(); });
}

Result<std::optional<disk::Segment>> SimFile::next_data(std::uint64_t offset) {
  return run(Effect::none, "find the holes of",
             [&]() -> Result<std::optional<disk::Segment>> { return handle_.inode->content.next_data(offset); });
}

Status SimFile::clone_from(disk::File& from, std::uint64_t from_offset, std::uint64_t length, std::uint64_t to_offset) {
  constexpr const char* verb = "share blocks with";
  return run(Effect::change, verb, [&]() -> Status {
    const auto* source = dynamic_cast<SimFile*>(&from);
    const bool possible = source != nullptr && access_ == Access::read_write &&
                          handle_.state->options.reflinks == SimDiskOptions::Reflinks::shared &&
                          source->handle_.inode->device == handle_.inode->device;
    if (!possible) return fail(verb, EOPNOTSUPP);
    if (length == 0) return {};
    const std::uint64_t size = source->handle_.inode->content.size_bytes();
    const bool inside = from_offset <= size && length <= size - from_offset;
    const bool whole_blocks = from_offset % block_bytes == 0 && to_offset % block_bytes == 0 &&
                              (length % block_bytes == 0 || from_offset + length == size);
    if (!inside || !whole_blocks) return fail(verb, EOPNOTSUPP);
    Bytes bytes(length);
    source->handle_.inode->content.read(from_offset, bytes);
    return put(to_offset, bytes);
  });
}

Status SimFile::set_mode(std::uint32_t mode) {
  return run(Effect::change, "set the mode of", [&]() -> Status {
    handle_.inode->meta.mode = mode & 07777U;
    handle_.state->touch_meta(*handle_.inode);
    return {};
  });
}

Status SimFile::set_mtime(std::int64_t mtime_ns) {
  return run(Effect::change, "set the time of", [&]() -> Status {
    handle_.inode->meta.mtime_ns = mtime_ns;
    handle_.state->touch_meta(*handle_.inode);
    return {};
  });
}

Status SimFile::set_owner(model::Owner owner) {
  return run(Effect::change, "set the owner of", [&]() -> Status {
    handle_.inode->meta.owner = owner;
    std::erase_if(handle_.inode->meta.attributes, [](const auto& a) { return a.name == "security.capability"; });
    handle_.state->touch_meta(*handle_.inode);
    return {};
  });
}

Result<std::vector<model::Attribute>> SimFile::attributes() {
  return run(Effect::none, "read the extended attributes of",
             [&]() -> Result<std::vector<model::Attribute>> { return handle_.inode->meta.attributes; });
}

Status SimFile::set_attributes(const std::vector<model::Attribute>& attributes) {
  constexpr const char* verb = "set the extended attributes of";
  return run(Effect::change, verb, [&]() -> Status {
    if (!sim::set_attributes(handle_.inode->meta, attributes)) return fail(verb, EOPNOTSUPP);
    handle_.state->touch_meta(*handle_.inode);
    return {};
  });
}

Status SimFile::sync() {
  const Status done = run(Effect::sync, "sync", [&]() -> Status {
    handle_.state->sync(handle_.inode);
    return {};
  });
  if (done) return done;
  // What Linux does: pages that could not be written are taken to be clean, and a second sync succeeds without them.
  const std::lock_guard lock(handle_.state->mutex);
  if (handle_.state->is_alive(handle_.generation)) handle_.state->lose_changes(*handle_.inode);
  return done;
}

}  // namespace duskline::testing::sim
