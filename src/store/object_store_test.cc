#include "store/object_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/stores.h"
#include "testing/must.h"
#include "testing/sim_clock.h"

namespace duskline::store {
namespace {

using testing::must;
using testing::must_fail;

TEST(Key, takes_what_every_backend_can_hold) {
  const std::string longest(900, 'x');
  for (const std::string& text : {std::string("a"), std::string("a/b/c"), std::string("..."), std::string(".a"),
                                  std::string(" !\"#$%&'()*+,-.:;<=>?@[]^_`{|}~"), longest}) {
    EXPECT_EQ(must(Key::parse(text)).text(), text);
  }
}

TEST(Key, refuses_the_rest) {
  for (const std::string& text :
       {std::string(), std::string("/"), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."),
        std::string("a/./b"), std::string("../a"), std::string("a/.."), std::string("a\\b"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\x7f"), std::string("\xc3\xa9"), std::string(901, 'x')}) {
    EXPECT_EQ(must_fail(Key::parse(text)), Code::invalid) << text;
  }
}

TEST(KeyDeathTest, of_the_programs_own_making_must_be_right) {
  EXPECT_DEATH((void)Key(std::string("a//b")), "bug: made the object key");
}

TEST(PutAll, announces_the_hash_of_what_it_sends) {
  testing::SimClock clock;
  const auto store = open_mem_store(clock);
  PutOptions wrong;
  wrong.sha256 = sha256("other");
  EXPECT_EQ(must_fail(put_all(*store, {}, Key("k"), bytes_of("body"), wrong)), Code::corrupt);
  must(put_all(*store, {}, Key("k"), bytes_of("body"), {}));
}

// Gives the same page for ever.
class Circular final : public ObjectStore {
 public:
  Result<ObjectInfo> get(const Op&, const Key&, const GetOptions&, Sink&) override { return Error{}; }
  Result<std::optional<ObjectInfo>> head(const Op&, const Key&) override { return Error{}; }
  Result<ObjectInfo> put(const Op&, const Key&, Source&, const PutOptions&) override { return Error{}; }
  Result<Listing> list(const Op&, const ListQuery&) override { return page; }
  Result<RemoveReport> remove(const Op&, std::span<const Key>) override { return Error{}; }
  [[nodiscard]] std::string describe() const override { return "circular"; }
  Listing page;
};

TEST(ForEachObject, does_not_go_round_in_circles) {
  Circular store;
  store.page.truncated = true;
  const auto ignore = [](const ListedObject&) -> Status { return {}; };
  EXPECT_EQ(must_fail(for_each_object(store, {}, "", ignore)), Code::invalid);
  store.page.objects.push_back({Key("a"), {}});
  EXPECT_EQ(must_fail(for_each_object(store, {}, "", ignore)), Code::invalid);
}

TEST(CountingStore, counts_calls_and_bodies) {
  testing::SimClock clock;
  const auto mem = open_mem_store(clock);
  CountingStore store(*mem);
  must(put_all(store, {}, Key("k"), Bytes(1000), {}));
  must(get_all(store, {}, Key("k"), 1000));
  must(get_all(store, {}, Key("k"), 1000, {.range = ByteRange{0, 10}}));
  EXPECT_EQ(must_fail(get_all(store, {}, Key("missing"), 1)), Code::not_found);
  must(store.head({}, Key("k")));
  must(store.list({}, {}));
  must(store.remove({}, {}));
  const Traffic traffic = store.traffic();
  EXPECT_EQ(traffic.requests, 7U);
  EXPECT_EQ(traffic.bytes_sent, 1000U);
  EXPECT_EQ(traffic.bytes_received, 1010U);
}

}  // namespace
}  // namespace duskline::store
