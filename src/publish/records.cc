#include "publish/records.h"

#include <optional>

#include "release/node_source.h"

namespace duskline::publish {
namespace {

class Recorder final : public release::TreeDiffVisitor {
 public:
  explicit Recorder(Reporter& reporter) : reporter_(reporter) {}
  Status differs(const release::Sided& entry) override {
    const model::Entry& shown = entry.after != nullptr ? *entry.after->entry : *entry.before->entry;
    if (shown.kind == model::EntryKind::directory) return {};
    const char* action = "change";
    if (entry.before == nullptr) action = "add";
    if (entry.after == nullptr) action = "remove";
    reporter_.record({entry.path, action, shown.size_bytes, "", ""});
    return {};
  }

 private:
  Reporter& reporter_;
};

}  // namespace

Status record_changes(const Op& op, release::Manifest* before, release::Manifest& after, Reporter& reporter) {
  Recorder recorder(reporter);
  const auto top_before = before != nullptr ? std::optional(before->top()) : std::nullopt;
  return release::diff_trees(op, before, top_before, &after, after.top(), recorder);
}

}  // namespace duskline::publish
