#include "site/findings.h"

#include <algorithm>

namespace duskline::site {
namespace {

constexpr std::size_t max_held = 10'000;

}  // namespace

std::string_view name_of(Finding finding) {
  switch (finding) {
    case Finding::changed:
      return "changed";
    case Finding::missing:
      return "missing";
    case Finding::extra:
      return "extra";
    case Finding::mode:
      return "mode";
    case Finding::mtime:
      return "mtime";
    case Finding::kind:
      return "kind";
    case Finding::owner:
      return "owner";
    case Finding::xattr:
      return "xattr";
    case Finding::unreadable:
      return "unreadable";
  }
  return "changed";
}

void FindingSink::emit(std::vector<std::pair<std::string, Finding>>& findings) {
  if (findings.empty()) return;
  std::ranges::sort(findings);
  const std::lock_guard lock(mutex_);
  for (const auto& [path, finding] : findings) {
    switch (finding) {
      case Finding::changed:
      case Finding::kind:
      case Finding::unreadable:
        ++changed_;
        break;
      case Finding::missing:
        ++missing_;
        break;
      case Finding::extra:
        ++extra_;
        break;
      case Finding::mode:
      case Finding::mtime:
      case Finding::owner:
      case Finding::xattr:
        ++attributes_;
        break;
    }
    if (found_) found_(finding, path);
  }
  findings.clear();
}

void FindingSink::count_into(VerifyResult& result) const {
  result.changed = changed_;
  result.missing = missing_;
  result.extra = extra_;
  result.attributes = attributes_;
}

void DirectoryFindings::add(Finding finding, std::string path) {
  const std::lock_guard lock(mutex_);
  findings_.emplace_back(std::move(path), finding);
  if (findings_.size() >= max_held) sink_.emit(findings_);
}

}  // namespace duskline::site
