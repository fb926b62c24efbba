#include "gateway/acl.h"

#include <algorithm>
#include <array>

#include "gateway/properties.h"
#include "gateway/users.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::string_view group_uri = "http://acs.amazonaws.com/groups/";
constexpr std::string_view instance_namespace = "http://www.w3.org/2001/XMLSchema-instance";
using Kind = Grantee::Kind;

struct PermissionName {
  std::string_view name, header;
  Permission permission;
};
constexpr std::array permissions = {
    PermissionName{"FULL_CONTROL", "x-amz-grant-full-control", Permission::full_control},
    PermissionName{"READ", "x-amz-grant-read", Permission::read},
    PermissionName{"READ_ACP", "x-amz-grant-read-acp", Permission::read_acp},
    PermissionName{"WRITE", "x-amz-grant-write", Permission::write},
    PermissionName{"WRITE_ACP", "x-amz-grant-write-acp", Permission::write_acp},
};

// `stored` is how property::acl names them: never change one.
struct GroupName {
  std::string_view uri_end, stored;
  Kind kind;
};
constexpr std::array groups = {
    GroupName{"global/AllUsers", "@all", Kind::all_users},
    GroupName{"global/AuthenticatedUsers", "@users", Kind::authenticated_users},
    GroupName{"s3/LogDelivery", "@logs", Kind::log_delivery},
};

std::string_view name_of(Permission permission) {
  const auto found = std::find_if(permissions.begin(), permissions.end(),
                                  [&](const PermissionName& known) { return known.permission == permission; });
  return found == permissions.end() ? std::string_view() : found->name;
}

std::optional<Permission> permission_named(std::string_view name) {
  const auto found = std::find_if(permissions.begin(), permissions.end(),
                                  [&](const PermissionName& known) { return known.name == name; });
  return found == permissions.end() ? std::nullopt : std::optional(found->permission);
}

const GroupName& group(Kind kind) {
  return *std::find_if(groups.begin(), groups.end(), [&](const GroupName& known) { return known.kind == kind; });
}

Expected<Grantee> group_of_uri(std::string_view uri) {
  for (const GroupName& known : groups) {
    if (uri.starts_with(group_uri) && uri.substr(group_uri.size()) == known.uri_end) return Grantee{known.kind, ""};
  }
  return invalid_argument("Invalid group uri", "uri", std::string(uri));
}

Expected<Grantee> user_of_id(std::string_view id, KeySource& users) {
  if (!is_user_id(id) || !users.display_name(id)) return invalid_argument("Invalid id", "id", std::string(id));
  return Grantee{Kind::user, std::string(id)};
}

Expected<Grantee> user_of_email(std::string_view email, KeySource& users) {
  if (auto id = users.user_by_email(email)) return Grantee{Kind::user, *id};
  return S3Error(ErrorCode::unresolvable_grant_by_email_address);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

// `id="..."`, `uri="..."` or `emailAddress="..."`.
Expected<Grantee> grantee_of_header(std::string_view text, std::string_view header, KeySource& users) {
  const auto equals = std::min(text.find('='), text.size());
  const std::string_view kind = trimmed(text.substr(0, equals));
  const std::string_view value = unquoted(trimmed(text.substr(std::min(equals + 1, text.size()))));
  if (kind == "id") return user_of_id(value, users);
  if (kind == "uri") return group_of_uri(value);
  if (kind == "emailAddress") return user_of_email(value, users);
  return invalid_argument("Argument format not recognized", std::string(header), std::string(text));
}

Done add_header_grants(std::string_view value, const PermissionName& permission, KeySource& users, Acl& acl) {
  for (;;) {
    const auto end = std::min(value.find(','), value.size());
    DL_ASSIGN(Grantee grantee, grantee_of_header(trimmed(value.substr(0, end)), permission.header, users));
    if (acl.grants.size() == Acl::max_grants) {
      return invalid_argument("There are too many grants", std::string(permission.header), std::string(value));
    }
    acl.grants.push_back({std::move(grantee), permission.permission});
    if (end == value.size()) return {};
    value.remove_prefix(end + 1);
  }
}

Expected<Grantee> grantee_of_node(const XmlNode& node, KeySource& users) {
  const std::string type = node.attribute("type");
  const auto uri = node.text_of("URI"), id = node.text_of("ID"), email = node.text_of("EmailAddress");
  if (type == "Group" && uri) return group_of_uri(*uri);
  if (type == "CanonicalUser" && id) return user_of_id(*id, users);
  if (type == "AmazonCustomerByEmail" && email) return user_of_email(*email, users);
  return ErrorCode::malformed_acl;
}

Expected<Grant> grant_of_node(const XmlNode& node, KeySource& users) {
  const auto permission = permission_named(node.text_of("Permission").value_or(""));
  const XmlNode grantee = node.child("Grantee");
  if (!permission || !grantee) return ErrorCode::malformed_acl;
  DL_ASSIGN(Grantee who, grantee_of_node(grantee, users));
  return Grant{std::move(who), *permission};
}

void write_grant(XmlWriter& xml, const Grant& grant, KeySource& users) {
  xml.open("Grant");
  const bool is_user = grant.grantee.kind == Kind::user;
  xml.open("Grantee", "xmlns:xsi=\"" + std::string(instance_namespace) + "\" xsi:type=\"" +
                          (is_user ? "CanonicalUser" : "Group") + "\"");
  if (is_user) {
    xml.text("ID", grant.grantee.user);
    xml.text("DisplayName", users.display_name(grant.grantee.user).value_or(""));
  } else {
    xml.text("URI", std::string(group_uri) + std::string(group(grant.grantee.kind).uri_end));
  }
  xml.close();
  xml.text("Permission", name_of(grant.permission));
  xml.close();
}

}  // namespace

Acl Acl::private_to(std::string owner) {
  return {{Grant{Grantee{Kind::user, std::move(owner)}, Permission::full_control}}};
}

Acl Acl::of(const objects::Properties& properties, const std::string& owner) {
  const auto found = properties.find(std::string(property::acl));
  if (found == properties.end()) return private_to(owner);
  // "READ @all", one a line. A line that cannot be read grants nothing.
  Acl acl;
  for (std::string_view text = found->second; !text.empty();) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto space = std::min(line.find(' '), line.size());
    const auto permission = permission_named(line.substr(0, space));
    const std::string_view who = line.substr(std::min(space + 1, line.size()));
    if (!permission || who.empty()) continue;
    const auto known =
        std::find_if(groups.begin(), groups.end(), [&](const GroupName& each) { return each.stored == who; });
    acl.grants.push_back(
        {known == groups.end() ? Grantee{Kind::user, std::string(who)} : Grantee{known->kind, ""}, *permission});
  }
  return acl;
}

std::string Acl::encode() const {
  std::string text;
  for (const Grant& grant : grants) {
    const bool is_user = grant.grantee.kind == Kind::user;
    text.append(name_of(grant.permission)).append(" ");
    text.append(is_user ? std::string_view(grant.grantee.user) : group(grant.grantee.kind).stored).append("\n");
  }
  return text;
}

bool Acl::allows(Permission permission, std::string_view user, Groups counted) const {
  const auto wanted = static_cast<unsigned>(permission);
  return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
    if ((static_cast<unsigned>(grant.permission) & wanted) != wanted) return false;
    switch (grant.grantee.kind) {
      case Kind::user:
        return !user.empty() && grant.grantee.user == user;
      case Kind::all_users:
        return counted == Groups::count;
      case Kind::authenticated_users:
        return counted == Groups::count && !user.empty();
      case Kind::log_delivery:
        break;
    }
    return false;
  });
}

bool Acl::is_public() const {
  return std::any_of(grants.begin(), grants.end(), [](const Grant& grant) {
    return grant.grantee.kind == Kind::all_users || grant.grantee.kind == Kind::authenticated_users;
  });
}

Expected<Acl> canned_acl(std::string_view name, const AclOwners& owners) {
  Acl acl = Acl::private_to(owners.owner);
  const auto add = [&](Kind kind, Permission permission) { acl.grants.push_back({Grantee{kind, ""}, permission}); };
  const auto add_bucket_owner = [&](Permission permission) {
    if (owners.bucket_owner.empty() || owners.bucket_owner == owners.owner) return;
    acl.grants.push_back({Grantee{Kind::user, owners.bucket_owner}, permission});
  };
  if (name == "public-read") {
    add(Kind::all_users, Permission::read);
  } else if (name == "public-read-write") {
    add(Kind::all_users, Permission::read);
    add(Kind::all_users, Permission::write);
  } else if (name == "authenticated-read") {
    add(Kind::authenticated_users, Permission::read);
  } else if (name == "log-delivery-write") {
    add(Kind::log_delivery, Permission::write);
    add(Kind::log_delivery, Permission::read_acp);
  } else if (name == "bucket-owner-read") {
    add_bucket_owner(Permission::read);
  } else if (name == "bucket-owner-full-control") {
    add_bucket_owner(Permission::full_control);
  } else if (name != "private" && name != "aws-exec-read") {
    return invalid_argument("", "x-amz-acl", std::string(name));
  }
  return acl;
}

Expected<std::optional<Acl>> acl_of_headers(const http::Headers& headers, const AclOwners& owners, KeySource& users) {
  const std::string* canned = nullptr;
  Acl granted;
  bool any = false;
  for (const auto& [name, value] : headers) {
    if (name == "x-amz-acl") {
      // Policies look at one: it must not be another one that counts.
      if (canned != nullptr) return invalid_argument("There is more than one canned ACL", name, value);
      canned = &value;
    }
    for (const PermissionName& permission : permissions) {
      if (name != permission.header) continue;
      any = true;
      DL_TRY(add_header_grants(value, permission, users, granted));
    }
  }
  if (canned != nullptr && any) {
    return S3Error(ErrorCode::invalid_request, "Specifying both Canned ACLs and Header Grants is not allowed");
  }
  if (any) return std::optional(std::move(granted));
  if (canned == nullptr) return std::optional<Acl>();
  DL_ASSIGN(Acl acl, canned_acl(*canned, owners));
  return std::optional(std::move(acl));
}

Expected<Acl> parse_acl_document(std::string_view xml, const AclOwners& owners, KeySource& users) {
  const auto document = XmlDocument::parse(xml, "AccessControlPolicy");
  if (!document) return ErrorCode::malformed_acl;
  const XmlNode list = document->root().child("AccessControlList");
  const XmlNode owner = document->root().child("Owner");
  if (!list || !owner) return ErrorCode::malformed_acl;
  const auto owner_id = owner.text_of("ID");
  if (!owner_id) return ErrorCode::malformed_acl;
  if (*owner_id != owners.owner) return ErrorCode::access_denied;
  return parse_grants(list, users);
}

Expected<Acl> parse_grants(const XmlNode& list, KeySource& users) {
  Acl acl;
  for (const XmlNode& node : list.children()) {
    if (node.name() != "Grant" || acl.grants.size() == Acl::max_grants) return ErrorCode::malformed_acl;
    DL_ASSIGN(Grant grant, grant_of_node(node, users));
    acl.grants.push_back(std::move(grant));
  }
  return acl;
}

void write_grants(XmlWriter& xml, const Acl& acl, KeySource& users) {
  for (const Grant& grant : acl.grants) write_grant(xml, grant, users);
}

std::string acl_document(const Acl& acl, const std::string& owner, KeySource& users) {
  XmlWriter xml;
  xml.root("AccessControlPolicy");
  xml.open("Owner");
  xml.text("ID", owner);
  xml.text("DisplayName", users.display_name(owner).value_or(""));
  xml.close();
  xml.open("AccessControlList");
  write_grants(xml, acl, users);
  return xml.take();
}

}  // namespace duskline::gateway
