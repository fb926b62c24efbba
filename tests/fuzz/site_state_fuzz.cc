// The state of a target: what is taken is read the same again.
#include "fuzz.h"
#include "site/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const std::string_view text = text_of(fuzz::view(data, size));
  (void)site::folder_id(text);
  const auto state = site::decode_state(text);
  if (!state) return 0;
  const auto again = site::decode_state(site::encode_state(*state));
  fuzz::require(again && *again == *state, "a state is read the same again");
  return 0;
}
