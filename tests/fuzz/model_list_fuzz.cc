// Chunk lists: what is taken is canonical.
#include "fuzz.h"
#include "model/tree.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  static std::vector<model::Chunk> chunks;
  const ByteView in = fuzz::view(data, size);
  if (!model::decode_list(in, chunks)) return 0;
  Bytes again;
  model::encode_list(chunks, again);
  fuzz::require(again == Bytes(in.begin(), in.end()), "a list has one encoding");
  return 0;
}
