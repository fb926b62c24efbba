#include "sync/md5_lanes.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "sync/place.h"

namespace duskline::sync {
namespace {

constexpr std::size_t block_bytes = 64;
constexpr std::size_t lane_buffer_bytes = 64 << 10;

constexpr std::array<std::uint32_t, 64> sine_table = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
constexpr std::array<std::uint32_t, 16> shifts = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
constexpr std::array<std::uint32_t, 4> start = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

// The four rounds for a word W: 32 bits of one message, or a vector of 32 bits of each lane's.
template <typename W>
[[gnu::always_inline]] inline void rounds(std::array<W, 4>& state, const std::array<W, 16>& words) {
  W a = state[0], b = state[1], c = state[2], d = state[3];
#pragma GCC unroll 64
  for (std::uint32_t i = 0; i < 64; ++i) {
    const std::uint32_t round = i / 16;
    W mixed;
    std::uint32_t word;
    if (round == 0) {
      mixed = d ^ (b & (c ^ d));
      word = i;
    } else if (round == 1) {
      mixed = c ^ (d & (b ^ c));
      word = (5 * i + 1) % 16;
    } else if (round == 2) {
      mixed = b ^ c ^ d;
      word = (3 * i + 5) % 16;
    } else {
      mixed = c ^ (b | ~d);
      word = (7 * i) % 16;
    }
    const std::uint32_t by = shifts[round * 4 + i % 4];
    mixed += a + words[word] + sine_table[i];
    const W next = b + ((mixed << by) | (mixed >> (32 - by)));
    a = d;
    d = c;
    c = b;
    b = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

std::uint32_t load_word(const std::uint8_t* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return std::endian::native == std::endian::little ? word : __builtin_bswap32(word);
}

using State = std::array<std::uint32_t, 4>;

void add_blocks(State& state, const std::uint8_t* at, std::size_t blocks) {
  for (; blocks > 0; --blocks, at += block_bytes) {
    std::array<std::uint32_t, 16> words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = load_word(at + 4 * i);
    rounds(state, words);
  }
}

constexpr std::size_t lanes = 16;
using Vector [[gnu::vector_size(lanes * sizeof(std::uint32_t))]] = std::uint32_t;
using LanePointers = std::array<const std::uint8_t*, lanes>;

// The same number of blocks of every lane. The compiler makes the best of the vector on each kind of processor.
template <typename W>
[[gnu::always_inline]] inline void add_blocks_of_lanes(std::array<State, lanes>& states, LanePointers at,
                                                       std::size_t blocks) {
  std::array<W, 4> state;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    for (std::size_t i = 0; i < 4; ++i) state[i][lane] = states[lane][i];
  }
  for (; blocks > 0; --blocks) {
    std::array<W, 16> words;
    alignas(64) std::uint32_t turned[16][lanes];
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      for (std::size_t i = 0; i < 16; ++i) turned[i][lane] = load_word(at[lane] + 4 * i);
      at[lane] += block_bytes;
    }
    std::memcpy(words.data(), turned, sizeof turned);
    rounds(state, words);
  }
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    for (std::size_t i = 0; i < 4; ++i) states[lane][i] = state[i][lane];
  }
}

// The thread sanitizer is not ready yet when the loader asks which clone to take.
#if defined(__SANITIZE_THREAD__)
#define DUSKLINE_UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DUSKLINE_UNDER_TSAN
#endif
#endif
#if defined(__x86_64__) && !defined(DUSKLINE_UNDER_TSAN)
#define DUSKLINE_MD5_CLONES [[gnu::target_clones("arch=x86-64-v4", "avx2", "default")]]
#else
#define DUSKLINE_MD5_CLONES
#endif
DUSKLINE_MD5_CLONES void add_lanes(std::array<State, lanes>& states, const LanePointers& at, std::size_t blocks) {
  add_blocks_of_lanes<Vector>(states, at, blocks);
}

// What follows the last whole block: the rest, a one bit, zeros, the length in bits.
Md5 finish(State state, const std::uint8_t* rest, std::size_t rest_bytes, std::uint64_t total_bytes) {
  std::array<std::uint8_t, 2 * block_bytes> last{};
  std::memcpy(last.data(), rest, rest_bytes);
  last[rest_bytes] = 0x80;
  const std::size_t blocks = rest_bytes + 9 > block_bytes ? 2 : 1;
  const std::uint64_t bits = total_bytes * 8;
  for (std::size_t i = 0; i < 8; ++i) last[blocks * block_bytes - 8 + i] = static_cast<std::uint8_t>(bits >> (8 * i));
  add_blocks(state, last.data(), blocks);
  Md5 digest;
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (8 * (i % 4)));
  return digest;
}

using ReadAt = std::function<Result<std::size_t>(std::uint64_t offset, ByteSpan into)>;

// One range that is being hashed.
class Lane {
 public:
  Status fill(const ReadAt& read) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer_.size()));
    DL_ASSIGN(const std::size_t got, read(at_, ByteSpan(buffer_).first(wanted)));
    if (got != wanted) return Error{Code::changing, "the file became shorter while it was read"};
    at_ += wanted;
    left_ -= wanted;
    begin_ = 0;
    end_ = wanted;
    return {};
  }
  void begin(const Range& range, std::size_t index) {
    buffer_.resize(lane_buffer_bytes);
    state = start;
    at_ = range.offset_bytes;
    left_ = total_ = range.length_bytes;
    begin_ = end_ = 0;
    this->index = index;
    busy = true;
  }
  [[nodiscard]] bool wants_bytes() const { return left_ > 0 && whole_blocks() == 0; }
  [[nodiscard]] bool is_through() const { return left_ == 0 && whole_blocks() == 0; }
  [[nodiscard]] std::size_t whole_blocks() const { return (end_ - begin_) / block_bytes; }
  [[nodiscard]] const std::uint8_t* data() const { return buffer_.data() + begin_; }
  void advance(std::size_t blocks) { begin_ += blocks * block_bytes; }
  [[nodiscard]] Md5 digest() const { return finish(state, data(), end_ - begin_, total_); }

  State state = start;
  std::size_t index = 0;
  bool busy = false;

 private:
  Bytes buffer_;
  std::uint64_t at_ = 0, left_ = 0, total_ = 0;
  std::size_t begin_ = 0, end_ = 0;
};

// As many blocks as every busy lane has; idle lanes hash along, and their result is dropped.
void step(std::array<Lane, lanes>& all, std::size_t busy) {
  std::size_t blocks = lane_buffer_bytes;
  const Lane* some = nullptr;
  for (const Lane& lane : all) {
    if (!lane.busy) continue;
    blocks = std::min(blocks, lane.whole_blocks());
    some = &lane;
  }
  constexpr std::size_t worth_a_vector = 3;
  if (busy < worth_a_vector) {
    for (Lane& lane : all) {
      if (!lane.busy) continue;
      add_blocks(lane.state, lane.data(), blocks);
      lane.advance(blocks);
    }
    return;
  }
  std::array<State, lanes> states;
  LanePointers at;
  for (std::size_t i = 0; i < lanes; ++i) {
    states[i] = all[i].state;
    at[i] = all[i].busy ? all[i].data() : some->data();
  }
  add_lanes(states, at, blocks);
  for (std::size_t i = 0; i < lanes; ++i) {
    if (!all[i].busy) continue;
    all[i].state = states[i];
    all[i].advance(blocks);
  }
}

}  // namespace

Md5 md5_of_bytes(ByteView bytes) {
  State state = start;
  const std::size_t blocks = bytes.size() / block_bytes;
  add_blocks(state, bytes.data(), blocks);
  const std::size_t used = blocks * block_bytes;
  return finish(state, bytes.data() + used, bytes.size() - used, bytes.size());
}

Result<std::vector<Md5>> md5_of_ranges(const Op& op, const ReadAt& read, std::span<const Range> ranges) {
  std::vector<Md5> digests(ranges.size());
  std::array<Lane, lanes> all;
  std::size_t next = 0, busy = 0;
  for (;;) {
    DL_TRY(op.check());
    for (Lane& lane : all) {
      while (true) {
        if (lane.busy && lane.wants_bytes()) DL_TRY(lane.fill(read));
        if (lane.busy && !lane.is_through()) break;
        if (lane.busy) {
          digests[lane.index] = lane.digest();
          lane.busy = false;
          --busy;
        }
        if (next == ranges.size()) break;
        lane.begin(ranges[next], next);
        ++next;
        ++busy;
      }
    }
    if (busy == 0) return digests;
    step(all, busy);
  }
}

}  // namespace duskline::sync
