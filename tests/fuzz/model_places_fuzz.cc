// Tables of places: what is taken keeps its limits and is read the same again.
#include "fuzz.h"
#include "model/place.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  constexpr std::uint32_t packs = 8;
  static model::FrameTable table, same_table;
  static std::vector<model::Place> places, same_places;
  if (!model::decode_places(fuzz::view(data, size), packs, table, places)) return 0;
  for (const model::Frame& frame : table.frames) {
    fuzz::require(frame.pack < packs, "a frame lies in a listed pack");
    fuzz::require(frame.raw_bytes <= model::max_patch_raw_bytes, "a frame is bounded");
    fuzz::require(frame.codec != model::Codec::zstd_patch || frame.base < table.bases.size(), "a patch has a base");
  }
  for (const model::Place& place : places) {
    fuzz::require(place.frame < table.frames.size(), "a place has a frame");
    fuzz::require(place.offset_bytes < table.frames[place.frame].raw_bytes, "a place lies in its frame");
  }
  Bytes again;
  model::encode_places(table, places, again);
  fuzz::require(bool(model::decode_places(again, packs, same_table, same_places)), "what was taken is taken again");
  fuzz::require(same_table == table && same_places == places, "and is the same");
  return 0;
}
