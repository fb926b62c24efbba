#include "pack/frame.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "pack/settled.h"

namespace duskline::pack {
namespace {

using model::Codec;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using Compressor = std::unique_ptr<ZSTD_CCtx, FreeContext>;
using Decompressor = std::unique_ptr<ZSTD_DCtx, FreeContext>;

// zstd fails where these are used only without memory; there is nothing to go on with.
std::size_t require(std::size_t result) {
  if (ZSTD_isError(result) != 0) std::abort();
  return result;
}

template <typename Context>
Context* require(Context* context) {
  if (context == nullptr) std::abort();
  return context;
}

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  require(ZSTD_CCtx_setParameter(context, parameter, value));
}

int level_of(Effort effort) {
  switch (effort) {
    case Effort::fast:
      return 1;
    case Effort::normal:
      return 3;
    case Effort::high:
      return 19;
  }
  return 3;
}

// Whether bytes taken here and there in `raw` are spread as evenly over the 256 values as random ones are: compressed
// or encrypted data. A sixteenth of text among them already shows.
bool looks_random(ByteView raw) {
  constexpr std::size_t probes = 16, probe_bytes = 1024, least_bytes = 4096;
  // Chi-squared of random bytes is 255 on average, 23 its deviation; 1 % of savings would show as about 450 in a whole
  // sample.
  constexpr double threshold = 512;
  if (raw.size() < least_bytes) return false;
  std::array<std::uint32_t, 256> counts{};
  const std::size_t probe = std::min(probe_bytes, raw.size() / probes);
  const std::size_t stride = (raw.size() - probe) / (probes - 1);
  for (std::size_t i = 0; i < probes; ++i) {
    for (const std::uint8_t byte : raw.subspan(i * stride, probe)) ++counts[byte];
  }
  const double expected = static_cast<double>(probe * probes) / 256;
  double chi_squared = 0;
  for (const std::uint32_t count : counts) chi_squared += (count - expected) * (count - expected) / expected;
  return chi_squared < threshold;
}

// Measured: docs/design/001-deltas.md.
void set_patch_parameters(ZSTD_CCtx* context, Effort effort, std::size_t base_and_raw_bytes) {
  constexpr int least_window_log = 10, most_window_log = 27;
  const int window_log =
      std::clamp(static_cast<int>(std::bit_width(base_and_raw_bytes)), least_window_log, most_window_log);
  set(context, ZSTD_c_compressionLevel, effort == Effort::fast ? 3 : 19);
  set(context, ZSTD_c_windowLog, window_log);
  // Finds what the tables of the level, which are smaller than the window, have forgotten.
  set(context, ZSTD_c_enableLongDistanceMatching, 1);
  if (effort == Effort::normal) {
    set(context, ZSTD_c_strategy, ZSTD_btopt);
    set(context, ZSTD_c_targetLength, 32);
  }
}

// Room for a result, kept from one call to the next and never cleared.
class Scratch {
 public:
  ByteSpan of(std::size_t size) {
    if (size > size_) {
      bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(size);
      size_ = size;
    }
    return {bytes_.get(), size};
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
};

void append(ByteView bytes, Bytes& out) { out.insert(out.end(), bytes.begin(), bytes.end()); }

}  // namespace

struct FrameEncoder::State {
  Effort effort;
  Compressor frames;
  Compressor patches;  // made when needed: its tables are large
  Scratch scratch, second_scratch;

  explicit State(Effort e) : effort(e), frames(require(ZSTD_createCCtx())) {
    set(frames.get(), ZSTD_c_compressionLevel, level_of(e));
  }

  ByteView patch(ByteView base, ByteView raw, Effort with, Scratch& into) {
    ZSTD_CCtx* context = patches.get();
    require(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters));
    set_patch_parameters(context, with, base.size() + raw.size());
    require(ZSTD_CCtx_refPrefix(context, base.data(), base.size()));
    const ByteSpan room = into.of(ZSTD_compressBound(raw.size()));
    return room.first(require(ZSTD_compress2(context, room.data(), room.size(), raw.data(), raw.size())));
  }
};

FrameEncoder::FrameEncoder(Effort effort) : state_(std::make_unique<State>(effort)) {}
FrameEncoder::~FrameEncoder() = default;
FrameEncoder::FrameEncoder(FrameEncoder&&) noexcept = default;
FrameEncoder& FrameEncoder::operator=(FrameEncoder&&) noexcept = default;

Codec FrameEncoder::encode(ByteView raw, Bytes& out) {
  if (!looks_random(raw)) {
    const ByteSpan room = state_->scratch.of(ZSTD_compressBound(raw.size()));
    const std::size_t size =
        require(ZSTD_compress2(state_->frames.get(), room.data(), room.size(), raw.data(), raw.size()));
    if (size <= raw.size() - raw.size() / 32 && size < raw.size()) {
      append(room.first(size), out);
      return Codec::zstd;
    }
  }
  append(raw, out);
  return Codec::raw;
}

void FrameEncoder::encode_patch(ByteView base, ByteView raw, Bytes& out) {
  State& state = *state_;
  if (!state.patches) state.patches.reset(require(ZSTD_createCCtx()));
  const ByteView quick = state.patch(base, raw, Effort::fast, state.scratch);
  if (state.effort == Effort::fast || is_settled(quick, raw.size())) {
    append(quick, out);
    return;
  }
  const ByteView thorough = state.patch(base, raw, state.effort, state.second_scratch);
  append(thorough.size() < quick.size() ? thorough : quick, out);
}

std::uint64_t FrameEncoder::held_bytes() const {
  const State& state = *state_;
  return ZSTD_sizeof_CCtx(state.frames.get()) + ZSTD_sizeof_CCtx(state.patches.get()) + state.scratch.size() +
         state.second_scratch.size();
}

struct FrameDecoder::State {
  Decompressor context{require(ZSTD_createDCtx())};
};

FrameDecoder::FrameDecoder() : state_(std::make_unique<State>()) {}
FrameDecoder::~FrameDecoder() = default;
FrameDecoder::FrameDecoder(FrameDecoder&&) noexcept = default;
FrameDecoder& FrameDecoder::operator=(FrameDecoder&&) noexcept = default;

namespace {

Error corrupt(const std::string& what) { return {Code::corrupt, "frame: " + what}; }

// One whole zstd frame that says it holds raw_bytes bytes: no old format, no skippable frame, nothing after it.
Status check_zstd_frame(ByteView stored, std::uint64_t raw_bytes) {
  constexpr std::uint32_t magic = ZSTD_MAGICNUMBER;
  std::uint32_t first = 0;
  if (stored.size() >= sizeof first) std::memcpy(&first, stored.data(), sizeof first);
  if (first != magic) return corrupt("not a zstd frame");
  const unsigned long long content = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (content != raw_bytes) return corrupt("its length differs from what was promised");
  const std::size_t whole = ZSTD_findFrameCompressedSize(stored.data(), stored.size());
  if (ZSTD_isError(whole) != 0) return corrupt("cut short or not a zstd frame");
  if (whole != stored.size()) return corrupt("bytes left over after it");
  return {};
}

}  // namespace

Status FrameDecoder::decode(Codec codec, ByteView stored, std::uint64_t raw_bytes, ByteView base, Bytes& out) {
  const std::uint64_t most = codec == Codec::zstd_patch ? model::max_patch_raw_bytes : model::max_frame_raw_bytes;
  if (raw_bytes > most || base.size() > model::max_patch_raw_bytes) return corrupt("larger than any may be");
  if (codec == Codec::raw) {
    if (stored.size() != raw_bytes) return corrupt("its length differs from what was promised");
    out.assign(stored.begin(), stored.end());
    return {};
  }
  if (codec != Codec::zstd && codec != Codec::zstd_patch) return corrupt("stored in an unknown way");
  DL_TRY(check_zstd_frame(stored, raw_bytes));
  ZSTD_DCtx* context = state_->context.get();
  require(ZSTD_DCtx_reset(context, ZSTD_reset_session_only));
  // A prefix serves one frame; an empty one takes back what an earlier, failed call may have left.
  require(ZSTD_DCtx_refPrefix(context, base.data(), codec == Codec::zstd_patch ? base.size() : 0));
  out.resize(static_cast<std::size_t>(raw_bytes));
  const std::size_t size = ZSTD_decompressDCtx(context, out.data(), out.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0) return corrupt(std::string("damaged: ") + ZSTD_getErrorName(size));
  if (size != raw_bytes) return corrupt("its length differs from what was promised");
  return {};
}

void FrameDecoder::decode_beginning(ByteView stored, std::uint64_t raw_bytes, Bytes& out) {
  out.clear();
  if (raw_bytes > model::max_frame_raw_bytes) return;
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != raw_bytes) return;
  constexpr int max_window_log = 23;  // the stream's buffer; what FrameEncoder makes needs less
  ZSTD_DCtx* context = state_->context.get();
  require(ZSTD_DCtx_reset(context, ZSTD_reset_session_only));
  require(ZSTD_DCtx_refPrefix(context, nullptr, 0));
  require(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, max_window_log));
  out.resize(static_cast<std::size_t>(raw_bytes));
  ZSTD_inBuffer from{stored.data(), stored.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  for (;;) {
    const std::size_t taken = from.pos, made = to.pos;
    const std::size_t left = ZSTD_decompressStream(context, &to, &from);
    if (ZSTD_isError(left) != 0 || left == 0 || (from.pos == taken && to.pos == made)) break;
  }
  out.resize(to.pos);
}

}  // namespace duskline::pack
