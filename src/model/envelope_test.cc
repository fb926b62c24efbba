#include <gtest/gtest.h>

#include "model/release.h"

namespace duskline::model {
namespace {

const SigningKey& key_a() {
  static const SigningKey key = SigningKey::generate().value();
  return key;
}

const SigningKey& key_b() {
  static const SigningKey key = SigningKey::generate().value();
  return key;
}

std::string signature_line(const SigningKey& key, std::string_view payload) {
  const std::string text = "duskline-signed-1\n\n" + std::string(payload);
  return key.public_key().text() + " " + to_base64(key.sign(bytes_of(text)).value()) + "\n";
}

std::string envelope_of(const std::string& lines, std::string_view payload) {
  return "duskline-signed-1\n" + lines + "\n" + std::string(payload);
}

Code code_of(const std::string& envelope, const std::vector<PublicKey>& trusted) {
  const auto payload = verify_envelope(bytes_of(envelope), trusted);
  return payload ? Code::internal : payload.error().code;
}

TEST(Envelope, gives_back_what_a_trusted_key_sealed) {
  const std::string sealed = seal("payload\n\nwith lines", key_a()).value();
  EXPECT_EQ(sealed, envelope_of(signature_line(key_a(), "payload\n\nwith lines"), "payload\n\nwith lines"));
  EXPECT_EQ(verify_envelope(bytes_of(sealed), {key_b().public_key(), key_a().public_key()}).value(),
            "payload\n\nwith lines");
}

TEST(Envelope, an_empty_payload_is_a_payload) {
  const std::string sealed = seal("", key_a()).value();
  EXPECT_EQ(verify_envelope(bytes_of(sealed), {key_a().public_key()}).value(), "");
}

TEST(Envelope, one_trusted_signature_of_several_is_enough) {
  const std::string both = envelope_of(signature_line(key_a(), "p") + signature_line(key_b(), "p"), "p");
  EXPECT_EQ(verify_envelope(bytes_of(both), {key_b().public_key()}).value(), "p");
  EXPECT_EQ(open_envelope(bytes_of(both))->signatures.size(), 2U);
}

TEST(Envelope, another_key_is_refused_with_the_fingerprint_seen) {
  const std::string sealed = seal("p", key_a()).value();
  const auto payload = verify_envelope(bytes_of(sealed), {key_b().public_key()});
  ASSERT_FALSE(payload);
  EXPECT_EQ(payload.error().code, Code::untrusted);
  EXPECT_NE(payload.error().message.find(key_a().public_key().fingerprint()), std::string::npos);
  EXPECT_EQ(code_of(sealed, {}), Code::untrusted);
}

TEST(Envelope, an_altered_payload_is_refused) {
  std::string sealed = seal("payload", key_a()).value();
  sealed.back() ^= 1;
  const auto payload = verify_envelope(bytes_of(sealed), {key_a().public_key()});
  ASSERT_FALSE(payload);
  EXPECT_EQ(payload.error().code, Code::untrusted);
  EXPECT_NE(payload.error().message.find("altered"), std::string::npos);
}

TEST(Envelope, a_signature_of_another_payload_is_refused) {
  EXPECT_EQ(code_of(envelope_of(signature_line(key_a(), "p"), "q"), {key_a().public_key()}), Code::untrusted);
}

TEST(Envelope, a_signature_without_the_context_line_is_refused) {
  const std::string line = key_a().public_key().text() + " " + to_base64(key_a().sign(bytes_of("p")).value()) + "\n";
  EXPECT_EQ(code_of(envelope_of(line, "p"), {key_a().public_key()}), Code::untrusted);
}

TEST(Envelope, a_key_with_anothers_signature_does_not_hide_a_good_one) {
  const std::string bad =
      key_a().public_key().text() + signature_line(key_b(), "p").substr(key_b().public_key().text().size());
  const std::string envelope = envelope_of(bad + signature_line(key_b(), "p"), "p");
  EXPECT_EQ(code_of(envelope, {key_a().public_key()}), Code::untrusted);
  EXPECT_EQ(verify_envelope(bytes_of(envelope), {key_a().public_key(), key_b().public_key()}).value(), "p");
}

TEST(Envelope, every_other_form_is_refused) {
  const std::string line = signature_line(key_a(), "p");
  const std::string without_newline = line.substr(0, line.size() - 1);
  const std::string key_text = key_a().public_key().text();
  const std::string signature = without_newline.substr(key_text.size() + 1);
  for (const std::string& bad :
       {std::string(), std::string("duskline-signed-1"), std::string("duskline-signed-1\n"),
        std::string("duskline-signed-1\n\np"), "duskline-signed-2\n" + line + "\np", "x" + envelope_of(line, "p"),
        "duskline-signed-1\n" + without_newline, envelope_of(line + line, "p"), envelope_of(" " + line, "p"),
        envelope_of(key_text + "  " + signature + "\n", "p"), envelope_of(key_text + "\t" + signature + "\n", "p"),
        envelope_of(key_text + " " + signature + " \n", "p"), envelope_of(key_text + " " + signature + "\r\n", "p"),
        envelope_of(key_text + "\n", "p"), envelope_of("\r" + line, "p"),
        envelope_of(key_text + " " + to_base64(Bytes(63)) + "\n", "p"),
        envelope_of("ssh-ed25519 " + signature + "\n", "p")}) {
    EXPECT_EQ(code_of(bad, {key_a().public_key()}), Code::invalid) << bad;
  }
}

TEST(Envelope, a_signature_has_one_base64_form) {
  // 64 bytes leave four unused bits in the last digit before the padding: they must be zero.
  std::string line = signature_line(key_a(), "p");
  const std::size_t last = line.size() - 4;  // digit, "==", newline
  for (const char digit : {'A', 'Q', 'g', 'w'}) {
    if (line[last] != digit) continue;
    line[last] = static_cast<char>(digit + 1);
    EXPECT_EQ(code_of(envelope_of(line, "p"), {key_a().public_key()}), Code::invalid);
    return;
  }
  FAIL() << "the last digit is none of A, Q, g, w: " << line;
}

TEST(Envelope, is_bounded) {
  std::string lines;
  for (std::size_t i = 0; i <= max_signatures; ++i) {
    PublicKey key;
    key.bytes[0] = static_cast<std::uint8_t>(i);
    lines += key.text() + " " + to_base64(Bytes(64)) + "\n";
  }
  EXPECT_EQ(code_of(envelope_of(lines, "p"), {}), Code::invalid);
  EXPECT_EQ(code_of(envelope_of(lines.substr(lines.find('\n') + 1), "p"), {}), Code::untrusted);
  EXPECT_EQ(code_of(envelope_of(signature_line(key_a(), "p"), std::string(max_signed_bytes, 'p')), {}), Code::invalid);
  EXPECT_EQ(seal(std::string(max_signed_bytes, 'p'), key_a()).error().code, Code::too_large);
}

}  // namespace
}  // namespace duskline::model
