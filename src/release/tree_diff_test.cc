#include <gtest/gtest.h>

#include <random>

#include "disk/real_disk.h"
#include "release/manifest.h"
#include "testing/must.h"
#include "testing/sample_release.h"
#include "testing/scratch.h"

namespace duskline::release {
namespace {

using model::EntryKind;
using testing::must;
using testing::sample_directory;
using testing::sample_file;
using testing::SampleEntry;

// A line for each call: "+ path", "- path", "* path", "= path", and "^ path" for leave.
class Lines final : public TreeDiffVisitor {
 public:
  enum class Same : std::uint8_t { skip, enter };
  explicit Lines(Same same) : same_(same) {}
  Status differs(const Sided& entry) override {
    add(entry.before == nullptr ? "+ " : entry.after == nullptr ? "- " : "* ", entry);
    return {};
  }
  Result<bool> same(const Sided& entry) override {
    add("= ", entry);
    return same_ == Same::enter && entry.after->entry->kind == EntryKind::directory;
  }
  Status leave(const Sided& entry) override {
    add("^ ", entry);
    return {};
  }
  std::vector<std::string> lines;

 private:
  void add(const char* what, const Sided& entry) { lines.push_back(what + std::string(entry.path)); }
  Same same_;
};

// The same lines from the trees in memory, by plain recursion.
class Expected {
 public:
  explicit Expected(Lines::Same same) : same_(same) {}
  std::vector<std::string> lines;

  void compare(const std::string& prefix, const SampleEntry* before, const SampleEntry* after) {
    std::map<std::string, std::pair<const SampleEntry*, const SampleEntry*>> names;
    if (before != nullptr) {
      for (const auto& [name, child] : before->children) names[name].first = &child;
    }
    if (after != nullptr) {
      for (const auto& [name, child] : after->children) names[name].second = &child;
    }
    for (const auto& [name, sides] : names) {
      const auto& [old, now] = sides;
      const std::string path = prefix + name;
      if (old != nullptr && now != nullptr && old->kind == now->kind) {
        both(path, *old, *now);
        continue;
      }
      if (old != nullptr) one("- ", path, old, nullptr, old->kind);
      if (now != nullptr) one("+ ", path, nullptr, now, now->kind);
    }
  }

 private:
  void both(const std::string& path, const SampleEntry& old, const SampleEntry& now) {
    if (!(old == now)) return one("* ", path, &old, &now, now.kind);
    lines.push_back("= " + path);
    if (same_ == Lines::Same::enter && now.kind == EntryKind::directory) content(path, &old, &now);
  }
  void one(const char* what, const std::string& path, const SampleEntry* old, const SampleEntry* now, EntryKind kind) {
    lines.push_back(what + path);
    if (kind == EntryKind::directory) content(path, old, now);
  }
  void content(const std::string& path, const SampleEntry* old, const SampleEntry* now) {
    compare(path + "/", old, now);
    lines.push_back("^ " + path);
  }
  Lines::Same same_;
};

class TreeDiff : public ::testing::Test {
 protected:
  std::unique_ptr<Manifest> manifest_of(const SampleEntry& tree, testing::SampleCut cut) {
    testing::SamplePublisher publisher(*directory_, key_, nullptr, cut);
    return must(Manifest::open(publisher.file_of(publisher.publish(tree, testing::SamplePlaces::no).object)));
  }
  std::vector<std::string> diff(const SampleEntry* before, const SampleEntry* after, Lines::Same same,
                                testing::SampleCut cut = {}) {
    const auto old = before != nullptr ? manifest_of(*before, cut) : nullptr;
    const auto now = after != nullptr ? manifest_of(*after, cut) : nullptr;
    Lines lines(same);
    must(diff_trees({}, old.get(), old ? std::optional(old->top()) : std::nullopt, now.get(),
                    now ? std::optional(now->top()) : std::nullopt, lines));
    return lines.lines;
  }

 private:
  testing::Scratch folder_;
  std::unique_ptr<disk::Directory> directory_ = must(disk::open_real_disk()->open(folder_.path()));
  SigningKey key_ = must(SigningKey::generate());
};

TEST_F(TreeDiff, SaysWhatAPlainComparisonOfRandomTreesSays) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    const SampleEntry before = testing::random_tree(random, 150);
    SampleEntry after = before;
    testing::mutate_tree(random, after, 1 + static_cast<int>(seed));
    testing::SampleCut cut;
    cut.run_entries = 2 + seed % 5;
    for (const auto same : {Lines::Same::skip, Lines::Same::enter}) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      Expected expected(same);
      expected.compare("", &before, &after);
      EXPECT_EQ(diff(&before, &after, same, cut), expected.lines);
    }
    Expected added(Lines::Same::skip), removed(Lines::Same::skip);
    added.compare("", nullptr, &after);
    removed.compare("", &before, nullptr);
    EXPECT_EQ(diff(nullptr, &after, Lines::Same::skip, cut), added.lines);
    EXPECT_EQ(diff(&before, nullptr, Lines::Same::skip, cut), removed.lines);
  }
}

TEST_F(TreeDiff, ADirectoryThatBecomesAFileIsRemovedThenAdded) {
  const SampleEntry before = sample_directory({{"x", sample_directory({{"y", sample_file("1")}})}});
  const SampleEntry after = sample_directory({{"x", sample_file("2")}});
  EXPECT_EQ(diff(&before, &after, Lines::Same::skip), (std::vector<std::string>{"- x", "- x/y", "^ x", "+ x"}));
  EXPECT_EQ(diff(&after, &before, Lines::Same::skip), (std::vector<std::string>{"- x", "+ x", "+ x/y", "^ x"}));
}

TEST_F(TreeDiff, ADirectoryWithANewTimeAloneIsEntered) {
  SampleEntry before = sample_directory({{"d", sample_directory({{"y", sample_file("1")}})}});
  SampleEntry after = before;
  after.children["d"].mtime_ns += 1;
  EXPECT_EQ(diff(&before, &after, Lines::Same::skip), (std::vector<std::string>{"* d", "= d/y", "^ d"}));
}

TEST_F(TreeDiff, NamesAreComparedAsUnsignedBytes) {
  const SampleEntry before = sample_directory({{"a", sample_file("1")}, {"\xc3\xa9", sample_file("2")}});
  const SampleEntry after =
      sample_directory({{"a", sample_file("1")}, {"b", sample_file("3")}, {"\xc3\xa9", sample_file("2")}});
  EXPECT_EQ(diff(&before, &after, Lines::Same::skip), (std::vector<std::string>{"= a", "+ b", "= \xc3\xa9"}));
}

TEST_F(TreeDiff, EqualSubtreesAreNotRead) {
  class Counting final : public NodeSource {
   public:
    explicit Counting(NodeSource& inner) : inner_(inner) {}
    Result<ByteView> node(const Op& op, std::uint64_t ordinal, const Hash256& expected) override {
      ++asked;
      return inner_.node(op, ordinal, expected);
    }
    std::uint64_t asked = 0;

   private:
    NodeSource& inner_;
  };
  std::mt19937_64 random(4);
  SampleEntry before = sample_directory({{"big", testing::random_tree(random, 300)}, {"f", sample_file("1")}});
  SampleEntry after = before;
  after.children["f"] = sample_file("2");
  const auto old = manifest_of(before, {}), now = manifest_of(after, {});
  Counting old_nodes(*old), new_nodes(*now);
  Lines lines(Lines::Same::skip);
  must(diff_trees({}, &old_nodes, old->top(), &new_nodes, now->top(), lines));
  EXPECT_EQ(lines.lines, (std::vector<std::string>{"= big", "* f"}));
  EXPECT_EQ(old_nodes.asked + new_nodes.asked, 2U);
}

TEST_F(TreeDiff, AVisitorsErrorEndsTheWalk) {
  class Failing final : public TreeDiffVisitor {
   public:
    Status differs(const Sided&) override {
      ++calls;
      return Error{Code::no_space, "full"};
    }
    int calls = 0;
  } visitor;
  const SampleEntry tree = sample_directory({{"a", sample_file("1")}, {"b", sample_file("2")}});
  const auto manifest = manifest_of(tree, {});
  EXPECT_EQ(testing::must_fail(diff_trees({}, nullptr, {}, manifest.get(), manifest->top(), visitor)), Code::no_space);
  EXPECT_EQ(visitor.calls, 1);
}

}  // namespace
}  // namespace duskline::release
