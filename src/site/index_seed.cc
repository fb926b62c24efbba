#include "base/units.h"
#include "pack/chunker.h"
#include "site/folders.h"
#include "site/local_chunks.h"

namespace duskline::site {
namespace {

class SeedIndexer {
 public:
  SeedIndexer(const Op& op, LocalFiles& files, std::uint32_t source, LocalChunks& chunks, const IsTried& is_tried,
              Reporter& reporter)
      : op_(op), files_(files), source_(source), chunks_(chunks), is_tried_(is_tried), reporter_(reporter) {}

  Status run() {
    const auto top = files_.directory(source_);
    DL_ASSIGN(const disk::Stat stat, top->stat());
    mount_ = stat.mount;
    device_ = stat.device;
    return visit(*top, "", 0);
  }

 private:
  Status visit(disk::Directory& directory, const std::string& path, std::size_t depth) {
    DL_TRY(op_.check());
    auto entries = directory.list();
    if (!entries) return pass_over(path, entries.error());
    for (const disk::DirectoryEntry& entry : *entries) {
      const std::string below = path.empty() ? entry.name : path + "/" + entry.name;
      if (entry.stat.kind == disk::FileKind::directory) {
        const bool is_elsewhere = entry.stat.mount != mount_ || entry.stat.device != device_;
        if (is_elsewhere || entry.name == private_folder_name || depth >= model::max_depth) continue;
        auto inner = directory.open_directory(entry.name);
        if (!inner) {
          DL_TRY(pass_over(below, inner.error()));
          continue;
        }
        DL_TRY(visit(**inner, below, depth + 1));
      } else if (entry.stat.kind == disk::FileKind::file && entry.stat.size_bytes > 0) {
        if (is_tried_(below, entry.stat.size_bytes)) continue;
        auto file = directory.open_read(entry.name);
        const Status status = file ? index(**file, below, entry.stat.size_bytes) : Status(file.error());
        if (!status) DL_TRY(pass_over(below, status.error()));
      }
    }
    return {};
  }

  Status index(disk::File& file, const std::string& path, std::uint64_t size_bytes) {
    const pack::ChunkSizes sizes = pack::chunk_sizes_for(size_bytes);
    const bool whole = size_bytes <= pack::whole_file_bytes;
    const std::size_t window = whole ? pack::whole_file_bytes : std::size_t{4} * sizes.max_bytes;
    std::optional<std::uint32_t> number;
    std::uint64_t offset = 0;
    std::size_t held = 0;
    bool at_end = false;
    buffer_.resize(window);
    while (true) {
      if (!at_end && (held < sizes.max_bytes || whole)) {
        DL_TRY(op_.check());
        DL_ASSIGN(const std::size_t got, file.read_at(offset + held, ByteSpan(buffer_).subspan(held)));
        at_end = got < buffer_.size() - held;
        held += got;
      }
      if (held == 0) return {};
      std::size_t used = 0;
      while (used < held && (at_end || whole || held - used >= sizes.max_bytes)) {
        const ByteView rest = ByteView(buffer_).subspan(used, held - used);
        const std::size_t length = whole ? rest.size() : pack::next_chunk(rest, sizes);
        note_chunk(rest.first(length), path, offset + used, number);
        used += length;
      }
      std::memmove(buffer_.data(), buffer_.data() + used, held - used);
      offset += used;
      held -= used;
      if (whole) return {};
    }
  }

  void note_chunk(ByteView chunk, const std::string& path, std::uint64_t offset, std::optional<std::uint32_t>& number) {
    const Hash256 hash = sha256(chunk);
    if (!chunks_.wants(hash)) return;
    if (!number) {
      if (files_.path_bytes() > LocalChunks::max_path_bytes) return;
      number = files_.add_file(source_, path);
    }
    chunks_.add(hash, {*number, offset});
  }

  Status pass_over(const std::string& path, const Error& error) {
    if (error.code == Code::cancelled || error.code == Code::timeout) return error;
    reporter_.note(Severity::info, "seed: passing over \"" + printable(path) + "\": " + error.describe());
    return {};
  }

  const Op& op_;
  LocalFiles& files_;
  const std::uint32_t source_;
  LocalChunks& chunks_;
  const IsTried& is_tried_;
  Reporter& reporter_;
  std::uint64_t mount_ = 0, device_ = 0;
  Bytes buffer_;
};

}  // namespace

Status index_seed(const Op& op, LocalFiles& files, std::uint32_t source, LocalChunks& chunks, const IsTried& is_tried,
                  Reporter& reporter) {
  return SeedIndexer(op, files, source, chunks, is_tried, reporter).run();
}

}  // namespace duskline::site
