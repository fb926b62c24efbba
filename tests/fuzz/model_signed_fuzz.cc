// Envelopes, root statements and heads.
#include "fuzz.h"
#include "model/release.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const ByteView in = fuzz::view(data, size);
  const auto envelope = model::open_envelope(in);
  fuzz::require(!model::verify_envelope(in, {}), "nothing is trusted without a key");
  const std::string_view json = envelope ? std::string_view(envelope->payload) : text_of(in);
  if (const auto release = model::decode_release(json)) {
    const auto same = model::decode_release(model::encode_release(*release));
    fuzz::require(same && *same == *release, "a root statement is read the same again");
  }
  if (const auto head = model::decode_head(json)) {
    const auto same = model::decode_head(model::encode_head(*head));
    fuzz::require(same && *same == *head, "a head is read the same again");
    (void)model::is_due_for_signing(*head, head->signed_at);
  }
  return 0;
}
