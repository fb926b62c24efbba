#include "base/digest.h"

#include <gtest/gtest.h>

namespace duskline {
namespace {

TEST(Digest, GivesThePublishedExamples) {
  EXPECT_EQ(to_hex(md5(bytes_of("abc"))), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(to_hex(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  Digest sha1(DigestKind::sha1);
  sha1.update(bytes_of("a"));
  sha1.update(bytes_of("bc"));
  EXPECT_EQ(to_hex(sha1.finish()), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(sha1.finish()), "da39a3ee5e6b4b0d3255bfef95601890afd80709");  // begun anew
}

}  // namespace
}  // namespace duskline
