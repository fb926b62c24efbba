// A publisher's local files. The first byte says what follows: 0 stamps, 1 the journal of uploaded packs, both whole;
// 2 the body of one record of the journal, whose checksum is put in here.
#include <stdlib.h>
#include <xxhash.h>

#include <filesystem>

#include "disk/real_disk.h"
#include "fuzz.h"
#include "publish/journal.h"
#include "publish/stamps.h"

namespace duskline::fuzz {
namespace {

constexpr std::string_view name = "file";

// A folder for the time of this process.
class Scratch {
 public:
  Scratch() {
    std::string path = (std::filesystem::temp_directory_path() / "duskline-fuzz-XXXXXX").string();
    require(mkdtemp(path.data()) != nullptr, "a folder can be made");
    path_ = path;
    auto opened = disk::open_real_disk()->open(path_);
    require(opened.has_value(), "and opened");
    folder_ = std::move(*opened);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  disk::Directory& with_file(ByteView content) {
    require(bool(folder_->remove_file(name, disk::Missing::is_absent)), "the last file can be removed");
    const auto file = folder_->create(name, 0600);
    require(file && (*file)->write_at(0, content), "a file can be written");
    return *folder_;
  }

 private:
  std::string path_;
  std::unique_ptr<disk::Directory> folder_;
};

void read_stamps(disk::Directory& folder) {
  const auto reader = publish::StampReader::open(folder, name);
  if (reader == nullptr) return;
  const std::uint64_t count = std::min<std::uint64_t>(reader->header().count, 5000);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (const publish::Stamp* stamp = reader->at(i)) (void)reader->still_holds(i, publish::Stamp(*stamp));
  }
  require(reader->at(reader->header().count) == nullptr, "there are no more than said");
}

void read_journal(disk::Directory& folder) {
  const auto journal = publish::PackJournal::open(folder, name);
  require(journal.has_value(), "a journal can always be begun anew");
  for (const publish::PackContents& pack : (*journal)->earlier()) {
    for (const auto& at : pack.chunks) require(at.frame < pack.frames.size(), "a chunk has a frame");
  }
  publish::PackContents next;
  next.pack = sha256("next");
  next.frames.resize(1);
  next.chunks.push_back({sha256("chunk"), 0, 7});
  const std::size_t before = (*journal)->earlier().size();
  require((*journal)->append(next).has_value(), "and goes on");
  const auto again = publish::PackJournal::open(folder, name);
  require(again && (*again)->earlier().size() == before + 1 && (*again)->earlier().back() == next,
          "where it was whole");
}

Bytes journal_of(ByteView body) {
  Bytes file;
  ByteWriter write(file);
  write.raw(bytes_of("dlpacks1"));
  write.u32_fixed(static_cast<std::uint32_t>(body.size()));
  write.u64_fixed(XXH3_64bits(body.data(), body.size()));
  write.raw(body);
  return file;
}

}  // namespace
}  // namespace duskline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  static fuzz::Scratch scratch;
  const ByteView in = fuzz::view(data, size);
  if (in.empty()) return 0;
  const ByteView rest = in.subspan(1);
  if (in.front() == 0) fuzz::read_stamps(scratch.with_file(rest));
  if (in.front() == 1) fuzz::read_journal(scratch.with_file(rest));
  if (in.front() == 2) fuzz::read_journal(scratch.with_file(fuzz::journal_of(rest)));
  return 0;
}
