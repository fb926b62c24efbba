#include "base/sealing.h"

#include <gtest/gtest.h>

namespace duskline {
namespace {

template <typename T>
Code code_of(const Result<T>& result) {
  return result ? Code::internal : result.error().code;
}

TEST(SealingKey, OpensWhatItSealedInItsPlaceAlone) {
  const SealingKey key = *SealingKey::generate();
  const std::string sealed = *key.seal("hush", "here");
  EXPECT_EQ(sealed.find("hush"), std::string::npos);
  EXPECT_NE(sealed, *key.seal("hush", "here"));
  EXPECT_EQ(*key.open(sealed, "here"), "hush");
  EXPECT_EQ(code_of(key.open(sealed, "there")), Code::untrusted);
  EXPECT_EQ(code_of(SealingKey::generate()->open(sealed, "here")), Code::untrusted);
  std::string changed = sealed;
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  EXPECT_EQ(code_of(key.open(changed, "here")), Code::untrusted);
  EXPECT_EQ(code_of(key.open("", "here")), Code::untrusted);
  EXPECT_EQ(SealingKey::parse(key.secret_text() + "\n")->fingerprint(), key.fingerprint());
  EXPECT_EQ(code_of(SealingKey::parse("duskline-sealing-key:12")), Code::invalid);
  EXPECT_EQ(*key.open(*key.seal("", ""), ""), "");
}

TEST(SealingKey, LeadsToOthersThatAreTheSameEachTime) {
  const auto key = SealingKey::generate();
  ASSERT_TRUE(key);
  const auto sealed = key->derived("one").seal("secret", "here");
  ASSERT_TRUE(sealed);
  EXPECT_EQ(key->derived("one").open(*sealed, "here").value(), "secret");
  EXPECT_FALSE(key->derived("two").open(*sealed, "here"));
  EXPECT_FALSE(key->open(*sealed, "here"));
}

}  // namespace
}  // namespace duskline
