#include "publish/stamps.h"

#include <gtest/gtest.h>

#include "publish/test_kit.h"

namespace duskline::publish {
namespace {

constexpr std::int64_t second = 1'000'000'000;

Stamp stamp(std::uint64_t number) {
  disk::Stat stat;
  stat.inode = number;
  stat.device = 7;
  stat.size_bytes = number * 3;
  stat.mtime_ns = static_cast<std::int64_t>(number);
  stat.ctime_ns = 100 * second;
  stat.mode = 0644;
  stat.links = 1;
  return stamp_of("name" + std::to_string(number), 2, stat, 7);
}

class StampsTest : public ::testing::Test {
 protected:
  void write(std::uint64_t count) {
    const auto writer = must(StampWriter::create(*folder, "stamps"));
    for (std::uint64_t i = 0; i < count; ++i) must(writer->append(stamp(i)));
    StampHeader header;
    header.scan_began_ns = 200 * second;
    header.release.hash = sha256(std::string_view("release"));
    must(writer->finish(header));
  }
  testing::Scratch scratch;
  std::unique_ptr<disk::Filesystem> disk = disk::open_real_disk();
  std::unique_ptr<disk::Directory> folder = must(disk->open(scratch.path()));
};

TEST_F(StampsTest, ComeBackAsWritten) {
  for (const std::uint64_t count : {0, 1, 1023, 1024, 1025, 5000}) {
    write(count);
    const auto reader = StampReader::open(*folder, "stamps");
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->header().count, count);
    EXPECT_EQ(reader->header().release.hash, sha256(std::string_view("release")));
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_NE(reader->at(i), nullptr) << i;
      EXPECT_EQ(*reader->at(i), stamp(i));
    }
    EXPECT_EQ(reader->at(count), nullptr);
  }
}

TEST_F(StampsTest, AnyDamageShows) {
  write(1500);
  const std::string whole = read_file(scratch.path("stamps"));
  for (std::size_t at = 0; at < whole.size(); at += 997) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file(scratch.path("stamps"), bytes);
    const auto reader = StampReader::open(*folder, "stamps");
    bool damaged = !reader;
    for (std::uint64_t i = 0; reader && i < 1500; ++i) {
      const Stamp* found = reader->at(i);
      damaged = damaged || found == nullptr;
      if (found != nullptr) {
        EXPECT_EQ(*found, stamp(i));
      }
    }
    EXPECT_TRUE(damaged) << at;
  }
  for (const std::size_t length : {0, 10, 100, 60'000}) {
    write_file(scratch.path("stamps"), whole.substr(0, length));
    const auto reader = StampReader::open(*folder, "stamps");
    EXPECT_TRUE(!reader || reader->at(1499) == nullptr);
  }
}

TEST_F(StampsTest, AWriterThatIsGivenUpLeavesTheOldFile) {
  write(3);
  {
    const auto writer = must(StampWriter::create(*folder, "stamps"));
    must(writer->append(stamp(9)));
  }
  const auto reader = StampReader::open(*folder, "stamps");
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->header().count, 3U);
  EXPECT_FALSE(std::filesystem::exists(scratch.path("stamps.new")));
}

TEST_F(StampsTest, HoldOnlyForWhatIsEqualAndOld) {
  write(10);
  const auto reader = StampReader::open(*folder, "stamps");
  ASSERT_TRUE(reader);
  EXPECT_TRUE(reader->still_holds(4, stamp(4)));
  EXPECT_FALSE(reader->still_holds(5, stamp(4)));
  for (auto change : {+[](Stamp& s) { ++s.inode; }, +[](Stamp& s) { ++s.size_bytes; }, +[](Stamp& s) { ++s.mtime_ns; },
                      +[](Stamp& s) { ++s.ctime_ns; }, +[](Stamp& s) { ++s.mode; }, +[](Stamp& s) { ++s.links; },
                      +[](Stamp& s) { ++s.device; }, +[](Stamp& s) { ++s.name_key; }}) {
    Stamp now = stamp(4);
    change(now);
    EXPECT_FALSE(reader->still_holds(4, now));
  }
}

TEST(Stamp, RacyIsWhatIsNotOlderThanTheScan) {
  Stamp old;
  old.mtime_ns = old.ctime_ns = 100 * second;
  EXPECT_FALSE(is_racy(old, 103 * second));
  EXPECT_TRUE(is_racy(old, 102 * second));
  EXPECT_TRUE(is_racy(old, 99 * second));
  Stamp touched = old;
  touched.ctime_ns = 150 * second;
  EXPECT_TRUE(is_racy(touched, 149 * second));
  touched = old;
  touched.mtime_ns = 150 * second;
  EXPECT_TRUE(is_racy(touched, 149 * second));
}

TEST(Stamp, TellsPlacesKindsAndDevicesApart) {
  disk::Stat stat;
  stat.device = 7;
  EXPECT_EQ(stamp_of("a", 1, stat, 7).device, 0U);
  EXPECT_EQ(stamp_of("a", 1, stat, 8).device, 7U);
  EXPECT_NE(stamp_of("a", 1, stat, 7), stamp_of("a", 2, stat, 7));
  EXPECT_NE(stamp_of("a", 1, stat, 7), stamp_of("b", 1, stat, 7));
  disk::Stat other = stat;
  other.kind = disk::FileKind::symlink;
  EXPECT_NE(stamp_of("a", 1, stat, 7), stamp_of("a", 1, other, 7));
}

}  // namespace
}  // namespace duskline::publish
