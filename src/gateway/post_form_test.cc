#include "gateway/post_form.h"

#include <gtest/gtest.h>

#include "gateway/post_policy.h"
#include "gateway/post_signature.h"

namespace duskline::gateway {
namespace {

class Kept final : public FormSink {
 public:
  Done file_begins(const Form& begun) override {
    form = begun;
    return {};
  }
  Done file_bytes(ByteView piece) override {
    file += text_of(piece);
    return {};
  }
  Form form;
  std::string file;
};

std::string part(const std::string& disposition, const std::string& value, const std::string& more = "") {
  return "--xyz\r\nContent-Disposition: form-data; " + disposition + "\r\n" + more + "\r\n" + value + "\r\n";
}
const std::string simple =
    part("name=\"Key\"", "a/${filename}") + part("name=acl", "private") +
    part("name=\"file\"; filename=\"C:\\dir\\x \\\"y\\\".txt\"", "the\r\n--bytes\r\n", "Content-Type: text/plain\r\n") +
    part("name=\"late\"", "ignored") + "--xyz--\r\nepilogue";

Expected<Kept> parsed(std::string_view text, std::size_t piece = 1 << 20) {
  DL_ASSIGN(FormParser parser, FormParser::open("multipart/form-data; boundary=xyz"));
  Kept kept;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    DL_TRY(parser.write(bytes_of(text.substr(0, piece)), kept));
  }
  DL_TRY(parser.finish());
  return kept;
}
ErrorCode refusal(std::string_view text) {
  const auto kept = parsed(text);
  return kept ? ErrorCode::internal_error : kept.error().code;
}

TEST(PostForm, IsTheSameHoweverItComes) {
  for (std::size_t piece = 1; piece < 40; ++piece) {
    const auto kept = parsed(simple, piece);
    ASSERT_TRUE(kept) << piece;
    EXPECT_EQ(kept->file, "the\r\n--bytes\r\n");
    EXPECT_EQ(kept->form.file_name, "x \"y\".txt");
    ASSERT_EQ(kept->form.fields.size(), 2U);
    EXPECT_EQ(*kept->form.field("key"), "a/${filename}");
    EXPECT_EQ(*kept->form.field("acl"), "private");
    EXPECT_EQ(kept->form.field("late"), nullptr);
  }
}

TEST(PostForm, TakesEmptyValuesAndFiles) {
  const auto kept = parsed("preamble\r\n" + part("name=\"key\"", "") + part("name=\"file\"", "") + "--xyz--");
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept->form.field("key"), "");
  EXPECT_EQ(kept->file, "");
  EXPECT_EQ(kept->form.file_name, "");
}

TEST(PostForm, RefusesWhatIsNone) {
  EXPECT_EQ(FormParser::open("application/x-www-form-urlencoded").error().code,
            ErrorCode::request_is_not_multipart_content);
  EXPECT_EQ(FormParser::open("multipart/form-data").error().code, ErrorCode::malformed_post_request);
  EXPECT_TRUE(FormParser::open("Multipart/Form-Data; charset=utf-8; boundary=\"a b;c\""));
  EXPECT_EQ(refusal(""), ErrorCode::malformed_post_request);
  EXPECT_EQ(refusal("--xyz--"), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(part("name=\"key\"", "a") + "--xyz--"), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(simple.substr(0, simple.find("--xyz--"))), ErrorCode::malformed_post_request);
  EXPECT_EQ(refusal("--xyz\r\nContent-Type: text/plain\r\n\r\n\r\n--xyz--"), ErrorCode::malformed_post_request);
  EXPECT_EQ(refusal("--xyzzy\r\n"), ErrorCode::malformed_post_request);
  EXPECT_EQ(refusal("--xyz\r\n" + std::string(5000, 'h')), ErrorCode::malformed_post_request);
}

TEST(PostForm, HasALimitBeforeTheFile) {
  EXPECT_EQ(refusal(part("name=\"key\"", std::string(max_form_bytes + 1, 'k'))),
            ErrorCode::max_post_pre_data_length_exceeded);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += part("name=\"x-ignore\"", "");
  EXPECT_EQ(refusal(many + simple), ErrorCode::max_post_pre_data_length_exceeded);
  EXPECT_TRUE(parsed(part("name=\"key\"", "k") + part("name=\"file\"", std::string(100'000, 'f')) + "--xyz--", 777));
}

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);

std::string policy(const std::string& conditions, const std::string& expiration = "2026-11-22T00:00:00Z") {
  return to_base64(bytes_of(R"({"expiration":")" + expiration + R"(","conditions":[)" + conditions + "]}"));
}
std::string why_not(const std::string& base64, const http::Headers& fields) {
  const auto parsed = PostPolicy::parse(base64);
  if (!parsed) {
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_policy_document);
    return "invalid";
  }
  const auto done = parsed->check(fields, now);
  if (done) return "";
  EXPECT_EQ(done.error().code, ErrorCode::access_denied);
  return done.error().message;
}
const http::Headers fields = {{"bucket", "b"}, {"key", "user/x"}, {"policy", "..."}, {"x-ignore-me", "1"}};
constexpr const char* both = R"({"bucket":"b"},["starts-with","$Key","user/"])";

TEST(PostPolicy, CoversEveryField) {
  EXPECT_EQ(why_not(policy(both), fields), "");
  EXPECT_EQ(why_not(policy(R"({"bucket":"b"})"), fields), "Invalid according to Policy: Extra input fields: key");
  EXPECT_EQ(why_not(policy(R"(["starts-with","$key",""])"), fields),
            "Invalid according to Policy: Extra input fields: bucket");
  EXPECT_EQ(why_not(policy(R"({"bucket":"c"},["starts-with","$key",""])"), fields),
            R"(Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "c"])");
  EXPECT_NE(why_not(policy(std::string(both) + R"(,["EQ","$acl","private"])"), fields), "");
  EXPECT_EQ(why_not(policy(std::string(both) + R"(,["starts-with","$acl",""])"), fields), "");
  EXPECT_EQ(why_not(policy(both, "2026-11-20T00:00:00Z"), fields), "Invalid according to Policy: Policy expired.");
}

TEST(PostPolicy, MayEndListsWithACommaAndNameMilliseconds) {
  const std::string text =
      R"({"expiration": "2027-12-01T12:00:00.000Z", "conditions": [ {"bucket": "b" }, ["starts-with", "$key", "user/"], ] })";
  EXPECT_EQ(why_not(to_base64(bytes_of(text)), fields), "");
}

TEST(PostPolicy, ChecksEachTypeOfAList) {
  http::Headers with = fields;
  with.emplace_back("content-type", "image/png, text/plain");
  const std::string image = std::string(both) + R"(,["starts-with","$Content-Type","image/"])";
  EXPECT_NE(why_not(policy(image), with), "");
  with.back().second = "image/png,image/gif";
  EXPECT_EQ(why_not(policy(image), with), "");
}

TEST(PostPolicy, RefusesWhatIsNone) {
  for (const std::string& text :
       {std::string("!"), to_base64(bytes_of("[]")), to_base64(bytes_of("{")), policy(""), policy("1"), policy("{}"),
        policy(R"({"a":1})"), policy(R"(["eq","$a"])"), policy(R"(["eq","a","b"])"), policy(R"(["like","$a","b"])"),
        policy(R"(["content-length-range",2,1])"), policy(R"(["content-length-range",-1,1])"), policy(both, "soon"),
        to_base64(bytes_of(R"({"conditions":[{"a":"b"}]})")),
        to_base64(bytes_of(R"({"expiration":"2026-11-22T00:00:00Z"})"))}) {
    EXPECT_EQ(why_not(text, fields), "invalid") << text;
  }
}

TEST(PostPolicy, BoundsTheSize) {
  const auto bounded = PostPolicy::parse(policy(R"({"a":"b"},["content-length-range",2,"4"])")).value();
  EXPECT_EQ(bounded.check_size(1).error().code, ErrorCode::entity_too_small);
  EXPECT_TRUE(bounded.check_size(2));
  EXPECT_TRUE(bounded.check_size(4));
  EXPECT_EQ(bounded.check_size(5).error().code, ErrorCode::entity_too_large);
  EXPECT_TRUE(bounded.check_size_so_far(1));
  EXPECT_FALSE(bounded.check_size_so_far(5));
}

// RFC 2202, test cases 1 and 6 of HMAC-SHA-1.
TEST(SignatureV2, IsHmacSha1) {
  EXPECT_EQ(signature_v2(std::string(20, '\x0b'), "Hi There"),
            to_base64(*from_hex("b617318655057264e28bc0b6fb378c8ef146be00")));
  EXPECT_EQ(signature_v2(std::string(80, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            to_base64(*from_hex("aa4ae5e15272d00e95705637ce8a3b55ed402112")));
}

}  // namespace
}  // namespace duskline::gateway
