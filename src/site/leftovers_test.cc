// What an interrupted run leaves, and what the next one may think of it.
#include <gtest/gtest.h>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using testing::must_fail;
using testing::sample_directory;
using testing::sample_file;

// As a power cut leaves a file whose size had reached the disk and whose last bytes had not.
void tear(disk::Directory& folder, std::string_view name) {
  const auto file = must(folder.open_write(name));
  const std::uint64_t size = must(file->stat()).size_bytes;
  must(file->write_at(size - 30, Bytes(30)));
}

TEST(Leftovers, torn_records_of_an_unfinished_pull_are_fetched_again) {
  for (const char* torn : {"record", "manifest"}) {
    PullKit kit;
    const SampleEntry tree = sample_directory({{"a", sample_file("one")}, {"b", sample_file(std::string(500, 'b'))}});
    kit.maker.publish(tree);
    kit.faults.order(testing::Call::get, {.kind = testing::Fault::Kind::error, .code = Code::denied}, "/pack/");
    EXPECT_EQ(must_fail(kit.pull(kit.options())), Code::denied);
    tear(*must(kit.disk->open(kit.target_path() + "/.duskline/staging")), torn);
    must(kit.pull(kit.options()));
    EXPECT_NE(kit.reporter.notes.find("fetching again"), std::string::npos) << "else " << torn << " was not torn";
    EXPECT_EQ(kit.differs_from(tree), "") << torn;
  }
}

TEST(Leftovers, what_is_staged_outlives_a_command_before_it_that_fails) {
  PullKit kit;
  const SampleEntry tree = sample_directory({{"a", sample_file("one")}, {"b", sample_file(std::string(500, 'b'))}});
  kit.maker.publish(tree);
  PullOptions options = kit.options();
  options.hooks.before = "false";
  const auto failed = kit.pull(options);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("the command before it failed"), std::string::npos) << failed.error().message;
  EXPECT_TRUE(kit.shows_nothing());
  const std::uint64_t given = kit.pack_bytes_given();
  options.hooks.before = "true";
  must(kit.pull(options));
  EXPECT_EQ(kit.pack_bytes_given(), given);
  EXPECT_EQ(kit.differs_from(tree), "");
}

TEST(Leftovers, a_pull_says_what_a_pinned_target_shows) {
  PullKit kit;
  const auto first = kit.maker.publish(sample_directory({{"a", sample_file("one")}}));
  const auto second = kit.maker.publish(sample_directory({{"a", sample_file("two")}}));
  must(kit.pull(kit.options()));
  {
    const auto target = kit.open();  // as when a pull by release ended before it could move the pin
    target->state().pinned = first.index.id;
    must(target->save_state());
  }
  const PullResult result = must(kit.pull(kit.options()));
  EXPECT_EQ(result.outcome, PullResult::Outcome::pinned);
  EXPECT_EQ(result.id, second.index.id);
}

}  // namespace
}  // namespace duskline::site
