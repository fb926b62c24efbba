#include <gtest/gtest.h>

#include "pack/delta.h"
#include "testing/effort.h"

namespace duskline::pack {
namespace {

using Files = std::vector<NamedSize>;
using Paths = std::vector<std::string>;

TEST(LikelyOrigins, see_through_versions_in_folders) {
  EXPECT_EQ(likely_origins({{"boot/vmlinuz-6.1.0-28-amd64", 8'000'000},
                            {"lib/modules/6.1.0-28-amd64/kernel/fs/ext4.ko", 900'000},
                            {"lib/modules/6.1.0-28-amd64/kernel/sha1.ko", 10'000},
                            {"lib/modules/6.1.0-28-amd64/kernel/sha256.ko", 10'100}},
                           {{"boot/vmlinuz-6.1.0-31-amd64", 8'100'000},
                            {"lib/modules/6.1.0-31-amd64/kernel/fs/ext4.ko", 910'000},
                            {"lib/modules/6.1.0-31-amd64/kernel/sha1.ko", 10'100},
                            {"lib/modules/6.1.0-31-amd64/kernel/sha256.ko", 10'000}}),
            (Paths{"boot/vmlinuz-6.1.0-28-amd64", "lib/modules/6.1.0-28-amd64/kernel/fs/ext4.ko",
                   "lib/modules/6.1.0-28-amd64/kernel/sha1.ko", "lib/modules/6.1.0-28-amd64/kernel/sha256.ko"}));
}

TEST(LikelyOrigins, see_through_versions_that_gain_a_part) {
  EXPECT_EQ(likely_origins({{"lib/libz.so.1.2", 10}}, {{"lib/libz.so.1.2.13", 12}}), (Paths{"lib/libz.so.1.2"}));
  EXPECT_EQ(likely_origins({{"pkg_1.9-2.deb", 10}}, {{"pkg_1.10-1+b2.deb", 12}}), (Paths{"pkg_1.9-2.deb"}));
}

TEST(LikelyOrigins, see_through_hashes_of_content_in_names) {
  EXPECT_EQ(likely_origins({{"js/main.3f2a9c1b.js", 10}, {"js/vendor.aa00bb11.js", 10}},
                           {{"js/main.00d1e2f3.js", 12}, {"js/vendor.1234abcd.js", 12}}),
            (Paths{"js/main.3f2a9c1b.js", "js/vendor.aa00bb11.js"}));
}

TEST(LikelyOrigins, follow_a_name_to_another_folder) {
  EXPECT_EQ(likely_origins({{"a/b/tool", 100}, {"x/y/other", 100}}, {{"c/d/e/tool", 120}}), (Paths{"a/b/tool"}));
}

TEST(LikelyOrigins, prefer_an_equal_parent_then_the_nearest_size) {
  const Files removed{{"p/en/messages", 1000}, {"p/de/messages", 5000}, {"p/fr/messages", 9000}};
  EXPECT_EQ(likely_origins(removed, {{"q/de/messages", 9000}}), (Paths{"p/de/messages"}));
  EXPECT_EQ(likely_origins(removed, {{"q/it/messages", 8000}}), (Paths{"p/fr/messages"}));
  EXPECT_EQ(likely_origins(removed, {{"q/it/messages", 10}}), (Paths{"p/en/messages"}));
}

TEST(LikelyOrigins, leave_alone_what_has_none) {
  EXPECT_EQ(likely_origins({{"a", 1}, {"empty", 0}}, {{"b", 1}, {"empty2", 5}, {"a9/empty", 0}}), (Paths{"", "", ""}));
  EXPECT_EQ(likely_origins({}, {{"b", 1}}), (Paths{""}));
  EXPECT_TRUE(likely_origins({{"a", 1}}, {}).empty());
}

TEST(LikelyOrigins, take_no_quadratic_time) {
  Files removed, added;
  for (std::size_t i = 0; i < testing::effort(50'000); ++i) {
    removed.push_back({"old/" + std::to_string(i) + "/index.html", i + 1});
    added.push_back({"new/x" + std::to_string(i) + "/index.html", i + 1});
  }
  const Paths origins = likely_origins(removed, added);
  EXPECT_EQ(origins[777], "old/777/index.html");
}

}  // namespace
}  // namespace duskline::pack
