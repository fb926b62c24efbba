#include "sync/unfinished.h"

#include <fstream>

#include "base/hash.h"

namespace duskline::sync {
namespace {

constexpr std::string_view magic = "duskline unfinished 1\n";
constexpr std::string_view prefix = "unfinished-";
constexpr std::uint64_t max_file_bytes = 1 << 20;
constexpr std::size_t max_text_bytes = 64 << 10, max_pieces = 10'000;

std::string name_of(const std::string& path) { return std::string(prefix) + sha256(path).short_hex(); }

}  // namespace

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::optional<UnfinishedFile> Unfinished::read(const std::string& name, std::size_t most_pieces) const {
  const auto bytes = folder_.read_all(name, max_file_bytes);
  if (!bytes || !*bytes) return std::nullopt;
  ByteReader in(**bytes);
  if (text_of(in.raw(magic.size())) != magic) return std::nullopt;
  const bool same_boot = in.text(max_text_bytes) == boot_;
  UnfinishedFile file;
  file.path = in.text(max_text_bytes);
  file.source.size_bytes = in.varint();
  file.source.mtime_ns = in.zigzag();
  file.source.ctime_ns = in.zigzag();
  file.source.inode = in.varint();
  file.source.mode = static_cast<std::uint32_t>(in.varint());
  file.source.etag = in.text(max_text_bytes);
  file.source.modified_ns = in.zigzag();
  file.piece_bytes = in.varint();
  file.token = in.text(max_text_bytes);
  if (!in.ok()) return std::nullopt;
  file.done.resize(most_pieces);
  while (in.left() >= sizeof(std::uint32_t)) {
    const std::uint32_t piece = in.u32_fixed();
    if (same_boot && piece < most_pieces) file.done[piece] = true;
  }
  return file;
}

std::vector<UnfinishedFile> Unfinished::all() const {
  std::vector<UnfinishedFile> files;
  const auto entries = folder_.list();
  if (!entries) return files;
  for (const disk::DirectoryEntry& entry : *entries) {
    if (!entry.name.starts_with(prefix)) continue;
    if (auto file = read(entry.name, 0)) files.push_back(std::move(*file));
  }
  return files;
}

std::optional<UnfinishedFile> Unfinished::find(const std::string& path, std::size_t pieces) const {
  auto file = read(name_of(path), std::min(pieces, max_pieces));
  if (!file || file->path != path) return std::nullopt;
  return file;
}

Result<std::unique_ptr<Unfinished::Note>> Unfinished::begin(const UnfinishedFile& file) {
  Bytes head(magic.begin(), magic.end());
  ByteWriter out(head);
  out.text(boot_);
  out.text(file.path);
  out.varint(file.source.size_bytes);
  out.zigzag(file.source.mtime_ns);
  out.zigzag(file.source.ctime_ns);
  out.varint(file.source.inode);
  out.varint(file.source.mode);
  out.text(file.source.etag);
  out.zigzag(file.source.modified_ns);
  out.varint(file.piece_bytes);
  out.text(file.token);
  for (std::size_t piece = 0; piece < file.done.size(); ++piece) {
    if (file.done[piece]) out.u32_fixed(static_cast<std::uint32_t>(piece));
  }
  const std::string name = name_of(file.path);
  DL_TRY(folder_.replace(name, head, 0600));
  DL_ASSIGN(auto opened, folder_.open_write(name));
  return std::make_unique<Note>(std::move(opened), head.size());
}

Status Unfinished::Note::done(std::size_t piece) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.u32_fixed(static_cast<std::uint32_t>(piece));
  DL_TRY(file_->write_at(end_, bytes));
  end_ += bytes.size();
  return {};
}

Status Unfinished::end(const std::string& path) { return folder_.remove_file(name_of(path), disk::Missing::is_absent); }

}  // namespace duskline::sync
