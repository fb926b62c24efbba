#include "gateway/body_decoder.h"

#include <gtest/gtest.h>

#include "gateway/digests.h"
#include "gateway/signature_kit.h"

namespace duskline::gateway {
namespace {

struct Decoded {
  std::string verdict, bytes;
  http::Headers trailers;
};

Decoded decode(const BodyRules& rules, std::string_view raw, std::size_t piece = SIZE_MAX) {
  BodyDecoder decoder(rules);
  Decoded decoded;
  const auto take = [&](ByteView bytes) -> Done {
    decoded.bytes += text_of(bytes);
    return {};
  };
  Done done;
  while (!raw.empty() && done) {
    done = decoder.write(bytes_of(raw.substr(0, piece)), take);
    raw.remove_prefix(std::min(piece, raw.size()));
  }
  if (done) done = decoder.finish();
  decoded.verdict = done ? "ok" : info_of(done.error().code).name;
  decoded.trailers = decoder.trailers();
  return decoded;
}

BodyRules example_rules(const std::string& sha256, const std::string& seed, const std::string& length = "66560") {
  http::RequestHead head;
  head.headers = {{"x-amz-decoded-content-length", length}};
  BodyRules rules = *body_rules(sha256, head);
  if (rules.signing) {
    rules.signing = {s3::signing_key(example_secret, {"20130524", "us-east-1", "s3"}), example_date, example_scope,
                     seed};
  }
  return rules;
}

const std::string large(65536, 'a'), small(1024, 'a');

// Amazon's example of a chunked upload.
const std::string chunked_seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
std::string chunked_example() {
  return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + large + "\r\n" +
         "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + small + "\r\n" +
         "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}

// Amazon's example of a chunked upload with a trailer. The trailer's signature printed there does not follow from the
// string to sign printed beside it; this one does.
const std::string trailer_seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
std::string trailer_example() {
  return "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" + large + "\r\n" +
         "400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" + small + "\r\n" +
         "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
         "x-amz-checksum-crc32c:sOO8/Q==\r\n"
         "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
}

TEST(BodyDecoder, AcceptsThePublishedChunkedExample) {
  const auto rules = example_rules("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", chunked_seed);
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{65621}}) {
    const Decoded decoded = decode(rules, chunked_example(), piece);
    EXPECT_EQ(decoded.verdict, "ok") << piece;
    EXPECT_EQ(decoded.bytes, large + small) << piece;
  }
}

TEST(BodyDecoder, AcceptsThePublishedTrailerExample) {
  const auto rules = example_rules("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", trailer_seed);
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{1000}}) {
    const Decoded decoded = decode(rules, trailer_example(), piece);
    EXPECT_EQ(decoded.verdict, "ok") << piece;
    ASSERT_EQ(decoded.trailers.size(), 1U);
    EXPECT_EQ(decoded.trailers.front().second, "sOO8/Q==");
  }
  Checksum crc(ChecksumKind::crc32c);
  crc.update(bytes_of(large + small));
  EXPECT_EQ(to_base64(crc.finish()), "sOO8/Q==");
}

TEST(BodyDecoder, RefusesEveryChange) {
  const auto rules = example_rules("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", trailer_seed);
  const std::string good = trailer_example();
  for (const std::size_t at : {std::size_t{30}, std::size_t{100}, good.find("400;") + 30, good.find("\r\n0;") + 30,
                               good.find("sOO8"), good.size() - 10}) {
    std::string bad = good;
    bad[at] = bad[at] == 'b' ? 'c' : 'b';
    EXPECT_EQ(decode(rules, bad).verdict, "SignatureDoesNotMatch") << at;
  }
  std::string unsigned_trailer = good.substr(0, good.find("x-amz-trailer-signature"));
  EXPECT_EQ(decode(rules, unsigned_trailer + "\r\n").verdict, "SignatureDoesNotMatch");
  EXPECT_EQ(decode(rules, good.substr(0, good.find("x-amz-checksum")) + "\r\n").verdict, "MalformedTrailerError");
}

TEST(BodyDecoder, RefusesWhatEndsEarlyOrLate) {
  const auto rules = example_rules("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", chunked_seed);
  const std::string good = chunked_example();
  for (const std::size_t length : {std::size_t{0}, std::size_t{5}, std::size_t{200}, good.find("400;"),
                                   good.find("\r\n0;") + 2, good.find("\r\n0;") + 20}) {
    EXPECT_EQ(decode(rules, good.substr(0, length)).verdict, "IncompleteBody") << length;
  }
  EXPECT_EQ(decode(rules, good + "more").verdict, "IncompleteBody");
  EXPECT_EQ(decode(example_rules("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", chunked_seed, "66559"), good).verdict,
            "IncompleteBody");
  EXPECT_EQ(decode(example_rules("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", chunked_seed, "66561"), good).verdict,
            "IncompleteBody");
}

TEST(BodyDecoder, TakesUnsignedChunks) {
  const auto rules = example_rules("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "10");
  const Decoded decoded = decode(rules, "4\r\nabcd\r\n6\r\nefghij\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", 3);
  EXPECT_EQ(decoded.verdict, "ok");
  EXPECT_EQ(decoded.bytes, "abcdefghij");
  EXPECT_EQ(decoded.trailers.size(), 1U);
  for (const char* bad : {"4\r\nabcde\r\n0\r\n\r\n", "zz\r\n", "-4\r\n", "4 \r\nabcd\r\n", "\r\n", "b\r\n",
                          "4\r\nabcd0\r\n", "ffffffffffffffff1\r\n"}) {
    EXPECT_EQ(decode(rules, bad).verdict, "IncompleteBody") << bad;
  }
  EXPECT_EQ(decode(rules, "a\r\nabcdefghij\r\n0\r\nno colon\r\n\r\n").verdict, "MalformedTrailerError");
  EXPECT_EQ(decode(rules, std::string(5000, '1')).verdict, "IncompleteBody");
}

TEST(BodyDecoder, ChecksASignedHash) {
  BodyRules rules;
  rules.sha256 = sha256("plain");
  EXPECT_EQ(decode(rules, "plain", 2).verdict, "ok");
  EXPECT_EQ(decode(rules, "Plain").verdict, "XAmzContentSHA256Mismatch");
  EXPECT_EQ(decode(BodyRules(), "anything").bytes, "anything");
}

TEST(BodyRules, KnowWhatContentSha256MayBe) {
  const http::RequestHead head;
  const auto refusal = [&](std::string_view value) {
    const auto rules = body_rules(value, head);
    return rules ? "ok" : info_of(rules.error().code).name;
  };
  EXPECT_EQ(refusal("UNSIGNED-PAYLOAD"), "ok");
  EXPECT_EQ(refusal(s3::empty_payload), "ok");
  EXPECT_EQ(refusal("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "MissingContentLength");
  EXPECT_EQ(refusal("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), "NotImplemented");
  EXPECT_EQ(refusal("STREAMING-UNSIGNED-PAYLOAD"), "NotImplemented");
  EXPECT_EQ(refusal("abc"), "InvalidArgument");
}

}  // namespace
}  // namespace duskline::gateway
