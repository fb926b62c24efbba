// Files: content, holes, sizes, times, modes, links, attributes.
#include <numeric>

#include "filesystem_world.h"

namespace duskline::disk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using FilesContract = FilesystemContract;
INSTANTIATE_TEST_SUITE_P(Disks, FilesContract, ::testing::ValuesIn(world_kinds), name_of_world);

std::string read_range(File& file, std::uint64_t offset, std::size_t length) {
  Bytes bytes(length);
  bytes.resize(must(file.read_at(offset, bytes)));
  return std::string(text_of(bytes));
}

TEST_P(FilesContract, ReadsBackWhatWasWritten) {
  const auto file = must(root->create("a", 0644));
  must(file->write_at(0, bytes_of("hello world")));
  must(file->write_at(6, bytes_of("there")));
  EXPECT_EQ(read_range(*file, 0, 100), "hello there");
  EXPECT_EQ(read_range(*file, 6, 3), "the");
  EXPECT_EQ(read_range(*file, 11, 5), "");
  EXPECT_EQ(read_range(*file, 1'000'000, 5), "");
  EXPECT_EQ(must(file->stat()).size_bytes, 11U);
  EXPECT_EQ(read("a"), "hello there");
}

TEST_P(FilesContract, ReadsAndWritesLargeBlocks) {
  Bytes bytes((3 << 20) + 17);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 2654435761U >> 13);
  const auto file = must(root->create("large", 0644));
  must(file->write_at(5, bytes));
  Bytes back(bytes.size() + 100);
  EXPECT_EQ(must(file->read_at(5, back)), bytes.size());
  back.resize(bytes.size());
  EXPECT_TRUE(back == bytes);
  Bytes first(5, 1);
  EXPECT_EQ(must(file->read_at(0, first)), 5U);
  EXPECT_EQ(first, Bytes(5, 0));
}

TEST_P(FilesContract, OpensForReadingAndWriting) {
  write("a", "old");
  const auto writer = must(root->open_write("a"));
  must(writer->write_at(0, bytes_of("new!")));
  const auto reader = must(root->open_read("a"));
  EXPECT_EQ(read_range(*reader, 0, 10), "new!");
  EXPECT_FALSE(reader->write_at(0, bytes_of("x")).has_value());
  EXPECT_EQ(read("a"), "new!");
  EXPECT_EQ(must_fail(root->open_write("absent")), Code::not_found);
  EXPECT_EQ(must_fail(root->open_read("absent")), Code::not_found);
}

TEST_P(FilesContract, CreatesOnlyWhatIsNotThere) {
  write("a", "kept");
  must(root->make_symlink("nowhere", "dangling"));
  must(root->make_directory("d", 0755));
  EXPECT_EQ(must_fail(root->create("a", 0644)), Code::already_exists);
  EXPECT_EQ(must_fail(root->create("dangling", 0644)), Code::already_exists);
  EXPECT_EQ(must_fail(root->create("d", 0644)), Code::already_exists);
  EXPECT_EQ(must_fail(root->create("absent/b", 0644)), Code::not_found);
  EXPECT_EQ(must_fail(root->create("a/b", 0644)), Code::not_found);
  EXPECT_EQ(read("a"), "kept");
  EXPECT_FALSE(exists("nowhere"));
}

TEST_P(FilesContract, GivesFilesExactlyTheModeAskedFor) {
  must(root->make_directory("d", 0755));
  for (const std::uint32_t mode : {0U, 0400U, 0644U, 0666U, 0777U, 04755U, 01777U}) {
    const std::string name = "f" + std::to_string(mode);
    must(root->create(name, mode));
    must(root->create("d/" + name, mode));
    EXPECT_EQ(stat(name).mode, mode);
    EXPECT_EQ(stat("d/" + name).mode, mode);
  }
}

TEST_P(FilesContract, ChangesModes) {
  const auto file = must(root->create("a", 0644));
  must(file->set_mode(0600));
  EXPECT_EQ(stat("a").mode, 0600U);
  must(root->set_mode("a", 0751));
  EXPECT_EQ(must(file->stat()).mode, 0751U);
  must(root->make_directory("d", 0700));
  must(root->set_mode("d", 01777));
  EXPECT_EQ(stat("d").mode, 01777U);
  must(must(root->open_directory("d"))->set_mode("", 0711));
  EXPECT_EQ(stat("d").mode, 0711U);
  EXPECT_EQ(must_fail(root->set_mode("absent", 0644)), Code::not_found);
}

TEST_P(FilesContract, KeepsTimesToTheNanosecond) {
  const auto file = must(root->create("a", 0644));
  must(root->make_directory("d", 0755));
  must(root->make_symlink("a", "l"));
  const std::int64_t own = stat("a").mtime_ns;
  for (const std::int64_t time : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1'700'000'000'123'456'789},
                                  std::int64_t{-1}, std::int64_t{-1'500'000'000'000'000'000}}) {
    must(file->set_mtime(time));
    EXPECT_EQ(must(file->stat()).mtime_ns, time);
    must(root->set_mtime("d", time));
    EXPECT_EQ(stat("d").mtime_ns, time);
    must(root->set_mtime("l", time + 5));
    EXPECT_EQ(stat("l").mtime_ns, time + 5);
    EXPECT_EQ(stat("a").mtime_ns, time);
    must(root->set_mtime("a", time + 7));
    EXPECT_EQ(must(file->stat()).mtime_ns, time + 7);
  }
  EXPECT_GT(own, 0);
  must(root->set_mtime("", 42));
  EXPECT_EQ(must(root->stat()).mtime_ns, 42);
  EXPECT_EQ(must_fail(root->set_mtime("absent", 0)), Code::not_found);
}

TEST_P(FilesContract, SetsOwners) {
  const auto file = must(root->create("a", 0644));
  must(root->make_symlink("a", "l"));
  const Stat own = must(root->stat());
  must(file->set_owner({own.uid, own.gid}));
  must(root->set_owner("a", {own.uid, own.gid}));
  must(root->set_owner("", {own.uid, own.gid}));
  must(root->set_owner("l", {own.uid, own.gid}));
  EXPECT_EQ(stat("a").uid, own.uid);
  EXPECT_EQ(must_fail(root->set_owner("absent", {0, 0})), Code::not_found);
  if (own.uid != 0) GTEST_SKIP() << "only root can give files away";
  must(root->set_owner("l", {7, 8}));
  EXPECT_EQ(stat("l").uid, 7U);
  EXPECT_EQ(stat("l").gid, 8U);
  EXPECT_EQ(stat("a").uid, 0U);
}

TEST_P(FilesContract, ResizesAndReadsHolesAsZeros) {
  const auto file = must(root->create("a", 0644));
  must(file->write_at(0, bytes_of("abcdef")));
  must(file->resize(3));
  EXPECT_EQ(read_range(*file, 0, 10), "abc");
  must(file->resize(5));
  EXPECT_EQ(read_range(*file, 0, 10), std::string("abc\0\0", 5));
  must(file->write_at(7, bytes_of("x")));
  EXPECT_EQ(read_range(*file, 0, 10), std::string("abc\0\0\0\0x", 8));
  must(file->resize(0));
  EXPECT_EQ(must(file->stat()).size_bytes, 0U);
  EXPECT_EQ(must_fail(file->resize(~std::uint64_t{0})), Code::too_large);
  EXPECT_EQ(must_fail(file->write_at(~std::uint64_t{0} - 1, bytes_of("x"))), Code::too_large);
}

TEST_P(FilesContract, FindsDataBetweenHoles) {
  constexpr std::uint64_t far = 8 << 20;
  const auto file = must(root->create("sparse", 0644));
  EXPECT_FALSE(must(file->next_data(0)).has_value());
  must(file->resize(2 * far));
  must(file->write_at(far, bytes_of("data")));
  must(file->sync());
  // How coarse holes are is the disk's affair; what was written must be found, and no more than the file.
  bool found = false;
  std::uint64_t at = 0;
  while (const auto segment = must(file->next_data(at))) {
    ASSERT_GE(segment->offset_bytes, at);
    ASSERT_GT(segment->length_bytes, 0U);
    at = segment->offset_bytes + segment->length_bytes;
    ASSERT_LE(at, 2 * far);
    found = found || (segment->offset_bytes <= far && at >= far + 4);
  }
  EXPECT_TRUE(found);
  EXPECT_FALSE(must(file->next_data(2 * far)).has_value());
  EXPECT_FALSE(must(file->next_data(~std::uint64_t{0})).has_value());
  EXPECT_LE(stat("sparse").stored_bytes, stat("sparse").size_bytes);
}

TEST_P(FilesContract, ClonesOrSaysThatItCannot) {
  constexpr std::size_t size = 256 << 10;
  const std::string content(size, 'c');
  write("from", content);
  const auto from = must(root->open_read("from"));
  const auto to = must(root->create("to", 0644));
  const Status done = to->clone_from(*from, 0, size, 0);
  if (!done) {
    EXPECT_EQ(done.error().code, Code::unsupported);
    return;
  }
  EXPECT_EQ(read("to"), content);
  must(to->write_at(0, bytes_of("changed")));
  EXPECT_EQ(read("from"), content);
  must(to->clone_from(*from, 0, 0, 0));
  EXPECT_EQ(read_range(*to, 0, 7), "changed");
}

TEST_P(FilesContract, HardLinksShareOneFile) {
  write("a", "one");
  must(root->make_directory("d", 0755));
  const auto directory = must(root->open_directory("d"));
  must(root->make_hard_link("a", *directory, "b"));
  EXPECT_EQ(stat("a").links, 2U);
  EXPECT_EQ(stat("a").inode, stat("d/b").inode);
  must(must(root->open_write("d/b"))->write_at(0, bytes_of("two")));
  EXPECT_EQ(read("a"), "two");
  EXPECT_EQ(must_fail(root->make_hard_link("a", *root, "d/b")), Code::already_exists);
  EXPECT_EQ(must_fail(root->make_hard_link("absent", *root, "c")), Code::not_found);
  EXPECT_EQ(must_fail(root->make_hard_link("d", *root, "c")), Code::denied);
  must(root->remove_file("a", Missing::is_error));
  EXPECT_EQ(stat("d/b").links, 1U);
  EXPECT_EQ(read("d/b"), "two");
}

TEST_P(FilesContract, AnOpenFileOutlivesItsName) {
  write("a", "still here");
  const auto file = must(root->open_read("a"));
  must(root->remove_file("a", Missing::is_error));
  EXPECT_EQ(read_range(*file, 0, 20), "still here");
  EXPECT_EQ(must(file->stat()).links, 0U);
}

TEST_P(FilesContract, AttributesBecomeExactlyThoseGiven) {
  const auto file = must(root->create("a", 0644));
  EXPECT_TRUE(must(file->attributes()).empty());
  const model::Attribute one{"user.one", {1, 2, 3}}, two{"user.two", Bytes(1000, 7)}, empty{"user.zero", {}};
  const Status set = file->set_attributes({two, one, empty});
  if (!set && set.error().code == Code::unsupported) GTEST_SKIP() << "no extended attributes on this file system";
  must(set);
  EXPECT_THAT(must(file->attributes()), ElementsAre(one, two, empty));
  const model::Attribute changed{"user.two", {9}};
  must(file->set_attributes({changed}));
  EXPECT_THAT(must(file->attributes()), ElementsAre(changed));
  must(file->set_attributes({}));
  EXPECT_TRUE(must(file->attributes()).empty());
  EXPECT_EQ(must_fail(file->set_attributes({{"system.nonsense", {1}}})), Code::unsupported);
}

TEST_P(FilesContract, AttributesOfDirectoriesBecomeExactlyThoseGiven) {
  must(root->make_directory("d", 0755));
  const auto directory = must(root->open_directory("d"));
  EXPECT_TRUE(must(directory->attributes()).empty());
  const model::Attribute one{"user.one", {1, 2, 3}}, two{"user.two", Bytes(1000, 7)}, empty{"user.zero", {}};
  const Status set = directory->set_attributes({two, one, empty});
  if (!set && set.error().code == Code::unsupported) GTEST_SKIP() << "no extended attributes on this file system";
  must(set);
  EXPECT_THAT(must(must(root->open_directory("d"))->attributes()), ElementsAre(one, two, empty));
  EXPECT_TRUE(must(root->attributes()).empty());
  const model::Attribute changed{"user.two", {9}};
  must(directory->set_attributes({changed}));
  EXPECT_THAT(must(directory->attributes()), ElementsAre(changed));
  const Stat before = stat("d");
  must(directory->set_attributes({}));
  EXPECT_TRUE(must(directory->attributes()).empty());
  EXPECT_EQ(stat("d").mtime_ns, before.mtime_ns);
  EXPECT_EQ(must_fail(directory->set_attributes({{"system.nonsense", {1}}})), Code::unsupported);
}

// What is made in a directory gets its ACL, and the mode that was asked for all the same.
TEST_P(FilesContract, HandsDefaultAclsDownAndKeepsModes) {
  const model::Attribute acl{
      "system.posix_acl_default",
      {2, 0, 0,   0,   1,   0,   7,  0, 255, 255, 255, 255, 2,   0,   7,  0, 1, 2, 0,   0,   4,   0,
       5, 0, 255, 255, 255, 255, 16, 0, 7,   0,   255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255}};
  must(root->make_directory("d", 0755));
  const auto directory = must(root->open_directory("d"));
  must(directory->create("before", 0640));  // so that the handle knows how modes come out
  const Status set = directory->set_attributes({acl});
  if (!set && set.error().code == Code::unsupported) GTEST_SKIP() << "no ACLs on this file system";
  must(set);
  EXPECT_THAT(must(directory->attributes()), ElementsAre(acl));
  must(directory->create("file", 0640));
  must(directory->make_directory("below", 0750));
  EXPECT_EQ(stat("d/file").mode, 0640U);
  EXPECT_EQ(stat("d/below").mode, 0750U);
  EXPECT_EQ(stat("d").mode, 0755U);
  EXPECT_TRUE(must(must(root->open_read("d/before"))->attributes()).empty());
  EXPECT_FALSE(must(must(root->open_read("d/file"))->attributes()).empty());
  const auto below = must(directory->open_directory("below"));
  EXPECT_EQ(must(below->attributes()).size(), 2U);
  must(below->set_attributes({}));
  EXPECT_TRUE(must(below->attributes()).empty());
  EXPECT_EQ(stat("d/below").mode, 0750U);
  must(below->create("file", 0666));
  EXPECT_TRUE(must(must(root->open_read("d/below/file"))->attributes()).empty());
}

TEST_P(FilesContract, SyncsAndDropsCaches) {
  const auto file = must(root->create("a", 0644));
  must(file->write_at(0, bytes_of("durable")));
  must(file->sync());
  file->drop_cache();
  must(root->sync());
  must(root->sync_filesystem());
  EXPECT_EQ(read("a"), "durable");
}

TEST_P(FilesContract, ReplacesWholeFiles) {
  must(root->make_directory("d", 0755));
  must(root->replace("state", bytes_of("one"), 0600));
  EXPECT_EQ(stat("state").mode, 0600U);
  must(root->replace("state", bytes_of("second"), 0644));
  must(root->replace("d/state", bytes_of("third"), 0644));
  EXPECT_EQ(read("state"), "second");
  EXPECT_EQ(stat("state").mode, 0644U);
  EXPECT_EQ(read("d/state"), "third");
  EXPECT_THAT(names(*root), ElementsAre("d", "state"));
  EXPECT_THAT(names(*must(root->open_directory("d"))), ElementsAre("state"));
  EXPECT_EQ(must_fail(root->replace("d", bytes_of("x"), 0644)), Code::refused);
  EXPECT_EQ(must_fail(root->replace("absent/state", bytes_of("x"), 0644)), Code::not_found);
  EXPECT_THAT(names(*root), ElementsAre("d", "state"));
  const std::string longest(255, 'n');
  must(root->replace(longest, bytes_of("x"), 0644));
  EXPECT_EQ(read(longest), "x");
}

TEST_P(FilesContract, ReadAllKeepsToItsLimit) {
  write("a", "12345");
  write("empty", "");
  EXPECT_EQ(text_of(must(root->read_all("a", 5)).value()), "12345");
  EXPECT_EQ(must_fail(root->read_all("a", 4)), Code::too_large);
  EXPECT_TRUE(must(root->read_all("empty", 0)).value().empty());
  EXPECT_FALSE(must(root->read_all("absent", 10)).has_value());
  EXPECT_FALSE(must(root->read_all("absent/b", 10)).has_value());
}

TEST_P(FilesContract, ErrorsNameThePathPrintably) {
  const auto failed = root->open_read("line\nbreak");
  ASSERT_FALSE(failed.has_value());
  EXPECT_THAT(failed.error().message, HasSubstr(world->root() + "/line\\x0abreak"));
  must(root->make_directory("d", 0755));
  const auto below = must(root->open_directory("d"))->open_read("x");
  ASSERT_FALSE(below.has_value());
  EXPECT_THAT(below.error().message, HasSubstr(world->root() + "/d/x"));
}

}  // namespace
}  // namespace duskline::disk
