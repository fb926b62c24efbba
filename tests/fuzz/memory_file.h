// A file in memory, for decoders that read from disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "disk/filesystem.h"

namespace duskline::fuzz {

class MemoryFile final : public disk::File {
 public:
  MemoryFile() = default;
  explicit MemoryFile(Bytes bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read_at(std::uint64_t offset, ByteSpan into) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  Status write_at(std::uint64_t offset, ByteView bytes) override {
    if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Status resize(std::uint64_t size_bytes) override {
    bytes_.resize(size_bytes);
    return {};
  }
  Result<disk::Stat> stat() override {
    disk::Stat stat;
    stat.size_bytes = bytes_.size();
    return stat;
  }
  Result<std::optional<disk::Segment>> next_data(std::uint64_t) override { return std::optional<disk::Segment>{}; }
  Status clone_from(disk::File&, std::uint64_t, std::uint64_t, std::uint64_t) override { return {}; }
  Status set_mode(std::uint32_t) override { return {}; }
  Status set_mtime(std::int64_t) override { return {}; }
  Status set_owner(model::Owner) override { return {}; }
  Result<std::vector<model::Attribute>> attributes() override { return std::vector<model::Attribute>{}; }
  Status set_attributes(const std::vector<model::Attribute>&) override { return {}; }
  Status sync() override { return {}; }

 private:
  Bytes bytes_;
};

}  // namespace duskline::fuzz
