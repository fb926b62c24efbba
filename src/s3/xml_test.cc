#include "s3/xml.h"

#include <gtest/gtest.h>

namespace duskline::s3 {
namespace {

std::string list_of(const std::string& inside) {
  return "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + inside +
         "</ListBucketResult>";
}

TEST(ParseList, ReadsAPage) {
  const auto page = parse_list(list_of(
      "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
      "<Contents><Key>a%20b/c%2Bd</Key><LastModified>2013-05-24T01:02:03.500Z</LastModified><ETag>&quot;e&quot;</ETag>"
      "<Size>42</Size></Contents><Contents><Key>z</Key><Size>0</Size></Contents>"));
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->keys.size(), 2U);
  EXPECT_EQ(page->keys[0].key, "a b/c+d");
  EXPECT_EQ(page->keys[0].size_bytes, 42U);
  EXPECT_EQ(page->keys[0].etag, "\"e\"");
  EXPECT_EQ(format_time(page->keys[0].modified), "2013-05-24T01:02:03.5Z");
  EXPECT_TRUE(page->truncated);
  EXPECT_EQ(page->next_token, "t");
}

TEST(ParseList, TakesKeysAsTheyAreWithoutUrlEncoding) {
  const auto page = parse_list(list_of("<Contents><Key>a%20b</Key><Size>1</Size></Contents>"));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->keys[0].key, "a%20b");
  EXPECT_FALSE(page->truncated);
}

TEST(ParseList, RefusesWhatItCannotTrust) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  for (const std::string& bad :
       {std::string(), std::string("not xml"), std::string("<Error><Code>x</Code></Error>"), list_of("<Contents/>"),
        list_of("<Contents><Key>a</Key></Contents>"), list_of("<Contents><Key>a</Key><Size>-1</Size></Contents>"),
        list_of("<Contents><Key>a</Key><Size>1e9</Size></Contents>"), list_of("<IsTruncated>true</IsTruncated>"),
        list_of("<EncodingType>url</EncodingType><Contents><Key>a%</Key><Size>1</Size></Contents>"),
        std::string("<ListBucketResult>"), list_of(deep),
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>" +
            list_of("<Contents><Key></Key><Size>1</Size></Contents>")}) {
    const auto page = parse_list(bad);
    ASSERT_FALSE(page) << bad.substr(0, 100);
    EXPECT_EQ(page.error().code, Code::unavailable);
  }
}

TEST(ParseList, BoundsTheNumberOfKeys) {
  std::string many;
  for (int i = 0; i < 10'001; ++i) many += "<Contents><Key>k</Key><Size>1</Size></Contents>";
  EXPECT_FALSE(parse_list(list_of(many)));
}

TEST(ParseList, ExpandsNoEntities) {
  const auto page =
      parse_list("<!DOCTYPE x [<!ENTITY e \"boom\">]>" + list_of("<Contents><Key>&e;</Key><Size>1</Size></Contents>"));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->keys[0].key, "&e;");
}

TEST(ParseError, ReadsBothForms) {
  const auto s3 = parse_error(
      "<?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code><Message>m</Message><RequestTime>20130524T000000Z"
      "</RequestTime><ServerTime>2013-05-24T01:00:00Z</ServerTime><Region>eu-1</Region></Error>");
  EXPECT_EQ(s3.code, "RequestTimeTooSkewed");
  EXPECT_EQ(s3.message, "m");
  EXPECT_EQ(s3.server_time, "2013-05-24T01:00:00Z");
  EXPECT_EQ(s3.region, "eu-1");
  const auto sts = parse_error("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>");
  EXPECT_EQ(sts.code, "AccessDenied");
  for (const char* none : {"", "{}", "<html><body>502</body></html>", "<Error>"}) {
    EXPECT_TRUE(parse_error(none).code.empty()) << none;
  }
}

TEST(ParseError, KeepsHostileTextHarmless) {
  const auto error =
      parse_error("<Error><Code>A\x1b[2J</Code><Message>" + std::string(100'000, 'm') + "</Message></Error>");
  EXPECT_EQ(error.code, "A\\x1b[2J");
  EXPECT_LE(error.message.size(), 400U);
}

TEST(DeleteDocument, EscapesKeysAndReadsFailures) {
  EXPECT_NE(delete_document({"a<b>&\"'c"}).find("<Key>a&lt;b&gt;&amp;&quot;'c</Key>"), std::string::npos);
  const auto failures = parse_delete_result(
      "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code></Error></"
      "DeleteResult>");
  ASSERT_TRUE(failures);
  ASSERT_EQ(failures->size(), 1U);
  EXPECT_EQ(failures->front().key, "b");
  EXPECT_EQ(failures->front().code, "AccessDenied");
  EXPECT_FALSE(parse_delete_result("<Other/>"));
}

TEST(Multipart, ReadsAndWritesItsDocuments) {
  EXPECT_EQ(
      *parse_upload_id("<InitiateMultipartUploadResult><UploadId>u&amp;1</UploadId></InitiateMultipartUploadResult>"),
      "u&1");
  EXPECT_FALSE(parse_upload_id("<InitiateMultipartUploadResult/>"));
  EXPECT_NE(complete_document({"\"e1\"", "e2"}).find("<PartNumber>2</PartNumber><ETag>e2</ETag>"), std::string::npos);
  EXPECT_EQ(*parse_complete_result(
                "<CompleteMultipartUploadResult><ETag>&quot;e-2&quot;</ETag></CompleteMultipartUploadResult>"),
            "\"e-2\"");
  EXPECT_FALSE(parse_complete_result("<Error><Code>InternalError</Code></Error>"));
  EXPECT_FALSE(parse_complete_result(""));
}

}  // namespace
}  // namespace duskline::s3
