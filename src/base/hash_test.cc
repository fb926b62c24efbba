#include "base/hash.h"

#include <gtest/gtest.h>

namespace duskline {
namespace {

// FIPS 180-4 examples; RFC 4231 test case 2.
constexpr auto of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr auto of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, gives_the_published_hashes) {
  EXPECT_EQ(sha256("").hex(), of_nothing);
  EXPECT_EQ(sha256("abc").hex(), of_abc);
}

TEST(Sha256, in_pieces_is_the_same_and_finish_begins_anew) {
  Sha256 hasher;
  hasher.update(bytes_of("a"));
  hasher.update(bytes_of(""));
  hasher.update(bytes_of("bc"));
  EXPECT_EQ(hasher.finish().hex(), of_abc);
  EXPECT_EQ(hasher.finish().hex(), of_nothing);
}

TEST(Hmac, gives_the_published_code) {
  EXPECT_EQ(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?")).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hash256, parses_its_own_hex_and_nothing_shorter) {
  EXPECT_EQ(Hash256::from_hex(of_abc), sha256("abc"));
  EXPECT_EQ(Hash256::from_hex("ba78"), std::nullopt);
  EXPECT_TRUE(Hash256{}.is_zero());
  EXPECT_FALSE(sha256("").is_zero());
  EXPECT_EQ(sha256("abc").short_hex(), "ba7816bf8f01");
}

}  // namespace
}  // namespace duskline
