#include "disk/volume.h"

#include <gtest/gtest.h>

namespace duskline::disk {
namespace {

TEST(MountLine, ReadsTheFieldsThatMatter) {
  const auto line =
      parse_mount_line("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->mount, 36U);
  EXPECT_EQ(line->type, "ext3");
  EXPECT_EQ(line->source, "/dev/root");
}

TEST(MountLine, UndoesEscapes) {
  const auto line = parse_mount_line("7 1 0:5 / /m rw - nfs4 server:/my\\040share\\134x rw");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->source, "server:/my share\\x");
}

TEST(MountLine, RefusesOtherLines) {
  for (const char* text :
       {"", " - ", "x 1 0:5 / /m rw - ext4 /dev/a rw", "7 1 0:5 / /m rw", "7 1 0:5 / /m rw - ext4", "\\ - \\ \\"}) {
    EXPECT_FALSE(parse_mount_line(text).has_value()) << text;
  }
  EXPECT_EQ(parse_mount_line("7 - t \\04")->source, "\x04");
}

}  // namespace
}  // namespace duskline::disk
