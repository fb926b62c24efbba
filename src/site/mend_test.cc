// What is put right again: a state that was lost, records that are damaged, a tree that holds more than its release.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "site/folders.h"
#include "site/pull_kit.h"
#include "site/verify.h"

namespace duskline::site {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::sample_directory;
using testing::sample_file;

namespace fs = std::filesystem;

class Mend : public ::testing::TestWithParam<Mode> {
 protected:
  PullOptions options() const { return kit_.options(GetParam()); }
  std::string own(const std::string& name) const { return kit_.target_path() + "/.duskline/" + name; }
  void pull_two() {
    kit_.maker.publish(tree("one"));
    must(kit_.pull(options()));
    kit_.maker.publish(tree("two"));
    must(kit_.pull(options()));
  }
  static SampleEntry tree(const std::string& text) {
    return sample_directory({{"f", sample_file(text)}, {"d", sample_directory({{"g", sample_file("g")}})}});
  }
  VerifyResult verify_target() {
    const auto target = kit_.open();
    return must(verify({}, *target, {}, kit_.reporter, nullptr));
  }
  PullKit kit_;
};
INSTANTIATE_TEST_SUITE_P(Modes, Mend, ::testing::Values(Mode::switched, Mode::in_place),
                         [](const auto& mode) { return mode.param == Mode::switched ? "Switched" : "InPlace"; });

TEST_P(Mend, AStateThatWasLost) {
  pull_two();
  fs::remove(own("state.json"));
  PullOptions other{.set = *model::SetName::parse("other"), .channel = kit_.maker.channel()};
  EXPECT_EQ(testing::must_fail(kit_.pull(other)), GetParam() == Mode::switched ? Code::refused : Code::not_found);
  must(kit_.pull(options()));
  const auto target = kit_.open();
  EXPECT_EQ(target->state().set, kit_.maker.set().text());
  EXPECT_EQ(target->state().channel, kit_.maker.channel().text());
  EXPECT_EQ(target->state().current->number, 2U);
}

TEST_P(Mend, AStateThatSaysNothingOfItsSet) {
  pull_two();
  {
    const auto target = kit_.open();
    target->state().set = target->state().channel = target->state().realm = "";
    must(target->save_state());
  }
  EXPECT_EQ(must(kit_.pull(options())).outcome, PullResult::Outcome::current);
  EXPECT_EQ(kit_.open()->state().set, kit_.maker.set().text());
}

TEST_P(Mend, RecordsThatAreDamagedOrGone) {
  pull_two();
  const auto wanted = must(kit_.pull(options()));
  EXPECT_EQ(wanted.requests, 1U);
  const auto damage = [](const fs::path& record) {
    std::fstream file(record, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file << "XXXX";
  };
  for (const auto& record : fs::directory_iterator(own("trees"))) damage(record);
  EXPECT_EQ(must(kit_.pull(options())).outcome, PullResult::Outcome::current);
  EXPECT_THAT(kit_.reporter.notes, HasSubstr("fetched anew"));
  EXPECT_TRUE(verify_target().is_clean());
  if (GetParam() == Mode::switched) must(switch_back({}, *kit_.open(), std::nullopt, kit_.reporter));
  must(kit_.open()->unpin());
  must(kit_.pull(options()));
  fs::remove_all(own("trees"));
  must(kit_.pull(options()));
  EXPECT_TRUE(verify_target().is_clean());
  EXPECT_EQ(must(kit_.pull(options())).requests, 1U);
  EXPECT_EQ(kit_.reporter.notes, "");
}

TEST_P(Mend, ARecordWhoseNodesAreDamagedByRepair) {
  pull_two();
  const model::ReleaseId id = kit_.open()->state().current.value().id;
  const std::string record = own(folders::tree(id));
  {
    std::fstream file(record, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-8, std::ios::end);
    file << "XXXX";
  }
  EXPECT_FALSE(verify({}, *kit_.open(), {}, kit_.reporter, nullptr));
  EXPECT_EQ(must(kit_.repair()).files, 0U);
  EXPECT_TRUE(verify_target().is_clean());
}

TEST_P(Mend, WhatTheReleaseDoesNotHave) {
  pull_two();
  const std::string shown = kit_.target_path() + (GetParam() == Mode::switched ? "/current/" : "/");
  std::ofstream(shown + "d/extra") << "theirs";
  fs::create_directories(shown + "more/inner");
  std::ofstream(shown + "more/inner/extra") << "theirs too";
  const auto repaired = must(kit_.repair());
  EXPECT_EQ(repaired.failed, 0U);
  EXPECT_TRUE(verify_target().is_clean());
  if (GetParam() == Mode::in_place) {  // there they are the site's
    EXPECT_EQ(repaired.set_aside, 0U);
    EXPECT_TRUE(fs::exists(shown + "d/extra"));
    return;
  }
  EXPECT_EQ(repaired.set_aside, 2U);
  EXPECT_TRUE(fs::exists(own("set-aside/d/extra")));
  EXPECT_TRUE(fs::exists(own("set-aside/more/inner/extra")));
  EXPECT_EQ(kit_.differs_from(tree("two")), "");
  EXPECT_THAT(kit_.reporter.records, Contains("set-aside d/extra"));
}

}  // namespace
}  // namespace duskline::site
