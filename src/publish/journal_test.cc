#include "publish/journal.h"

#include <gtest/gtest.h>

#include "publish/test_kit.h"

namespace duskline::publish {
namespace {

PackContents contents(int number) {
  PackContents contents;
  contents.pack = sha256(std::to_string(number));
  contents.size_bytes = 1000 + static_cast<std::uint64_t>(number);
  contents.frames.push_back({0, 0, 100, 200, model::Codec::zstd, 0});
  contents.frames.push_back({0, 100, 300, 300, model::Codec::raw, 0});
  contents.chunks.push_back({sha256("a" + std::to_string(number)), 0, 0});
  contents.chunks.push_back({sha256("b" + std::to_string(number)), 1, 77});
  return contents;
}

class JournalTest : public ::testing::Test {
 protected:
  std::vector<PackContents> read() { return must(PackJournal::open(*folder, "packs"))->earlier(); }
  testing::Scratch scratch;
  std::unique_ptr<disk::Filesystem> disk = disk::open_real_disk();
  std::unique_ptr<disk::Directory> folder = must(disk->open(scratch.path()));
};

TEST_F(JournalTest, GrowsOverRuns) {
  must(must(PackJournal::open(*folder, "packs"))->append(contents(1)));
  const auto journal = must(PackJournal::open(*folder, "packs"));
  EXPECT_EQ(journal->earlier(), std::vector{contents(1)});
  must(journal->append(contents(2)));
  must(journal->append(contents(3)));
  EXPECT_EQ(read(), (std::vector{contents(1), contents(2), contents(3)}));
}

TEST_F(JournalTest, ATornEndIsLeftOutAndWrittenOver) {
  {
    const auto journal = must(PackJournal::open(*folder, "packs"));
    must(journal->append(contents(1)));
    must(journal->append(contents(2)));
  }
  const std::string whole = read_file(scratch.path("packs"));
  const std::size_t one = 8 + (whole.size() - 8) / 2;
  for (std::size_t length = one; length < whole.size(); length += 13) {
    write_file(scratch.path("packs"), whole.substr(0, length));
    {
      const auto journal = must(PackJournal::open(*folder, "packs"));
      EXPECT_EQ(journal->earlier(), std::vector{contents(1)}) << length;
      must(journal->append(contents(3)));
    }
    EXPECT_EQ(read(), (std::vector{contents(1), contents(3)}));
  }
}

TEST_F(JournalTest, ARecordThatMakesNoSenseIsWrittenOver) {
  PackContents senseless = contents(1);
  senseless.chunks[0].frame = 9;
  must(must(PackJournal::open(*folder, "packs"))->append(senseless));
  must(must(PackJournal::open(*folder, "packs"))->append(contents(2)));
  EXPECT_EQ(read(), std::vector{contents(2)});
}

TEST_F(JournalTest, DamageEndsItButNothingFalseComesOut) {
  {
    const auto journal = must(PackJournal::open(*folder, "packs"));
    for (int i = 0; i < 5; ++i) must(journal->append(contents(i)));
  }
  const std::string whole = read_file(scratch.path("packs"));
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    write_file(scratch.path("packs"), bytes);
    const auto found = read();
    EXPECT_LT(found.size(), 5U);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], contents(static_cast<int>(i)));
  }
}

}  // namespace
}  // namespace duskline::publish
