#include "site/survey.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <utility>

#include "base/units.h"
#include "release/node_source.h"
#include "site/local_chunks.h"

namespace duskline::site {
namespace {

using release::Sided;

class Surveyor final : public release::TreeDiffVisitor {
 public:
  Surveyor(const Op& op, release::Manifest& record, const Scope& scope) : op_(op), record_(record), scope_(scope) {}

  Status differs(const Sided& sided) override {
    if (scope_.part_of(sided.path) != Scope::Part::inside) return {};
    found_.has_subtree = found_.has_subtree || sided.after != nullptr;
    if (sided.after == nullptr) {
      if (is_file(sided.before)) ++found_.files_removed;
      return {};
    }
    if (!is_file(sided.after) || scope_.is_kept(sided.path, false)) return {};
    const model::Entry& file = *sided.after->entry;
    if (!file.hard_link.empty()) ++found_.hard_links;
    if (is_file(sided.before) && sided.before->entry->content == file.content) return {};
    if (!file.hard_link.empty()) return {};
    return add(*sided.after);
  }

  Result<bool> same(const Sided& sided) override {
    const Scope::Part part = scope_.part_of(sided.path);
    found_.has_subtree = found_.has_subtree || part == Scope::Part::inside;
    return part == Scope::Part::ancestor && sided.after->entry->kind == model::EntryKind::directory;
  }

  Survey finish() {
    std::ranges::sort(chunks_);
    for (auto at = chunks_.begin(); at != chunks_.end();) {
      const auto end = std::find_if(at, chunks_.end(), [&](std::uint64_t key) { return key != *at; });
      if (end - at > 1) found_.repeated.push_back(*at);
      at = end;
    }
    chunks_.erase(std::ranges::unique(chunks_).begin(), chunks_.end());
    found_.wanted = std::move(chunks_);
    found_.wanted.insert(found_.wanted.end(), contents_.begin(), contents_.end());
    return std::move(found_);
  }

 private:
  static bool is_file(const release::DirectoryCursor::Item* item) {
    return item != nullptr && item->entry->kind == model::EntryKind::file;
  }

  Status add(const release::DirectoryCursor::Item& item) {
    ++found_.files;
    const bool is_one_chunk = item.entry->chunks.empty() && item.entry->lists.empty();
    if (!is_one_chunk && contents_.size() < LocalChunks::max_keys / 2) {
      contents_.push_back(item.entry->content.prefix64());
    }
    return release::for_each_chunk(
        op_, record_, item, [&](const model::Chunk& chunk, std::uint64_t, std::uint64_t, std::uint32_t) -> Status {
          if (chunk.is_hole()) return {};
          found_.bytes += chunk.length_bytes;  // cannot wrap round: the tree's sum of bytes is bounded and was checked
          if (chunks_.size() < LocalChunks::max_keys) chunks_.push_back(chunk.hash.prefix64());
          return {};
        });
  }

  const Op& op_;
  release::Manifest& record_;
  const Scope& scope_;
  Survey found_;
  std::vector<std::uint64_t> chunks_, contents_;
};

// Every hard link must name a file before it, which has the same content: else what is installed would not be what
// was signed. Memory: 16 bytes a link.
class LinkChecker final : public release::TreeDiffVisitor {
 public:
  Status collect(const Sided& sided) {
    const model::Entry& entry = *sided.after->entry;
    if (entry.kind == model::EntryKind::file && !entry.hard_link.empty()) wanted_[key_of(entry.hard_link)] = {};
    return {};
  }

  Status check(const Sided& sided) {
    const model::Entry& entry = *sided.after->entry;
    if (entry.kind != model::EntryKind::file) return {};
    if (entry.hard_link.empty()) {
      const auto found = wanted_.find(key_of(sided.path));
      if (found != wanted_.end()) found->second = {entry.content.prefix64(), entry.size_bytes, true};
      return {};
    }
    const Named& named = wanted_.at(key_of(entry.hard_link));
    const std::string what =
        "\"" + printable(sided.path) + "\" is a hard link to \"" + printable(entry.hard_link) + "\", ";
    if (!named.is_there) return Error{Code::invalid, what + "which is not an earlier regular file of the release"};
    if (named.content != entry.content.prefix64() || named.size_bytes != entry.size_bytes) {
      return Error{Code::invalid, what + "but the two are said to have different content"};
    }
    return {};
  }

  Status differs(const Sided& sided) override { return is_checking_ ? check(sided) : collect(sided); }
  void begin_checking() { is_checking_ = true; }
  [[nodiscard]] bool has_links() const { return !wanted_.empty(); }

 private:
  struct Named {
    std::uint64_t content = 0, size_bytes = 0;
    bool is_there = false;
  };
  static std::uint64_t key_of(std::string_view path) { return sha256(path).prefix64(); }
  std::unordered_map<std::uint64_t, Named> wanted_;
  bool is_checking_ = false;
};

Status check_links(const Op& op, release::Manifest& record) {
  LinkChecker checker;
  DL_TRY(release::diff_trees(op, nullptr, std::nullopt, &record, record.top(), checker));
  if (!checker.has_links()) return {};
  checker.begin_checking();
  return release::diff_trees(op, nullptr, std::nullopt, &record, record.top(), checker);
}

}  // namespace

Result<Survey> survey(const Op& op, release::Manifest* installed, release::Manifest& wanted, const Scope& scope) {
  DL_TRY(check_links(op, wanted));
  Surveyor surveyor(op, wanted, scope);
  std::optional<release::NodeRef> before;
  if (installed != nullptr) before = installed->top();
  DL_TRY(release::diff_trees(op, installed, before, &wanted, wanted.top(), surveyor));
  return surveyor.finish();
}

}  // namespace duskline::site
