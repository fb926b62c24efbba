// Bytes on their way in, and runs of others that are shared: what Incoming is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "objects/codec.h"
#include "objects/data_file.h"
#include "objects/objects.h"
#include "objects/pins.h"

namespace duskline::objects {

inline constexpr std::uint64_t max_inline_bytes = 64 << 10;  // of a body that goes into the log
inline constexpr std::uint64_t min_direct_bytes = 4 << 20;   // of one that is written past the page cache

struct BodyContext {
  Files& files;
  const std::string& directory;
  std::uint64_t store;
  Pins& pins;
  DirectBuffers& buffers;
  std::function<std::uint64_t()> next_data;  // a number that no data file has
};

class Body final : public Incoming {
 public:
  explicit Body(const BodyContext& context) : context_(context) {}
  Status write(ByteView bytes) override;
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_; }

  Status begin_file(std::uint64_t expected_bytes);  // from the beginning: it will be large
  void share(const Extent& extent, Pins::Pin pin);

  enum class Inline : std::uint8_t { allowed, never };
  // All bytes lie durably in data files, or are few enough to go into the log's record (then small() has them).
  Status settle(Inline how);
  [[nodiscard]] ByteView small() const { return small_; }
  // In order; those of the record's own body have file own_body.
  [[nodiscard]] const std::vector<Extent>& extents() const { return extents_; }
  // From now on the index, or at least the log, may name the data file: it is not removed with this.
  void commit_begins();
  // It is known that the log does.
  void commit_done() { certain_ = true; }
  ~Body() override;

 private:
  Status spill();

  const BodyContext& context_;
  std::uint64_t size_ = 0;
  Bytes small_;
  std::unique_ptr<DataWriter> file_;
  std::optional<Pins::Pin> own_pin_;
  std::vector<Extent> extents_;
  std::vector<Pins::Pin> pins_;
  bool certain_ = true;
};

}  // namespace duskline::objects
