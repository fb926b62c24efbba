// The documents and headers that clients see, word for word.
#include "gateway/service.h"

#include <gtest/gtest.h>

#include "gateway/service_kit.h"

namespace duskline::gateway {
namespace {

class ServiceTest : public ::testing::Test {
 protected:
  http::Answer ask(const Ask& asked) { return gateway_.ask(asked); }
  std::string document(const Ask& asked, int status = 200) {
    const auto answer = ask(asked);
    EXPECT_EQ(answer.status, status) << answer.body;
    return Gateway::masked(answer.body);
  }
  void put(const std::string& target, const std::string& body, http::Headers headers = {}) {
    const auto answer = ask({"PUT", target, std::move(headers), body});
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
  static std::string header(const http::Answer& answer, std::string_view name) {
    const std::string* const value = find_header(answer.headers, name);
    return value == nullptr ? "(none)" : *value;
  }

  Gateway gateway_;
  const std::string anna_ = std::string(64, 'a');
  const std::string owner_ = "<Owner><ID>" + anna_ + "</ID><DisplayName>anna</DisplayName></Owner>";
  const std::string xmlns_ = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
};

TEST_F(ServiceTest, ListsBuckets) {
  put("/bucket", "");
  EXPECT_EQ(document({"GET", "/"}),
            "<ListAllMyBucketsResult" + xmlns_ + ">" + owner_ +
                "<Buckets><Bucket><Name>bucket</Name><CreationDate>2026-11-21T00:00:00.000Z</CreationDate></Bucket>"
                "</Buckets></ListAllMyBucketsResult>");
  EXPECT_EQ(document({"GET", "/bucket?location"}), "<LocationConstraint" + xmlns_ + "></LocationConstraint>");
  EXPECT_EQ(document({"GET", "/bucket?versioning"}),
            "<VersioningConfiguration" + xmlns_ + "></VersioningConfiguration>");
}

TEST_F(ServiceTest, SaysWhatIsWrong) {
  EXPECT_EQ(
      document({"GET", "/no-bucket/a%20%26"}, 404),
      "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message>"
      "<BucketName>no-bucket</BucketName><Resource>/no-bucket/a &amp;</Resource><RequestId>*</RequestId><HostId>" +
          std::string(host_id) + "</HostId></Error>");
  put("/bucket", "");
  EXPECT_EQ(document({"GET", "/bucket/a"}, 404)
                .find("<Error><Code>NoSuchKey</Code><Message>The specified key does not "
                      "exist.</Message><Key>a</Key><Resource>/bucket/a</Resource>"),
            0U);
  const auto head = ask({"HEAD", "/bucket/a"});
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(header(head, "x-amz-request-id").size(), 16U);
  EXPECT_EQ(document({"GET", "/bucket/a", {}, "", "ben"}, 403).find("<Error><Code>AccessDenied</Code>"), 0U);
  EXPECT_EQ(document({"GET", "/bucket/a", {}, "", ""}, 403).find("<Error><Code>AccessDenied</Code>"), 0U);
}

// Strangers must not make the server keep or parse anything.
TEST_F(ServiceTest, TakesNoDocumentOfWhoMayNothing) {
  put("/bucket", "");
  const std::string body = "<Delete><Object><Key>a</Key></Object></Delete>";
  for (const Ask& asked : {Ask{"POST", "/bucket?delete", {}, body, ""}, Ask{"PUT", "/another", {}, body, ""},
                           Ask{"PUT", "/bucket/a?tagging", {}, body, ""}}) {
    const auto exchange = gateway_.service->begin(gateway_.signed_head(asked));
    EXPECT_EQ(exchange->wants(), http::Exchange::Wants::answer) << asked.target;
    EXPECT_EQ(exchange->finish().status, 403) << asked.target;
  }
}

TEST_F(ServiceTest, HoldsOnlySoManyDocuments) {
  put("/bucket", "");
  const std::string body(8 << 20, ' ');
  const auto head = gateway_.signed_head({"POST", "/bucket?delete", {}, body});
  std::vector<std::unique_ptr<http::Exchange>> held;
  const std::size_t most = max_documents_bytes - max_strangers_documents_bytes;
  for (std::size_t bytes = 0; bytes < most; bytes += body.size()) {
    held.push_back(gateway_.service->begin(head));
    EXPECT_EQ(held.back()->body(bytes_of(body)), std::nullopt);
  }
  const auto one_more = gateway_.service->begin(head)->body(bytes_of(body));
  ASSERT_TRUE(one_more);
  EXPECT_EQ(one_more->status, 503);
  held.pop_back();
  // Strangers, where a bucket is open to them, take no room from others.
  EXPECT_EQ(ask({"DELETE", "/bucket?publicAccessBlock"}).status, 204);
  const auto strange = gateway_.signed_head({"POST", "/bucket?delete", {}, body, ""});
  const auto stranger = gateway_.service->begin(strange), another = gateway_.service->begin(strange);
  EXPECT_EQ(stranger->body(bytes_of(body)), std::nullopt);
  EXPECT_TRUE(another->body(bytes_of(body)));
  EXPECT_EQ(gateway_.service->begin(head)->body(bytes_of(body)), std::nullopt);
}

// "a&#0;b" would be cut off behind "a", and remove another object.
TEST_F(ServiceTest, RemovesNothingByNamesThatCannotBe) {
  put("/bucket", "");
  put("/bucket?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  put("/bucket/a", "");
  std::string flood = "<Delete>";
  for (int i = 0; i < 200'000; ++i) flood += "<a/>";
  for (const std::string& body :
       {std::string("<Delete><Object><Key>a&#0;b</Key></Object></Delete>"),
        std::string("<Delete><Object><Key>a&#x000;b</Key></Object></Delete>"),
        std::string("<Delete><Object><Key>a\xff</Key></Object></Delete>"),
        std::string("<Delete><Object><Key>a&#xD800;</Key></Object></Delete>"), flood + "</Delete>"}) {
    const auto answer = ask({"POST", "/bucket?delete", {{"content-md5", to_base64(md5(bytes_of(body)))}}, body});
    EXPECT_EQ(Gateway::between(answer.body, "Code"), "MalformedXML") << body.substr(0, 60);
  }
  EXPECT_EQ(ask({"HEAD", "/bucket/a"}).status, 200);
  EXPECT_EQ(document({"GET", "/bucket?versions"}).find("<DeleteMarker>"), std::string::npos);
}

TEST_F(ServiceTest, ListsObjects) {
  put("/bucket", "");
  put("/bucket/a%26b", "hello", {{"x-amz-storage-class", "STANDARD_IA"}});
  put("/bucket/c/d", "");
  const std::string entry =
      "<LastModified>2026-11-21T00:00:00.000Z</LastModified><ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag>"
      "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>5</Size>";
  EXPECT_EQ(document({"GET", "/bucket?delimiter=/"}),
            "<ListBucketResult" + xmlns_ +
                "><Name>bucket</Name><Prefix></Prefix><Marker></Marker><MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter>"
                "<IsTruncated>false</IsTruncated><Contents><Key>a&amp;b</Key>" +
                entry + owner_ + "<StorageClass>STANDARD_IA</StorageClass></Contents>" +
                "<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes></ListBucketResult>");
  EXPECT_EQ(document({"GET", "/bucket?list-type=2&max-keys=1&encoding-type=url"}),
            "<ListBucketResult" + xmlns_ +
                "><Name>bucket</Name><Prefix></Prefix><NextContinuationToken>MWEmYg==</NextContinuationToken>"
                "<KeyCount>1</KeyCount><MaxKeys>1</MaxKeys><EncodingType>url</EncodingType>"
                "<IsTruncated>true</IsTruncated><Contents><Key>a%26b</Key>" +
                entry + "<StorageClass>STANDARD_IA</StorageClass></Contents></ListBucketResult>");
}

TEST_F(ServiceTest, ListsVersions) {
  put("/bucket", "");
  put("/bucket?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  put("/bucket/a", "");
  EXPECT_EQ(ask({"DELETE", "/bucket/a"}).status, 204);
  EXPECT_EQ(document({"GET", "/bucket?versions"}),
            "<ListVersionsResult" + xmlns_ +
                "><Name>bucket</Name><Prefix></Prefix><KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker>"
                "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
                "<DeleteMarker><Key>a</Key><VersionId>*</VersionId><IsLatest>true</IsLatest>"
                "<LastModified>2026-11-21T00:00:00.000Z</LastModified>" +
                owner_ +
                "</DeleteMarker><Version><Key>a</Key><VersionId>*</VersionId><IsLatest>false</IsLatest>"
                "<LastModified>2026-11-21T00:00:00.000Z</LastModified>"
                "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>"
                "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
                "<Size>0</Size><StorageClass>STANDARD</StorageClass>" +
                owner_ + "</Version></ListVersionsResult>");
}

TEST_F(ServiceTest, UploadsInParts) {
  put("/bucket", "");
  const auto begun = ask({"POST", "/bucket/k?uploads"});
  const std::string id = Gateway::between(begun.body, "UploadId");
  EXPECT_EQ(Gateway::masked(begun.body), "<InitiateMultipartUploadResult" + xmlns_ +
                                             "><Bucket>bucket</Bucket><Key>k</Key><UploadId>*</UploadId>"
                                             "</InitiateMultipartUploadResult>");
  put("/bucket/k?partNumber=7&uploadId=" + id, "hello");
  const std::string user = "<ID>" + anna_ + "</ID><DisplayName>anna</DisplayName>";
  EXPECT_EQ(
      document({"GET", "/bucket/k?uploadId=" + id}),
      "<ListPartsResult" + xmlns_ + "><Bucket>bucket</Bucket><Key>k</Key><UploadId>*</UploadId><Initiator>" + user +
          "</Initiator>" + owner_ +
          "<StorageClass>STANDARD</StorageClass><PartNumberMarker>0</PartNumberMarker>"
          "<NextPartNumberMarker>7</NextPartNumberMarker><MaxParts>1000</MaxParts><IsTruncated>false</IsTruncated>"
          "<Part><PartNumber>7</PartNumber><LastModified>2026-11-21T00:00:00.000Z</LastModified>"
          "<ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag><Size>5</Size></Part></ListPartsResult>");
  EXPECT_EQ(
      document({"GET", "/bucket?uploads"}),
      "<ListMultipartUploadsResult" + xmlns_ +
          "><Bucket>bucket</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>"
          "<MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated><Upload><Key>k</Key><UploadId>*</UploadId>"
          "<Initiator>" +
          user + "</Initiator>" + owner_ +
          "<StorageClass>STANDARD</StorageClass><Initiated>2026-11-21T00:00:00.000Z</Initiated></Upload>"
          "</ListMultipartUploadsResult>");
  const Ask complete = {
      "POST",
      "/bucket/k?uploadId=" + id,
      {},
      "<CompleteMultipartUpload><Part><PartNumber>7</PartNumber><ETag>5d41402abc4b2a76b9719d911017c592"
      "</ETag></Part></CompleteMultipartUpload>"};
  const std::string completed =
      "<CompleteMultipartUploadResult" + xmlns_ +
      "><Location>http://store.example/bucket/k</Location><Bucket>bucket</Bucket><Key>k</Key>"
      "<ETag>&quot;62109206880d38a4010a98e11243924a-1&quot;</ETag><ChecksumCRC64NVME>M3eFcAZSQlc=</ChecksumCRC64NVME>"
      "<ChecksumType>FULL_OBJECT</ChecksumType></CompleteMultipartUploadResult>";
  EXPECT_EQ(document(complete), completed);
  EXPECT_EQ(document(complete), completed);  // the client may not have heard of the first
  EXPECT_EQ(
      document({"GET", "/bucket/k?attributes", {{"x-amz-object-attributes", "ETag,Checksum,ObjectParts,ObjectSize"}}}),
      "<GetObjectAttributesResponse" + xmlns_ +
          "><ETag>62109206880d38a4010a98e11243924a-1</ETag><Checksum><ChecksumCRC64NVME>M3eFcAZSQlc="
          "</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType></Checksum><ObjectParts>"
          "<PartsCount>1</PartsCount><PartNumberMarker>0</PartNumberMarker>"
          "<NextPartNumberMarker>1</NextPartNumberMarker><MaxParts>1000</MaxParts><IsTruncated>false</IsTruncated>"
          "<Part><PartNumber>1</PartNumber><Size>5</Size><ChecksumCRC64NVME>M3eFcAZSQlc=</ChecksumCRC64NVME></Part>"
          "</ObjectParts><ObjectSize>5</ObjectSize></GetObjectAttributesResponse>");
}

TEST_F(ServiceTest, CopiesAndDeletes) {
  put("/bucket", "");
  put("/bucket/a", "hello");
  EXPECT_EQ(document({"PUT", "/bucket/b", {{"x-amz-copy-source", "/bucket/a"}}}),
            "<CopyObjectResult" + xmlns_ +
                "><LastModified>2026-11-21T00:00:00.000Z</LastModified>"
                "<ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag><ChecksumCRC64NVME>M3eFcAZSQlc="
                "</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType></CopyObjectResult>");
  const std::string body = "<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>";
  EXPECT_EQ(
      document({"POST", "/bucket?delete", {{"content-md5", to_base64(md5(bytes_of(body)))}}, body}),
      "<DeleteResult" + xmlns_ + "><Deleted><Key>a</Key></Deleted><Deleted><Key>none</Key></Deleted></DeleteResult>");
}

TEST_F(ServiceTest, GivesObjects) {
  put("/bucket", "");
  put("/bucket/a", "hello", {{"content-type", "text/plain"}, {"x-amz-meta-colour", "dusk"}});
  const auto got = ask({"GET", "/bucket/a", {{"x-amz-checksum-mode", "ENABLED"}}});
  EXPECT_EQ(got.body, "hello");
  const http::Headers expected = {{"last-modified", "Sat, 21 Nov 2026 00:00:00 GMT"},
                                  {"etag", "\"5d41402abc4b2a76b9719d911017c592\""},
                                  {"accept-ranges", "bytes"},
                                  {"content-type", "text/plain"},
                                  {"x-amz-meta-colour", "dusk"},
                                  {"x-amz-checksum-crc64nvme", "M3eFcAZSQlc="},
                                  {"x-amz-checksum-type", "FULL_OBJECT"}};
  ASSERT_GE(got.headers.size(), expected.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), got.headers.begin()));
  const auto head = ask({"HEAD", "/bucket/a", {{"range", "bytes=1-2"}}});
  EXPECT_EQ(head.status, 206);
  EXPECT_EQ(head.head_length, 2U);
  EXPECT_EQ(header(head, "content-range"), "bytes 1-2/5");
}

TEST_F(ServiceTest, TakesBodiesInPieces) {
  put("/bucket", "");
  const std::string body(100'000, 'p');
  for (const std::size_t piece : {1000U, 65'536U, 200'000U}) {
    const auto answer = gateway_.run(gateway_.signed_head({"PUT", "/bucket/p", {}, body}), body, piece);
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  // A body that is not what was signed leaves nothing.
  const auto wrong = gateway_.run(gateway_.signed_head({"PUT", "/bucket/q", {}, body}), std::string(100'000, 'q'));
  EXPECT_EQ(Gateway::between(wrong.body, "Code"), "XAmzContentSHA256Mismatch");
  EXPECT_EQ(ask({"HEAD", "/bucket/q"}).status, 404);
}

TEST_F(ServiceTest, InvitesNoBodyThatItWillNotTake) {
  put("/bucket", "");
  for (const char* user : {"ben", ""}) {
    const auto exchange = gateway_.service->begin(gateway_.signed_head({"PUT", "/bucket/a", {}, "body", user}));
    EXPECT_EQ(exchange->wants(), http::Exchange::Wants::answer);
    EXPECT_EQ(exchange->finish().status, 403);
  }
}

TEST_F(ServiceTest, LimitsDocuments) {
  put("/bucket", "");
  const std::string large(max_document_bytes + 1, ' ');
  EXPECT_EQ(Gateway::between(ask({"PUT", "/bucket?versioning", {}, large}).body, "Code"), "MaxMessageLengthExceeded");
  auto head = std::make_shared<http::RequestHead>(*gateway_.signed_head({"PUT", "/bucket?versioning", {}, large}));
  head->content_length.reset();
  head->chunked = true;
  EXPECT_EQ(Gateway::between(gateway_.run(head, large).body, "Code"), "MaxMessageLengthExceeded");
  auto silent = std::make_shared<http::RequestHead>(*gateway_.signed_head({"PUT", "/bucket/a"}));
  silent->content_length.reset();
  EXPECT_EQ(gateway_.run(silent, "").status, 411);
}

TEST_F(ServiceTest, AnswersWhatIsNoRequest) {
  EXPECT_EQ(gateway_.service->malformed(431).status, 431);
  EXPECT_EQ(Gateway::between(gateway_.service->malformed(503).body, "Code"), "SlowDown");
  const auto exchange = gateway_.service->begin(gateway_.signed_head({"GET", "/"}));
  EXPECT_EQ(exchange->overloaded().status, 503);
  EXPECT_EQ(Gateway::between(exchange->broken(408).body, "Code"), "RequestTimeout");
}

TEST_F(ServiceTest, IsMadeForRegionsAndDomainsAlone) {
  TwoUsers keys;
  objects::World world;
  world.open();
  const auto code = [&](ServiceOptions options) {
    const auto made =
        Service::make({*world.engine, keys, world.clock, world.reporter, {}, nullptr}, std::move(options));
    return made ? std::optional<Code>() : made.error().code;
  };
  EXPECT_EQ(code({.region = "eu-west-1", .domain = "s3.example.com"}), std::nullopt);
  EXPECT_EQ(code({.region = ""}), Code::usage);
  EXPECT_EQ(code({.region = "A B"}), Code::usage);
  EXPECT_EQ(code({.domain = ".example.com"}), Code::usage);
  EXPECT_EQ(code({.domain = "exa mple"}), Code::usage);
}

}  // namespace
}  // namespace duskline::gateway
