#include "publish/listing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "publish/test_kit.h"

namespace duskline::publish {
namespace {

TEST(Listing, SortsNamesByTheirBytes) {
  testing::Scratch scratch;
  const auto disk = disk::open_real_disk();
  std::vector<std::string> names = {
      "a",         "ab",           "a\x01",        "b",    "12345678", "123456789",
      "12345678a", "\xff",         "\xff\xff",     "Z",    "a b",      std::string(255, 'q'),
      "1234567",   "12345678\x01", "\x80zzzzzzzz", "link", "directory"};
  for (const std::string& name : names) {
    if (name == "directory") {
      std::filesystem::create_directories(scratch.path(name));
    } else if (name == "link") {
      std::filesystem::create_symlink("x", scratch.path(name));
    } else {
      write_file(scratch.path(name), name);
    }
  }
  std::filesystem::resize_file(scratch.path("Z"), 1 << 20);
  const auto directory = must(disk->open(scratch.path()));
  const Listing listing = must(Listing::read(*directory));
  std::sort(names.begin(), names.end());
  ASSERT_EQ(listing.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(listing.name(i), names[i]);
    const disk::Stat listed = listing.stat(i);
    disk::Stat expected = must(directory->stat(names[i])).value();
    EXPECT_EQ(listed.stored_bytes < listed.size_bytes, expected.stored_bytes < expected.size_bytes);
    EXPECT_EQ(listed.kind, expected.kind);
    EXPECT_EQ(listed.mode, expected.mode);
    EXPECT_EQ(listed.uid, expected.uid);
    EXPECT_EQ(listed.gid, expected.gid);
    EXPECT_EQ(listed.links, expected.links);
    EXPECT_EQ(listed.size_bytes, expected.size_bytes);
    EXPECT_EQ(listed.mtime_ns, expected.mtime_ns);
    EXPECT_EQ(listed.ctime_ns, expected.ctime_ns);
    EXPECT_EQ(listed.device, expected.device);
    EXPECT_EQ(listed.inode, expected.inode);
    EXPECT_EQ(listed.mount, expected.mount);
  }
  EXPECT_EQ(listing.kind_of("ab"), disk::FileKind::file);
  EXPECT_FALSE(listing.kind_of("abc"));
  EXPECT_EQ(listing.kind_of("directory"), disk::FileKind::directory);
  EXPECT_EQ(listing.kind_of("link"), disk::FileKind::symlink);
}

}  // namespace
}  // namespace duskline::publish
