// Bodies on their way: what receives bytes, and what can send them more than once.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace duskline {

// Receives a body in order, in pieces of any size. An error stops the transfer and is returned by get().
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status write(ByteView bytes) = 0;
};

// Appends to a buffer, at most `limit` bytes (else Code::too_large).
class BufferSink final : public Sink {
 public:
  BufferSink(Bytes& out, std::uint64_t limit) : out_(out), limit_(limit) {}
  Status write(ByteView bytes) override;

 private:
  Bytes& out_;
  std::uint64_t limit_;
};

// A body to send, which can be sent again.
class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
  virtual Status rewind() = 0;
  virtual Result<std::size_t> read(ByteSpan into) = 0;  // 0 only at the end
};

class BufferSource final : public Source {
 public:
  explicit BufferSource(ByteView bytes) : bytes_(bytes) {}  // does not own
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
  Status rewind() override {
    at_ = 0;
    return {};
  }
  Result<std::size_t> read(ByteSpan into) override;

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
};

}  // namespace duskline
