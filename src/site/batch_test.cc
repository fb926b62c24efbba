#include "site/batch.h"

#include <gtest/gtest.h>

#include "testing/must.h"

namespace duskline::site {
namespace {

using testing::must;

constexpr std::uint64_t kib = 1 << 10, mib = 1 << 20;

// `count` frames end to end, 1 MiB raw each, split over objects of `per_object`.
void fill(Batch& batch, std::uint32_t count, std::uint32_t stored_bytes, std::uint32_t per_object) {
  for (std::uint32_t i = 0; i < count; ++i) {
    FrameRef frame;
    frame.object = i / per_object;
    frame.offset_bytes = std::uint64_t{i % per_object} * stored_bytes;
    frame.stored_bytes = stored_bytes;
    frame.raw_bytes = 1 << 20;
    frame.codec = model::Codec::zstd;
    Piece piece;
    piece.length_bytes = 1000;
    must(batch.add_remote(frame, piece));
  }
}

TEST(BatchJobs, HoldEveryPartOnceAndShrinkTowardsTheEnd) {
  Batch batch;
  fill(batch, 210, 100 * kib, 1000);
  batch.arrange({.workers = 8});
  std::uint64_t bytes = 0;
  std::uint32_t next = 0;
  for (const RangeJob& job : batch.jobs) {
    EXPECT_EQ(job.first_part, next);
    next += job.parts;
    bytes += job.length_bytes;
  }
  EXPECT_EQ(next, 210U);
  EXPECT_EQ(bytes, 210 * 100 * kib);
  EXPECT_GT(batch.jobs.size(), 16U) << "work for 8 to the end";
  EXPECT_LT(batch.jobs.back().length_bytes, batch.jobs.front().length_bytes);
}

TEST(BatchJobs, CutLongRawFramesSoThatTheLastRequestsAreSmall) {
  Batch batch;
  for (std::uint32_t i = 0; i < 1344; ++i) {  // 21 MiB in frames of 1 MiB
    FrameRef frame;
    frame.offset_bytes = i / 64 * mib;
    frame.stored_bytes = frame.raw_bytes = mib;
    Piece piece;
    piece.length_bytes = 16 * kib;
    piece.offset_in_frame = i % 64 * 16 * kib;
    must(batch.add_remote(frame, piece));
  }
  batch.arrange({.workers = 8});
  std::uint64_t bytes = 0;
  std::uint32_t next = 0;
  for (const Part& part : batch.parts) {
    EXPECT_EQ(part.first_piece, next);
    for (std::uint32_t i = 0; i < part.pieces; ++i) {
      EXPECT_EQ(batch.pieces[part.first_piece + i].offset_in_frame, i * 16 * kib) << "counted from the part";
    }
    next += part.pieces;
    bytes += part.stored.stored_bytes;
  }
  EXPECT_EQ(next, 1344U);
  EXPECT_EQ(bytes, 21 * mib);
  EXPECT_LE(batch.jobs.size(), 24U);
  for (const RangeJob& job : batch.jobs) EXPECT_LE(job.length_bytes, 21 * mib / 11) << "a slow connection ends in time";
  EXPECT_LE(batch.jobs.back().length_bytes, 768 * kib);
}

TEST(BatchJobs, AreFewForManySmallFiles) {
  Batch batch;
  fill(batch, 213, 640 * kib, 51);  // 20,000 files of 213 MB, half compressible, in packs of 32 MiB
  batch.arrange({.workers = 8});
  EXPECT_LE(batch.jobs.size(), 20U)
      << "with the head, a manifest in six parts and some that are taken over 30 requests";
}

TEST(BatchJobs, AreNotCutSmallerThanIsWorthARequestNorLargerThanTheirLimit) {
  Batch small, large;
  fill(small, 10, 100 * kib, 1000);
  small.arrange({.workers = 8});
  EXPECT_EQ(small.jobs.size(), 4U) << "of 256 KiB, to the nearest part";
  fill(large, 1000, 640 * kib, 51);
  large.arrange({.workers = 8});
  for (const RangeJob& job : large.jobs) EXPECT_LE(job.length_bytes, 16 * mib);
}

}  // namespace
}  // namespace duskline::site
