#include "release/squeeze.h"

#include <zstd.h>

#include <string>

namespace duskline::release {

struct Squeezer::State {
  explicit State(int level) {
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    // Places are not signed: whoever makes the next release from them must see that they were garbled on their way.
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ZSTD_freeCCtx(context); }
  ZSTD_CCtx* context = ZSTD_createCCtx();
};

Squeezer::Squeezer(int level) : state_(std::make_unique<State>(level)) {}
Squeezer::~Squeezer() = default;
Squeezer::Squeezer(Squeezer&&) noexcept = default;

Result<std::size_t> Squeezer::squeeze(ByteView raw, Bytes& out) {
  const std::size_t before = out.size();
  out.resize(before + ZSTD_compressBound(raw.size()));
  const std::size_t stored =
      ZSTD_compress2(state_->context, out.data() + before, out.size() - before, raw.data(), raw.size());
  if (ZSTD_isError(stored) != 0) {
    return Error{Code::internal, "zstd could not compress: " + std::string(ZSTD_getErrorName(stored))};
  }
  out.resize(before + stored);
  return stored;
}

Status unsqueeze(ByteView stored, std::uint64_t raw_bytes, std::string_view what, Bytes& out) {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  const Error damaged{Code::corrupt, std::string(what) + " is damaged: it does not decompress to " +
                                         std::to_string(raw_bytes) + " bytes"};
  // Looked at before memory is taken, so that a small lie does not cost a large buffer.
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != raw_bytes) return damaged;
  out.resize(raw_bytes);
  const std::size_t got = ZSTD_decompressDCtx(context.get(), out.data(), out.size(), stored.data(), stored.size());
  if (ZSTD_isError(got) != 0 || got != raw_bytes) return damaged;
  return {};
}

}  // namespace duskline::release
