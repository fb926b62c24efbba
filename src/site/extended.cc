#include "site/extended.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/units.h"

namespace duskline::site {
namespace {

constexpr std::string_view access_acl = "system.posix_acl_access", default_acl = "system.posix_acl_default";

bool needs_privilege(const model::Attribute& attribute) {
  return attribute.name.starts_with("security.") || attribute.name.starts_with("trusted.");
}

bool may_be_left_out(Code code) { return code == Code::denied || code == Code::unsupported; }

bool can_do_without(const model::Attribute& attribute, Code code) {
  return code == Code::unsupported || (code == Code::denied && needs_privilege(attribute));
}

}  // namespace

bool hands_down(const std::vector<model::Attribute>& attributes) {
  return std::ranges::find(attributes, default_acl, &model::Attribute::name) != attributes.end();
}

WantedAttributes wanted_attributes(const DirectoryAttributes& of) {
  const bool are_taken_away = of.before != nullptr && !of.before->empty();
  const bool are_handed_down = of.made == DirectoryAttributes::Made::below_default_acl;
  if (of.now.empty() && !are_taken_away && !are_handed_down) return std::nullopt;
  return of.now;
}

std::vector<model::Attribute> comparable(std::vector<model::Attribute> attributes, ModeIs mode) {
  if (::geteuid() != 0) std::erase_if(attributes, needs_privilege);
  if (mode == ModeIs::masked) {
    std::erase_if(attributes, [](const model::Attribute& one) { return one.name == access_acl; });
  }
  return attributes;
}

template <typename To>
Status AttributeGiver::give_to(To& to, const std::vector<model::Attribute>& wanted, const std::string& path) {
  Status all = to.set_attributes(wanted);
  if (all || wanted.empty() || !may_be_left_out(all.error().code)) return all;
  // One after the other, to learn which.
  std::vector<model::Attribute> given;
  std::uint64_t left_out = 0;
  Error why = std::move(all).error();
  for (const model::Attribute& one : wanted) {
    given.push_back(one);
    Status set = to.set_attributes(given);
    if (set) continue;
    if (!can_do_without(one, set.error().code)) return set;
    given.pop_back();
    if (left_out++ == 0) why = std::move(set).error();
  }
  if (left_out > 0) leave_out(left_out, why, path);
  return {};
}

Status AttributeGiver::give(disk::File& to, const std::vector<model::Attribute>& wanted, const std::string& path) {
  return give_to(to, wanted, path);
}

Status AttributeGiver::give(disk::Directory& to, const std::vector<model::Attribute>& wanted, const std::string& path) {
  return give_to(to, wanted, path);
}

void AttributeGiver::leave_out(std::uint64_t attributes, const Error& why, const std::string& path) {
  const std::lock_guard lock(mutex_);
  attributes_ += attributes;
  if (entries_++ == 0) {
    first_ = path;
    why_ = why.describe();
  }
}

void AttributeGiver::tell(Reporter& reporter) {
  const std::lock_guard lock(mutex_);
  if (entries_ == 0) return;
  reporter.note(Severity::warning,
                format_count(attributes_) + (attributes_ == 1 ? " extended attribute" : " extended attributes") +
                    " of " + format_count(entries_) +
                    (entries_ == 1 ? " file or directory" : " files and directories") +
                    " cannot be set here and are left out, the first at \"" + printable(first_) + "\": " + why_);
  attributes_ = entries_ = 0;
}

}  // namespace duskline::site
