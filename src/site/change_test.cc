#include "site/change.h"

#include <gtest/gtest.h>

#include <random>

#include "testing/must.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::site {
namespace {

using testing::must;
using testing::must_fail;
using Kind = Change::Kind;

class Changes : public ::testing::Test {
 protected:
  void write(const std::vector<Change>& changes) {
    must(root_->remove_file("list", disk::Missing::is_absent));
    ChangeWriter writer(must(root_->create("list", 0600)), id_);
    for (const Change& change : changes) must(writer.add(change));
    EXPECT_EQ(writer.count(), changes.size());
    must(writer.finish());
  }
  Result<ChangeList> open() { return ChangeList::open(must(root_->open_read("list"))); }
  Code refusal(const Change& change) {
    must(root_->remove_file("list", disk::Missing::is_absent));
    ChangeWriter writer(must(root_->create("list", 0600)), id_);
    return must_fail(writer.add(change));
  }

  testing::SimClock clock_;
  testing::SimDisk disk_{clock_};
  std::unique_ptr<disk::Directory> root_ = must(disk_.open_or_create("/s", 0755));
  model::ReleaseId id_{sha256("a release")};
};

Change random_change(std::mt19937_64& random) {
  Change change;
  change.kind = static_cast<Kind>(1 + random() % 7);
  const std::size_t components = 1 + random() % 300;  // paths of up to 60,000 bytes: records near the window's size
  for (std::size_t i = 0; i < components; ++i) {
    if (i > 0) change.path += '/';
    change.path += std::string(1 + random() % 200, static_cast<char>('a' + random() % 26));
    change.path += static_cast<char>(0x80 + random() % 0x80);
  }
  if (change.kind == Kind::make_hard_link) change.other = "other/\xff";
  if (change.kind == Kind::make_symlink) change.other = "/any/../where";
  change.mode = static_cast<std::uint32_t>(random() % 010000);
  change.mtime_ns = static_cast<std::int64_t>(random());
  if (random() % 2 == 0) change.owner = model::Owner{static_cast<std::uint32_t>(random()), 7};
  for (std::size_t i = 0; i < random() % 4; ++i) {
    if (!change.attributes) change.attributes.emplace();
    if (i == 0) continue;
    change.attributes->push_back({"user." + std::to_string(i), Bytes(random() % 100'000, 7)});
  }
  change.seen = {random(), random(), static_cast<std::int64_t>(random()), static_cast<std::int64_t>(random())};
  return change;
}

TEST_F(Changes, AreReadInBothDirections) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const std::size_t count : {0, 1, 2, 40}) {
    std::vector<Change> changes;
    for (std::size_t i = 0; i < count; ++i) changes.push_back(random_change(random));
    write(changes);
    ChangeList list = must(open());
    EXPECT_EQ(list.to(), id_);
    EXPECT_EQ(list.count(), count);
    for (int round = 0; round < 2; ++round) {
      list.rewind();
      for (const Change& change : changes) {
        const Change* read = must(list.next());
        ASSERT_NE(read, nullptr);
        EXPECT_EQ(*read, change);
      }
      EXPECT_EQ(must(list.next()), nullptr);
      list.rewind_end();
      for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
        const Change* read = must(list.previous());
        ASSERT_NE(read, nullptr);
        EXPECT_EQ(*read, *change);
      }
      EXPECT_EQ(must(list.previous()), nullptr);
    }
  }
}

// Left by a version that knew no attributes of directories.
TEST_F(Changes, OfTheFirstFormatAreRead) {
  Bytes record;
  ByteWriter r(record);
  r.u8(1);
  r.text("a/b");
  r.text("");
  r.varint(0755);
  r.zigzag(-5);
  r.u8(0);
  for (int i = 0; i < 2; ++i) r.varint(0);
  for (int i = 0; i < 2; ++i) r.zigzag(0);
  Bytes list;
  ByteWriter w(list);
  w.raw(bytes_of("DLCHNGE1"));
  w.raw(id_.hash.bytes);
  w.u32_fixed(static_cast<std::uint32_t>(record.size()));
  w.raw(record);
  w.u32_fixed(static_cast<std::uint32_t>(record.size()));
  w.u64_fixed(1);
  w.raw(sha256(list).bytes);
  must(must(root_->create("list", 0600))->write_at(0, list));
  ChangeList changes = must(open());
  EXPECT_EQ(*must(changes.next()), (Change{.kind = Kind::make_directory, .path = "a/b", .mode = 0755, .mtime_ns = -5}));
}

TEST_F(Changes, AttributesThatNoEntryHoldsAreRefused) {
  Change change{.kind = Kind::make_directory, .path = "a", .mode = 0755};
  change.attributes = {{"user.b", {}}, {"user.a", {}}};
  EXPECT_EQ(refusal(change), Code::invalid);
  change.attributes = {{"user.a", Bytes(model::max_attribute_bytes, 0)}};
  EXPECT_EQ(refusal(change), Code::invalid);
}

TEST_F(Changes, AnyAlteredByteIsNoticed) {
  write({{.kind = Kind::place_file, .path = "a/b"}, {.kind = Kind::remove_file, .path = "c"}});
  const Bytes good = *must(root_->read_all("list", 1 << 20));
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes bad = good;
    bad[at] ^= 0x10;
    must(root_->replace("list", bad, 0600));
    EXPECT_EQ(must_fail(open()), Code::corrupt) << at;
  }
  for (std::size_t length = 0; length < good.size(); ++length) {
    must(root_->replace("list", ByteView(good).first(length), 0600));
    EXPECT_EQ(must_fail(open()), Code::corrupt) << length;
  }
}

TEST_F(Changes, WithARightChecksumButBrokenRecordsAreRefused) {
  write({{.kind = Kind::place_file, .path = "abcd"}});
  const Bytes good = *must(root_->read_all("list", 1 << 20));
  constexpr std::size_t header = 40, trailer = 40;
  for (std::size_t at = header; at < good.size() - trailer + 8; ++at) {
    for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{'/'}, std::uint8_t{'.'}, std::uint8_t{0xff}}) {
      Bytes bad = good;
      if (bad[at] == value) continue;
      bad[at] = value;
      const Hash256 hash = sha256(ByteView(bad).first(bad.size() - 32));
      std::copy(hash.bytes.begin(), hash.bytes.end(), bad.end() - 32);
      must(root_->replace("list", bad, 0600));
      const auto list = open();  // some are other changes, none may lead out of the target or read beyond the file
      if (list) continue;
      EXPECT_TRUE(list.error().code == Code::corrupt || list.error().code == Code::invalid);
    }
  }
}

TEST_F(Changes, ThatLeadOutOfTheTargetAreRefused) {
  for (const std::string& path :
       {std::string("/a"), std::string("a//b"), std::string("a/"), std::string(".."), std::string("a/../b"),
        std::string("./a"), std::string("a/."), std::string("a\0b", 3), std::string(256, 'n'), std::string(""),
        std::string(".duskline"), std::string(".duskline/state.json"), std::string(".DuskLine/x")}) {
    EXPECT_EQ(refusal({.kind = Kind::place_file, .path = path}), Code::invalid) << path;
    EXPECT_EQ(refusal({.kind = Kind::make_hard_link, .path = "a", .other = path}), Code::invalid) << path;
  }
  EXPECT_EQ(refusal({.kind = Kind::make_symlink, .path = "a", .other = ""}), Code::invalid);
  EXPECT_EQ(refusal({.kind = Kind::make_symlink, .path = "a", .other = std::string(4096, 'x')}), Code::invalid);
  write({{.kind = Kind::make_directory, .path = ""}, {.kind = Kind::place_file, .path = "below/.duskline"}});
  must(open());
}

TEST(Seen, TellsEditsApart) {
  disk::Stat stat;
  stat.inode = 7;
  stat.size_bytes = 10;
  stat.mtime_ns = 20;
  stat.ctime_ns = 30;
  stat.links = 1;
  const FileStamp seen = saw(stat);
  EXPECT_TRUE(is_as_seen(stat, seen));
  for (auto* time : {&stat.mtime_ns, &stat.ctime_ns}) {
    ++*time;
    EXPECT_FALSE(is_as_seen(stat, seen));
    --*time;
  }
  ++stat.inode;
  EXPECT_FALSE(is_as_seen(stat, seen));
  --stat.inode;
  ++stat.size_bytes;
  EXPECT_FALSE(is_as_seen(stat, seen));
  --stat.size_bytes;
  stat.ctime_ns = 31;
  stat.links = 2;  // it was linked since: that alone changes the ctime
  EXPECT_TRUE(is_as_seen(stat, seen));
  const FileStamp of_two = saw(stat);
  stat.ctime_ns = 32;
  stat.links = 1;  // the other name was removed since
  EXPECT_TRUE(is_as_seen(stat, of_two));
}

}  // namespace
}  // namespace duskline::site
