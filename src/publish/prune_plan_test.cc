#include "publish/prune_plan.h"

#include <gtest/gtest.h>

#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/sim_clock.h"

namespace duskline::publish {
namespace {

using std::chrono::days;
using testing::must;
using testing::must_fail;

const WallTime today{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}};
const model::SetName set = must(model::SetName::parse("set"));

model::ReleaseId id(int n) { return {sha256(std::to_string(n))}; }

std::set<int> kept(const std::vector<int>& ages_in_days, std::uint32_t keep_last, int keep_days,
                   const std::set<int>& heads = {}) {
  std::vector<release::ListedRelease> listed;
  for (std::size_t i = 0; i < ages_in_days.size(); ++i) {
    const int number = static_cast<int>(i) + 1;
    listed.push_back({static_cast<std::uint64_t>(number), id(number), today - days(ages_in_days[i])});
  }
  std::set<model::ReleaseId> of_heads;
  for (const int head : heads) of_heads.insert(id(head));
  PruneOptions options;
  options.keep_last = keep_last;
  options.keep_within = days(keep_days);
  const auto ids = releases_to_keep(listed, of_heads, options, today);
  std::set<int> numbers;
  for (int n = 1; n <= 100; ++n) {
    if (ids.contains(id(n))) numbers.insert(n);
  }
  return numbers;
}

TEST(ReleasesToKeep, are_the_last_the_recent_and_those_of_heads) {
  const std::vector<int> ages = {50, 40, 30, 20, 10};
  EXPECT_EQ(kept(ages, 1, 0), (std::set<int>{5}));
  EXPECT_EQ(kept(ages, 2, 0), (std::set<int>{4, 5}));
  EXPECT_EQ(kept(ages, 1, 30), (std::set<int>{3, 4, 5})) << "to the very second";
  EXPECT_EQ(kept(ages, 100, 0), (std::set<int>{1, 2, 3, 4, 5}));
  EXPECT_EQ(kept(ages, 1, 0, {2}), (std::set<int>{2, 5}));
  EXPECT_EQ(kept(ages, 1, 0, {42}), (std::set<int>{5, 42})) << "a head's release that is not listed";
  EXPECT_EQ(kept({-3, 60}, 1, 30), (std::set<int>{1, 2})) << "a publisher's clock ahead of ours";
  EXPECT_EQ(kept({}, 1, 30), std::set<int>{});
}

using State = Mark::State;

MarkPlan plan(const std::map<std::string, Mark>& before, const StoredObjects& objects,
              const std::set<std::string>& needed) {
  return plan_marks(before, objects, [&](const std::string& key) { return needed.contains(key); }, days(30), today);
}

TEST(PlanMarks, marks_what_nothing_needs) {
  const MarkPlan made = plan({}, {{"a", {10, today - days(1)}}, {"b", {5, today}}}, {"b"});
  EXPECT_EQ(made.marks, (std::map<std::string, Mark>{{"a", {State::marked, today, today - days(1)}}}));
  EXPECT_EQ(made.new_objects, 1U);
  EXPECT_EQ(made.new_bytes, 10U);
  EXPECT_TRUE(made.due.empty());
}

TEST(PlanMarks, waits_for_the_grace_time) {
  const StoredObjects objects = {{"a", {10, today - days(99)}}};
  for (const auto& [age, is_due] : {std::pair(29, false), std::pair(30, true), std::pair(400, true)}) {
    const Mark mark{State::marked, today - days(age), today - days(99)};
    const MarkPlan made = plan({{"a", mark}}, objects, {});
    EXPECT_EQ(made.due, is_due ? std::vector<std::string>{"a"} : std::vector<std::string>{}) << age;
    EXPECT_EQ(made.marks.at("a"), mark) << "since when it is marked does not change";
    EXPECT_EQ(made.waiting_objects, is_due ? 0U : 1U);
  }
}

TEST(PlanMarks, takes_the_mark_off_what_is_needed_again) {
  for (const State state : {State::marked, State::condemned, State::removed}) {
    const MarkPlan made = plan({{"a", {state, today - days(40), today}}}, {{"a", {1, today}}}, {"a"});
    EXPECT_TRUE(made.marks.empty());
    EXPECT_TRUE(made.due.empty());
  }
}

TEST(PlanMarks, begins_anew_with_what_was_written_anew) {
  for (const State state : {State::marked, State::condemned, State::removed}) {
    const MarkPlan made = plan({{"a", {state, today - days(40), today - days(50)}}}, {{"a", {1, today - days(2)}}}, {});
    EXPECT_EQ(made.marks.at("a"), (Mark{State::marked, today, today - days(2)}));
    EXPECT_TRUE(made.due.empty());
  }
}

TEST(PlanMarks, goes_on_with_what_a_killed_prune_condemned) {
  const Mark condemned{State::condemned, today, today - days(50)};
  const MarkPlan made = plan({{"a", condemned}, {"gone", condemned}}, {{"a", {1, today - days(50)}}}, {});
  EXPECT_EQ(made.due, std::vector<std::string>{"a"});
  EXPECT_EQ(made.marks.at("a"), condemned);
  EXPECT_EQ(made.marks.at("gone"), (Mark{State::removed, today, today - days(50)}));
}

TEST(PlanMarks, remembers_for_a_while_what_was_removed) {
  const auto mark = [](State state, int age) { return Mark{state, today - days(age), today - days(90)}; };
  const MarkPlan made = plan(
      {{"new", mark(State::removed, 29)}, {"old", mark(State::removed, 31)}, {"by-others", mark(State::marked, 5)}}, {},
      {});
  EXPECT_EQ(made.marks.size(), 1U);
  EXPECT_TRUE(made.marks.contains("new"));
}

class MarksTest : public ::testing::Test {
 protected:
  void put(const std::string& key) { must(store::put_all(*store_, {}, store::Key(key), bytes_of("x"), {})); }
  void mark(const std::string& key, State state) {
    Marks marks = must(read_marks(*store_, {}, set));
    marks.by_key[key] = {state, clock_.now(), clock_.now()};
    must(write_marks(*store_, {}, set, marks));
  }
  Status check(std::vector<std::string> names, store::ObjectStore* through = nullptr) {
    std::vector<store::Key> keys;
    for (std::string& name : names) keys.emplace_back(std::move(name));
    return check_not_marked(through == nullptr ? *store_ : *through, {}, set, keys);
  }

  testing::SimClock clock_;
  std::unique_ptr<store::ObjectStore> store_ = store::open_mem_store(clock_);
};

TEST_F(MarksTest, are_read_as_they_were_written) {
  EXPECT_TRUE(must(read_marks(*store_, {}, set)).by_key.empty());
  mark("set/pack/1", State::marked);
  clock_.advance(std::chrono::nanoseconds(1));
  mark("set/release/2", State::condemned);
  mark("set/delta/3", State::removed);
  const Marks marks = must(read_marks(*store_, {}, set));
  EXPECT_EQ(marks.by_key.size(), 3U);
  EXPECT_EQ(marks.by_key.at("set/pack/1").since, today);
  EXPECT_EQ(marks.by_key.at("set/delta/3"), (Mark{State::removed, clock_.now(), clock_.now()}));
  EXPECT_EQ(must(decode_marks(set, encode_marks(set, marks.by_key))), marks.by_key);
}

TEST_F(MarksTest, are_refused_where_they_are_not_right) {
  const std::string good = encode_marks(set, {{"set/pack/1", {State::marked, today, today}}});
  ASSERT_TRUE(decode_marks(set, good));
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string text = good;
    text.replace(text.find(what), what.size(), instead);
    return text;
  };
  for (const std::string& bad : {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2),
                                 with("duskline-tombstones", "duskline-head"), with("\"format\":1", "\"format\":2"),
                                 with("\"set\":\"set\"", "\"set\":\"other\""), with("set/pack/1", "other/pack/1"),
                                 with("set/pack/1", "set/../1"), with("\"marked\"", "\"doomed\""), with("2026", "year"),
                                 with("[{", "[7,{"), with("\"marks\":[", "\"marks\":[[],")}) {
    EXPECT_EQ(must_fail(decode_marks(set, bad)), Code::invalid) << bad;
  }
}

TEST_F(MarksTest, are_written_by_one_of_two) {
  Marks mine = must(read_marks(*store_, {}, set)), theirs = mine;
  mine.by_key["set/pack/1"] = theirs.by_key["set/pack/2"] = {State::marked, today, today};
  must(write_marks(*store_, {}, set, mine));
  EXPECT_EQ(must_fail(write_marks(*store_, {}, set, theirs)), Code::precondition);
  mine.by_key.clear();
  must(write_marks(*store_, {}, set, mine));
}

TEST_F(MarksTest, do_not_hinder_a_publisher_that_needs_no_marked_object) {
  must(check({"set/pack/1"}));
  mark("set/pack/2", State::condemned);
  must(check({"set/pack/1", "set/pack/22"}));
}

TEST_F(MarksTest, come_off_what_a_publisher_needs) {
  mark("set/pack/1", State::marked);
  mark("set/pack/2", State::marked);
  must(check({"set/pack/1", "set/pack/3"}));
  const auto left = must(read_marks(*store_, {}, set)).by_key;
  EXPECT_FALSE(left.contains("set/pack/1"));
  EXPECT_TRUE(left.contains("set/pack/2"));
}

TEST_F(MarksTest, stop_a_publisher_that_comes_too_late) {
  put("set/pack/1");
  mark("set/pack/1", State::condemned);
  EXPECT_EQ(must_fail(check({"set/pack/1"})), Code::precondition);
  mark("set/pack/1", State::removed);
  must(check({"set/pack/1"}));  // uploaded anew since then
  mark("set/pack/2", State::removed);
  EXPECT_EQ(must_fail(check({"set/pack/1", "set/pack/2"})), Code::precondition);
}

TEST_F(MarksTest, show_whether_prune_or_the_publisher_was_first) {
  mark("set/pack/1", State::marked);
  testing::FaultStore faults(*store_);
  bool is_first = true;
  faults.before_each([&](testing::Call call, const std::string&) {
    if (call == testing::Call::put && std::exchange(is_first, false)) mark("set/pack/1", State::condemned);
  });
  EXPECT_EQ(must_fail(check({"set/pack/1"}, &faults)), Code::precondition)
      << "prune condemned it between read and write";
  EXPECT_EQ(must(read_marks(*store_, {}, set)).by_key.at("set/pack/1").state, State::condemned);
}

TEST_F(MarksTest, are_read_again_where_an_answer_was_lost) {
  mark("set/pack/1", State::marked);
  testing::FaultStore faults(*store_);
  faults.order(testing::Call::put, {.kind = testing::Fault::Kind::error_after, .code = Code::precondition});
  must(check({"set/pack/1"}, &faults));
  EXPECT_TRUE(must(read_marks(*store_, {}, set)).by_key.empty());
}

TEST_F(MarksTest, name_the_packs_not_to_rely_on) {
  const Hash256 one = sha256("1"), two = sha256("2"), three = sha256("3");
  mark(model::pack_key(set, one), State::marked);
  mark(model::pack_key(set, two), State::condemned);
  mark(model::pack_key(set, three), State::removed);
  mark(model::release_key(set, {one}), State::marked);
  EXPECT_EQ(must(marked_packs(*store_, {}, set)), (std::set<Hash256>{one, two, three}));
}

}  // namespace
}  // namespace duskline::publish
