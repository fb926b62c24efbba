// What people write: quantities, times, keys, and bytes as text.
#include "base/clock.h"
#include "base/signing.h"
#include "base/units.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const ByteView in = fuzz::view(data, size);
  const std::string_view text = text_of(in);
  (void)parse_bytes(text).has_value();
  (void)parse_rate(text).has_value();
  if (const auto duration = parse_duration(text)) fuzz::require(duration->count() >= 0, "a duration is not negative");
  if (const auto time = parse_time(text)) {
    fuzz::require(parse_time(format_time(*time)) == time, "a time survives");
  }
  if (const auto key = PublicKey::parse(text)) {
    const auto again = PublicKey::parse(key->text());
    fuzz::require(again && *again == *key, "a public key survives");
  }
  if (const auto key = SigningKey::parse(text)) {
    const auto again = SigningKey::parse(key->secret_text());
    fuzz::require(again && again->public_key() == key->public_key(), "a secret key survives");
  }
  fuzz::require(from_hex(to_hex(in)) == Bytes(in.begin(), in.end()), "hex survives");
  fuzz::require(from_base64(to_base64(in)) == Bytes(in.begin(), in.end()), "base64 survives");
  (void)from_hex(text);
  (void)from_base64(text);
  const std::string shown = printable(text);
  fuzz::require(printable(shown).size() >= shown.size(), "what is shown can be shown");
  for (const char c : shown) fuzz::require(static_cast<unsigned char>(c) >= ' ' && c != 0x7f, "nothing controls");
  return 0;
}
