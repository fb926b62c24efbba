#include "site/stamps.h"

#include <gtest/gtest.h>

#include "testing/must.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::site {
namespace {

using testing::must;
using testing::must_fail;

class Stamps : public ::testing::Test {
 protected:
  FileStamp stamp(std::uint64_t n) {
    return {n + 1, n * 3, static_cast<std::int64_t>(n) - 50, -static_cast<std::int64_t>(n)};
  }
  void write(std::uint64_t count) {
    must(root_->remove_file("stamps", disk::Missing::is_absent));
    StampWriter writer(must(root_->create("stamps", 0600)), id_, "only/this");
    for (std::uint64_t i = 0; i < count; ++i) must(writer.add(stamp(i)));
    EXPECT_EQ(writer.count(), count);
    must(writer.finish());
  }
  Result<StampReader> open() { return StampReader::open(must(root_->open_read("stamps")), id_, "only/this"); }

  testing::SimClock clock_;
  testing::SimDisk disk_{clock_};
  std::unique_ptr<disk::Directory> root_ = must(disk_.open_or_create("/s", 0755));
  model::ReleaseId id_{sha256("a release")};
};

TEST_F(Stamps, AreReadAsTheyWereWritten) {
  for (const std::uint64_t count : {0, 1, 2047, 2048, 2049, 5000}) {  // 2,048 fill the buffer
    write(count);
    StampReader reader = must(open());
    EXPECT_EQ(reader.count(), count);
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(must(reader.next()), stamp(i));
    EXPECT_EQ(must_fail(reader.next()), Code::corrupt);
  }
}

TEST_F(Stamps, CanBeSteppedOver) {
  write(5000);
  StampReader reader = must(open());
  EXPECT_EQ(must(reader.next()), stamp(0));
  reader.skip(3000);
  EXPECT_EQ(must(reader.next()), stamp(3001));
  reader.skip(0);
  EXPECT_EQ(must(reader.next()), stamp(3002));
  reader.skip(UINT64_MAX);
  EXPECT_EQ(must_fail(reader.next()), Code::corrupt);
}

TEST_F(Stamps, OfAnotherReleaseOrSubtreeAreRefused) {
  write(3);
  const model::ReleaseId other{sha256("another")};
  EXPECT_EQ(must_fail(StampReader::open(must(root_->open_read("stamps")), other, "only/this")), Code::corrupt);
  EXPECT_EQ(must_fail(StampReader::open(must(root_->open_read("stamps")), id_, "")), Code::corrupt);
}

TEST_F(Stamps, AnyAlteredByteIsNoticed) {
  write(3);
  const Bytes good = *must(root_->read_all("stamps", 1 << 20));
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes bad = good;
    bad[at] ^= 1;
    must(root_->replace("stamps", bad, 0600));
    EXPECT_EQ(must_fail(open()), Code::corrupt) << at;
  }
  for (std::size_t length = 0; length < good.size(); ++length) {
    must(root_->replace("stamps", ByteView(good).first(length), 0600));
    EXPECT_EQ(must_fail(open()), Code::corrupt) << length;
  }
}

}  // namespace
}  // namespace duskline::site
