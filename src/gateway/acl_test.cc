#include "gateway/acl.h"

#include <gtest/gtest.h>

#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

const std::string anna = std::string(64, 'a'), ben = std::string(64, 'b'), carl = std::string(64, 'c');

class FakeUsers final : public KeySource {
 public:
  std::shared_ptr<const AccessKey> find(std::string_view) override { return nullptr; }
  std::optional<std::string> display_name(std::string_view user) override {
    if (user == anna) return "anna";
    if (user == ben) return "ben";
    return std::nullopt;
  }
  std::optional<std::string> user_by_email(std::string_view email) override {
    return email == "ben@example.org" ? std::optional(ben) : std::nullopt;
  }
};

FakeUsers users;
const AclOwners of_object{anna, carl}, of_bucket{anna, ""};

Acl canned(std::string_view name, const AclOwners& owners = of_object) { return canned_acl(name, owners).value(); }

TEST(Acl, PrivateIsItsOwnersAlone) {
  const Acl acl = Acl::of({}, anna);
  for (const auto permission :
       {Permission::read, Permission::write, Permission::read_acp, Permission::write_acp, Permission::full_control}) {
    EXPECT_TRUE(acl.allows(permission, anna));
    EXPECT_FALSE(acl.allows(permission, ben));
    EXPECT_FALSE(acl.allows(permission, ""));
  }
  EXPECT_FALSE(acl.is_public());
}

TEST(Acl, AnOwnerOfNoNameIsNotEverybody) { EXPECT_FALSE(Acl::of({}, "").allows(Permission::read, "")); }

TEST(Acl, CannedOnesGrantAsDocumented) {
  EXPECT_TRUE(canned("public-read").allows(Permission::read, ""));
  EXPECT_FALSE(canned("public-read").allows(Permission::write, ""));
  EXPECT_FALSE(canned("public-read").allows(Permission::read_acp, ben));
  EXPECT_TRUE(canned("public-read-write").allows(Permission::write, ""));
  EXPECT_TRUE(canned("authenticated-read").allows(Permission::read, ben));
  EXPECT_FALSE(canned("authenticated-read").allows(Permission::read, ""));
  EXPECT_TRUE(canned("bucket-owner-read").allows(Permission::read, carl));
  EXPECT_FALSE(canned("bucket-owner-read").allows(Permission::read_acp, carl));
  EXPECT_TRUE(canned("bucket-owner-full-control").allows(Permission::full_control, carl));
  EXPECT_EQ(canned("bucket-owner-full-control", of_bucket), canned("private"));
  EXPECT_EQ(canned("bucket-owner-full-control", {anna, anna}), canned("private"));
  EXPECT_TRUE(canned("public-read").is_public());
  EXPECT_TRUE(canned("authenticated-read").is_public());
  EXPECT_FALSE(canned("log-delivery-write").is_public());
  EXPECT_EQ(canned_acl("public-ready", of_object).error().code, ErrorCode::invalid_argument);
}

TEST(Acl, GroupsCountForNothingWhereTheyAreIgnored) {
  const Acl acl = canned("public-read");
  EXPECT_FALSE(acl.allows(Permission::read, "", Acl::Groups::ignored));
  EXPECT_FALSE(acl.allows(Permission::read, ben, Acl::Groups::ignored));
  EXPECT_TRUE(acl.allows(Permission::read, anna, Acl::Groups::ignored));
}

TEST(Acl, IsStoredAndReadBack) {
  Acl acl = canned("public-read-write");
  acl.grants.push_back({{Grantee::Kind::user, ben}, Permission::write_acp});
  acl.grants.push_back({{Grantee::Kind::log_delivery, ""}, Permission::read_acp});
  EXPECT_EQ(Acl::of({{std::string(property::acl), acl.encode()}}, carl), acl);
  EXPECT_EQ(Acl::of({{std::string(property::acl), ""}}, anna).grants.size(), 0U);
  EXPECT_EQ(Acl::of({{std::string(property::acl), "FLY @all\nREAD\n\n \nREAD @all"}}, anna).grants.size(), 1U);
}

Expected<std::optional<Acl>> from_headers(const http::Headers& headers) {
  return acl_of_headers(headers, of_object, users);
}

TEST(AclHeaders, GrantToIdsGroupsAndAddresses) {
  const auto acl =
      from_headers({{"x-amz-grant-read", "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\", id=" + ben},
                    {"x-amz-grant-write-acp", "emailAddress=\"ben@example.org\""},
                    {"content-type", "text/plain"}});
  ASSERT_TRUE(acl && *acl);
  ASSERT_EQ((*acl)->grants.size(), 3U);
  EXPECT_EQ((*acl)->grants[0], (Grant{{Grantee::Kind::all_users, ""}, Permission::read}));
  EXPECT_EQ((*acl)->grants[1], (Grant{{Grantee::Kind::user, ben}, Permission::read}));
  EXPECT_EQ((*acl)->grants[2], (Grant{{Grantee::Kind::user, ben}, Permission::write_acp}));
}

TEST(AclHeaders, RefuseWhatTheyCannotGrant) {
  EXPECT_FALSE(from_headers({{"content-type", "text/plain"}})->has_value());
  EXPECT_EQ(from_headers({{"x-amz-acl", "private"}, {"x-amz-grant-read", "id=" + ben}}).error().code,
            ErrorCode::invalid_request);
  EXPECT_EQ(from_headers({{"x-amz-acl", "private"}, {"x-amz-acl", "public-read"}}).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(from_headers({{"x-amz-grant-read", "id=" + carl}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(from_headers({{"x-amz-grant-read", "id=1"}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(from_headers({{"x-amz-grant-read", "uri=http://example.org"}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(from_headers({{"x-amz-grant-read", ""}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(from_headers({{"x-amz-grant-read", "emailAddress=nobody@example.org"}}).error().code,
            ErrorCode::unresolvable_grant_by_email_address);
  std::string many = "id=" + ben;
  for (int i = 0; i < 100; ++i) many += ",id=" + ben;
  EXPECT_EQ(from_headers({{"x-amz-grant-read", many}}).error().code, ErrorCode::invalid_argument);
}

std::string xml_with(const std::string& grants, const std::string& owner = anna) {
  return R"(<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>)" + owner +
         "</ID></Owner><AccessControlList>" + grants + "</AccessControlList></AccessControlPolicy>";
}
std::string xml_grant(const std::string& type, const std::string& who, const std::string& permission = "READ") {
  return R"(<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type=")" + type + "\">" + who +
         "</Grantee><Permission>" + permission + "</Permission></Grant>";
}
ErrorCode refusal(const std::string& xml) {
  const auto acl = parse_acl_document(xml, of_object, users);
  return acl ? ErrorCode::internal_error : acl.error().code;
}

TEST(AclDocument, IsWrittenAndReadBack) {
  Acl acl = canned("public-read-write");
  acl.grants.push_back({{Grantee::Kind::user, ben}, Permission::write_acp});
  const std::string xml = acl_document(acl, anna, users);
  EXPECT_NE(xml.find("<DisplayName>ben</DisplayName>"), std::string::npos);
  EXPECT_EQ(parse_acl_document(xml, of_object, users).value(), acl);
}

TEST(AclDocument, TakesAddresses) {
  const auto acl = parse_acl_document(
      xml_with(xml_grant("AmazonCustomerByEmail", "<EmailAddress>ben@example.org</EmailAddress>")), of_object, users);
  ASSERT_TRUE(acl);
  EXPECT_EQ(acl->grants.front().grantee.user, ben);
  EXPECT_TRUE(parse_acl_document(xml_with(""), of_object, users).value().grants.empty());
}

TEST(AclDocument, RefusesWhatBreaksItsRules) {
  EXPECT_EQ(refusal(""), ErrorCode::malformed_acl);
  EXPECT_EQ(refusal("<AccessControlPolicy/>"), ErrorCode::malformed_acl);
  EXPECT_EQ(refusal(xml_with("", ben)), ErrorCode::access_denied);
  EXPECT_EQ(refusal(xml_with("<Other/>")), ErrorCode::malformed_acl);
  EXPECT_EQ(refusal(xml_with(xml_grant("CanonicalUser", "<ID>" + ben + "</ID>", "FLY"))), ErrorCode::malformed_acl);
  EXPECT_EQ(refusal(xml_with(xml_grant("CanonicalUser", "<ID>" + carl + "</ID>"))), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(xml_with(xml_grant("CanonicalUser", "<URI>x</URI>"))), ErrorCode::malformed_acl);
  EXPECT_EQ(refusal(xml_with(xml_grant("Group", "<URI>x</URI>"))), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(xml_with(xml_grant("", "<ID>" + ben + "</ID>"))), ErrorCode::malformed_acl);
  std::string many;
  for (int i = 0; i < 101; ++i) many += xml_grant("CanonicalUser", "<ID>" + ben + "</ID>");
  EXPECT_EQ(refusal(xml_with(many)), ErrorCode::malformed_acl);
}

}  // namespace
}  // namespace duskline::gateway
