// What every ObjectStore promises (store/object_store.h), over every kind of it. For S3 set DUSKLINE_TEST_S3_URL
// (s3://bucket/prefix), AWS_* and AWS_ENDPOINT_URL; DUSKLINE_TEST_S3_LACKS=conditions,atomic-overwrite names
// deviations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "store_kinds.h"

namespace duskline::store {
namespace {

using testing::must;
using testing::must_fail;

constexpr std::uint64_t mebibyte = 1 << 20;

Bytes pattern(std::size_t size, std::uint8_t salt = 0) {
  Bytes bytes(size);
  std::uint32_t state = 2463534242U + salt;
  for (std::uint8_t& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    byte = static_cast<std::uint8_t>(state);
  }
  return bytes;
}

Key pack_key(ByteView body) { return Key("s/pack/" + sha256(body).hex()); }

class ObjectStoreContract : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { GetParam().open(open_); }

  ObjectStore& store() { return *open_.store; }
  bool lacks(Lacks what) const { return open_.lacks.contains(what); }
  ObjectInfo put(const Key& key, ByteView body, const PutOptions& options = {}) {
    return must(put_all(store(), {}, key, body, options));
  }
  Bytes get(const Key& key, const GetOptions& options = {}) {
    return must(get_all(store(), {}, key, 64 * mebibyte, options));
  }
  Result<Bytes> try_get(const Key& key, const GetOptions& options = {}) {
    return get_all(store(), {}, key, 64 * mebibyte, options);
  }
  std::vector<std::string> list(const std::string& prefix, const std::string& start_after = {},
                                std::uint32_t limit = 1000) {
    std::vector<std::string> names;
    for (const ListedObject& object : must(store().list({}, {prefix, start_after, limit})).objects) {
      names.push_back(object.key.text());
    }
    return names;
  }

  OpenStore open_;
};

#define SKIP_WITHOUT_CONDITIONS() \
  if (lacks(Lacks::conditions)) GTEST_SKIP() << "this endpoint is said to lack conditional puts"

TEST_P(ObjectStoreContract, gives_back_what_was_put) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{65536},
                                 std::size_t{65537}, std::size_t{300'001}, std::size_t{5'000'003}}) {
    const Bytes body = pattern(size);
    const Key key("sizes/" + std::to_string(size));
    const ObjectInfo put_info = put(key, body);
    EXPECT_EQ(put_info.size_bytes, size);
    EXPECT_FALSE(put_info.etag.empty());
    ObjectInfo got;
    EXPECT_EQ(must(get_all(store(), {}, key, size, {}, &got)), body);
    EXPECT_EQ(got.size_bytes, size);
    EXPECT_EQ(got.etag, put_info.etag);
    const auto head = must(store().head({}, key));
    ASSERT_TRUE(head);
    EXPECT_EQ(head->size_bytes, size);
    EXPECT_EQ(head->etag, put_info.etag);
    EXPECT_GT(head->modified, WallTime{std::chrono::days(365 * 40)});
  }
}

TEST_P(ObjectStoreContract, says_what_is_absent) {
  const Key key("nothing/here");
  EXPECT_EQ(must_fail(try_get(key)), Code::not_found);
  EXPECT_FALSE(must(store().head({}, key)));
  EXPECT_EQ(must_fail(try_get(key, {.range = ByteRange{0, 5}})), Code::not_found);
  put(Key("nothing/here/below"), bytes_of("x"));
  EXPECT_EQ(must_fail(try_get(key)), Code::not_found) << "a prefix of a key is no object";
  EXPECT_FALSE(must(store().head({}, key)));
  EXPECT_EQ(must_fail(try_get(Key("nothing/here/below/it"))), Code::not_found);
  EXPECT_FALSE(must(store().head({}, Key("nothing/here/below/it"))));
  EXPECT_EQ(must_fail(try_get(Key(std::string(300, 'x')))), Code::not_found);
}

TEST_P(ObjectStoreContract, gives_ranges_cut_off_at_the_end) {
  const Bytes body = pattern(700'000);
  const Key key("ranges/object");
  put(key, body);
  const auto part = [&](std::uint64_t offset, std::uint64_t length) {
    ObjectInfo info;
    const Bytes got = must(get_all(store(), {}, key, mebibyte, {.range = ByteRange{offset, length}}, &info));
    EXPECT_EQ(info.size_bytes, body.size()) << "the size is that of the whole object";
    return got;
  };
  const auto expected = [&](std::size_t offset, std::size_t length) {
    return Bytes(body.begin() + static_cast<std::ptrdiff_t>(offset),
                 body.begin() + static_cast<std::ptrdiff_t>(offset + length));
  };
  EXPECT_EQ(part(0, 1), expected(0, 1));
  EXPECT_EQ(part(0, 700'000), body);
  EXPECT_EQ(part(1, 400'000), expected(1, 400'000));
  EXPECT_EQ(part(699'999, 1), expected(699'999, 1));
  EXPECT_EQ(part(699'000, 5'000), expected(699'000, 1'000));
  EXPECT_EQ(part(600'000, std::uint64_t{1} << 40), expected(600'000, 100'000));
  EXPECT_EQ(part(5, UINT64_MAX - 5), expected(5, 699'995));
  EXPECT_EQ(must_fail(try_get(key, {.range = ByteRange{700'000, 1}})), Code::invalid);
  EXPECT_EQ(must_fail(try_get(key, {.range = ByteRange{std::uint64_t{1} << 41, 10}})), Code::invalid);
}

TEST_P(ObjectStoreContract, gives_packs_and_their_ranges_again_and_again) {
  const Bytes body = pattern(2 * mebibyte + 17);
  const Key key = pack_key(body);
  put(key, body);
  const GetOptions middle{.range = ByteRange{mebibyte, 1000}};
  const Bytes expected(body.begin() + mebibyte, body.begin() + mebibyte + 1000);
  EXPECT_EQ(get(key, middle), expected);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(key), body);
  EXPECT_EQ(get(key, middle), expected);
  EXPECT_EQ(must_fail(try_get(key, {.range = ByteRange{body.size(), 1}})), Code::invalid);
  EXPECT_EQ(get(key, {.freshness = Freshness::revalidated}), body);
  const std::vector<Key> keys = {key};
  EXPECT_TRUE(must(store().remove({}, keys)).failures.empty());
  EXPECT_EQ(must_fail(try_get(key)), Code::not_found);
}

TEST_P(ObjectStoreContract, refuses_to_give_more_than_is_wanted) {
  put(Key("large"), pattern(100'000));
  EXPECT_EQ(must_fail(get_all(store(), {}, Key("large"), 99'999)), Code::too_large);
}

TEST_P(ObjectStoreContract, overwrites_and_changes_the_etag) {
  const Key key("overwritten");
  const ObjectInfo first = put(key, bytes_of("one"));
  const ObjectInfo second = put(key, bytes_of("two"));
  EXPECT_NE(first.etag, second.etag);
  EXPECT_EQ(get(key), Bytes(bytes_of("two").begin(), bytes_of("two").end()));
  EXPECT_EQ(must(store().head({}, key))->etag, second.etag);
}

TEST_P(ObjectStoreContract, gets_by_condition) {
  const Key key("conditional");
  const ObjectInfo first = put(key, bytes_of("one"));
  EXPECT_EQ(must_fail(try_get(key, {.if_none_match = first.etag})), Code::not_modified);
  EXPECT_EQ(get(key, {.if_match = first.etag}).size(), 3U);
  const ObjectInfo second = put(key, bytes_of("other"));
  EXPECT_EQ(must_fail(try_get(key, {.if_match = first.etag})), Code::precondition);
  EXPECT_EQ(get(key, {.if_none_match = first.etag}).size(), 5U);
  EXPECT_EQ(must_fail(try_get(key, {.if_none_match = second.etag})), Code::not_modified);
  EXPECT_EQ(get(key, {.freshness = Freshness::revalidated}).size(), 5U);
}

TEST_P(ObjectStoreContract, puts_by_condition) {
  SKIP_WITHOUT_CONDITIONS();
  const Key key("guarded");
  const PutOptions create{.existing = PutOptions::Existing::refuse};
  const ObjectInfo first = put(key, bytes_of("one"), create);
  EXPECT_EQ(must_fail(put_all(store(), {}, key, bytes_of("two"), create)), Code::precondition);
  EXPECT_EQ(text_of(get(key)), "one");
  const ObjectInfo second = put(key, bytes_of("two"), {.if_match = first.etag});
  EXPECT_NE(second.etag, first.etag);
  EXPECT_EQ(must_fail(put_all(store(), {}, key, bytes_of("three"), {.if_match = first.etag})), Code::precondition);
  EXPECT_EQ(text_of(get(key)), "two");
  EXPECT_EQ(must(store().head({}, key))->etag, second.etag);
  const std::vector<Key> keys = {key};
  must(store().remove({}, keys));
  EXPECT_FALSE(put_all(store(), {}, key, bytes_of("four"), {.if_match = second.etag})) << "there is nothing to match";
  EXPECT_FALSE(must(store().head({}, key)));
}

// Runs `task` on 8 threads at the same moment and counts its successes.
int winners(const std::function<bool(int)>& task) {
  constexpr int threads = 8;
  std::latch ready(threads);
  std::atomic<int> won{0};
  std::vector<std::jthread> pool;
  for (int i = 0; i < threads; ++i) {
    pool.emplace_back([&, i] {
      ready.arrive_and_wait();
      if (task(i)) ++won;
    });
  }
  pool.clear();
  return won;
}

TEST_P(ObjectStoreContract, lets_exactly_one_of_many_create) {
  SKIP_WITHOUT_CONDITIONS();
  for (int round = 0; round < 5; ++round) {
    const Key key("race/create-" + std::to_string(round));
    std::atomic<int> winner{-1}, wrong{0};
    EXPECT_EQ(winners([&](int i) {
                const auto info =
                    put_all(store(), {}, key, bytes_of(std::to_string(i)), {.existing = PutOptions::Existing::refuse});
                if (info) winner = i;
                if (!info && info.error().code != Code::precondition) ++wrong;
                return info.has_value();
              }),
              1);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(text_of(get(key)), std::to_string(winner));
  }
}

TEST_P(ObjectStoreContract, lets_exactly_one_of_many_replace) {
  SKIP_WITHOUT_CONDITIONS();
  const Key key("race/replace");
  std::string etag = put(key, bytes_of("start")).etag;
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> winner{-1};
    EXPECT_EQ(winners([&](int i) {
                const auto text = std::to_string(round) + "/" + std::to_string(i);
                const auto info = put_all(store(), {}, key, bytes_of(text), {.if_match = etag});
                if (info) winner = i;
                return info.has_value();
              }),
              1);
    EXPECT_EQ(text_of(get(key)), std::to_string(round) + "/" + std::to_string(winner));
    etag = must(store().head({}, key))->etag;
  }
}

TEST_P(ObjectStoreContract, shows_readers_the_old_or_the_new_object) {
  if (lacks(Lacks::atomic_overwrite))
    GTEST_SKIP() << "this endpoint is said to answer 404 now and then during an overwrite";
  const Key key("atomic");
  const Bytes old_body(mebibyte, 'a'), new_body(mebibyte / 2, 'b');
  put(key, old_body);
  std::atomic<bool> is_done{false};
  std::jthread writer([&] {
    for (int i = 0; i < 10; ++i) put(key, i % 2 == 0 ? new_body : old_body);
    is_done = true;
  });
  int reads = 0;
  do {
    const Bytes seen = get(key);
    ASSERT_TRUE(seen == old_body || seen == new_body) << "read a mixture of " << seen.size() << " bytes";
    ++reads;
  } while (!is_done);
  EXPECT_GT(reads, 0);
}

TEST_P(ObjectStoreContract, lists_in_byte_order) {
  std::vector<std::string> names = {
      "l/a b",  "l/a!b", "l/a-b",     "l/a/b",  "l/a/b-c", "l/a/c/d",  "l/a0",   "l/a~",    "l/A",   "l/Z/z",
      "l/a+b",  "l/a%b", "l/a?b",     "l/a#b",  "l/a&b",   "l/a=b",    "l/a'b",  "l/a\"b",  "l/a<b", "l/a>b",
      "l/a(b)", "l/a*b", "l/a,b;c:d", "l/a@b",  "l/a$b",   "l/[a]{b}", "l/^a`b", "l/a|b",   "l/%41", "l/...",
      "l/a.",   "l/.a",  "l/a%2Fb",   "l/-a- ", "l/_a_",   "l/&amp;",  "l/a/-",  "l/a/0/0", "l2",    "k/z"};
  for (const std::string& name : names) put(Key(name), bytes_of(name));
  for (const std::string& name : names) EXPECT_EQ(text_of(get(Key(name))), name);
  std::ranges::sort(names);
  EXPECT_EQ(list(""), names);
  std::vector<std::string> below;
  std::ranges::copy_if(names, std::back_inserter(below), [](const auto& n) { return n.starts_with("l/a"); });
  EXPECT_EQ(list("l/a"), below);
  EXPECT_EQ(list("l/a/"), (std::vector<std::string>{"l/a/-", "l/a/0/0", "l/a/b", "l/a/b-c", "l/a/c/d"}));
  EXPECT_EQ(list("l/a/b"), (std::vector<std::string>{"l/a/b", "l/a/b-c"}));
  EXPECT_EQ(list("l/a/b/"), std::vector<std::string>{});
  EXPECT_EQ(list("nowhere/"), std::vector<std::string>{});
  EXPECT_EQ(list("../"), std::vector<std::string>{});
  for (const std::string& after : names) {
    std::vector<std::string> rest;
    std::ranges::copy_if(names, std::back_inserter(rest), [&](const auto& n) { return n > after; });
    EXPECT_EQ(list("", after), rest) << "after " << after;
  }
  EXPECT_EQ(list("l/a/", "l/a/0"), (std::vector<std::string>{"l/a/0/0", "l/a/b", "l/a/b-c", "l/a/c/d"}));
  EXPECT_EQ(list("l/a/", "k"), list("l/a/"));
  EXPECT_EQ(list("l/a/", "m"), std::vector<std::string>{});
}

TEST_P(ObjectStoreContract, lists_page_by_page) {
  std::vector<std::string> names;
  for (int i = 100; i < 125; ++i) names.push_back("p/" + std::to_string(i / 5) + "/" + std::to_string(i));
  for (const std::string& name : names) put(Key(name), bytes_of("x"));
  put(Key("q"), bytes_of("x"));
  std::vector<std::string> seen;
  std::string after;
  for (int pages = 1;; ++pages) {
    ASSERT_LE(pages, 26);
    const Listing page = must(store().list({}, {"p/", after, 4}));
    ASSERT_LE(page.objects.size(), 4U);
    for (const ListedObject& object : page.objects) {
      seen.push_back(object.key.text());
      EXPECT_EQ(object.info.size_bytes, 1U);
      EXPECT_FALSE(object.info.etag.empty());
    }
    if (!page.truncated) break;
    ASSERT_FALSE(page.objects.empty());
    after = page.objects.back().key.text();
  }
  EXPECT_EQ(seen, names);
  EXPECT_FALSE(must(store().list({}, {"p/", "", 25})).truncated) << "all were given";
  std::vector<std::string> all;
  must(for_each_object(store(), {}, "p/", [&](const ListedObject& object) -> Status {
    all.push_back(object.key.text());
    return {};
  }));
  EXPECT_EQ(all, names);
  EXPECT_EQ(must_fail(for_each_object(store(), {}, "p/",
                                      [](const ListedObject&) -> Status { return Error{Code::no_space, "enough"}; })),
            Code::no_space);
}

TEST_P(ObjectStoreContract, lists_what_head_says) {
  const Key key("listed/object");
  const ObjectInfo info = put(key, bytes_of("12345"));
  const Listing listing = must(store().list({}, {"listed/", "", 10}));
  ASSERT_EQ(listing.objects.size(), 1U);
  EXPECT_EQ(listing.objects[0].info.etag, info.etag);
  EXPECT_EQ(listing.objects[0].info.size_bytes, 5U);
}

TEST_P(ObjectStoreContract, removes_many_and_does_not_mind_missing_ones) {
  std::vector<Key> keys;
  for (int i = 0; i < 1105; ++i) {
    keys.emplace_back("r/" + std::to_string(i / 100) + "/" + std::to_string(i));
    if (i % 100 == 4) put(keys.back(), bytes_of("x"));
  }
  put(Key("r/stays"), bytes_of("x"));
  EXPECT_TRUE(must(store().remove({}, keys)).failures.empty());
  EXPECT_EQ(list("r/"), std::vector<std::string>{"r/stays"});
  EXPECT_TRUE(must(store().remove({}, keys)).failures.empty());
  EXPECT_TRUE(must(store().remove({}, {})).failures.empty());
  put(keys[4], bytes_of("again"));
  EXPECT_EQ(text_of(get(keys[4])), "again");
}

TEST_P(ObjectStoreContract, removes_no_more_than_was_named) {
  put(Key("a/b/c"), bytes_of("x"));
  const std::vector<Key> keys = {Key("a/b"), Key("a"), Key("a/b/c/d")};
  EXPECT_TRUE(must(store().remove({}, keys)).failures.empty());
  EXPECT_EQ(list(""), std::vector<std::string>{"a/b/c"});
}

TEST_P(ObjectStoreContract, keeps_names_that_begin_alike_apart) {
  if (lacks(Lacks::nested_names)) {
    put(Key("n/a/b"), bytes_of("below"));
    EXPECT_EQ(must_fail(put_all(store(), {}, Key("n/a"), bytes_of("x"), {})), Code::unsupported);
    EXPECT_EQ(must_fail(put_all(store(), {}, Key("n/a/b/c"), bytes_of("x"), {})), Code::unsupported);
    EXPECT_EQ(list("n/"), std::vector<std::string>{"n/a/b"});
    GTEST_SKIP() << "this kind holds no object below another's name, and says so";
  }
  put(Key("n/a"), bytes_of("1"));
  put(Key("n/a/b"), bytes_of("2"));
  EXPECT_EQ(text_of(get(Key("n/a"))), "1");
  EXPECT_EQ(text_of(get(Key("n/a/b"))), "2");
  EXPECT_EQ(list("n/"), (std::vector<std::string>{"n/a", "n/a/b"}));
}

// A sink that does something at its first piece.
class HookSink final : public Sink {
 public:
  explicit HookSink(std::function<Status()> hook) : hook_(std::move(hook)) {}
  Status write(ByteView bytes) override {
    if (received == 0) DL_TRY(hook_());
    received += bytes.size();
    return {};
  }
  std::uint64_t received = 0;

 private:
  std::function<Status()> hook_;
};

TEST_P(ObjectStoreContract, tells_what_it_gives_before_the_first_byte) {
  const Bytes body = pattern(100'000);
  const Key key("begun");
  const ObjectInfo put_info = put(key, body);
  for (const auto range : {std::optional<ByteRange>(), std::optional(ByteRange{50, 60'000})}) {
    ObjectInfo begun;
    HookSink sink([&]() -> Status {
      EXPECT_EQ(begun.etag, put_info.etag);
      EXPECT_EQ(begun.size_bytes, body.size());
      return {};
    });
    must(store().get({}, key, {.range = range, .begun = &begun}, sink));
    EXPECT_GT(sink.received, 0U);
  }
}

TEST_P(ObjectStoreContract, passes_on_what_the_sink_says) {
  put(Key("sunk"), pattern(mebibyte));
  int calls = 0;
  HookSink sink([&]() -> Status {
    ++calls;
    return Error{Code::no_space, "the disk is full"};
  });
  EXPECT_EQ(must_fail(store().get({}, Key("sunk"), {}, sink)), Code::no_space);
  EXPECT_EQ(calls, 1);
  HookSink retryable([&]() -> Status { return Error{Code::unavailable, "the next hop is away"}; });
  EXPECT_EQ(must_fail(store().get({}, Key("sunk"), {}, retryable)), Code::unavailable);
}

TEST_P(ObjectStoreContract, stops_in_mid_body) {
  const Bytes body = pattern(16 * mebibyte);
  put(Key("stopped"), body);
  std::stop_source stop;
  Op op;
  op.stop = stop.get_token();
  HookSink sink([&]() -> Status {
    stop.request_stop();
    return {};
  });
  EXPECT_EQ(must_fail(store().get(op, Key("stopped"), {}, sink)), Code::cancelled);
  EXPECT_LT(sink.received, body.size());
}

TEST_P(ObjectStoreContract, does_nothing_once_stopped_or_late) {
  put(Key("op/object"), bytes_of("x"));
  std::stop_source stop;
  stop.request_stop();
  Op stopped, late;
  stopped.stop = stop.get_token();
  late.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  const std::vector<Key> keys = {Key("op/object")};
  for (const auto& [op, code] : {std::pair(&stopped, Code::cancelled), std::pair(&late, Code::timeout)}) {
    EXPECT_EQ(must_fail(get_all(store(), *op, keys[0], 10)), code);
    EXPECT_EQ(must_fail(store().head(*op, keys[0])), code);
    EXPECT_EQ(must_fail(put_all(store(), *op, Key("op/new"), bytes_of("x"), {})), code);
    EXPECT_EQ(must_fail(store().list(*op, {"op/", "", 10})), code);
    EXPECT_EQ(must_fail(store().remove(*op, keys)), code);
  }
  EXPECT_EQ(list("op/"), std::vector<std::string>{"op/object"});
}

// A body that goes wrong in the ways that bodies do.
class OddSource final : public Source {
 public:
  OddSource(Bytes body, std::uint64_t promised) : body_(std::move(body)), promised_(promised) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return promised_; }
  Status rewind() override {
    at_ = 0;
    return {};
  }
  Result<std::size_t> read(ByteSpan into) override {
    if (fails_at && at_ >= *fails_at) return Error{Code::io, "the disk gave no more"};
    if (stop != nullptr && at_ > 0) stop->request_stop();
    constexpr std::size_t odd_piece = 777;  // short reads are no end
    const std::size_t count = std::min({into.size(), odd_piece, body_.size() - at_});
    std::copy_n(body_.begin() + static_cast<std::ptrdiff_t>(at_), count, into.begin());
    at_ += count;
    return count;
  }
  std::optional<std::size_t> fails_at;
  std::stop_source* stop = nullptr;

 private:
  Bytes body_;
  std::uint64_t promised_;
  std::size_t at_ = 0;
};

TEST_P(ObjectStoreContract, rewinds_the_source) {
  const Bytes body = pattern(100'000);
  OddSource source(body, body.size());
  Bytes some(500);
  must(source.read(some));
  must(store().put({}, Key("rewound"), source, {}));
  EXPECT_EQ(get(Key("rewound")), body);
  must(store().put({}, Key("rewound"), source, {.sha256 = sha256(body)}));
  EXPECT_EQ(get(Key("rewound")), body);
}

TEST_P(ObjectStoreContract, stores_nothing_of_a_body_that_went_wrong) {
  const Bytes body = pattern(50'000);
  const Key key("odd");
  OddSource shorter(body, body.size() + 1), longer(body, body.size() - 1), broken(body, body.size());
  broken.fails_at = 10'000;
  EXPECT_FALSE(is_retryable(must_fail(store().put({}, key, shorter, {}))));
  EXPECT_FALSE(is_retryable(must_fail(store().put({}, key, longer, {}))));
  EXPECT_EQ(must_fail(store().put({}, key, broken, {})), Code::io);
  EXPECT_EQ(must_fail(put_all(store(), {}, key, body, {.sha256 = sha256("something else")})), Code::corrupt);
  EXPECT_FALSE(must(store().head({}, key)));
  put(key, bytes_of("the old one"));
  EXPECT_EQ(must_fail(store().put({}, key, broken, {})), Code::io);
  EXPECT_EQ(text_of(get(key)), "the old one");
}

TEST_P(ObjectStoreContract, stops_a_put_in_mid_body) {
  const Bytes body = pattern(8 * mebibyte);
  std::stop_source stop;
  Op op;
  op.stop = stop.get_token();
  OddSource source(body, body.size());
  source.stop = &stop;
  EXPECT_EQ(must_fail(store().put(op, Key("halted"), source, {})), Code::cancelled);
  EXPECT_FALSE(must(store().head({}, Key("halted"))));
}

TEST_P(ObjectStoreContract, serves_many_threads_at_once) {
  std::atomic<int> wrong{0};
  winners([&](int i) {
    const Bytes body = pattern(200'000, static_cast<std::uint8_t>(i));
    for (int round = 0; round < 3; ++round) {
      const Key mine("t/" + std::to_string(i));
      const Key shared = pack_key(body);
      if (!put_all(store(), {}, mine, body, {}) || !put_all(store(), {}, shared, body, {})) ++wrong;
      for (const Key& key : {mine, shared, shared}) {
        const auto got = try_get(key);
        if (!got || *got != body) ++wrong;
      }
      if (!store().list({}, {"t/", "", 100})) ++wrong;
    }
    return true;
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(list("t/").size(), 8U);
}

TEST_P(ObjectStoreContract, describes_itself) { EXPECT_FALSE(store().describe().empty()); }

TEST(S3Store, was_run_too) {
  if (!environment("DUSKLINE_TEST_S3_URL")) GTEST_SKIP() << "no S3 server: DUSKLINE_TEST_S3_URL is not set";
}

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreContract, ::testing::ValuesIn(all_kinds()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace duskline::store
