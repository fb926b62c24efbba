#include "site/scope.h"

#include "base/units.h"

namespace duskline::site {
namespace {

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

}  // namespace

Result<std::string> plain_subtree(std::string_view only) {
  if (only.starts_with('/')) {
    return Error{Code::usage, "the subtree \"" + printable(only) +
                                  "\" begins with '/': give its path from the release's top, e.g. \"images/eu\""};
  }
  std::string plain;
  for (std::size_t at = 0; at <= only.size();) {
    const std::size_t end = std::min(only.find('/', at), only.size());
    const std::string_view name = only.substr(at, end - at);
    at = end + 1;
    if (name.empty() || name == ".") continue;
    if (name == ".." || name.find('\0') != std::string_view::npos) {
      return Error{Code::usage,
                   "the subtree \"" + printable(only) + "\" leads out of the release: \"..\" is not allowed"};
    }
    if (!plain.empty()) plain += '/';
    plain += name;
  }
  return plain;
}

Result<Scope> Scope::make(const Layout& layout) {
  Scope scope;
  DL_ASSIGN(scope.keep_, Patterns::parse(layout.keep));
  DL_ASSIGN(scope.only_, plain_subtree(layout.only));
  scope.owner_ = layout.owner;
  scope.mode_mask_ = layout.mode_mask;
  return scope;
}

Scope::Part Scope::part_of(std::string_view path) const {
  if (only_.empty() || path == only_ || is_below(path, only_)) return Part::inside;
  return is_below(only_, path) ? Part::ancestor : Part::outside;
}

}  // namespace duskline::site
