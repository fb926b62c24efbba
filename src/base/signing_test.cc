#include "base/signing.h"

#include <gtest/gtest.h>

namespace duskline {
namespace {

// RFC 8032, test 1: secret 9d61...7f60, public d75a...511a, the signature of nothing e556...100b.
constexpr auto rfc_secret = "duskline-ed25519-secret:nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
constexpr auto rfc_public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
constexpr auto rfc_signature =
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
    "d25bf5f0595bbe24655141438e7a100b";

TEST(SigningKey, gives_the_published_key_and_signature) {
  const auto key = SigningKey::parse(rfc_secret);
  ASSERT_TRUE(key) << key.error().describe();
  EXPECT_EQ(to_hex(key->public_key().bytes), rfc_public);
  const auto signature = key->sign({});
  ASSERT_TRUE(signature);
  EXPECT_EQ(to_hex(*signature), rfc_signature);
  EXPECT_TRUE(key->public_key().verify({}, *signature));
}

TEST(SigningKey, text_forms_round_trip) {
  const auto key = SigningKey::generate();
  ASSERT_TRUE(key);
  const auto same = SigningKey::parse(" " + key->secret_text() + "\n");
  ASSERT_TRUE(same);
  EXPECT_EQ(same->public_key(), key->public_key());
  const auto public_key = PublicKey::parse(key->public_key().text());
  ASSERT_TRUE(public_key);
  EXPECT_EQ(*public_key, key->public_key());
}

TEST(SigningKey, two_made_keys_differ) {
  const auto one = SigningKey::generate(), other = SigningKey::generate();
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->public_key(), other->public_key());
}

TEST(PublicKey, refuses_another_message_signature_or_key) {
  const auto key = SigningKey::generate(), other = SigningKey::generate();
  ASSERT_TRUE(key && other);
  auto signature = key->sign(bytes_of("message"));
  ASSERT_TRUE(signature);
  EXPECT_TRUE(key->public_key().verify(bytes_of("message"), *signature));
  EXPECT_FALSE(key->public_key().verify(bytes_of("massage"), *signature));
  EXPECT_FALSE(other->public_key().verify(bytes_of("message"), *signature));
  (*signature)[10] ^= 1;
  EXPECT_FALSE(key->public_key().verify(bytes_of("message"), *signature));
}

TEST(PublicKey, refuses_text_that_is_no_key) {
  for (const std::string_view bad : {"", "duskline-ed25519:", "duskline-ed25519:AAAA", "ssh-ed25519 AAAA",
                                     "duskline-ed25519:nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
                                     "duskline-ed25519:nWGxne!9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}) {
    const auto key = PublicKey::parse(bad);
    ASSERT_FALSE(key) << bad;
    EXPECT_EQ(key.error().code, Code::usage);
  }
}

TEST(PublicKey, a_secret_is_not_taken_for_a_public_key_nor_told_in_the_error) {
  const auto key = PublicKey::parse(rfc_secret);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().message.find("nWGxne"), std::string::npos);
}

TEST(PublicKey, fingerprint_is_four_groups_of_the_hash) {
  EXPECT_EQ(PublicKey{}.fingerprint(), "6668-7aad-f862-bd77");  // of 32 zero bytes
}

TEST(RandomBytes, gives_as_many_as_asked_and_not_twice_the_same) {
  const auto one = random_bytes(32), other = random_bytes(32);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->size(), 32U);
  EXPECT_NE(*one, *other);
}

}  // namespace
}  // namespace duskline
