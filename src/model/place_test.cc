#include "model/place.h"

#include <gtest/gtest.h>

#include "model/random_tree_test.h"

namespace duskline::model {
namespace {

using testing::RandomTree;
using testing::test_seed;

constexpr std::uint32_t packs = 20;

struct Places {
  FrameTable table;
  std::vector<Place> places;
  bool operator==(const Places&) const = default;
};

Bytes encoded(const Places& p) {
  Bytes out;
  encode_places(p.table, p.places, out);
  return out;
}

Places random_places(RandomTree& random) {
  Places p;
  for (std::uint64_t i = 0, count = random.below(5); i < count; ++i) {
    p.table.bases.push_back({random.name() + "/" + random.name(), random.below(1 << 30), 1 + random.below(1 << 20)});
  }
  for (std::uint64_t i = 0, count = random.below(30); i < count; ++i) {
    Frame frame;
    frame.pack = static_cast<std::uint32_t>(random.below(packs));
    frame.offset_bytes = random.below(64 << 20);
    frame.raw_bytes = 1 + random.below(max_frame_raw_bytes);
    frame.codec = static_cast<Codec>(random.below(p.table.bases.empty() ? 2 : 3));
    frame.stored_bytes = frame.codec == Codec::raw ? frame.raw_bytes : 1 + random.below(frame.raw_bytes);
    if (frame.codec == Codec::zstd_patch) frame.base = static_cast<std::uint32_t>(random.below(p.table.bases.size()));
    p.table.frames.push_back(frame);
  }
  for (std::uint64_t i = 0, count = p.table.frames.empty() ? 0 : random.below(100); i < count; ++i) {
    const auto frame = static_cast<std::uint32_t>(random.below(p.table.frames.size()));
    p.places.push_back({frame, static_cast<std::uint32_t>(random.below(p.table.frames[frame].raw_bytes))});
  }
  return p;
}

TEST(Places, random_tables_round_trip_into_reused_ones) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("DUSKLINE_SEED=" + std::to_string(seed));
  RandomTree random(seed);
  Places back;
  for (int round = 0; round < 300; ++round) {
    const Places places = random_places(random);
    const Status status = decode_places(encoded(places), packs, back.table, back.places);
    ASSERT_TRUE(status) << status.error().describe();
    ASSERT_EQ(back, places);
  }
}

TEST(Places, of_neighbours_take_a_few_bytes_each) {
  Places p;
  for (std::uint32_t i = 0; i < 100; ++i) {
    p.table.frames.push_back({0, i * 1000ULL, 1000, 4000, Codec::zstd, 0});
    p.places.push_back({i, 0});
  }
  EXPECT_LT(encoded(p).size(), 100 * 7 + 100 * 2 + 10U);
}

TEST(Places, every_truncation_and_extension_is_refused) {
  RandomTree random(5);
  Places back;
  for (int round = 0; round < 20; ++round) {
    Bytes bytes = encoded(random_places(random));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      ASSERT_FALSE(decode_places(ByteView(bytes).first(length), packs, back.table, back.places));
    }
    bytes.push_back(0);
    ASSERT_FALSE(decode_places(bytes, packs, back.table, back.places));
  }
}

TEST(Places, damage_never_gives_what_breaks_a_rule) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("DUSKLINE_SEED=" + std::to_string(seed));
  RandomTree random(seed);
  Places back;
  for (int round = 0; round < 3000; ++round) {
    Bytes bytes = encoded(random_places(random));
    bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
    if (!decode_places(bytes, packs, back.table, back.places)) continue;
    for (const Frame& frame : back.table.frames) {
      ASSERT_LT(frame.pack, packs);
      ASSERT_LE(frame.raw_bytes, frame.codec == Codec::zstd_patch ? max_patch_raw_bytes : max_frame_raw_bytes);
      ASSERT_TRUE(frame.codec != Codec::zstd_patch || frame.base < back.table.bases.size());
    }
    for (const Place& place : back.places) {
      ASSERT_LT(place.frame, back.table.frames.size());
      ASSERT_LT(place.offset_bytes, back.table.frames[place.frame].raw_bytes);
    }
  }
}

void expect_refused(const Places& p, std::string_view rule, std::uint32_t pack_count = packs) {
  Places back;
  const Status status = decode_places(encoded(p), pack_count, back.table, back.places);
  ASSERT_FALSE(status) << rule;
  EXPECT_EQ(status.error().code, Code::invalid);
  EXPECT_NE(status.error().describe().find(rule), std::string::npos) << status.error().describe();
}

Places with_frame(const Frame& frame) {
  Places p;
  p.table.bases.push_back({"old/file", 0, 100});
  p.table.frames.push_back(frame);
  return p;
}

TEST(HostilePlaces, frames_of_absurd_sizes) {
  expect_refused(with_frame({0, 0, 1, max_frame_raw_bytes + 1, Codec::zstd, 0}), "absurd size");
  expect_refused(with_frame({0, 0, 1, max_patch_raw_bytes + 1, Codec::zstd_patch, 0}), "absurd size");
  expect_refused(with_frame({0, 0, 0, 0, Codec::raw, 0}), "absurd size");
  expect_refused(with_frame({0, 0, 0, 10, Codec::zstd, 0}), "does not fit");
  expect_refused(with_frame({0, 0, 100, 10, Codec::zstd, 0}), "does not fit");
  expect_refused(with_frame({0, 0, UINT64_MAX, 10, Codec::zstd, 0}), "does not fit");
  expect_refused(with_frame({0, 0, 11, 10, Codec::raw, 0}), "does not fit");
  expect_refused(with_frame({0, UINT64_MAX, 10, 10, Codec::raw, 0}), "beyond any object");
}

TEST(HostilePlaces, indexes_of_what_is_not_there) {
  expect_refused(with_frame({packs, 0, 10, 10, Codec::raw, 0}), "pack that is not listed");
  expect_refused(with_frame({UINT32_MAX, 0, 10, 10, Codec::raw, 0}), "pack that is not listed");
  expect_refused(with_frame({0, 0, 10, 10, Codec::raw, 0}), "pack that is not listed", 0);
  expect_refused(with_frame({0, 0, 10, 10, Codec::zstd_patch, 1}), "base that is not listed");
  expect_refused(with_frame({0, 0, 10, 10, static_cast<Codec>(3), 0}), "unknown codec");
  Places p = with_frame({0, 0, 10, 10, Codec::raw, 0});
  p.places = {{1, 0}};
  expect_refused(p, "outside its frame");
  p.places = {{0, 10}};
  expect_refused(p, "outside its frame");
  p.places = {{UINT32_MAX, UINT32_MAX}};
  expect_refused(p, "outside its frame");
}

TEST(HostilePlaces, bases_that_lead_elsewhere_or_are_absurd) {
  const auto with_base = [](const BaseRange& base) {
    Places p;
    p.table.bases.push_back(base);
    return p;
  };
  for (const char* path : {"", "/etc/shadow", "../x", "a/../b", "a//b", "."}) {
    Places back;
    EXPECT_FALSE(decode_places(encoded(with_base({path, 0, 1})), packs, back.table, back.places)) << path;
  }
  expect_refused(with_base({"a", 0, 0}), "absurd size");
  expect_refused(with_base({"a", 0, max_patch_raw_bytes + 1}), "absurd size");
  expect_refused(with_base({"a", UINT64_MAX, 1}), "absurd size");
}

TEST(HostilePlaces, many_long_paths_that_share_a_prefix) {
  std::string path = "a";
  while (path.size() < 60'000) path += "/" + std::string(200, 'a');
  Places p;
  for (int i = 0; i < 2000; ++i) p.table.bases.push_back({path, 0, 1});
  const Bytes bytes = encoded(p);
  EXPECT_LT(bytes.size(), 100'000U);  // and would ask for 120 MB
  expect_refused(p, "too many long paths");
}

TEST(HostilePlaces, counts_beyond_the_bytes_that_are_there) {
  Places back;
  for (int before = 0; before < 3; ++before) {
    for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{1} << 20, UINT64_MAX}) {
      Bytes bytes(static_cast<std::size_t>(before), 0);
      ByteWriter(bytes).varint(count);
      EXPECT_FALSE(decode_places(bytes, packs, back.table, back.places));
    }
  }
}

}  // namespace
}  // namespace duskline::model
