#include "site/assemble.h"

#include <gtest/gtest.h>

#include "testing/must.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::site {
namespace {

using testing::must;

class Silent final : public Reporter {
 public:
  void note(Severity, std::string_view) override {}
  void progress(const Progress&) override {}
  void record(const FileRecord&) override {}
};

class AssembleTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Pieces, AssembleTest, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "One" : "Several"; });

// As Linux does, the disk takes a file's capabilities away when its owner is set.
TEST_P(AssembleTest, CapabilitiesOutliveTheOwner) {
  testing::SimClock clock;
  testing::SimDisk sim(clock);
  Silent reporter;
  std::shared_ptr<disk::Directory> root = must(sim.open_or_create("/tree", 0700));
  Assembler assembler(root, 64, OwnerRule::required, reporter);
  FilePlan plan;
  plan.folder = assembler.tree().at("");
  plan.name = "tool";
  plan.size_bytes = 4;
  plan.mode = 0555;
  plan.mtime_ns = 77;
  plan.owner = model::Owner{1234, 77};
  plan.attributes = {{"security.capability", {1, 2, 3}}, {"user.note", {4}}};
  plan.one_piece = GetParam();
  const auto wanted = plan.attributes;
  const auto file = assembler.begin(std::move(plan));
  file->expect_piece();
  must(assembler.write(*file, 0, bytes_of("tool"), Origin::pack));
  must(assembler.done(*file));
  must(assembler.done(*file));
  const auto stat = must(root->stat("tool")).value();
  EXPECT_EQ(stat.mode, 0555U);
  EXPECT_EQ(stat.mtime_ns, 77);
  EXPECT_EQ(stat.uid, 1234U);
  EXPECT_EQ(must(must(root->open_read("tool"))->attributes()), wanted);
}

}  // namespace
}  // namespace duskline::site
