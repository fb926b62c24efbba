#include "objects/open_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "objects/codec.h"
#include "objects/data_file.h"
#include "objects/log.h"

namespace duskline::objects {
namespace {

constexpr std::uint64_t max_blocks_without_wait = 8;
constexpr std::uint64_t read_ahead_bytes = 2 << 20;

}  // namespace

Error OpenFile::rotten(std::uint64_t offset) const {
  return {Code::corrupt,
          "stored bytes of " + path_ + " at offset " + std::to_string(offset) +
              " differ from their hash; find what is affected with 'duskline store scrub', and put it again"};
}

Result<std::size_t> OpenFile::read(std::uint64_t offset, ByteSpan into, Reads reads) {
  return reads == Reads::past_cache ? files_.read_past_cache(fd_.get(), path_, offset, into)
                                    : files_.read_at(fd_.get(), path_, offset, into);
}

Result<bool> OpenFile::check_block(std::uint64_t block, Reads reads) {
  thread_local Bytes buffer(data_block_bytes);
  const std::uint64_t offset = block * data_block_bytes;
  const ByteSpan bytes = ByteSpan(buffer).first(static_cast<std::size_t>(std::min(data_block_bytes, length_ - offset)));
  Hash128 wanted{};
  const std::uint64_t hash_at = length_ + block * sizeof wanted;
  if (reads == Reads::cached) {
    DL_ASSIGN(const bool have_hash, files_.read_cached(fd_.get(), path_, hash_at, wanted));
    if (!have_hash) return false;
    DL_ASSIGN(const bool have_bytes, files_.read_cached(fd_.get(), path_, offset, bytes));
    if (!have_bytes) return false;
  } else {
    DL_ASSIGN(const std::size_t hash_got, read(hash_at, wanted, reads));
    DL_ASSIGN(const std::size_t got, read(offset, bytes, reads));
    if (hash_got != sizeof wanted || got != bytes.size()) return rotten(offset);
  }
  if (block_hash(bytes, store_, file_, block) != wanted) return rotten(offset);
  return true;
}

Result<bool> OpenFile::check_run(std::uint64_t offset, std::uint64_t length, Reads reads) {
  if (length == 0) return true;
  if (offset > length_ || length > length_ - offset) return rotten(offset);
  const std::uint64_t first = offset / data_block_bytes, last = (offset + length - 1) / data_block_bytes;
  std::uint64_t now = 0;
  for (std::uint64_t block = first; block <= last; ++block) {
    {
      const std::lock_guard lock(mutex_);
      if (checked_.empty()) checked_.resize((length_ + data_block_bytes - 1) / data_block_bytes);
      if (checked_[block]) continue;
    }
    if (reads == Reads::any && last > first && (block - first) % (read_ahead_bytes / data_block_bytes) == 0) {
      // Advice only. The kernel's own window is smaller than what a disk wants.
      const std::uint64_t at = block * data_block_bytes;
      (void)posix_fadvise(fd_.get(), static_cast<off_t>(at), static_cast<off_t>(2 * read_ahead_bytes),
                          POSIX_FADV_WILLNEED);
    }
    // Who may not wait for the disk shall not compute for long either.
    if (reads == Reads::cached && ++now > max_blocks_without_wait) return false;
    DL_ASSIGN(const bool done, check_block(block, reads));
    if (!done) return false;
    const std::lock_guard lock(mutex_);
    checked_[block] = true;
  }
  return true;
}

Result<bool> OpenFile::read_body(std::uint64_t offset, std::uint64_t length, Reads reads, Bytes& head_and_body) {
  if (offset < record_head_bytes || length > max_record_part_bytes) return rotten(offset);
  head_and_body.resize(record_head_bytes + length);
  const std::uint64_t from = offset - record_head_bytes;
  if (reads == Reads::cached) {
    DL_ASSIGN(const bool have, files_.read_cached(fd_.get(), path_, from, head_and_body));
    if (!have) return false;
  } else {
    DL_ASSIGN(const std::size_t got, read(from, head_and_body, reads));
    if (got != head_and_body.size()) return rotten(offset);
  }
  if (!body_matches(head_and_body, store_, file_ & ~segment_bit, offset)) return rotten(offset);
  return true;
}

Result<std::shared_ptr<OpenFile>> OpenFiles::open_anew(std::uint64_t file) {
  const bool segment = (file & segment_bit) != 0;
  const std::string path = segment ? segment_path(directory_, file & ~segment_bit) : data_path(directory_, file);
  DL_ASSIGN(disk::UniqueFd fd, files_.open(path, O_RDONLY));
  std::uint64_t length = 0;
  if (!segment) {
    DL_ASSIGN(const DataLayout layout, read_data_layout(files_, fd.get(), path, file));
    length = layout.length_bytes;
  }
  return std::make_shared<OpenFile>(files_, path, store_, file, std::move(fd), length);
}

Result<std::shared_ptr<OpenFile>> OpenFiles::get(std::uint64_t file) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = places_.find(file); found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return found->second->second;
    }
  }
  DL_ASSIGN(std::shared_ptr<OpenFile> opened, open_anew(file));
  const std::lock_guard lock(mutex_);
  if (const auto found = places_.find(file); found != places_.end()) return found->second->second;
  order_.emplace_front(file, opened);
  places_[file] = order_.begin();
  while (order_.size() > limit_) {
    places_.erase(order_.back().first);
    order_.pop_back();
  }
  return opened;
}

void OpenFiles::drop(std::uint64_t file) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(file);
  if (found == places_.end()) return;
  order_.erase(found->second);
  places_.erase(found);
}

}  // namespace duskline::objects
