#include "gateway/public_access.h"

#include <array>
#include <optional>

#include "gateway/properties.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

struct Field {
  std::string_view name;
  bool PublicAccess::* field;
  char letter;  // in property::public_access_block: never change one
};
constexpr std::array fields = {
    Field{"BlockPublicAcls", &PublicAccess::block_acls, 'a'},
    Field{"IgnorePublicAcls", &PublicAccess::ignore_acls, 'i'},
    Field{"BlockPublicPolicy", &PublicAccess::block_policy, 'p'},
    Field{"RestrictPublicBuckets", &PublicAccess::restrict_bucket, 'r'},
};
constexpr std::string_view removed_text = "removed", block_prefix = "block:";

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "TRUE" || text == "True" || text == "1") return true;
  if (text == "false" || text == "FALSE" || text == "False" || text == "0" || text.empty()) return false;
  return std::nullopt;
}

}  // namespace

PublicAccessState public_access_of(const objects::Bucket& bucket) {
  const auto found = bucket.properties.find(std::string(property::public_access_block));
  if (found == bucket.properties.end()) return {};
  if (found->second == removed_text) return {PublicAccessState::Kind::removed, {}};
  PublicAccessState state{PublicAccessState::Kind::block, {}};
  for (const Field& field : fields) {
    state.access.*field.field = found->second.find(field.letter, block_prefix.size()) != std::string::npos;
  }
  return state;
}

std::string encode(const PublicAccessState& state) {
  if (state.kind == PublicAccessState::Kind::untouched) return "";
  if (state.kind == PublicAccessState::Kind::removed) return std::string(removed_text);
  std::string text(block_prefix);
  for (const Field& field : fields) {
    if (state.access.*field.field) text += field.letter;
  }
  return text;
}

Expected<PublicAccess> parse_public_access_document(std::string_view xml) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "PublicAccessBlockConfiguration"));
  PublicAccess access;
  for (const Field& field : fields) {
    const auto flag = parse_flag(document.root().text_of(field.name).value_or(""));
    if (!flag) return ErrorCode::malformed_xml;
    access.*field.field = *flag;
  }
  return access;
}

std::string public_access_document(const PublicAccess& access) {
  XmlWriter xml;
  xml.root("PublicAccessBlockConfiguration");
  for (const Field& field : fields) xml.flag(field.name, access.*field.field);
  return xml.take();
}

bool is_ownership(std::string_view text) {
  return text == "ObjectWriter" || text == "BucketOwnerPreferred" || text == "BucketOwnerEnforced";
}

Ownership ownership_of(const objects::Bucket& bucket) {
  const auto found = bucket.properties.find(std::string(property::ownership));
  if (found == bucket.properties.end()) return Ownership::object_writer;
  if (found->second == "BucketOwnerEnforced") return Ownership::bucket_owner_enforced;
  if (found->second == "BucketOwnerPreferred") return Ownership::bucket_owner_preferred;
  return Ownership::object_writer;
}

Expected<std::string> parse_ownership_document(std::string_view xml) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "OwnershipControls"));
  const auto rules = document.root().children("Rule");
  if (rules.size() != 1) return ErrorCode::malformed_xml;
  auto ownership = rules.front().text_of("ObjectOwnership");
  if (!ownership || !is_ownership(*ownership)) return ErrorCode::malformed_xml;
  return std::move(*ownership);
}

std::string ownership_document(std::string_view ownership) {
  XmlWriter xml;
  xml.root("OwnershipControls");
  xml.open("Rule");
  xml.text("ObjectOwnership", ownership);
  return xml.take();
}

}  // namespace duskline::gateway
