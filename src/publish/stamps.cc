#include "publish/stamps.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/signing.h"

namespace duskline::publish {
namespace {

constexpr std::uint64_t magic = 0x31706d6174736c64;  // "dlstamp1"
constexpr std::size_t records_per_block = 1024;
constexpr std::size_t record_bytes = 56;
constexpr std::size_t block_bytes = records_per_block * record_bytes + 8;
constexpr std::size_t header_bytes = 8 + 8 + 3 * 32 + 8 + 8 + 8;

static_assert(sizeof(Stamp) == record_bytes && std::is_trivially_copyable_v<Stamp>,
              "records are written as they lie in memory; the cache never leaves the machine");

std::uint64_t checksum(ByteView bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Bytes encode_header(const StampHeader& header, std::uint64_t nonce) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.u64_fixed(magic);
  out.u64_fixed(nonce);
  out.raw(header.release.hash.bytes);
  out.raw(header.options.bytes);
  out.raw(header.filesystem.bytes);
  out.u64_fixed(static_cast<std::uint64_t>(header.scan_began_ns));
  out.u64_fixed(header.count);
  out.u64_fixed(checksum(bytes, nonce));
  return bytes;
}

void read_hash(ByteReader& in, Hash256& hash) { std::ranges::copy(in.raw(hash.bytes.size()), hash.bytes.begin()); }

bool decode_header(ByteView bytes, StampHeader& header, std::uint64_t& nonce) {
  ByteReader in(bytes);
  const bool known = in.u64_fixed() == magic;
  nonce = in.u64_fixed();
  read_hash(in, header.release.hash);
  read_hash(in, header.options);
  read_hash(in, header.filesystem);
  header.scan_began_ns = static_cast<std::int64_t>(in.u64_fixed());
  header.count = in.u64_fixed();
  const std::uint64_t sum = in.u64_fixed();
  return known && in.ok() && sum == checksum(bytes.first(header_bytes - 8), nonce);
}

// Ties a block to its file and place, so that none can be taken for another.
std::uint64_t block_seed(std::uint64_t nonce, std::uint64_t block) { return nonce + block * 0x9e3779b97f4a7c15; }

}  // namespace

Stamp stamp_of(std::string_view name, std::uint32_t depth, const disk::Stat& stat, std::uint64_t top_device) {
  Stamp stamp;
  stamp.name_key = XXH3_64bits_withSeed(name.data(), name.size(), depth);
  stamp.device = stat.device == top_device ? 0 : stat.device;
  stamp.inode = stat.inode;
  // The size of a directory says how its names are stored, which reading them does not change.
  stamp.size_bytes = stat.kind == disk::FileKind::directory ? 0 : stat.size_bytes;
  stamp.mtime_ns = stat.mtime_ns;
  stamp.ctime_ns = stat.ctime_ns;
  stamp.mode = (static_cast<std::uint32_t>(stat.kind) << 16) | stat.mode;
  stamp.links = stat.links;
  return stamp;
}

struct StampReader::State {
  std::unique_ptr<disk::File> file;
  StampHeader header;
  std::uint64_t nonce = 0;
  std::uint64_t block = UINT64_MAX;  // the one in `records`
  bool good = false;
  std::vector<Stamp> records = std::vector<Stamp>(records_per_block);
  Bytes raw = Bytes(block_bytes);

  void load(std::uint64_t number) {
    block = number;
    good = false;
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(records_per_block, header.count - number * records_per_block));
    const std::size_t length = count * record_bytes + 8;
    const auto read = file->read_at(header_bytes + number * block_bytes, ByteSpan(raw).first(length));
    if (!read || *read != length) return;
    std::uint64_t sum = 0;
    std::memcpy(&sum, raw.data() + count * record_bytes, sizeof sum);
    if (sum != checksum(ByteView(raw).first(count * record_bytes), block_seed(nonce, number))) return;
    std::memcpy(static_cast<void*>(records.data()), raw.data(), count * record_bytes);
    good = true;
  }
};

StampReader::StampReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
StampReader::~StampReader() = default;

std::unique_ptr<StampReader> StampReader::open(disk::Directory& folder, std::string_view name) {
  auto state = std::make_unique<State>();
  auto file = folder.open_read(name);
  if (!file) return nullptr;
  state->file = std::move(*file);
  std::array<std::uint8_t, header_bytes> bytes;
  const auto read = state->file->read_at(0, bytes);
  if (!read || *read != bytes.size() || !decode_header(bytes, state->header, state->nonce)) return nullptr;
  return std::unique_ptr<StampReader>(new StampReader(std::move(state)));
}

const StampHeader& StampReader::header() const { return state_->header; }

const Stamp* StampReader::at(std::uint64_t index) {
  if (index >= state_->header.count) return nullptr;
  if (index / records_per_block != state_->block) state_->load(index / records_per_block);
  return state_->good ? &state_->records[index % records_per_block] : nullptr;
}

bool StampReader::still_holds(std::uint64_t index, const Stamp& now) {
  const Stamp* before = at(index);
  return before != nullptr && *before == now && !is_racy(now, state_->header.scan_began_ns);
}

struct StampWriter::State {
  disk::Directory* folder = nullptr;
  std::string name, temporary;
  std::unique_ptr<disk::File> file;
  std::uint64_t nonce = 0, count = 0;
  Bytes block;

  Status flush() {
    const std::uint64_t number = (count - 1) / records_per_block;
    const std::uint64_t sum = checksum(block, block_seed(nonce, number));
    ByteWriter(block).u64_fixed(sum);
    DL_TRY(file->write_at(header_bytes + number * block_bytes, block));
    block.clear();
    return {};
  }
};

StampWriter::StampWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}

StampWriter::~StampWriter() {
  if (state_->file) (void)state_->folder->remove_file(state_->temporary, disk::Missing::is_absent);
}

Result<std::unique_ptr<StampWriter>> StampWriter::create(disk::Directory& folder, std::string_view name) {
  auto state = std::make_unique<State>();
  state->folder = &folder;
  state->name = name;
  state->temporary = std::string(name) + ".new";
  DL_ASSIGN(const Bytes nonce, random_bytes(sizeof state->nonce));
  std::memcpy(&state->nonce, nonce.data(), sizeof state->nonce);
  DL_TRY(folder.remove_file(state->temporary, disk::Missing::is_absent));
  DL_ASSIGN(state->file, folder.create(state->temporary, 0600));
  state->block.reserve(block_bytes);
  return std::unique_ptr<StampWriter>(new StampWriter(std::move(state)));
}

Status StampWriter::append(const Stamp& stamp) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&stamp);
  state_->block.insert(state_->block.end(), bytes, bytes + record_bytes);
  ++state_->count;
  if (state_->count % records_per_block == 0) return state_->flush();
  return {};
}

Status StampWriter::finish(StampHeader header) {
  if (!state_->block.empty()) DL_TRY(state_->flush());
  header.count = state_->count;
  DL_TRY(state_->file->write_at(0, encode_header(header, state_->nonce)));
  DL_TRY(state_->folder->rename(state_->temporary, *state_->folder, state_->name));
  state_->file.reset();
  return {};
}

}  // namespace duskline::publish
