#include "gateway/encryption.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/digest.h"
#include "gateway/service_kit.h"

namespace duskline::gateway {
namespace {

http::Headers key_headers(char letter, const std::string& prefix = "x-amz-server-side-encryption-customer-") {
  const Bytes key(32, static_cast<std::uint8_t>(letter));
  return {
      {prefix + "algorithm", "AES256"}, {prefix + "key", to_base64(key)}, {prefix + "key-md5", to_base64(md5(key))}};
}

http::Headers both(http::Headers a, const http::Headers& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

constexpr auto source_prefix = "x-amz-copy-source-server-side-encryption-customer-";

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 100) % 26);
  return text;
}

class EncryptionTest : public ::testing::Test {
 protected:
  EncryptionTest() { EXPECT_EQ(status("PUT", "/box"), 200); }

  int status(const std::string& method, const std::string& target, http::Headers headers = {}, std::string body = {}) {
    return gateway_.ask({method, target, std::move(headers), std::move(body)}).status;
  }
  std::string code(const std::string& method, const std::string& target, http::Headers headers = {},
                   std::string body = {}) {
    return Gateway::between(gateway_.ask({method, target, std::move(headers), std::move(body)}).body, "Code");
  }
  // Body and files of the answer, as they would be sent.
  std::string content(const std::string& target, http::Headers headers = {}) {
    const http::Answer answer = gateway_.ask({"GET", target, std::move(headers)});
    if (answer.status >= 300) return "status " + std::to_string(answer.status);
    std::string text = answer.body;
    for (const http::FileSlice& slice : answer.files) {
      Bytes bytes(slice.length_bytes);
      EXPECT_EQ(slice.file->read_at(bytes, slice.offset_bytes), static_cast<ssize_t>(bytes.size()));
      text += text_of(bytes);
    }
    return text;
  }
  // What lies on the disk: of slices, past their decryption.
  std::string stored(const std::string& target, http::Headers headers = {}) {
    const http::Answer answer = gateway_.ask({"GET", target, std::move(headers)});
    std::string text;
    for (const http::FileSlice& slice : answer.files) {
      std::string bytes(slice.length_bytes, '\0');
      EXPECT_EQ(::pread(slice.file->descriptor(), bytes.data(), bytes.size(), static_cast<off_t>(slice.offset_bytes)),
                static_cast<ssize_t>(bytes.size()));
      text += bytes;
    }
    return text;
  }
  std::string header(const http::Answer& answer, const std::string& name) {
    const std::string* const value = find_header(answer.headers, name);
    return value == nullptr ? "" : *value;
  }

  Gateway gateway_;
};

// Stored objects depend on these.
TEST(ObjectKey, MakesTheSameKeysForever) {
  const auto key = ObjectKey::parse(std::string(32, 'k'));
  EXPECT_EQ(to_hex(key->key_of_run("00ff")), "40b2c500b2806068b46c0e035c7f0efff84c469d9b4a7add677b7d67597de157");
  EXPECT_EQ(to_hex(key->etag_of(Bytes(16))), "212e10fb14353cadefdf9f9cb9d09022");
}

TEST_F(EncryptionTest, LiesEncryptedUnderTheClientsKeyAndComesBack) {
  for (const std::size_t size : {0U, 1U, 1000U, 200'000U}) {
    const std::string text = pattern(size), target = "/box/of" + std::to_string(size);
    const auto put = gateway_.ask({"PUT", target, key_headers('k'), text});
    EXPECT_EQ(put.status, 200);
    EXPECT_EQ(header(put, "x-amz-server-side-encryption-customer-algorithm"), "AES256");
    EXPECT_EQ(header(put, "x-amz-server-side-encryption-customer-key-md5"), to_base64(md5(Bytes(32, 'k'))));
    EXPECT_EQ(header(put, "etag").find(to_hex(md5(bytes_of(text)))), std::string::npos);
    EXPECT_EQ(content(target, key_headers('k')), text);
  }
  const std::string lies = stored("/box/of200000", key_headers('k'));
  ASSERT_EQ(lies.size(), 200'000U);
  EXPECT_EQ(lies.find(pattern(64)), std::string::npos);
}

TEST_F(EncryptionTest, RangesAreDecryptedFromWhereTheyBegin) {
  const std::string text = pattern(300'000);
  ASSERT_EQ(status("PUT", "/box/a", key_headers('k'), text), 200);
  for (const auto& [first, last] :
       {std::pair<std::size_t, std::size_t>{0, 0}, {15, 16}, {17, 131'073}, {131'071, 131'073}, {299'999, 299'999}}) {
    const std::string range = "bytes=" + std::to_string(first) + "-" + std::to_string(last);
    EXPECT_EQ(content("/box/a", both(key_headers('k'), {{"range", range}})), text.substr(first, last - first + 1));
  }
}

TEST_F(EncryptionTest, ReadingNeedsTheKeyThatItWasPutWith) {
  ASSERT_EQ(status("PUT", "/box/a", key_headers('k'), "secret"), 200);
  ASSERT_EQ(status("PUT", "/box/plain", {}, "open"), 200);
  EXPECT_EQ(code("GET", "/box/a"), "InvalidRequest");
  EXPECT_EQ(status("HEAD", "/box/a"), 400);
  EXPECT_EQ(status("HEAD", "/box/a", key_headers('k')), 200);
  EXPECT_EQ(code("GET", "/box/a", key_headers('x')), "AccessDenied");
  EXPECT_EQ(status("HEAD", "/box/a", key_headers('x')), 403);
  EXPECT_EQ(code("GET", "/box/plain", key_headers('k')), "InvalidRequest");
  EXPECT_EQ(code("GET", "/box/a?attributes", {{"x-amz-object-attributes", "ObjectSize"}}), "InvalidRequest");
  EXPECT_EQ(code("GET", "/box/plain", {{"x-amz-server-side-encryption", "AES256"}}), "InvalidArgument");
}

TEST_F(EncryptionTest, RefusesKeysThatAreNotWhole) {
  const auto without = [](const std::string& name) {
    http::Headers headers = key_headers('k');
    std::erase_if(headers, [&](const auto& header) { return header.first.ends_with(name); });
    return headers;
  };
  EXPECT_EQ(code("PUT", "/box/a", without("-algorithm"), "x"), "InvalidArgument");
  EXPECT_EQ(code("PUT", "/box/a", without("-key"), "x"), "InvalidArgument");
  EXPECT_EQ(code("PUT", "/box/a", without("-md5"), "x"), "InvalidArgument");
  http::Headers wrong_digest = key_headers('k');
  wrong_digest[2].second = key_headers('x')[2].second;
  EXPECT_EQ(code("PUT", "/box/a", wrong_digest, "x"), "InvalidArgument");
  http::Headers short_key = key_headers('k');
  short_key[1].second = to_base64(Bytes(16, 'k'));
  const http::Answer refused = gateway_.ask({"PUT", "/box/a", short_key, "x"});
  EXPECT_EQ(Gateway::between(refused.body, "Code"), "InvalidArgument");
  EXPECT_EQ(refused.body.find(short_key[1].second), std::string::npos);  // no key in an answer
  http::Headers other = key_headers('k');
  other[0].second = "DES";
  EXPECT_EQ(code("PUT", "/box/a", other, "x"), "InvalidEncryptionAlgorithmError");
  EXPECT_EQ(code("PUT", "/box/a", both(key_headers('k'), {{"x-amz-server-side-encryption", "AES256"}}), "x"),
            "InvalidArgument");
}

TEST_F(EncryptionTest, CanHoldClientsKeysToTls) {
  auto& options = const_cast<ServiceOptions&>(gateway_.service->services().options);
  options.customer_keys_need_tls = true;
  EXPECT_EQ(code("PUT", "/box/a", key_headers('k'), "x"), "InvalidRequest");
  EXPECT_EQ(status("PUT", "/box/a", {}, "x"), 200);
}

TEST_F(EncryptionTest, EncryptsUnderTheStoresKey) {
  const std::string text = pattern(200'000);
  const auto put = gateway_.ask({"PUT", "/box/a", {{"x-amz-server-side-encryption", "AES256"}}, text});
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(header(put, "x-amz-server-side-encryption"), "AES256");
  EXPECT_EQ(header(put, "etag"), "\"" + to_hex(md5(bytes_of(text))) + "\"");
  EXPECT_EQ(content("/box/a"), text);
  EXPECT_EQ(stored("/box/a").find(pattern(64)), std::string::npos);
  EXPECT_EQ(status("PUT", "/box/b", {{"x-amz-server-side-encryption", "AES256"}}, "small"), 200);
  EXPECT_EQ(content("/box/b"), "small");
}

TEST_F(EncryptionTest, FollowsTheBucketsDefault) {
  EXPECT_EQ(status("PUT", "/box?encryption", {},
                   "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256"
                   "</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"),
            200);
  ASSERT_EQ(status("PUT", "/box/a", {}, pattern(100'000)), 200);
  EXPECT_EQ(header(gateway_.ask({"HEAD", "/box/a"}), "x-amz-server-side-encryption"), "AES256");
  EXPECT_EQ(content("/box/a"), pattern(100'000));
  EXPECT_EQ(stored("/box/a").find(pattern(64)), std::string::npos);
}

TEST_F(EncryptionTest, HasNoKeyManagementService) {
  EXPECT_EQ(code("PUT", "/box/a", {{"x-amz-server-side-encryption", "aws:kms"}}, "x"), "NotImplemented");
  EXPECT_EQ(
      code("PUT", "/box/a",
           {{"x-amz-server-side-encryption", "aws:kms"}, {"x-amz-server-side-encryption-aws-kms-key-id", "one"}}, "x"),
      "KMS.NotFoundException");
  EXPECT_EQ(code("PUT", "/box/a", {{"x-amz-server-side-encryption-aws-kms-key-id", "one"}}, "x"), "InvalidArgument");
}

TEST_F(EncryptionTest, EncryptsUnderNamedKeys) {
  auto& options = const_cast<ServiceOptions&>(gateway_.service->services().options);
  options.named_keys = {"one", "two"};
  const auto by = [](const std::string& key) {
    return http::Headers{{"x-amz-server-side-encryption", "aws:kms"},
                         {"x-amz-server-side-encryption-aws-kms-key-id", key}};
  };
  const std::string text = pattern(200'000), arn = "arn:aws:kms:us-east-1:1:key/two";
  const auto put = gateway_.ask({"PUT", "/box/a", by(arn), text});
  EXPECT_EQ(header(put, "x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(header(put, "x-amz-server-side-encryption-aws-kms-key-id"), arn);
  EXPECT_NE(header(put, "etag"), "\"" + to_hex(md5(bytes_of(text))) + "\"");
  EXPECT_EQ(content("/box/a"), text);
  EXPECT_EQ(stored("/box/a").find(pattern(64)), std::string::npos);
  EXPECT_EQ(code("PUT", "/box/b", by("three"), "x"), "KMS.NotFoundException");
  const auto unnamed = gateway_.ask({"PUT", "/box/b", {{"x-amz-server-side-encryption", "aws:kms"}}, "x"});
  EXPECT_EQ(header(unnamed, "x-amz-server-side-encryption-aws-kms-key-id"), "one");
  // A copy lies under another key, and reads the same.
  EXPECT_EQ(status("PUT", "/box/c", both(by("one"), {{"x-amz-copy-source", "box/a"}})), 200);
  EXPECT_EQ(content("/box/c"), text);
  EXPECT_EQ(status("PUT", "/box/d", {{"x-amz-copy-source", "box/a"}}), 200);
  EXPECT_EQ(header(gateway_.ask({"HEAD", "/box/d"}), "etag"), "\"" + to_hex(md5(bytes_of(text))) + "\"");
  const http::Headers in_context = {{"x-amz-server-side-encryption-context", to_base64(bytes_of(R"({"a":"b"})"))}};
  EXPECT_EQ(status("PUT", "/box/e", both(by("one"), in_context), "in context"), 200);
  EXPECT_EQ(content("/box/e"), "in context");
  EXPECT_EQ(code("PUT", "/box/e", both(by("one"), {{"x-amz-server-side-encryption-context", "{}"}}), "x"),
            "InvalidArgument");
}

TEST_F(EncryptionTest, FollowsADefaultOfNamedKeys) {
  const auto set = [&](const std::string& key) {
    return code("PUT", "/box?encryption", {},
                "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms"
                "</SSEAlgorithm><KMSMasterKeyID>" +
                    key +
                    "</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>"
                    "<BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>");
  };
  EXPECT_EQ(set("one"), "KMS.NotFoundException");
  auto& options = const_cast<ServiceOptions&>(gateway_.service->services().options);
  options.named_keys = {"one"};
  EXPECT_EQ(set("one"), "");
  const auto put = gateway_.ask({"PUT", "/box/a", {}, "text"});
  EXPECT_EQ(header(put, "x-amz-server-side-encryption-aws-kms-key-id"), "one");
  EXPECT_EQ(header(put, "x-amz-server-side-encryption-bucket-key-enabled"), "true");
  EXPECT_EQ(content("/box/a"), "text");
  // What the request says goes before.
  EXPECT_EQ(header(gateway_.ask({"PUT", "/box/b", {{"x-amz-server-side-encryption", "AES256"}}, "x"}),
                   "x-amz-server-side-encryption"),
            "AES256");
  EXPECT_EQ(header(gateway_.ask({"PUT", "/box/c", key_headers('k'), "x"}), "x-amz-server-side-encryption"), "");
}

TEST_F(EncryptionTest, CopiesBetweenAllKindsOfEncryption) {
  const std::string text = pattern(150'000);
  const http::Headers by_store = {{"x-amz-server-side-encryption", "AES256"}};
  const std::vector<http::Headers> kinds = {{}, by_store, key_headers('k'), key_headers('m')};
  const std::vector<http::Headers> read_with = {{}, {}, key_headers('k'), key_headers('m')};
  const std::vector<http::Headers> source_with = {
      {}, {}, key_headers('k', source_prefix), key_headers('m', source_prefix)};
  for (std::size_t from = 0; from < kinds.size(); ++from) {
    ASSERT_EQ(status("PUT", "/box/from", kinds[from], text), 200);
    for (std::size_t to = 0; to < kinds.size(); ++to) {
      const http::Headers headers = both(both({{"x-amz-copy-source", "box/from"}}, source_with[from]), kinds[to]);
      const auto copied = gateway_.ask({"PUT", "/box/to", headers});
      EXPECT_EQ(copied.status, 200) << from << " to " << to << copied.body;
      EXPECT_EQ(content("/box/to", read_with[to]), text) << from << " to " << to;
      EXPECT_EQ(stored("/box/to", read_with[to]).find(pattern(64)) == std::string::npos, to > 0);
      EXPECT_EQ(status("GET", "/box/to", key_headers('x')), to >= 2 ? 403 : 400);
    }
    if (from >= 2) {
      EXPECT_EQ(code("PUT", "/box/to", {{"x-amz-copy-source", "box/from"}}), "InvalidRequest");
      EXPECT_EQ(code("PUT", "/box/to", both({{"x-amz-copy-source", "box/from"}}, key_headers('x', source_prefix))),
                "AccessDenied");
    }
  }
}

TEST_F(EncryptionTest, EncryptsEachPartOfAnUpload) {
  const auto begun = gateway_.ask({"POST", "/box/a?uploads", key_headers('k')});
  EXPECT_EQ(header(begun, "x-amz-server-side-encryption-customer-algorithm"), "AES256");
  const std::string id = Gateway::between(begun.body, "UploadId");
  const std::string first = pattern(5 << 20), second = pattern(100'000);
  const auto part = [&](int number) { return "/box/a?partNumber=" + std::to_string(number) + "&uploadId=" + id; };
  EXPECT_EQ(code("PUT", part(1), {}, first), "InvalidRequest");
  EXPECT_EQ(code("PUT", part(1), key_headers('x'), first), "InvalidRequest");
  const std::string one = header(gateway_.ask({"PUT", part(1), key_headers('k'), first}), "etag");
  ASSERT_EQ(status("PUT", "/box/source", {}, second), 200);
  const auto copied = gateway_.ask(
      {"PUT", part(2),
       both(key_headers('k'), {{"x-amz-copy-source", "box/source"}, {"x-amz-copy-source-range", "bytes=10-99999"}})});
  const std::string etag = Gateway::between(copied.body, "ETag");
  const std::string two = etag.substr(6, etag.size() - 12);  // without &quot;
  const auto done = gateway_.ask({"POST",
                                  "/box/a?uploadId=" + id,
                                  {},
                                  "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + one +
                                      "</ETag></Part><Part><PartNumber>2</PartNumber><ETag>" + two +
                                      "</ETag></Part></CompleteMultipartUpload>"});
  ASSERT_EQ(done.status, 200) << done.body;
  const std::string whole = first + second.substr(10);
  EXPECT_EQ(content("/box/a", key_headers('k')), whole);
  EXPECT_EQ(content("/box/a?partNumber=2", key_headers('k')), second.substr(10));
  const std::size_t at = first.size() - 100;
  EXPECT_EQ(content("/box/a", both(key_headers('k'),
                                   {{"range", "bytes=" + std::to_string(at) + "-" + std::to_string(at + 199)}})),
            whole.substr(at, 200));
  EXPECT_EQ(status("PUT", "/box/copy", both({{"x-amz-copy-source", "box/a"}}, key_headers('k', source_prefix))), 200);
  EXPECT_EQ(content("/box/copy"), whole);
  // A part to an upload without encryption takes no key.
  const std::string plain = Gateway::between(gateway_.ask({"POST", "/box/b?uploads"}).body, "UploadId");
  EXPECT_EQ(code("PUT", "/box/b?partNumber=1&uploadId=" + plain, key_headers('k'), "x"), "InvalidRequest");
}

}  // namespace
}  // namespace duskline::gateway
