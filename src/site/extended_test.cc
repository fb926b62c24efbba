#include "site/extended.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "site/test_support.h"

namespace duskline::site {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Attributes = std::vector<model::Attribute>;
using Made = DirectoryAttributes::Made;

const model::Attribute note{"user.note", {1}}, capability{"security.capability", {2}}, trusted{"trusted.x", {3}};
const model::Attribute access{"system.posix_acl_access", {4}}, inherited = testing::sample_default_acl(7);

TEST(WantedAttributes, AreSaidOnlyWhereTheReleaseOrADefaultAclGaveSome) {
  const Attributes none, some{note};
  EXPECT_EQ(wanted_attributes({.now = none}), std::nullopt);
  EXPECT_EQ(wanted_attributes({.now = none, .before = &none, .made = Made::yes}), std::nullopt);
  EXPECT_EQ(wanted_attributes({.now = some}), some);
  EXPECT_EQ(wanted_attributes({.now = some, .before = &none}), some);
  EXPECT_EQ(wanted_attributes({.now = none, .before = &some}), none);
  EXPECT_EQ(wanted_attributes({.now = none, .made = Made::below_default_acl}), none);
  EXPECT_TRUE(hands_down({inherited, note}));
  EXPECT_FALSE(hands_down({access, note}));
}

TEST(ComparableAttributes, LeaveOutAnAclThatAMaskChanged) {
  EXPECT_THAT(comparable({access, note}, ModeIs::as_released), ElementsAre(access, note));
  EXPECT_THAT(comparable({access, inherited, note}, ModeIs::masked), ElementsAre(inherited, note));
  if (::geteuid() == 0) {
    EXPECT_THAT(comparable({capability, trusted}, ModeIs::as_released), ElementsAre(capability, trusted));
  } else {
    EXPECT_THAT(comparable({capability, trusted, note}, ModeIs::as_released), ElementsAre(note));
  }
}

class Giving : public ::testing::Test {
 protected:
  // The calls from the next on fail in this way, one each.
  void fail_next(const std::vector<std::optional<Code>>& codes) {
    std::uint64_t operation = disk_.operations();
    for (const auto& code : codes) {
      ++operation;
      if (code) disk_.fail_at_operation(operation, *code);
    }
  }
  testing::SimClock clock_;
  testing::SimDisk disk_{clock_};
  TestReporter reporter_;
  std::unique_ptr<disk::Directory> root_ = must(disk_.open_or_create("/t", 0755));
  AttributeGiver giver_;
};

TEST_F(Giving, GoesOnWithoutWhatMayNotBeSetAndSaysSoOnce) {
  const auto file = must(root_->create("f", 0644));
  for (int i = 0; i < 3; ++i) {
    fail_next({Code::denied, Code::denied, Code::denied, std::nullopt});  // all, security.*, trusted.*, user.*
    must(giver_.give(*file, {capability, trusted, note}, "f" + std::to_string(i)));
  }
  EXPECT_THAT(must(file->attributes()), ElementsAre(note));
  EXPECT_EQ(reporter_.notes(), "");
  giver_.tell(reporter_);
  EXPECT_THAT(reporter_.notes(), HasSubstr("6 extended attributes of 3 files and directories cannot be set here"));
  EXPECT_THAT(reporter_.notes(), HasSubstr("\"f0\""));
  const std::string once = reporter_.notes();
  giver_.tell(reporter_);
  EXPECT_EQ(reporter_.notes(), once);
}

TEST_F(Giving, GoesOnWhereTheFileSystemHoldsNone) {
  fail_next({Code::unsupported, Code::unsupported});
  must(giver_.give(*root_, {note}, "."));
  giver_.tell(reporter_);
  EXPECT_THAT(reporter_.notes(), HasSubstr("1 extended attribute of 1 file or directory"));
}

TEST_F(Giving, EndsAtWhatOughtToWork) {
  fail_next({Code::denied, Code::denied});
  EXPECT_EQ(must_fail(giver_.give(*root_, {note}, ".")), Code::denied);
  fail_next({Code::no_space});
  EXPECT_EQ(must_fail(giver_.give(*root_, {capability}, ".")), Code::no_space);
  fail_next({Code::denied});
  EXPECT_EQ(must_fail(giver_.give(*root_, {}, ".")), Code::denied);
  giver_.tell(reporter_);
  EXPECT_EQ(reporter_.notes(), "");
}

}  // namespace
}  // namespace duskline::site
