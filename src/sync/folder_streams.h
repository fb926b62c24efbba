// How the content of files in a directory is read and written.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/stream.h"
#include "disk/filesystem.h"
#include "sync/place.h"

namespace duskline::sync {

[[nodiscard]] Stamp stamp_of(const disk::Stat& stat);

// Code::changing
[[nodiscard]] Error changed(const std::string& path);

// A part of a file that must be the same at the end as at the beginning.
class FileSource final : public Source {
 public:
  FileSource(std::unique_ptr<disk::File> file, std::string path, const Stamp& stamp, Range range)
      : file_(std::move(file)), path_(std::move(path)), stamp_(stamp), range_(range) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return range_.length_bytes; }
  Status rewind() override {
    at_ = 0;
    return {};
  }
  Result<std::size_t> read(ByteSpan into) override {
    const std::uint64_t left = range_.length_bytes - at_;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, into.size()));
    if (wanted == 0) return std::size_t{0};
    DL_ASSIGN(const std::size_t got, file_->read_at(range_.offset_bytes + at_, into.first(wanted)));
    if (got != wanted) return changed(path_);
    at_ += got;
    if (at_ == range_.length_bytes) DL_TRY(check());
    return got;
  }

 private:
  Status check() {
    DL_ASSIGN(const disk::Stat stat, file_->stat());
    return stamp_of(stat) == stamp_ ? Status() : changed(path_);
  }

  const std::unique_ptr<disk::File> file_;
  const std::string path_;
  const Stamp stamp_;
  const Range range_;
  std::uint64_t at_ = 0;
};

// Writers of one file wait for each other in the kernel anyway, and there they do not sleep.
class FileSink final : public Sink {
 public:
  FileSink(disk::File& file, std::mutex& mutex, std::uint64_t offset) : file_(file), mutex_(mutex), at_(offset) {}
  Status write(ByteView bytes) override {
    const std::lock_guard lock(mutex_);
    DL_TRY(file_.write_at(at_, bytes));
    at_ += bytes.size();
    return {};
  }

 private:
  disk::File& file_;
  std::mutex& mutex_;
  std::uint64_t at_;
};

}  // namespace duskline::sync
