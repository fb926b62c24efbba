#include "disk/attributes.h"

#include <sys/xattr.h>

#include <algorithm>

#include "base/units.h"

namespace duskline::disk {
namespace {

constexpr std::size_t first_value_bytes = 256;
constexpr std::size_t max_value_bytes = 1 << 16;  // the kernel's XATTR_SIZE_MAX and XATTR_LIST_MAX

bool is_content(std::string_view name) {
  if (name.starts_with("user.") || name.starts_with("trusted.")) return true;
  if (name == "system.posix_acl_access" || name == "system.posix_acl_default") return true;
  if (!name.starts_with("security.")) return false;
  for (const std::string_view label :
       {"security.selinux", "security.SMACK64", "security.apparmor", "security.ima", "security.evm"}) {
    if (name.starts_with(label)) return false;
  }
  return true;
}

// Whatever `call(buffer, size)` has to give, in a buffer grown until it fits. ENODATA gives nothing.
template <typename Call>
Result<std::optional<Bytes>> read_growing(Call&& call, const FileName& name) {
  for (std::size_t size = first_value_bytes;; size = std::min(size * 16, max_value_bytes)) {
    Bytes bytes(size);
    const ssize_t got = retry([&] { return call(bytes.data(), bytes.size()); });
    if (got >= 0) {
      bytes.resize(static_cast<std::size_t>(got));
      return std::optional(std::move(bytes));
    }
    if (errno == ENODATA) return std::optional<Bytes>();
    if (errno != ERANGE || size == max_value_bytes) {
      return path_error("read the extended attributes of", name.display(), errno);
    }
  }
}

Result<std::vector<std::string>> content_names(int fd, const FileName& name) {
  const auto list = [&](void* into, std::size_t size) { return flistxattr(fd, static_cast<char*>(into), size); };
  std::vector<std::string> names;
  auto packed = read_growing(list, name);
  if (!packed && packed.error().code == Code::unsupported) return names;
  if (!packed) return std::move(packed).error();
  if (!*packed) return names;
  for (std::string_view rest = text_of(**packed); !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find('\0'));
    if (is_content(one)) names.emplace_back(one);
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Error attribute_error(std::string_view verb, std::string_view attribute, const FileName& name, int err) {
  std::string what(verb);
  what += " the extended attribute \"" + printable(attribute) + "\" of";
  return path_error(what, name.display(), err);
}

}  // namespace

Result<std::vector<model::Attribute>> read_attributes(int fd, const FileName& name) {
  DL_ASSIGN(std::vector<std::string> names, content_names(fd, name));
  std::vector<model::Attribute> attributes;
  attributes.reserve(names.size());
  for (std::string& one : names) {
    DL_ASSIGN(std::optional<Bytes> value,
              read_growing([&](void* into, std::size_t size) { return fgetxattr(fd, one.c_str(), into, size); }, name));
    if (value) attributes.push_back({std::move(one), std::move(*value)});
  }
  return attributes;
}

Status write_attributes(int fd, const FileName& name, const std::vector<model::Attribute>& wanted) {
  DL_ASSIGN(const std::vector<model::Attribute> present, read_attributes(fd, name));
  for (const model::Attribute& old : present) {
    const auto same_name = [&](const model::Attribute& one) { return one.name == old.name; };
    if (std::any_of(wanted.begin(), wanted.end(), same_name)) continue;
    const int error = error_of([&] { return fremovexattr(fd, old.name.c_str()); });
    if (error != 0 && error != ENODATA) return attribute_error("remove", old.name, name, error);
  }
  for (const model::Attribute& one : wanted) {
    if (!is_content(one.name) || one.name.find('\0') != std::string::npos) {
      return attribute_error("set", one.name, name, EOPNOTSUPP);
    }
    if (std::find(present.begin(), present.end(), one) != present.end()) continue;
    const int error = error_of([&] { return fsetxattr(fd, one.name.c_str(), one.value.data(), one.value.size(), 0); });
    if (error != 0) return attribute_error("set", one.name, name, error);
  }
  return {};
}

}  // namespace duskline::disk
