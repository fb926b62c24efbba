#include <algorithm>
#include <utility>

#include "base/units.h"
#include "site/folders.h"
#include "site/mend_record.h"
#include "site/moves.h"
#include "site/pull.h"
#include "site/repair_plan.h"
#include "site/seal.h"
#include "store/stores.h"

namespace duskline::site {
namespace {

constexpr std::string_view repair_folder = "repair";
constexpr std::uint32_t private_mode = 0700, private_file = 0600;
constexpr std::size_t max_findings = 10'000'000;

using Findings = std::map<std::string, Finding, std::less<>>;

// Content that differs says more than attributes that differ too.
int weight(Finding finding) {
  return finding == Finding::mode || finding == Finding::mtime || finding == Finding::owner ? 0 : 1;
}

class Repair {
 public:
  Repair(const Op& op, const PullParts& parts, Target& target, const PullOptions& options)
      : op_(op),
        target_(target),
        options_(options),
        counting_(parts.store),
        parts_{counting_, parts.disk, parts.trusted, parts.clock, parts.reporter},
        meter_(parts.reporter) {}

  Result<RepairResult> run();

 private:
  Result<Findings> find();
  Status set_extras_aside(const InstalledRelease& release, Findings& findings);
  Result<RepairResult> mend(const InstalledRelease& release, Findings findings);
  Status restamp(const InstalledRelease& release, const Scope& scope, FolderTree& content);

  const Op& op_;
  Target& target_;
  const PullOptions& options_;
  store::CountingStore counting_;
  const PullParts parts_;
  Meter meter_;
  std::vector<std::string> extras_;
  RepairResult result_;
};

Result<RepairResult> Repair::run() {
  const State& state = target_.state();
  if (!state.current) return Error{Code::not_found, "the target shows no release yet; pull first"};
  const InstalledRelease release = *state.current;
  auto found = find();
  if (!found && is_lost_record(found.error().code)) {  // the record, which all else is compared with
    DL_TRY(mend_record(op_, parts_, target_, options_, {release.id, 0, 0, {}}));
    found = find();
  }
  DL_ASSIGN(Findings findings, std::move(found));
  DL_TRY(set_extras_aside(release, findings));
  if (findings.empty()) return result_;
  disk::Directory& own = target_.private_folder();
  DL_TRY(own.remove_tree(repair_folder, disk::Missing::is_absent));
  DL_TRY(own.make_directory(repair_folder, private_mode));
  auto result = mend(release, std::move(findings));
  DL_TRY(own.remove_tree(repair_folder, disk::Missing::is_absent));
  return result;
}

Result<Findings> Repair::find() {
  Findings findings;
  extras_.clear();
  const bool is_in_place = target_.state().layout.mode == Mode::in_place;
  VerifyOptions options;
  options.workers = options_.workers;
  bool too_many = false;
  DL_TRY(verify(op_, target_, options, parts_.reporter, [&](Finding finding, const std::string& path) {
    if (finding == Finding::extra && is_in_place) return;
    too_many = too_many || findings.size() + extras_.size() >= max_findings;
    if (too_many) return;
    if (finding == Finding::extra) return extras_.push_back(path);
    const auto [known, is_new] = findings.emplace(path == "." ? "" : path, finding);
    if (!is_new && weight(finding) > weight(known->second)) known->second = finding;
  }));
  if (too_many) {
    return Error{Code::too_large,
                 "more than " + format_count(max_findings) + " entries are broken; pull the release into a new target"};
  }
  return findings;
}

// Of a switched tree, which is a release and nothing else. The times of the directories are mended with the rest.
Status Repair::set_extras_aside(const InstalledRelease& release, Findings& findings) {
  constexpr std::uint32_t writable = 0700;
  if (extras_.empty()) return {};
  DL_ASSIGN(const auto shown, target_.content(release.id));
  for (const std::string& path : extras_) {
    DL_TRY(op_.check());
    const std::string above(disk::split_path(path).first);
    DL_ASSIGN(const auto stat, shown->stat(path));
    if (!stat) continue;
    if (!above.empty()) {
      DL_ASSIGN(const auto directory, shown->stat(above));
      if (directory && (directory->mode & writable) != writable) {
        DL_TRY(shown->set_mode(above, directory->mode | writable));
      }
    }
    findings.emplace(above, Finding::mtime);
    const Status moved = set_aside(*shown, target_.private_folder(), path, *stat, Place::leaves, "is not the release's",
                                   parts_.reporter);
    if (moved) ++result_.set_aside;
    if (!moved) {
      ++result_.failed;
      parts_.reporter.note(Severity::error,
                           "\"" + printable(path) + "\" cannot be set aside: " + moved.error().describe());
    }
  }
  return {};
}

Result<RepairResult> Repair::mend(const InstalledRelease& release, Findings findings) {
  DL_ASSIGN(const Scope scope, Scope::make(release.layout));
  DL_ASSIGN(auto record, target_.tree(release.id));
  DL_ASSIGN(auto folder, target_.private_folder().open_directory(repair_folder));
  DL_TRY(folder->make_directory("tree", private_mode));
  DL_ASSIGN(std::shared_ptr<disk::Directory> staged, folder->open_directory("tree"));
  DL_ASSIGN(std::shared_ptr<disk::Directory> shown, target_.content(release.id));
  FolderTree content(shown, options_.max_files_open / 4);
  const auto tree = NewTree::of_record({parts_.store,
                                        options_.set,
                                        options_.realm,
                                        parts_.trusted,
                                        {release.id, 0, 0, {}},
                                        nullptr,
                                        *folder,
                                        parts_.reporter},
                                       std::move(record));
  LocalFiles local;
  const std::uint32_t source = local.add_source(shown, Origin::local);
  const std::uint32_t staged_source = local.add_source(staged, Origin::local);
  const LocalChunks nothing({});
  const OwnerRule rule = release.layout.owner ? OwnerRule::required : OwnerRule::where_allowed;
  Assembler assembler(staged, options_.max_files_open, rule, parts_.reporter);
  const unsigned workers = options_.workers != 0 ? options_.workers : 2 * default_workers();
  Fetcher fetcher(op_, {parts_.store, options_.set, local, nullptr, assembler, meter_, parts_.clock, parts_.reporter},
                  workers);
  ChunkPlanner chunks(op_,
                      {*tree, local, nothing, {}, staged_source, fetcher, assembler, meter_, Carrying::out, workers});
  PlanParts plan_parts{scope, *tree,          chunks, assembler, local, nothing,       {},
                       {},    LinkMode::copy, false,  false,     false, Carrying::out, parts_.reporter};
  plan_parts.installed.content = &content;
  plan_parts.installed.source = source;
  RepairPlan plan(op_, std::move(plan_parts), std::move(findings));
  DL_TRY(plan.run());
  DL_TRY(fetcher.finish());
  assembler.attributes().tell(parts_.reporter);
  DL_ASSIGN(result_.kept_files, mend_kept_copies(op_, target_, plan.replaced(), parts_.reporter));
  if (options_.sync) DL_TRY(target_.root().sync_filesystem());
  DL_TRY(restamp(release, scope, content));
  result_.files = plan.repaired();
  result_.bytes_from_store = counting_.traffic().bytes_received;
  result_.failed += plan.failed();
  return result_;
}

// New files have new inodes; without this the next pull would read them all again.
Status Repair::restamp(const InstalledRelease& release, const Scope& scope, FolderTree& content) {
  disk::Directory& own = target_.private_folder();
  const std::string written_as = std::string(repair_folder) + "/stamps";
  DL_ASSIGN(auto file, own.create(written_as, private_file));
  DL_ASSIGN(const auto record, target_.tree(release.id));
  {
    StampWriter stamps(std::move(file), release.id, release.layout.only);
    DL_TRY(stamp_tree(op_, *record, scope, content, stamps));
  }
  DL_TRY(folders::ensure(own, folders::files));
  return own.rename(written_as, own, folders::stamps(release.folder));
}

}  // namespace

Result<RepairResult> repair(const Op& op, const PullParts& parts, Target& target, const PullOptions& options) {
  return Repair(op, parts, target, options).run();
}

}  // namespace duskline::site
