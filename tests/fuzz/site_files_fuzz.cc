// The binary files of a target. The first byte says what follows: 0 stamps, 1 a list of changes, both whole; 2 and 3
// the same without what no fuzzer gets through, which is put round it here: the header and the checksum.
#include "base/hash.h"
#include "fuzz.h"
#include "memory_file.h"
#include "model/tree.h"
#include "site/change.h"
#include "site/stamps.h"

namespace duskline::fuzz {
namespace {

Bytes sealed(std::string_view magic, const std::vector<Hash256>& header, ByteView body) {
  Bytes file;
  ByteWriter write(file);
  write.raw(bytes_of(magic));
  for (const Hash256& hash : header) write.raw(hash.bytes);
  write.raw(body);
  const Hash256 sum = sha256(file);
  write.raw(sum.bytes);
  return file;
}

void read_stamps(Bytes file) {
  auto reader = site::StampReader::open(std::make_unique<MemoryFile>(std::move(file)), {}, "");
  if (!reader) return;
  for (std::uint64_t i = 0; i < reader->count(); ++i) require(reader->next().has_value(), "there are as many as said");
  require(!reader->next(), "and no more");
}

void read_changes(Bytes file) {
  auto list = site::ChangeList::open(std::make_unique<MemoryFile>(std::move(file)));
  if (!list) return;
  std::uint64_t forward = 0, backward = 0;
  for (;; ++forward) {
    const auto change = list->next();
    require(change.has_value(), "what opened can be read");
    if (*change == nullptr) break;
    const site::Change& c = **change;
    require(c.path.empty() ? c.kind == site::Change::Kind::make_directory : bool(model::check_path(c.path)),
            "no change leads out of the target");
  }
  list->rewind_end();
  for (;; ++backward) {
    const auto change = list->previous();
    require(change.has_value(), "also backwards");
    if (*change == nullptr) break;
  }
  require(forward == list->count() && backward == forward, "both ways are equally long");
}

}  // namespace
}  // namespace duskline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const ByteView in = fuzz::view(data, size);
  if (in.empty()) return 0;
  const ByteView rest = in.subspan(1);
  if (in.front() == 0) fuzz::read_stamps(Bytes(rest.begin(), rest.end()));
  if (in.front() == 1) fuzz::read_changes(Bytes(rest.begin(), rest.end()));
  if (in.front() == 2) fuzz::read_stamps(fuzz::sealed("DLSTAMP1", {Hash256{}, sha256("")}, rest));
  if (in.front() == 3) fuzz::read_changes(fuzz::sealed("DLCHNGE1", {Hash256{}}, rest));
  if (in.front() == 4) fuzz::read_changes(fuzz::sealed("DLCHNGE2", {Hash256{}}, rest));
  return 0;
}
