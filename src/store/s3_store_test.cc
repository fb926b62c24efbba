#include "store/s3_store.h"

#include <gtest/gtest.h>

#include "testing/bad_s3_server.h"
#include "testing/must.h"

namespace duskline::store {
namespace {

using testing::BadS3Server;
using testing::BadS3Settings;
using testing::HttpRequest;
using testing::Misdeed;
using testing::must;
using testing::must_fail;
using testing::S3Trait;

constexpr std::uint64_t mebibyte = 1 << 20;

class GivenCredentials final : public s3::CredentialSource {
 public:
  explicit GivenCredentials(std::vector<s3::Credentials> in_turn) : in_turn_(std::move(in_turn)) {}
  Result<s3::Credentials> get(const Op&) override {
    const std::lock_guard lock(mutex_);
    return in_turn_.front();
  }
  void invalidate() override {
    const std::lock_guard lock(mutex_);
    if (in_turn_.size() > 1) in_turn_.erase(in_turn_.begin());
  }

 private:
  std::mutex mutex_;
  std::vector<s3::Credentials> in_turn_;
};

// A store on a server that misbehaves.
struct Fixture {
  explicit Fixture(BadS3Settings settings = {}, S3Options options = {}, const http::TransportOptions& http = {})
      : server(std::move(settings)), transport(http::open_curl_transport(http)) {
    options.bucket = BadS3Server::bucket;
    options.prefix = "pre/fix";
    if (options.endpoint.empty()) options.endpoint = server.url();
    store = open(std::move(options), {server.settings().credentials});
  }

  std::unique_ptr<ObjectStore> open(S3Options options, std::vector<s3::Credentials> credentials) {
    return must(open_s3_store(options, *transport, std::make_unique<GivenCredentials>(std::move(credentials)), clock));
  }

  Result<Bytes> get(const std::string& key, const GetOptions& options = {}) {
    return get_all(*store, {}, Key(key), 64 * mebibyte, options);
  }
  Result<ObjectInfo> put(const std::string& key, std::string_view body, const PutOptions& options = {}) {
    return put_all(*store, {}, Key(key), bytes_of(body), options);
  }
  HttpRequest last() { return server.requests().back(); }

  BadS3Server server;
  RealClock clock;
  std::unique_ptr<http::Transport> transport;
  std::unique_ptr<ObjectStore> store;
};

BadS3Settings with(S3Trait trait) {
  BadS3Settings settings;
  settings.traits = {trait};
  return settings;
}

Misdeed refusal(int status, const std::string& code) {
  return {Misdeed::Kind::answer, testing::s3_error(status, code, "because")};
}

// No message may hold a secret, whatever the server wrote.
void expect_no_secrets(const Error& error, const BadS3Server& server) {
  const auto& credentials = server.settings().credentials;
  EXPECT_EQ(error.describe().find(credentials.secret_key), std::string::npos) << error.describe();
  if (!credentials.session_token.empty()) {
    EXPECT_EQ(error.describe().find(credentials.session_token), std::string::npos) << error.describe();
  }
  EXPECT_EQ(error.describe().find("Signature="), std::string::npos) << error.describe();
}

TEST(S3Store, PutsAndGetsBelowItsPrefix) {
  Fixture f;
  const ObjectInfo info = must(f.put("a/b c+d", "hello"));
  EXPECT_EQ(f.server.objects().at("pre/fix/a/b c+d").body, "hello");
  EXPECT_EQ(text_of(must(f.get("a/b c+d"))), "hello");
  EXPECT_EQ(must(f.store->head({}, Key("a/b c+d")))->etag, info.etag);
  EXPECT_EQ(f.last().target, "/bucket/pre/fix/a/b%20c%2Bd");
  EXPECT_EQ(f.store->describe(), "s3://bucket/pre/fix at " + f.server.url());
  EXPECT_EQ(f.server.connections(), 1U);
}

TEST(S3Store, StoresWhatMayBeCachedAndWhatMayNot) {
  Fixture f;
  must(f.put("pack", "x"));
  must(f.put("head", "x", {.caching = Caching::forbidden}));
  const auto objects = f.server.objects();
  EXPECT_EQ(objects.at("pre/fix/pack").headers.at("cache-control"), "max-age=31536000, immutable");
  EXPECT_EQ(objects.at("pre/fix/head").headers.at("cache-control"), "no-store");
  must(f.get("head", {.freshness = Freshness::revalidated}));
  EXPECT_EQ(f.last().header("cache-control"), "no-cache");
}

TEST(S3Store, SignsTheBodysHashAndSendsItAsChecksum) {
  Fixture f;
  const Hash256 hash = sha256("body");
  must(f.put("k", "body", {.sha256 = hash}));
  EXPECT_EQ(f.last().header("x-amz-content-sha256"), hash.hex());
  EXPECT_EQ(f.last().header("x-amz-checksum-sha256"), to_base64(hash.bytes));
  EXPECT_EQ(must_fail(f.put("wrong", "body", {.sha256 = sha256("other")})), Code::corrupt);
  EXPECT_FALSE(must(f.store->head({}, Key("wrong"))));
}

TEST(S3Store, LearnsThatAnEndpointRefusesChecksums) {
  Fixture f(with(S3Trait::refuses_checksums));
  must(f.put("one", "1"));
  EXPECT_EQ(f.server.requests().size(), 2U);
  must(f.put("two", "2"));
  EXPECT_EQ(f.server.requests().size(), 3U);
  EXPECT_EQ(f.server.objects().size(), 2U);
}

TEST(S3Store, LearnsThatAnEndpointComparesBareEtags) {
  Fixture f(with(S3Trait::bare_etags));
  const ObjectInfo first = must(f.put("k", "1"));
  const ObjectInfo second = must(f.put("k", "2", {.if_match = first.etag}));
  EXPECT_EQ(must_fail(f.put("k", "3", {.if_match = first.etag})), Code::precondition);
  const auto before = f.server.requests().size();
  must(f.put("k", "3", {.if_match = second.etag}));
  EXPECT_EQ(f.server.requests().size(), before + 1);
}

TEST(S3Store, CallsALostConditionWhatItIs) {
  Fixture f;
  const ObjectInfo info = must(f.put("k", "1"));
  EXPECT_EQ(must_fail(f.put("k", "2", {.existing = PutOptions::Existing::refuse})), Code::precondition);
  EXPECT_EQ(must_fail(f.put("k", "2", {.if_match = "\"other\""})), Code::precondition);
  EXPECT_EQ(must_fail(f.put("gone", "2", {.if_match = info.etag})), Code::precondition);
  f.server.order(refusal(409, "ConditionalRequestConflict"), "PUT");
  EXPECT_EQ(must_fail(f.put("k", "2", {.if_match = info.etag})), Code::precondition);
  f.server.order(refusal(409, "OperationAborted"), "PUT");
  EXPECT_EQ(must_fail(f.put("k", "2")), Code::unavailable);
}

TEST(S3Store, SaysWhereConditionsAreNotKnown) {
  Fixture f(with(S3Trait::refuses_conditions));
  EXPECT_EQ(must_fail(f.put("k", "1", {.existing = PutOptions::Existing::refuse})), Code::unsupported);
  EXPECT_TRUE(f.server.objects().empty());
}

struct Trouble {
  const char* name;
  Misdeed misdeed;
  Code code;
};
void PrintTo(const Trouble& trouble, std::ostream* out) { *out << trouble.name; }

class S3StoreGet : public ::testing::TestWithParam<Trouble> {};

TEST_P(S3StoreGet, SurvivesOrExplains) {
  for (const auto& range : {std::optional<ByteRange>(), std::optional(ByteRange{10, 50'000})}) {
    Fixture f;
    f.server.put("pre/fix/k", std::string(100'000, 'x'));
    f.server.order(GetParam().misdeed, "GET");
    const auto got = f.get("k", {.range = range});
    ASSERT_FALSE(got);
    EXPECT_EQ(name_of(got.error().code), name_of(GetParam().code)) << got.error().describe();
    EXPECT_NE(got.error().describe().find("pre/fix/k"), std::string::npos) << got.error().describe();
    expect_no_secrets(got.error(), f.server);
    EXPECT_TRUE(f.get("k", {.range = range})) << "and the next one is right again";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Troubles, S3StoreGet,
    ::testing::Values(Trouble{"denied", refusal(403, "AccessDenied"), Code::denied},
                      Trouble{"gone", refusal(404, "NoSuchKey"), Code::not_found},
                      Trouble{"no_bucket", refusal(404, "NoSuchBucket"), Code::usage},
                      Trouble{"conflict", refusal(409, "OperationAborted"), Code::unavailable},
                      Trouble{"precondition", refusal(412, "PreconditionFailed"), Code::precondition},
                      Trouble{"range", refusal(416, "InvalidRange"), Code::invalid},
                      Trouble{"too_many", refusal(429, "TooManyRequests"), Code::throttled},
                      Trouble{"internal", refusal(500, "InternalError"), Code::unavailable},
                      Trouble{"slow_down", refusal(503, "SlowDown"), Code::throttled},
                      Trouble{"not_implemented", refusal(501, "NotImplemented"), Code::unsupported},
                      Trouble{"moved", refusal(301, "PermanentRedirect"), Code::usage},
                      Trouble{"skewed", refusal(403, "RequestTimeTooSkewed"), Code::denied},
                      Trouble{"reset", {Misdeed::Kind::reset, {}}, Code::unavailable},
                      Trouble{"reset_in_body", {Misdeed::Kind::reset_in_body, {}}, Code::unavailable},
                      Trouble{"short_body", {Misdeed::Kind::short_body, {}}, Code::unavailable},
                      Trouble{"endless_headers", {Misdeed::Kind::endless_headers, {}}, Code::unavailable},
                      Trouble{"garbage", {Misdeed::Kind::garbage, {}}, Code::unavailable}),
    [](const auto& info) { return info.param.name; });

constexpr std::chrono::milliseconds impatient(20);

TEST(S3Store, GivesUpOnAServerThatStalls) {
  for (const auto kind : {Misdeed::Kind::stall, Misdeed::Kind::stall_in_body}) {
    Fixture f({}, {}, {.stall_limit = impatient});
    f.server.put("pre/fix/k", std::string(1000, 'x'));
    f.server.order(kind, "GET");
    EXPECT_EQ(must_fail(f.get("k")), Code::unavailable);
  }
}

TEST(S3Store, KnowsNotWhetherAPutHappenedWhoseAnswerWasLost) {
  Fixture f;
  f.server.order(Misdeed::Kind::lost_answer, "PUT");
  EXPECT_EQ(must_fail(f.put("k", "1", {.existing = PutOptions::Existing::refuse})), Code::unavailable);
  EXPECT_EQ(f.server.objects().at("pre/fix/k").body, "1");
}

TEST(S3Store, StopsAnEndlessBody) {
  Fixture f;
  f.server.put("pre/fix/k", std::string(1000, 'x'));
  f.server.order(Misdeed::Kind::endless_body, "GET");
  EXPECT_EQ(must_fail(get_all(*f.store, {}, Key("k"), 1000)), Code::too_large);
  f.server.order(Misdeed::Kind::endless_body, "GET");
  EXPECT_FALSE(f.get("k", {.range = ByteRange{0, 100}}));
}

TEST(S3Store, TrustsNoRangeThatItDidNotAskFor) {
  Fixture f;
  f.server.put("pre/fix/k", std::string(1000, 'x'));
  for (const auto kind : {Misdeed::Kind::wrong_range, Misdeed::Kind::wrong_length}) {
    f.server.order(kind, "GET");
    EXPECT_EQ(must_fail(f.get("k", {.range = ByteRange{100, 200}})), Code::unavailable);
  }
  EXPECT_EQ(must(f.get("k", {.range = ByteRange{900, 200}})).size(), 100U);
}

TEST(S3Store, TakesTheWholeObjectForARangeOnlyWhereThatIsTheSame) {
  Fixture f(with(S3Trait::ignores_ranges));
  f.server.put("pre/fix/k", std::string(1000, 'x'));
  EXPECT_EQ(must(f.get("k", {.range = ByteRange{0, 1000}})).size(), 1000U);
  EXPECT_EQ(must_fail(f.get("k", {.range = ByteRange{0, 500}})), Code::unsupported);
  EXPECT_EQ(must_fail(f.get("k", {.range = ByteRange{1, 1000}})), Code::unsupported);
}

TEST(S3Store, CarriesRetryAfter) {
  Fixture f;
  Misdeed slow = refusal(503, "SlowDown");
  slow.reply.headers.emplace_back("Retry-After", "7");
  f.server.order(slow);
  EXPECT_EQ(f.get("k").error().retry_after, std::chrono::seconds(7));
}

TEST(S3Store, ShowsNoSecretThatTheServerRepeats) {
  Fixture f;
  auto wrong = f.server.settings().credentials;
  f.server.order(refusal(403, "AccessDenied" + wrong.secret_key));
  expect_no_secrets(f.get("k").error(), f.server);
}

TEST(S3Store, AsksForFreshCredentialsOnceTheServerCallsThemExpired) {
  Fixture f;
  s3::Credentials old_ones = f.server.settings().credentials, new_ones = old_ones;
  old_ones.session_token = "the old token 1234567890";
  new_ones.session_token = "the new token 1234567890";
  f.server.accept_only(new_ones);
  f.server.expire(old_ones.session_token);
  S3Options options{.bucket = BadS3Server::bucket, .endpoint = f.server.url()};

  const auto renewed = f.open(options, {old_ones, new_ones});
  EXPECT_EQ(must_fail(get_all(*renewed, {}, Key("k"), 10)), Code::unavailable);  // what a RetryStore tries again
  EXPECT_EQ(must_fail(get_all(*renewed, {}, Key("k"), 10)), Code::not_found);

  const auto never_renewed = f.open(options, {old_ones});
  EXPECT_EQ(must_fail(get_all(*never_renewed, {}, Key("k"), 10)), Code::unavailable);
  const auto still = get_all(*never_renewed, {}, Key("k"), 10);
  EXPECT_EQ(still.error().code, Code::expired);
  EXPECT_EQ(still.error().describe().find(old_ones.session_token), std::string::npos);
}

TEST(S3Store, ShowsBothClocks) {
  BadS3Settings settings;
  settings.now = [] { return *parse_time("2001-02-03T04:05:06Z"); };
  Fixture f(settings);
  const auto got = f.get("k");
  EXPECT_EQ(got.error().code, Code::denied);
  EXPECT_NE(got.error().message.find("2001-02-03T04:05:06Z"), std::string::npos) << got.error().message;
  const auto head = f.store->head({}, Key("k"));
  EXPECT_NE(head.error().message.find("2001-02-03T04:05:06Z"), std::string::npos) << head.error().message;
}

TEST(S3Store, MistakesNoOtherFailureForAbsence) {
  Fixture f;
  for (const int status : {403, 500, 400, 301}) {
    f.server.order(refusal(status, "Other"), "HEAD");
    EXPECT_FALSE(f.store->head({}, Key("k"))) << status;
  }
  EXPECT_FALSE(must(f.store->head({}, Key("k"))));
}

TEST(S3Store, ListsWhatCanBeAKey) {
  Fixture f(with(S3Trait::pages_of_two));
  for (const char* key : {"pre/fix/a", "pre/fix/b/", "pre/fix/c//d", "pre/fix/e/", "pre/fix/f", "pre/fixed", "other"}) {
    f.server.put(key, "x");
  }
  std::vector<std::string> seen;
  must(for_each_object(*f.store, {}, "", [&](const ListedObject& object) -> Status {
    seen.push_back(object.key.text());
    return {};
  }));
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "f"}));
}

TEST(S3Store, RefusesAListThatIsNotInOrder) {
  Fixture f(with(S3Trait::unsorted_lists));
  for (const char* key : {"pre/fix/a", "pre/fix/b"}) f.server.put(key, "x");
  EXPECT_EQ(must_fail(f.store->list({}, {})), Code::unsupported);
}

TEST(S3Store, RefusesAListOfOtherPeoplesKeys) {
  Fixture f;
  testing::S3Reply reply;
  reply.body = "<ListBucketResult><Contents><Key>elsewhere/a</Key><Size>1</Size></Contents></ListBucketResult>";
  f.server.order({Misdeed::Kind::error_in_200, reply}, "GET");
  EXPECT_EQ(must_fail(f.store->list({}, {})), Code::unsupported);
  reply.body = "not a listing";
  f.server.order({Misdeed::Kind::error_in_200, reply}, "GET");
  EXPECT_EQ(must_fail(f.store->list({}, {})), Code::unavailable);
}

TEST(S3Store, RemovesTogetherAndTellsWhatCouldNotBe) {
  Fixture f;
  for (const char* key : {"pre/fix/a", "pre/fix/b.locked", "pre/fix/c"}) f.server.put(key, "x");
  const std::vector<Key> keys = {Key("a"), Key("b.locked"), Key("c"), Key("absent")};
  const RemoveReport report = must(f.store->remove({}, keys));
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_EQ(report.failures[0].key, Key("b.locked"));
  EXPECT_EQ(report.failures[0].error.code, Code::denied);
  EXPECT_EQ(f.server.objects().size(), 1U);
  EXPECT_EQ(f.server.requests().size(), 1U);
  EXPECT_NE(f.last().header("content-md5"), "");
}

TEST(S3Store, RemovesOneByOneWhereTheEndpointCannotDoMore) {
  Fixture f(with(S3Trait::refuses_multi_delete));
  for (const char* key : {"pre/fix/a", "pre/fix/b"}) f.server.put(key, "x");
  const std::vector<Key> keys = {Key("a"), Key("b"), Key("absent")};
  EXPECT_TRUE(must(f.store->remove({}, keys)).failures.empty());
  EXPECT_TRUE(f.server.objects().empty());
  EXPECT_EQ(f.server.requests().size(), 4U);
  must(f.store->remove({}, keys));
  EXPECT_EQ(f.server.requests().size(), 7U) << "it is not asked again";
}

TEST(S3Store, TakesNoHiddenErrorForARemoval) {
  Fixture f;
  f.server.order({Misdeed::Kind::error_in_200, testing::s3_error(200, "InternalError")}, "POST");
  const std::vector<Key> keys = {Key("a"), Key("b")};
  EXPECT_EQ(must_fail(f.store->remove({}, keys)), Code::unavailable);
  f.server.order({Misdeed::Kind::error_in_200, {200, {}, "<DeleteResult><Error><Key>x</Key></Error></DeleteResult>"}},
                 "POST");
  EXPECT_EQ(must_fail(f.store->remove({}, keys)), Code::unavailable);
}

TEST(S3Store, AddressesTheBucketByHost) {
  S3Options options;
  options.addressing = S3Options::Addressing::virtual_host;
  Fixture f;
  options.bucket = BadS3Server::bucket;
  options.endpoint = "http://localhost:" + std::to_string(f.server.port());
  const auto store = f.open(options, {f.server.settings().credentials});
  must(put_all(*store, {}, Key("a/b"), bytes_of("x"), {}));
  EXPECT_EQ(f.last().target, "/a/b");
  EXPECT_EQ(f.last().header("host"), "bucket.localhost:" + std::to_string(f.server.port()));
  EXPECT_EQ(must(store->list({}, {})).objects.size(), 1U);
}

TEST(S3Store, SendsWhatEncryptionAsksFor) {
  S3Options options;
  options.encryption = "aws:kms";
  options.kms_key_id = "key-1";
  Fixture f({}, options);
  must(f.put("k", "x"));
  const auto headers = f.server.objects().at("pre/fix/k").headers;
  EXPECT_EQ(headers.at("x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(headers.at("x-amz-server-side-encryption-aws-kms-key-id"), "key-1");
  must(f.get("k"));
  EXPECT_EQ(f.last().headers.count("x-amz-server-side-encryption"), 0U);
}

TEST(S3Store, RefusesOptionsThatMakeNoSense) {
  Fixture f;
  const S3Options good{.bucket = "b", .endpoint = "http://127.0.0.1:1"};
  std::vector<S3Options> bad(12, good);
  bad[0].bucket = "";
  bad[1].bucket = "a/b";
  bad[2].bucket = "..";
  bad[3].prefix = "a//b";
  bad[4].endpoint = "ftp://x";
  bad[5].endpoint = "http://h/?x=1";
  bad[6].region = "eu west";
  bad[7].encryption = "rot13";
  bad[8].encryption = "sse-c";
  bad[8].customer_key = std::string(32, 'k');  // over http
  bad[9].encryption = "AES256";
  bad[9].kms_key_id = "x";
  bad[10].part_bytes = 1000;
  bad[11].encryption = "sse-c";
  bad[11].endpoint = "https://h";
  for (std::size_t i = 0; i < bad.size(); ++i) {
    auto opened = open_s3_store(bad[i], *f.transport,
                                std::make_unique<GivenCredentials>(std::vector<s3::Credentials>(1)), f.clock);
    ASSERT_FALSE(opened) << i;
  }
}

TEST(S3Store, KnowsTheAddressesOfAws) {
  Fixture f;
  const auto describe = [&](S3Options options) {
    return f.open(std::move(options), std::vector<s3::Credentials>(1))->describe();
  };
  EXPECT_EQ(describe({.bucket = "b", .prefix = "p", .region = "eu-west-1"}),
            "s3://b/p at https://s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(describe({.bucket = "b", .region = "cn-north-1"}), "s3://b at https://s3.cn-north-1.amazonaws.com.cn");
}

// Uploads in parts.

S3Options in_parts() {
  S3Options options;
  options.multipart_from_bytes = 6 * mebibyte;
  options.part_bytes = 5 * mebibyte;
  return options;
}

Bytes large_body() {
  Bytes body(12 * mebibyte);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::uint8_t>((i * 2654435761U) >> 13);
  return body;
}

TEST(S3StoreInParts, PutsAndGets) {
  Fixture f({}, in_parts());
  const Bytes body = large_body();
  const ObjectInfo info = must(put_all(*f.store, {}, Key("k"), body, {}));
  EXPECT_EQ(info.size_bytes, body.size());
  EXPECT_TRUE(f.server.objects().at("pre/fix/k").body == text_of(body));
  EXPECT_EQ(must(f.store->head({}, Key("k")))->etag, info.etag);
  EXPECT_EQ(f.server.open_uploads(), 0U);
  EXPECT_EQ(f.server.objects().at("pre/fix/k").headers.at("cache-control"), "max-age=31536000, immutable");
}

TEST(S3StoreInParts, AsksForAnEtagThatTheServerLeftOut) {
  BadS3Settings settings = with(S3Trait::empty_complete_etag);
  Fixture f(settings, in_parts());
  const ObjectInfo info = must(put_all(*f.store, {}, Key("k"), large_body(), {}));
  EXPECT_EQ(info.etag, f.server.objects().at("pre/fix/k").etag);
}

TEST(S3StoreInParts, UsesOneRequestWhereAConditionMustHold) {
  Fixture f({}, in_parts());
  must(put_all(*f.store, {}, Key("k"), large_body(), {.existing = PutOptions::Existing::refuse}));
  EXPECT_EQ(f.server.requests().size(), 1U);
  EXPECT_EQ(must_fail(put_all(*f.store, {}, Key("k"), large_body(), {.existing = PutOptions::Existing::refuse})),
            Code::precondition);
}

class S3StoreInPartsBroken : public ::testing::TestWithParam<Trouble> {};

TEST_P(S3StoreInPartsBroken, GivesTheUploadUp) {
  Fixture f({}, in_parts());
  for (const char* step : {"partNumber=2", "POST complete"}) {
    const bool complete = std::string_view(step).starts_with("POST");
    f.server.order(GetParam().misdeed, complete ? "POST" : "PUT", complete ? "uploadId=" : step);
    const auto put = put_all(*f.store, {}, Key("k"), large_body(), {});
    ASSERT_FALSE(put) << step;
    EXPECT_EQ(name_of(put.error().code), name_of(GetParam().code)) << put.error().describe();
    EXPECT_EQ(f.server.open_uploads(), 0U) << step;
    EXPECT_TRUE(f.server.objects().empty()) << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Troubles, S3StoreInPartsBroken,
                         ::testing::Values(Trouble{"denied", refusal(403, "AccessDenied"), Code::denied},
                                           Trouble{"slow_down", refusal(503, "SlowDown"), Code::throttled},
                                           Trouble{"internal", refusal(500, "InternalError"), Code::unavailable}),
                         [](const auto& info) { return info.param.name; });

TEST(S3StoreInParts, TakesNoHiddenErrorForACompletion) {
  Fixture f({}, in_parts());
  f.server.order({Misdeed::Kind::error_in_200, testing::s3_error(200, "InternalError")}, "POST", "uploadId=");
  EXPECT_EQ(must_fail(put_all(*f.store, {}, Key("k"), large_body(), {})), Code::unavailable);
  EXPECT_EQ(f.server.open_uploads(), 0U);
}

TEST(S3StoreInParts, GivesUpABodyThatIsNotWhatWasPromised) {
  Fixture f({}, in_parts());
  EXPECT_EQ(must_fail(put_all(*f.store, {}, Key("k"), large_body(), {.sha256 = sha256("other")})), Code::corrupt);
  EXPECT_EQ(f.server.open_uploads(), 0U);
  EXPECT_TRUE(f.server.objects().empty());
}

TEST(S3StoreInParts, GivesTheUploadUpAlsoWhenStopped) {
  Fixture f({}, in_parts());
  class Stopping final : public Source {
   public:
    explicit Stopping(const Bytes& body) : inner_(body), size_(body.size()) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return size_; }
    Status rewind() override { return inner_.rewind(); }
    Result<std::size_t> read(ByteSpan into) override {
      if (read_ > 5 * mebibyte) stop.request_stop();
      DL_ASSIGN(const std::size_t count, inner_.read(into));
      read_ += count;
      return count;
    }
    std::stop_source stop;

   private:
    BufferSource inner_;
    std::uint64_t size_, read_ = 0;
  };
  const Bytes body = large_body();
  Stopping source(body);
  Op op;
  op.stop = source.stop.get_token();
  EXPECT_EQ(must_fail(f.store->put(op, Key("k"), source, {})), Code::cancelled);
  EXPECT_EQ(f.server.open_uploads(), 0U);
}

}  // namespace
}  // namespace duskline::store
