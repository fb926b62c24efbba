// Blocked public access, and who owns what others put into a bucket.
//
// A bucket that nobody has asked anything of is open to signed requests alone: anonymous ones are refused whatever ACL
// and policy say, unless the store says otherwise (Caller::public_by_default). A public access block of its own decides
// from then on, and taking it away with DeletePublicAccessBlock leaves ACLs and policy to decide.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/error.h"
#include "objects/types.h"

namespace duskline::gateway {

struct PublicAccess {
  bool block_acls = false;       // refuse ACLs that grant to everybody
  bool ignore_acls = false;      // take such grants for nothing
  bool block_policy = false;     // refuse public policies
  bool restrict_bucket = false;  // a public policy allows only the bucket's owner anything
  bool operator==(const PublicAccess&) const = default;
};

// What stands in property::public_access_block.
struct PublicAccessState {
  enum class Kind : std::uint8_t { untouched, block, removed };
  Kind kind = Kind::untouched;
  PublicAccess access;
};
[[nodiscard]] PublicAccessState public_access_of(const objects::Bucket& bucket);
[[nodiscard]] std::string encode(const PublicAccessState& state);

[[nodiscard]] Expected<PublicAccess> parse_public_access_document(std::string_view xml);
[[nodiscard]] std::string public_access_document(const PublicAccess& access);

enum class Ownership : std::uint8_t { object_writer, bucket_owner_preferred, bucket_owner_enforced };
// ObjectWriter where nothing was said: ACLs count.
[[nodiscard]] Ownership ownership_of(const objects::Bucket& bucket);
[[nodiscard]] Expected<std::string> parse_ownership_document(std::string_view xml);  // as property::ownership holds it
[[nodiscard]] std::string ownership_document(std::string_view ownership);
[[nodiscard]] bool is_ownership(std::string_view text);

}  // namespace duskline::gateway
