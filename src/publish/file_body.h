// A local file as an object's body.
#pragma once

#include <cstdint>

#include "base/op.h"
#include "base/stream.h"
#include "disk/filesystem.h"
#include "store/object_store.h"

namespace duskline::publish {

class FileBody final : public Source {
 public:
  FileBody(disk::File& file, std::uint64_t size_bytes) : file_(file), size_(size_bytes) {}  // does not own
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_; }
  Status rewind() override;
  Result<std::size_t> read(ByteSpan into) override;

 private:
  disk::File& file_;
  const std::uint64_t size_;
  std::uint64_t at_ = 0;
};

// Stores the first `size_bytes` of the file, with their hash, so that what arrives is what lies there.
[[nodiscard]] Status put_file(store::ObjectStore& store, const Op& op, const store::Key& key, disk::File& file,
                              std::uint64_t size_bytes);

}  // namespace duskline::publish
