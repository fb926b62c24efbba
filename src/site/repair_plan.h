// Plans how entries of an installed release that were found broken are put back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "site/kept_copies.h"
#include "site/plan_base.h"
#include "site/verify.h"

namespace duskline::site {

// Visits the release's record. Directories, symlinks and attributes are put right at once; files are brought into a
// staging tree and, by complete(), renamed over what is broken: never written through, since another release or the
// site may share the broken file by a hard link.
class RepairPlan final : public PlanBase {
 public:
  // `findings`: what is wrong, by path. A missing directory stands for all below it.
  RepairPlan(const Op& op, PlanParts parts, std::map<std::string, Finding, std::less<>> findings)
      : PlanBase(op, std::move(parts)), findings_(std::move(findings)) {}
  Status run();

  [[nodiscard]] std::uint64_t repaired() const { return repaired_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }
  // Files with several names, as they were: another release may have them still.
  [[nodiscard]] const std::vector<ReplacedFile>& replaced() const { return replaced_; }

 private:
  struct Level {
    std::string path;
    std::shared_ptr<Folder> staged;
    bool is_missing = false;  // it was, and so was all below it
    bool is_staged = false, is_touched = false;
    bool hands_down = false;  // a default ACL
  };
  struct Link {
    std::string path, other;
  };
  struct Attributes {
    std::string path;
    std::uint32_t mode = 0;
    std::int64_t mtime_ns = 0;
    std::optional<model::Owner> owner;
    WantedAttributes extended;  // of a directory
  };
  Status differs(const Sided& sided) override;
  Status leave(const Sided& sided) override;
  Status enter(const Sided& sided);
  Status file(const Sided& sided, Finding finding);
  Status symlink(const Sided& sided);
  Status prepare_staging();
  Status complete();
  Status set_attributes(const Attributes& wanted);
  [[nodiscard]] Attributes attributes_of(const Sided& sided) const;
  Status fail(std::string_view path, const std::string& why);
  [[nodiscard]] std::optional<Finding> finding_of(std::string_view path) const;
  disk::Directory& content() { return parts_.installed.content->root(); }

  const std::map<std::string, Finding, std::less<>> findings_;
  std::vector<Level> levels_;
  std::vector<std::string> staged_;
  std::vector<Link> links_;
  std::vector<Attributes> directories_;  // of those in which something changed, inner ones first
  std::vector<ReplacedFile> replaced_;
  std::uint64_t repaired_ = 0, failed_ = 0;
};

}  // namespace duskline::site
