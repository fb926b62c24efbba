// Access control lists of buckets and objects.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/access.h"
#include "gateway/error.h"
#include "gateway/xml.h"
#include "http/server.h"
#include "objects/types.h"

namespace duskline::gateway {

// Bits, so that FULL_CONTROL is all of them.
enum class Permission : std::uint8_t { read = 1, write = 2, read_acp = 4, write_acp = 8, full_control = 15 };

struct Grantee {
  enum class Kind : std::uint8_t { user, all_users, authenticated_users, log_delivery };
  Kind kind = Kind::user;
  std::string user;  // id
  bool operator==(const Grantee&) const = default;
};
struct Grant {
  Grantee grantee;
  Permission permission = Permission::read;
  bool operator==(const Grant&) const = default;
};

struct Acl {
  static constexpr std::size_t max_grants = 100;
  std::vector<Grant> grants;

  // Full control for its owner, and nothing else: what a bucket or object without an ACL of its own has.
  [[nodiscard]] static Acl private_to(std::string owner);
  // Of property::acl; private to `owner` where there is none.
  [[nodiscard]] static Acl of(const objects::Properties& properties, const std::string& owner);
  [[nodiscard]] std::string encode() const;
  // `user` empty: anonymous. `ignore_public`: as if there were no grants to groups of users.
  enum class Groups : std::uint8_t { count, ignored };
  [[nodiscard]] bool allows(Permission permission, std::string_view user, Groups groups = Groups::count) const;
  [[nodiscard]] bool is_public() const;  // grants something to everybody, or to every user
  bool operator==(const Acl&) const = default;
};

// Whose things an ACL is about.
struct AclOwners {
  std::string owner;         // of the bucket or object
  std::string bucket_owner;  // of an object's bucket; empty: the ACL is a bucket's
};

// "public-read" and its like. InvalidArgument.
[[nodiscard]] Expected<Acl> canned_acl(std::string_view name, const AclOwners& owners);
// x-amz-acl or x-amz-grant-*; nothing where the headers hold neither. InvalidRequest for both, InvalidArgument (also
// for two canned ones),
// UnresolvableGrantByEmailAddress.
[[nodiscard]] Expected<std::optional<Acl>> acl_of_headers(const http::Headers& headers, const AclOwners& owners,
                                                          KeySource& users);
// AccessControlPolicy. MalformedACLError, AccessDenied where it names another owner.
[[nodiscard]] Expected<Acl> parse_acl_document(std::string_view xml, const AclOwners& owners, KeySource& users);
// The grants in an AccessControlList or TargetGrants. MalformedACLError.
[[nodiscard]] Expected<Acl> parse_grants(const XmlNode& list, KeySource& users);
void write_grants(XmlWriter& xml, const Acl& acl, KeySource& users);
[[nodiscard]] std::string acl_document(const Acl& acl, const std::string& owner, KeySource& users);

}  // namespace duskline::gateway
