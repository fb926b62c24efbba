#include "objects/log.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace duskline::objects {

std::string segment_path(const std::string& directory, std::uint64_t number) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "/log/%012llu.log", static_cast<unsigned long long>(number));
  return directory + name.data();
}

Result<std::vector<std::uint64_t>> list_segments(const std::string& directory) {
  DL_ASSIGN(const auto names, Files::names_in(directory + "/log"));
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && number > 0 && std::string_view(end) == ".log") numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status Log::resume() {
  if (end_.segment == 0) return {};
  path_ = segment_path(directory_, end_.segment);
  DL_ASSIGN(fd_, files_.open(path_, O_RDWR));
  DL_ASSIGN(const std::uint64_t size, Files::size_of(fd_.get(), path_));
  if (size > end_.offset) {
    DL_TRY(files_.truncate(fd_.get(), path_, end_.offset));
    DL_TRY(files_.sync(fd_.get(), path_));
  }
  given_up_ = false;
  return {};
}

Status Log::ready(std::uint64_t next_sequence, std::uint64_t next_data) {
  if (!given_up_ && end_.offset < segment_bytes_) return {};
  return begin_segment(next_sequence, next_data);
}

Status Log::begin_segment(std::uint64_t next_sequence, std::uint64_t next_data) {
  SegmentHeader header;
  header.store = store_;
  header.number = end_.segment + 1;
  header.previous_end = end_.offset;
  header.next_sequence = next_sequence;
  header.next_data = next_data;
  const std::string path = segment_path(directory_, header.number);
  // One of this number may be left from an attempt that failed here: it was never used.
  if (const Status removed = files_.remove(path); !removed && removed.error().code != Code::not_found) {
    return removed.error();
  }
  DL_ASSIGN(disk::UniqueFd fd, files_.open(path, O_RDWR | O_CREAT | O_EXCL));
  Status done = files_.write_at(fd.get(), path, 0, encode_segment_header(header));
  if (done) done = files_.sync(fd.get(), path);
  if (done) done = files_.sync_directory(directory_ + "/log");
  if (!done) {
    (void)files_.remove(path);  // the next attempt removes it, where this could not
    return done;
  }
  const bool was_empty = end_.segment != 0 && end_.offset == segment_header_bytes;
  const std::string old_path = std::move(path_);
  fd_ = std::move(fd);
  path_ = path;
  end_ = {header.number, segment_header_bytes};
  given_up_ = false;
  if (was_empty) (void)files_.remove(old_path);  // only tidies: an empty segment does no harm
  return {};
}

Status Log::append(ByteView batch) {
  if (Status written = files_.write_at(fd_.get(), path_, end_.offset, batch); !written) {
    if (!files_.truncate(fd_.get(), path_, end_.offset)) given_up_ = true;
    return written;
  }
  ++flushes_;
  if (Status synced = files_.sync(fd_.get(), path_); !synced) {
    given_up_ = true;
    (void)files_.truncate(fd_.get(), path_, end_.offset);  // the next segment's header says the same
    return synced;
  }
  end_.offset += batch.size();
  return {};
}

}  // namespace duskline::objects
