#include "objects/data_file.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace duskline::objects {
namespace {

constexpr std::string_view footer_magic = "duskline-data-1\n";
constexpr std::size_t footer_bytes = 48;
// The kernel is told to write what has gathered, so that the sync at the end of a large body finds little to do.
constexpr std::uint64_t write_back_bytes = 8 << 20;

Bytes encode_footer(std::uint64_t number, std::uint64_t length, ByteView table) {
  Bytes bytes(footer_magic.begin(), footer_magic.end());
  ByteWriter out(bytes);
  out.u64_fixed(number);
  out.u64_fixed(length);
  out.u64_fixed(data_block_bytes);
  out.u64_fixed(XXH3_64bits_withSeed(bytes.data(), bytes.size(), XXH3_64bits(table.data(), table.size())));
  return bytes;
}

std::optional<std::uint64_t> number_in(const std::string& name, std::string_view suffix) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || std::string_view(end, name.data() + name.size()) != suffix) return std::nullopt;
  return number;
}

}  // namespace

std::string data_directory(const std::string& directory, std::uint64_t number) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "/data/%09llu",
                static_cast<unsigned long long>(number / data_files_per_directory));
  return directory + name.data();
}

std::string data_path(const std::string& directory, std::uint64_t number) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "/%012llu.data", static_cast<unsigned long long>(number));
  return data_directory(directory, number) + name.data();
}

Status visit_data_files(const std::string& directory, const std::function<Status(std::uint64_t)>& see) {
  const std::string top = directory + "/data";
  DL_ASSIGN(const auto groups, Files::names_in(top));
  for (const std::string& group : groups) {
    if (!number_in(group, "")) continue;
    DL_ASSIGN(const auto names, Files::names_in(top + "/" + group));
    for (const std::string& name : names) {
      if (const auto number = number_in(name, ".data")) DL_TRY(see(*number));
    }
  }
  return {};
}

struct BlockHasher::State {
  State() : hash(XXH3_createState()) {
    if (hash == nullptr) std::abort();  // without memory there is nothing to go on with
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(hash); }
  XXH3_state_t* hash;
};

BlockHasher::BlockHasher(std::uint64_t store, std::uint64_t number)
    : store_(store), number_(number), state_(std::make_unique<State>()) {}
BlockHasher::~BlockHasher() = default;

void BlockHasher::update(ByteView bytes) {
  while (!bytes.empty()) {
    if (in_block_ == 0) {
      XXH3_128bits_reset_withSeed(state_->hash, seed_of(store_, number_, size_ / data_block_bytes));
    }
    const ByteView piece = bytes.first(std::min<std::size_t>(bytes.size(), data_block_bytes - in_block_));
    XXH3_128bits_update(state_->hash, piece.data(), piece.size());
    size_ += piece.size();
    in_block_ += piece.size();
    bytes = bytes.subspan(piece.size());
    if (in_block_ == data_block_bytes) end_block();
  }
}

void BlockHasher::end_block() {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->hash));
  table_.resize(table_.size() + sizeof canonical.digest);
  std::memcpy(table_.data() + table_.size() - sizeof canonical.digest, canonical.digest, sizeof canonical.digest);
  in_block_ = 0;
}

const Bytes& BlockHasher::finish() {
  if (in_block_ > 0) end_block();
  return table_;
}

Hash128 block_hash(ByteView block, std::uint64_t store, std::uint64_t number, std::uint64_t index) {
  return hash128(block, seed_of(store, number, index));
}

DataWriter::DataWriter(Files& files, std::string path, std::uint64_t store, std::uint64_t number, disk::UniqueFd fd)
    : files_(files), path_(std::move(path)), number_(number), fd_(std::move(fd)), hasher_(store, number) {}

Result<std::unique_ptr<DataWriter>> DataWriter::create(Files& files, const std::string& directory, std::uint64_t store,
                                                       std::uint64_t number) {
  const std::string path = data_path(directory, number);
  auto fd = files.open(path, O_RDWR | O_CREAT | O_EXCL);
  if (!fd && fd.error().code == Code::not_found) {
    DL_TRY(files.make_directory(data_directory(directory, number)));
    DL_TRY(files.sync_directory(directory + "/data"));
    fd = files.open(path, O_RDWR | O_CREAT | O_EXCL);
  }
  if (!fd) return fd.error();
  return std::unique_ptr<DataWriter>(new DataWriter(files, path, store, number, std::move(*fd)));
}

DataWriter::~DataWriter() {
  if (!kept_) (void)files_.remove(path_);  // where this fails, the next open() finds that nothing names it
}

void DataWriter::write_directly(DirectBuffers::Buffer buffer) {
  auto fd = files_.open(path_, O_WRONLY | O_DIRECT);
  if (!fd) return;  // tmpfs, for one, cannot
  direct_fd_ = std::move(*fd);
  buffer_ = std::move(buffer);
}

Status DataWriter::write_through_cache(ByteView bytes) {
  DL_TRY(files_.write_at(fd_.get(), path_, size_, bytes));
  size_ += bytes.size();
  if (size_ - written_back_ >= write_back_bytes) {
    // Advice only: whether it worked shows at the sync.
    (void)sync_file_range(fd_.get(), static_cast<off_t>(written_back_), static_cast<off_t>(size_ - written_back_),
                          SYNC_FILE_RANGE_WRITE);
    written_back_ = size_;
  }
  return {};
}

Status DataWriter::write_directly(ByteView bytes) {
  while (!bytes.empty()) {
    const ByteView piece = bytes.first(std::min(bytes.size(), direct_buffer_bytes - buffered_));
    std::memcpy(buffer_.bytes().data() + buffered_, piece.data(), piece.size());
    buffered_ += piece.size();
    size_ += piece.size();
    bytes = bytes.subspan(piece.size());
    if (buffered_ < direct_buffer_bytes) continue;
    DL_TRY(files_.write_at(direct_fd_.get(), path_, size_ - buffered_, buffer_.bytes()));
    buffered_ = 0;
  }
  return {};
}

Status DataWriter::write(ByteView bytes) {
  hasher_.update(bytes);
  return buffer_ ? write_directly(bytes) : write_through_cache(bytes);
}

Status DataWriter::finish() {
  Bytes tail;
  if (buffered_ > 0) {
    const std::size_t whole = buffered_ / direct_alignment * direct_alignment;
    const ByteView rest = ByteView(buffer_.bytes()).first(buffered_);
    if (whole > 0) DL_TRY(files_.write_at(direct_fd_.get(), path_, size_ - buffered_, rest.first(whole)));
    tail.assign(rest.begin() + static_cast<std::ptrdiff_t>(whole), rest.end());
  }
  const std::uint64_t tail_at = size_ - tail.size();
  const Bytes& table = hasher_.finish();
  const Bytes footer = encode_footer(number_, size_, table);
  tail.insert(tail.end(), table.begin(), table.end());
  tail.insert(tail.end(), footer.begin(), footer.end());
  DL_TRY(files_.write_at(fd_.get(), path_, tail_at, tail));
  buffer_ = {};
  DL_TRY(files_.sync(fd_.get(), path_));
  return files_.sync_directory(path_.substr(0, path_.rfind('/')));
}

Result<DataLayout> read_data_layout(Files& files, int fd, const std::string& path, std::uint64_t number) {
  const Error broken(Code::corrupt, "data file " + path + " is damaged: its end is not as it was written");
  DL_ASSIGN(const std::uint64_t size, Files::size_of(fd, path));
  if (size < footer_bytes) return broken;
  Bytes footer(footer_bytes);
  DL_ASSIGN(const std::size_t got, files.read_at(fd, path, size - footer_bytes, footer));
  if (got != footer_bytes) return broken;
  ByteReader in(footer);
  const bool named = text_of(in.raw(footer_magic.size())) == footer_magic && in.u64_fixed() == number;
  DataLayout layout;
  layout.length_bytes = in.u64_fixed();
  if (!named || in.u64_fixed() != data_block_bytes || layout.length_bytes > size) return broken;
  layout.blocks = (layout.length_bytes + data_block_bytes - 1) / data_block_bytes;
  if (size != layout.length_bytes + layout.blocks * sizeof(Hash128) + footer_bytes) return broken;
  return layout;
}

}  // namespace duskline::objects
