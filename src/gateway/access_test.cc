#include "gateway/access.h"

#include <gtest/gtest.h>

#include "gateway/acl.h"
#include "gateway/properties.h"
#include "gateway/public_access.h"

namespace duskline::gateway {
namespace {

const std::string anna = std::string(64, 'a'), ben = std::string(64, 'b'), carl = std::string(64, 'c');

// Anna's bucket with one of her objects; who may do what to it.
class Access : public ::testing::Test {
 protected:
  Access() {
    bucket_.name = "bucket";
    bucket_.owner = anna;
    object_.key = "a/x";
    object_.owner = anna;
    head_->peer = "192.0.2.7";
    head_->method = "GET";
    request_.head = head_;
    request_.bucket = "bucket";
    request_.key = "a/x";
  }

  bool allowed(const std::string& user, std::string_view action) {
    Caller caller;
    caller.user = user;
    caller.display_name = user == anna ? "anna" : user == ben ? "ben" : "";
    caller.public_by_default = public_by_default_;
    caller.restriction = user.empty() ? std::nullopt : restriction_;
    const bool about_bucket =
        action.find("Object") == std::string_view::npos && action.find("Upload") == std::string_view::npos;
    AccessQuestion question{request_,
                            caller,
                            action,
                            &bucket_,
                            about_bucket ? std::string_view() : object_.key,
                            there_ && !about_bucket ? &object_ : nullptr};
    const auto refused = authorize(question);
    EXPECT_TRUE(!refused || refused->code == ErrorCode::access_denied);
    return !refused;
  }
  void bucket_acl(std::string_view canned) {
    bucket_.properties[std::string(property::acl)] = canned_acl(canned, {anna, ""})->encode();
  }
  void object_acl(std::string_view canned) {
    object_.properties[std::string(property::acl)] = canned_acl(canned, {object_.owner, anna})->encode();
  }
  void policy(const std::string& statements) {
    bucket_.properties[std::string(property::policy)] = R"({"Version":"2012-10-17","Statement":[)" + statements + "]}";
  }
  void block(const PublicAccess& access) {
    bucket_.properties[std::string(property::public_access_block)] =
        encode(PublicAccessState{PublicAccessState::Kind::block, access});
  }

  objects::Bucket bucket_;
  objects::Version object_;
  std::shared_ptr<http::RequestHead> head_ = std::make_shared<http::RequestHead>();
  Request request_;
  std::optional<Restriction> restriction_;
  bool public_by_default_ = true, there_ = true;
};

constexpr std::string_view allow_reading =
    R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"})";
constexpr std::string_view deny_all =
    R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]})";

TEST_F(Access, AnOwnerMayDoEverythingAndOthersNothing) {
  for (const char* action :
       {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:PutBucketPolicy", "s3:GetObjectAcl",
        "s3:PutObjectAcl", "s3:PutObjectTagging", "s3:PutLifecycleConfiguration", "s3:BypassGovernanceRetention",
        "s3:ListMultipartUploadParts", "s3:DeleteBucket"}) {
    EXPECT_TRUE(allowed(anna, action)) << action;
    EXPECT_FALSE(allowed(ben, action)) << action;
    EXPECT_FALSE(allowed("", action)) << action;
  }
}

TEST_F(Access, ABucketsAclIsAboutListingAndWriting) {
  bucket_acl("public-read");
  EXPECT_TRUE(allowed(ben, "s3:ListBucket"));
  EXPECT_TRUE(allowed("", "s3:ListBucketVersions"));
  EXPECT_FALSE(allowed(ben, "s3:GetObject"));
  EXPECT_FALSE(allowed(ben, "s3:PutObject"));
  bucket_acl("public-read-write");
  EXPECT_TRUE(allowed("", "s3:PutObject"));
  EXPECT_TRUE(allowed(ben, "s3:DeleteObject"));
  EXPECT_FALSE(allowed(ben, "s3:PutBucketAcl"));
  EXPECT_FALSE(allowed(ben, "s3:DeleteBucket"));
  EXPECT_FALSE(allowed(ben, "s3:PutObjectAcl"));  // of an object that is there and not theirs
}

TEST_F(Access, AnObjectsAclIsAboutTheObject) {
  object_acl("authenticated-read");
  EXPECT_TRUE(allowed(ben, "s3:GetObject"));
  EXPECT_TRUE(allowed(ben, "s3:GetObjectVersion"));
  EXPECT_FALSE(allowed("", "s3:GetObject"));
  EXPECT_FALSE(allowed(ben, "s3:GetObjectAcl"));
  EXPECT_FALSE(allowed(ben, "s3:DeleteObject"));
  EXPECT_FALSE(allowed(ben, "s3:ListBucket"));
}

TEST_F(Access, WhatOthersPutIsTheirs) {
  object_.owner = ben;
  EXPECT_TRUE(allowed(ben, "s3:GetObject"));
  EXPECT_TRUE(allowed(ben, "s3:PutObjectAcl"));
  EXPECT_TRUE(allowed(ben, "s3:PutObjectTagging"));
  EXPECT_FALSE(allowed(anna, "s3:GetObject"));
  EXPECT_TRUE(allowed(anna, "s3:DeleteObject"));
  object_acl("bucket-owner-read");
  EXPECT_TRUE(allowed(anna, "s3:GetObject"));
  EXPECT_FALSE(allowed(anna, "s3:PutObjectAcl"));
  bucket_.properties[std::string(property::ownership)] = "BucketOwnerEnforced";
  EXPECT_TRUE(allowed(anna, "s3:PutObjectAcl"));
  EXPECT_FALSE(allowed(ben, "s3:GetObject"));
}

TEST_F(Access, OwnersAreNeverLockedOutOfAclAndPolicy) {
  bucket_.properties[std::string(property::acl)] = "";
  object_.properties[std::string(property::acl)] = "";
  EXPECT_FALSE(allowed(anna, "s3:ListBucket"));
  EXPECT_FALSE(allowed(anna, "s3:PutObject"));
  EXPECT_FALSE(allowed(anna, "s3:GetObject"));
  EXPECT_TRUE(allowed(anna, "s3:PutBucketAcl"));
  EXPECT_TRUE(allowed(anna, "s3:PutObjectAcl"));
  policy(std::string(deny_all));
  EXPECT_FALSE(allowed(anna, "s3:PutBucketAcl"));
  EXPECT_TRUE(allowed(anna, "s3:DeleteBucketPolicy"));
  EXPECT_FALSE(allowed(ben, "s3:DeleteBucketPolicy"));
}

TEST_F(Access, APolicyAllowsBesideAclsAndItsDenialWins) {
  policy(std::string(allow_reading));
  EXPECT_TRUE(allowed(ben, "s3:GetObject"));
  EXPECT_TRUE(allowed("", "s3:GetObject"));
  EXPECT_FALSE(allowed(ben, "s3:PutObject"));
  policy(std::string(allow_reading) + "," + std::string(deny_all));
  EXPECT_FALSE(allowed(ben, "s3:GetObject"));
  EXPECT_FALSE(allowed(anna, "s3:GetObject"));
}

TEST_F(Access, AnAbsentObjectIsNoSecretToThoseWhoMayList) {
  there_ = false;
  EXPECT_FALSE(allowed(ben, "s3:GetObject"));
  bucket_acl("public-read");
  EXPECT_TRUE(allowed(ben, "s3:GetObject"));
  EXPECT_FALSE(allowed(ben, "s3:PutObject"));
}

// s3:PutObject is asked for besides: here is only whether something speaks against it.
TEST_F(Access, WhatAWriterWillOwnMayComeWithItsAclAndTags) {
  there_ = false;
  EXPECT_TRUE(allowed(ben, "s3:PutObjectAcl"));
  EXPECT_TRUE(allowed(ben, "s3:PutObjectTagging"));
  policy(std::string(deny_all));
  EXPECT_FALSE(allowed(ben, "s3:PutObjectAcl"));
  EXPECT_FALSE(allowed(ben, "s3:PutObjectTagging"));
}

TEST_F(Access, PublicAccessIsBlockedUntilStoreOrBucketSayOtherwise) {
  public_by_default_ = false;
  object_acl("public-read");
  policy(std::string(allow_reading));
  EXPECT_FALSE(allowed("", "s3:GetObject"));
  EXPECT_TRUE(allowed(ben, "s3:GetObject"));
  block({});
  EXPECT_TRUE(allowed("", "s3:GetObject"));
  bucket_.properties[std::string(property::public_access_block)] =
      encode(PublicAccessState{PublicAccessState::Kind::removed, {}});
  EXPECT_TRUE(allowed("", "s3:GetObject"));
}

TEST_F(Access, ABlockIgnoresPublicAclsAndRestrictsPublicPolicies) {
  object_acl("public-read");
  block({.ignore_acls = true});
  EXPECT_FALSE(allowed("", "s3:GetObject"));
  EXPECT_FALSE(allowed(ben, "s3:GetObject"));
  EXPECT_TRUE(allowed(anna, "s3:GetObject"));
  policy(std::string(allow_reading));
  EXPECT_TRUE(allowed(ben, "s3:GetObject"));
  block({.ignore_acls = true, .restrict_bucket = true});
  EXPECT_FALSE(allowed(ben, "s3:GetObject"));
  EXPECT_TRUE(allowed(anna, "s3:GetObject"));
  policy(std::string(deny_all));
  EXPECT_FALSE(allowed(anna, "s3:GetObject"));
}

TEST_F(Access, RestrictedKeysDoWhatTheyAreForInEveryBucket) {
  restriction_ = Restriction{.read = true, .list = true, .prefix = "a/", .bucket = ""};
  EXPECT_TRUE(allowed(ben, "s3:GetObject"));
  EXPECT_FALSE(allowed(ben, "s3:PutObject"));
  EXPECT_FALSE(allowed(ben, "s3:DeleteObject"));
  EXPECT_FALSE(allowed(ben, "s3:PutObjectAcl"));
  EXPECT_FALSE(allowed(anna, "s3:PutObject"));  // though the bucket is hers
  EXPECT_FALSE(allowed(anna, "s3:DeleteBucketPolicy"));
  EXPECT_TRUE(allowed(ben, "s3:GetBucketLocation"));
  object_.key = "b/x";
  EXPECT_FALSE(allowed(ben, "s3:GetObject"));
  request_.key = "";
  EXPECT_FALSE(allowed(ben, "s3:ListBucket"));
  request_.query = {{"prefix", "a/b"}};
  EXPECT_TRUE(allowed(ben, "s3:ListBucket"));
  request_.query = {{"prefix", "a"}};
  EXPECT_FALSE(allowed(ben, "s3:ListBucket"));
  head_->method = "HEAD";
  EXPECT_TRUE(allowed(ben, "s3:ListBucket"));
}

TEST_F(Access, RestrictedKeysStayInTheirBucketAndUnderItsPolicy) {
  restriction_ = Restriction{.read = true, .write = true, .remove = true, .prefix = "", .bucket = "bucket"};
  EXPECT_TRUE(allowed(ben, "s3:PutObject"));
  EXPECT_TRUE(allowed(ben, "s3:DeleteObjectVersion"));
  EXPECT_TRUE(allowed(ben, "s3:AbortMultipartUpload"));
  EXPECT_FALSE(allowed(ben, "s3:BypassGovernanceRetention"));
  policy(std::string(deny_all));
  EXPECT_FALSE(allowed(ben, "s3:PutObject"));
  bucket_.properties.clear();
  restriction_->bucket = "other";
  EXPECT_FALSE(allowed(ben, "s3:PutObject"));
}

TEST_F(Access, ConditionsSeeTheRequest) {
  const auto with = [&](const std::string& condition) {
    policy(R"({"Effect":"Allow","Principal":{"AWS":"ben"},"Action":"s3:*","Resource":"arn:aws:s3:::bucket/*",)"
           R"("Condition":{)" +
           condition + "}}");
    return allowed(ben, "s3:PutObject");
  };
  head_->headers = {{"referer", "http://x/"},
                    {"x-amz-acl", "private"},
                    {"x-amz-tagging", "a=1&b=2"},
                    {"x-amz-copy-source", "/bucket/source?versionId=1"}};
  request_.query = {{"versionId", "v"}};
  object_.properties[std::string(property::tags)] = "Team=red";
  EXPECT_TRUE(with(R"("IpAddress":{"aws:SourceIp":"192.0.2.0/24"})"));
  EXPECT_FALSE(with(R"("IpAddress":{"aws:SourceIp":"198.51.100.0/24"})"));
  EXPECT_FALSE(with(R"("Bool":{"aws:SecureTransport":"true"})"));
  head_->secure = true;
  EXPECT_TRUE(with(R"("Bool":{"aws:SecureTransport":"true"})"));
  EXPECT_TRUE(with(R"("StringLike":{"aws:Referer":"http://*"})"));
  EXPECT_TRUE(with(R"("StringEquals":{"s3:x-amz-acl":"private"})"));
  EXPECT_TRUE(with(R"("StringEquals":{"s3:VersionId":"v"})"));
  EXPECT_TRUE(with(R"("StringEquals":{"s3:x-amz-copy-source":"bucket/source"})"));
  EXPECT_TRUE(with(R"("StringEquals":{"s3:x-amz-copy-source":"/bucket/source"})"));
  EXPECT_FALSE(with(R"("StringNotLike":{"s3:x-amz-copy-source":"bucket/*"})"));
  EXPECT_TRUE(with(R"("StringEquals":{"s3:RequestObjectTag/b":"2"})"));
  EXPECT_TRUE(with(R"("ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b"]})"));
  EXPECT_TRUE(with(R"("StringEquals":{"s3:ExistingObjectTag/Team":"red"})"));
  EXPECT_FALSE(with(R"("StringEquals":{"s3:ExistingObjectTag/team":"red"})"));
  EXPECT_TRUE(with(R"("StringEquals":{"s3:ResourceAccount":")" + anna + "\"}"));
}

TEST(PublicAccess, DocumentsAndStoredFormsReadBack) {
  const PublicAccess access{.block_acls = true, .restrict_bucket = true};
  EXPECT_EQ(parse_public_access_document(public_access_document(access)).value(), access);
  EXPECT_EQ(parse_public_access_document("<PublicAccessBlockConfiguration/>").value(), PublicAccess{});
  EXPECT_FALSE(parse_public_access_document(
      "<PublicAccessBlockConfiguration><BlockPublicAcls>maybe</BlockPublicAcls></PublicAccessBlockConfiguration>"));
  objects::Bucket bucket;
  EXPECT_EQ(public_access_of(bucket).kind, PublicAccessState::Kind::untouched);
  bucket.properties[std::string(property::public_access_block)] =
      encode(PublicAccessState{PublicAccessState::Kind::block, access});
  EXPECT_EQ(public_access_of(bucket).access, access);
}

TEST(Ownership, HasOneRule) {
  EXPECT_EQ(parse_ownership_document(ownership_document("BucketOwnerPreferred")).value(), "BucketOwnerPreferred");
  EXPECT_FALSE(parse_ownership_document(ownership_document("Nobody")));
  EXPECT_FALSE(parse_ownership_document("<OwnershipControls/>"));
}

// Also where the request is about a key of theirs, and copies from another.
TEST_F(Access, NarrowedKeysLearnNothingOfKeysBeyond) {
  restriction_ = Restriction{.read = true, .list = true, .write = true, .prefix = "a/", .bucket = ""};
  Caller caller;
  caller.user = anna;
  caller.restriction = restriction_;
  AccessQuestion question{request_, caller, "s3:ListBucket", &bucket_, {}};
  question.missing_key = "a/y";
  EXPECT_FALSE(authorize(question));
  question.missing_key = "b/y";
  EXPECT_TRUE(authorize(question));
}

TEST_F(Access, PoliciesCanRefuseOldSignatures) {
  policy(R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*","Condition":)"
         R"({"StringNotEquals":{"s3:signatureversion":"AWS4-HMAC-SHA256"}}})");
  Caller caller;
  caller.user = anna;
  caller.signed_by = SignedBy::header;
  const AccessQuestion question{request_, caller, "s3:GetObject", &bucket_, object_.key, &object_};
  EXPECT_FALSE(authorize(question));
  caller.signature = Caller::Signature::version_2;
  EXPECT_TRUE(authorize(question));
}

}  // namespace
}  // namespace duskline::gateway
