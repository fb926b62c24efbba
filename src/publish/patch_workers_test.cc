#include "publish/patch_workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <random>

#include "pack/frame.h"
#include "testing/must.h"

namespace duskline::publish {
namespace {

using testing::must;
using testing::must_fail;

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t more_than_all = 16 * mib;  // of base and of what it makes: let in alone only

Bytes random_bytes(std::mt19937_64& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

std::shared_ptr<PatchJob> job_of(std::mt19937_64& random, std::size_t size) {
  auto job = std::make_shared<PatchJob>();
  job->base = random_bytes(random, size);
  job->raw = job->base;
  for (std::size_t at = 0; at < size; at += 997) job->raw[at] ^= 1;
  return job;
}

TEST(PatchWorkers, MakePatchesThatLeadFromTheBase) {
  std::mt19937_64 random(1);
  PatchWorkers workers({}, 3);
  std::vector<std::pair<std::shared_ptr<PatchJob>, PatchJob>> made;
  for (const std::size_t size : {100'000, 700'000, 2'000, 3'000'000, 300'000, 1, 900'000, 400'000}) {
    auto job = job_of(random, size);
    made.emplace_back(job, *job);
    must(workers.submit(job, must(workers.reserve(size, size))));
  }
  must(workers.wait());
  pack::FrameDecoder decoder;
  for (const auto& [job, before] : made) {
    Bytes back;
    must(decoder.decode(model::Codec::zstd_patch, job->patch, before.raw.size(), before.base, back));
    EXPECT_EQ(back, before.raw);
    EXPECT_LT(job->patch.size(), before.raw.size() / 2 + 100);
    EXPECT_EQ(job->base.capacity() + job->raw.capacity(), 0U);  // given up, not only emptied
  }
}

TEST(PatchWorkers, LetInWhatNeedsAllTheMemoryAlone) {
  PatchWorkers workers({}, 2);
  std::optional<PatchWorkers::Room> first(must(workers.reserve(more_than_all, more_than_all)));
  std::atomic<bool> is_free = false;
  auto second = std::async(std::launch::async, [&] {
    const auto room = must(workers.reserve(mib, mib));
    return is_free.load();
  });
  is_free = true;
  first.reset();
  EXPECT_TRUE(second.get());
}

TEST(PatchWorkers, LetInSmallOnesTogether) {
  PatchWorkers workers({}, 2);
  const auto one = must(workers.reserve(mib, mib));
  const auto two = must(workers.reserve(mib, mib));  // would wait for ever
}

TEST(PatchWorkers, WaitNoLongerThanTheRun) {
  std::stop_source stop;
  PatchWorkers workers({.stop = stop.get_token()}, 2);
  const auto all = must(workers.reserve(more_than_all, more_than_all));
  auto waiting = std::async(std::launch::async, [&] { return must_fail(workers.reserve(mib, mib)); });
  stop.request_stop();
  EXPECT_EQ(waiting.get(), Code::cancelled);
}

}  // namespace
}  // namespace duskline::publish
