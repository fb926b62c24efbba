#include "model/ids.h"

#include <gtest/gtest.h>

namespace duskline::model {
namespace {

TEST(Names, take_what_is_safe_in_a_path_a_key_and_a_shell) {
  for (const std::string& good :
       {std::string("a"), std::string("packages"), std::string("0.9-rc_1"), std::string(64, 'x')}) {
    const auto name = SetName::parse(good);
    ASSERT_TRUE(name) << good;
    EXPECT_EQ(name->text(), good);
  }
}

TEST(Names, refuse_everything_else) {
  for (const std::string& bad :
       {std::string(), std::string(65, 'x'), std::string("_fleet"), std::string(".."), std::string(".a"),
        std::string("-rf"), std::string("A"), std::string("a/b"), std::string("a b"), std::string("a\0b", 3),
        std::string("\xc3\xa4"), std::string("a\n")}) {
    const auto name = ChannelName::parse(bad);
    ASSERT_FALSE(name) << bad;
    EXPECT_EQ(name.error().code, Code::usage);
  }
}

TEST(ReleaseIds, parse_64_hex_digits_only) {
  const ReleaseId id{sha256("x")};
  EXPECT_EQ(ReleaseId::parse(id.hex()).value(), id);
  EXPECT_FALSE(ReleaseId::parse(""));
  EXPECT_FALSE(ReleaseId::parse(id.short_hex()));
  EXPECT_FALSE(ReleaseId::parse(id.hex() + "00"));
  EXPECT_FALSE(ReleaseId::parse("../" + id.hex().substr(3)));
}

TEST(Keys, are_laid_out_as_documented) {
  const SetName set = SetName::parse("packages").value();
  const Hash256 a = sha256("a"), b = sha256("b");
  EXPECT_EQ(head_key(set, ChannelName::parse("live").value()), "packages/channel/live");
  EXPECT_EQ(release_key(set, {a}), "packages/release/" + a.hex());
  EXPECT_EQ(pack_key(set, a), "packages/pack/" + a.hex());
  EXPECT_EQ(delta_key(set, {a}, {b}), "packages/delta/" + a.hex() + "-" + b.hex());
  EXPECT_EQ(number_key(set, 7), "packages/number/000000000007");
  EXPECT_EQ(number_key(set, 1234567890123), "packages/number/1234567890123");
  EXPECT_EQ(tombstone_key(set), "packages/tombstone");
}

TEST(Keys, of_leases_are_safe_whatever_the_publisher_is_called) {
  const SetName set = SetName::parse("s").value();
  EXPECT_EQ(lease_key(set, "build-host.Example"), "s/lease/build-host.Example");
  EXPECT_EQ(lease_key(set, "a/../b c"), "s/lease/a%2f..%2fb%20c");
  EXPECT_EQ(lease_key(set, ".."), "s/lease/_..");
  EXPECT_EQ(lease_key(set, ""), "s/lease/_");
  EXPECT_LE(lease_key(set, std::string(10'000, '/')).size(), 255U);
  EXPECT_NE(lease_key(set, "a/b"), lease_key(set, "a%2fb"));
}

}  // namespace
}  // namespace duskline::model
