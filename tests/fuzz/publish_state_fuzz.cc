// What a publisher keeps as JSON: its state of a source, and the tombstones of a set.
#include "fuzz.h"
#include "publish/prune_marks.h"
#include "publish/state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const std::string_view text = text_of(fuzz::view(data, size));
  if (const auto state = publish::decode_state(text)) {
    const auto again = publish::decode_state(publish::encode_state(*state));
    fuzz::require(again && *again == *state, "a state is read the same again");
  }
  static const auto set = *model::SetName::parse("fuzz");
  if (const auto marks = publish::decode_marks(set, text)) {
    fuzz::require(marks->size() <= publish::max_marks, "tombstones are bounded");
    const auto again = publish::decode_marks(set, publish::encode_marks(set, *marks));
    fuzz::require(again && *again == *marks, "tombstones are read the same again");
    for (const auto& [key, mark] : *marks) fuzz::require(key.starts_with("fuzz/"), "only the set's own are touched");
  }
  return 0;
}
