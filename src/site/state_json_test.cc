#include <gtest/gtest.h>

#include <random>

#include "site/target.h"
#include "testing/must.h"

namespace duskline::site {
namespace {

using testing::must;
using testing::must_fail;

std::string random_text(std::mt19937_64& random) {
  std::string text(random() % 12, ' ');
  for (char& c : text) c = static_cast<char>(random() % 4 == 0 ? random() : 'a' + random() % 26);
  return text;
}

WallTime random_time(std::mt19937_64& random) {
  return WallTime{std::chrono::nanoseconds(random() % 4'000'000'000'000'000'000)};
}

Layout random_layout(std::mt19937_64& random) {
  Layout layout;
  layout.mode = random() % 2 == 0 ? Mode::switched : Mode::in_place;
  for (std::uint64_t n = random() % 3; n > 0; --n) layout.keep.push_back(random_text(random));
  layout.only = random_text(random);
  if (random() % 2 == 0) layout.owner = model::Owner{static_cast<std::uint32_t>(random()), 3};
  layout.mode_mask = static_cast<std::uint32_t>(random() % 010000);
  return layout;
}

model::ReleaseId random_id(std::mt19937_64& random) { return {sha256(std::to_string(random()))}; }

InstalledRelease random_release(std::mt19937_64& random) {
  InstalledRelease release;
  release.id = random_id(random);
  release.number = random();
  release.published = random_time(random);
  release.activated = random_time(random);
  release.folder = release.id.hex() + (random() % 2 == 0 ? "" : ".12");
  release.layout = random_layout(random);
  return release;
}

State random_state(std::mt19937_64& random) {
  State state;
  state.realm = random_text(random);
  state.set = random_text(random);
  state.channel = random_text(random);
  state.store_url = "s3://bucket/" + random_text(random);
  state.layout = random_layout(random);
  state.floor = {random(), sha256(std::to_string(random()))};
  state.latest_time = random_time(random);
  if (random() % 2 == 0) state.current = random_release(random);
  for (std::uint64_t n = random() % 4; n > 0; --n) state.kept.push_back(random_release(random));
  if (random() % 2 == 0) state.pinned = random_id(random);
  if (random() % 2 == 0) state.rejected = random_id(random);
  if (random() % 2 == 0) state.unchecked = random_id(random);
  if (random() % 2 == 0) state.after_due = random_id(random);
  if (random() % 2 == 0) state.pending = Pending{random_release(random), Check::follows};
  return state;
}

TEST(StateJson, IsReadAsItWasWritten) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 300; ++i) {
    const State state = random_state(random);
    const std::string text = encode_state(state);
    ASSERT_EQ(must(decode_state(text)), state) << text;
  }
  EXPECT_EQ(must(decode_state(encode_state({}))), State{});
}

TEST(StateJson, DamageIsAnErrorOrAnotherState) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 500; ++i) {
    std::string text = encode_state(random_state(random));
    for (int n = 0; n < 3; ++n) text[random() % text.size()] = static_cast<char>(random());
    if (i % 3 == 0) text.resize(random() % text.size());
    const auto state = decode_state(text);
    if (state) continue;
    EXPECT_TRUE(state.error().code == Code::invalid || state.error().code == Code::unsupported);
  }
}

TEST(StateJson, RefusesWhatBreaksItsRules) {
  State state;
  InstalledRelease release;
  release.id = {sha256("x")};
  release.folder = release.id.hex();
  state.current = release;
  const std::string good = encode_state(state);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const auto at = text.find(from);
    if (at == std::string::npos) throw std::runtime_error("no " + from);
    return text.replace(at, from.size(), to);
  };
  EXPECT_EQ(must_fail(decode_state(with("\"format\":1", "\"format\":2"))), Code::unsupported);
  EXPECT_EQ(must_fail(decode_state(with("\"format\":1", "\"format\":0"))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(with("\"format\":1", "\"format\":\"1\""))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(with("\"realm\"", "\"unreal\""))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(with("switched", "sideways"))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(with("\"mode_mask\":4095", "\"mode_mask\":4096"))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(with("\"number\":0", "\"number\":-1"))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(with("1970-01-01T00:00:00Z", "yesterday"))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(with("\"folder\":\"" + release.folder, "\"folder\":\"../../etc"))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state("")), Code::invalid);
  EXPECT_EQ(must_fail(decode_state("[]")), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(std::string(100000, '['))), Code::invalid);
  EXPECT_EQ(must_fail(decode_state(std::string(max_state_bytes + 1, ' '))), Code::invalid);
  state.kept.push_back(release);  // one folder twice
  EXPECT_EQ(must_fail(decode_state(encode_state(state))), Code::invalid);
}

TEST(Folders, AreOnlyWhatDusklineWouldName) {
  const model::ReleaseId id{sha256("x")};
  EXPECT_EQ(folder_id(id.hex()), id);
  EXPECT_EQ(folder_id(id.hex() + ".1"), id);
  std::string upper = id.hex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& bad : {std::string(), std::string("x"), id.hex().substr(1), id.hex() + ".", id.hex() + "1",
                                 id.hex() + ".x", id.hex() + ".1234567", id.hex() + "/", upper}) {
    EXPECT_EQ(folder_id(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace duskline::site
