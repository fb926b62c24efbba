// What lies in stores must stay readable: these texts were written once, and never change.
#include <gtest/gtest.h>

#include "gateway/acl.h"
#include "gateway/object_lock.h"
#include "gateway/properties.h"
#include "gateway/public_access.h"
#include "gateway/tagging.h"
#include "gateway/user_file.h"

namespace duskline::gateway {
namespace {

const std::string anna(64, 'a');

constexpr std::string_view key_file =
    R"({"duskline_store_keys":1,"sealed_under":"4c41d8b4ef2a5ca1","users":[{"id":")"
    R"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","name":"anna","email":"anna@example.org"}],)"
    R"("keys":[{"access_key":"DLAAAAAAAAAAAAAAAAAA","name":"anna","user":")"
    R"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","created":"2026-11-21T09:30:00Z",)"
    R"("sealed_secret":"3Uq5sDwxkNL0A2GZOOwEsZ7ZC00GhEAv0EhttU/AjSUqOX8veBmk9zC9UhQlYA=="},)"
    R"({"access_key":"DLBBBBBBBBBBBBBBBBBB","name":"site-a","user":")"
    R"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","created":"2026-11-21T09:30:01Z",)"
    R"("sealed_secret":"9Qesxghvn8hvl5xq1OORPMqNDDA+fYaY5JwAQSKILXFqDJGLGQW4Rr6WAszYanvh","disabled":true,)"
    R"("limits":{"allow":"read,list","bucket":"releases","prefix":"site-a/"}}]})";

TEST(StoredForms, KeyFile) {
  const auto sealing = SealingKey::parse("duskline-sealing-key:" + std::string(62, '0') + "01");
  ASSERT_TRUE(sealing);
  const auto users = parse_users(key_file, *sealing);
  ASSERT_TRUE(users) << users.error().describe();
  const User* const user = users->user(anna);
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(user->email, "anna@example.org");
  const StoredKey* const first = users->key("DLAAAAAAAAAAAAAAAAAA");
  const StoredKey* const second = users->key_named("site-a");
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(first->secret, "the-secret-of-anna");
  EXPECT_FALSE(first->disabled || first->restriction);
  EXPECT_EQ(format_time(first->created), "2026-11-21T09:30:00Z");
  EXPECT_EQ(second->secret, "the-secret-of-site-a");
  EXPECT_TRUE(second->disabled);
  ASSERT_TRUE(second->restriction);
  EXPECT_EQ(actions_of(*second->restriction), "read,list");
  EXPECT_EQ(second->restriction->bucket, "releases");
  EXPECT_EQ(second->restriction->prefix, "site-a/");
}

TEST(StoredForms, Acl) {
  const std::string text =
      "FULL_CONTROL " + anna + "\nREAD @all\nWRITE @users\nREAD_ACP @logs\nWRITE_ACP " + anna + "\n";
  const Acl acl = Acl::of({{"acl", text}}, "");
  EXPECT_EQ(acl.encode(), text);
  ASSERT_EQ(acl.grants.size(), 5U);
  EXPECT_EQ(acl.grants[1], (Grant{{Grantee::Kind::all_users, ""}, Permission::read}));
  EXPECT_EQ(acl.grants[4], (Grant{{Grantee::Kind::user, anna}, Permission::write_acp}));
}

TEST(StoredForms, PublicAccess) {
  objects::Bucket bucket;
  bucket.properties["public-access-block"] = "block:air";
  EXPECT_EQ(encode(public_access_of(bucket)), "block:air");
  EXPECT_EQ(public_access_of(bucket).access,
            (PublicAccess{.block_acls = true, .ignore_acls = true, .block_policy = false, .restrict_bucket = true}));
  bucket.properties["public-access-block"] = "removed";
  EXPECT_EQ(public_access_of(bucket).kind, PublicAccessState::Kind::removed);
  bucket.properties["ownership"] = "BucketOwnerPreferred";
  EXPECT_EQ(ownership_of(bucket), Ownership::bucket_owner_preferred);
}

TEST(StoredForms, Locks) {
  objects::Bucket bucket;
  bucket.properties["object-lock"] = "COMPLIANCE 2 years";
  EXPECT_EQ(lock_configuration_of(bucket)->retention, (DefaultRetention{LockMode::compliance, 0, 2}));
  EXPECT_EQ(encode(*lock_configuration_of(bucket)), "COMPLIANCE 2 years");
  bucket.properties["object-lock"] = "GOVERNANCE 30 days";
  EXPECT_EQ(lock_configuration_of(bucket)->retention, (DefaultRetention{LockMode::governance, 30, 0}));
  bucket.properties["object-lock"] = "";
  EXPECT_EQ(lock_configuration_of(bucket), LockConfiguration{});
  const auto retention = retention_of({{"lock.mode", "GOVERNANCE"}, {"lock.until", "2030-01-01T00:00:00Z"}});
  ASSERT_TRUE(retention);
  EXPECT_EQ(format_time(retention->until), "2030-01-01T00:00:00Z");
}

TEST(StoredForms, Tags) { EXPECT_EQ(tags_of({{"tags", "b=%C3%A4%20%26&a="}}), (Tags{{"b", "\xc3\xa4 &"}, {"a", ""}})); }

}  // namespace
}  // namespace duskline::gateway
