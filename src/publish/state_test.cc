#include "publish/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duskline::publish {
namespace {

using ::testing::HasSubstr;

SourceState sample() {
  SourceState state;
  state.publisher = "0123456789abcdef";
  state.filesystem_id = "odd \xff id";
  state.is_mount_point = true;
  state.mounts = {"a/b", std::string("\xfe\n", 2)};
  state.release.hash = sha256(std::string_view("x"));
  state.stats = {1, 2, 3, std::uint64_t{1} << 62};
  state.floors["live"] = {7, sha256(std::string_view("y"))};
  return state;
}

TEST(SourceState, ComesBackAsWritten) {
  const auto state = decode_state(encode_state(sample()));
  ASSERT_TRUE(state) << state.error().describe();
  EXPECT_EQ(*state, sample());
}

TEST(SourceState, NonsenseIsRefused) {
  const std::string good = encode_state(sample());
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2),
                                  std::string(R"({"format":2})")}) {
    EXPECT_FALSE(decode_state(text)) << text;
  }
  SourceState odd = sample();
  odd.publisher = "../../x";
  EXPECT_FALSE(decode_state(encode_state(odd)));
}

TEST(SourceRules, ShrinkingByMoreThanHalfIsRefused) {
  const auto allowed = [](model::TreeStats before, model::TreeStats now) {
    return check_size(&before, now, {}, "x").has_value();
  };
  EXPECT_TRUE(allowed({1, 10, 10, 100}, {1, 5, 5, 50}));
  EXPECT_FALSE(allowed({1, 10, 10, 100}, {1, 4, 4, 100}));
  EXPECT_FALSE(allowed({1, 10, 10, 100}, {1, 10, 10, 49}));
  EXPECT_FALSE(allowed({1, 3, 3, 0}, {1, 1, 1, 0}));
  EXPECT_TRUE(allowed({1, 1, 1, 0}, {1, 1, 1, 0}));
  EXPECT_TRUE(allowed({1, 0, 0, 0}, {1, 1, 1, 0}));
}

TEST(SourceRules, EachRefusalNamesItsOwnFlag) {
  const model::TreeStats before{1, 10, 10, 100}, less{1, 1, 1, 1}, none{1, 0, 0, 0};
  EXPECT_THAT(check_size(&before, none, {}, "x").error().message, HasSubstr("--allow-empty"));
  EXPECT_THAT(check_size(&before, less, {.empty = true}, "x").error().message, HasSubstr("--allow-shrink"));
  EXPECT_TRUE(check_size(&before, less, {.shrink = true}, "x"));
  EXPECT_TRUE(check_size(&before, none, {.empty = true}, "x"));
  EXPECT_FALSE(check_size(nullptr, none, {.shrink = true}, "x"));
  disk::VolumeInfo other;
  other.filesystem_id = "other";
  other.is_mount_point = true;
  EXPECT_THAT(check_mount(sample(), other, {}, "x").error().message, HasSubstr("--allow-other-mount"));
  EXPECT_TRUE(check_mount(sample(), other, {.other_mount = true}, "x"));
  EXPECT_TRUE(check_mount(SourceState{}, other, {}, "x"));
}

}  // namespace
}  // namespace duskline::publish
