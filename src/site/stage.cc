#include "site/stage.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/units.h"
#include "site/carry_over.h"
#include "site/change.h"
#include "site/in_place_plan.h"
#include "site/mend_record.h"
#include "site/seal.h"
#include "site/staging.h"
#include "site/survey.h"
#include "site/switched_plan.h"

namespace duskline::site {
namespace {

constexpr std::uint32_t private_file = 0600;
constexpr unsigned least_workers = 8;  // they wait for the network most of the time

class Stager {
 public:
  Stager(const Op& op, const PullParts& parts, Target& target, const PullOptions& options, const WantedRelease& wanted,
         const Layout& layout, Meter& meter)
      : op_(op),
        parts_(parts),
        target_(target),
        options_(options),
        wanted_(wanted),
        layout_(layout),
        meter_(meter),
        workers_(options.workers != 0 ? options.workers : std::max(least_workers, 2 * default_workers())) {}

  Result<StageResult> run();
  // Whether it went by what an earlier run left, which a power cut may have spoilt.
  [[nodiscard]] bool used_leftovers() const { return staging_ && (staging_->resumes() || !staging_->older().empty()); }

 private:
  [[nodiscard]] bool is_dry() const { return options_.write == PullOptions::Write::dry_run; }
  Status open_installed();
  Status obtain_tree();
  Status check_space(disk::VolumeInfo volume);
  Status index_local(LocalChunks& chunks);
  Status index_seeds(LocalChunks& chunks);
  Status plan(const LocalChunks& chunks);
  Status plan_switched(PlanParts plan_parts, Assembler& assembler);
  Status plan_in_place(PlanParts plan_parts);
  Status merge_changes();
  Result<std::unique_ptr<disk::File>> create(std::string_view name);

  const Op& op_;
  const PullParts& parts_;
  Target& target_;
  const PullOptions& options_;
  const WantedRelease& wanted_;
  const Layout& layout_;
  Meter& meter_;
  const unsigned workers_;

  std::optional<Scope> scope_, installed_scope_;
  std::optional<Staging> staging_;
  std::unique_ptr<release::Manifest> installed_record_;
  std::optional<StampReader> stamps_;
  std::unique_ptr<FolderTree> content_;
  std::unique_ptr<NewTree> tree_;
  Survey survey_;
  LocalFiles local_;
  std::uint32_t installed_source_ = 0, staged_source_ = 0;
  std::vector<std::uint32_t> seeds_;
  disk::VolumeInfo volume_;
  PlanCounts counts_;
  bool is_needed_ = true;
};

Result<StageResult> Stager::run() {
  DL_ASSIGN(scope_, Scope::make(layout_));
  DL_TRY(open_installed());
  DL_ASSIGN(staging_, is_dry() ? Staging::open_dry_run(target_, wanted_.id, layout_)
                               : Staging::open(target_, wanted_.id, layout_));
  DL_TRY(obtain_tree());
  DL_ASSIGN(survey_, survey(op_, installed_record_.get(), tree_->record(), *scope_));
  if (!scope_->only().empty() && !survey_.has_subtree) {
    return Error{Code::usage, "release " + std::to_string(tree_->release().number) + " has no \"" +
                                  printable(scope_->only()) + "\": give --only a directory of the release"};
  }
  DL_ASSIGN(volume_, parts_.disk.probe(target_.private_folder()));
  if (!is_dry()) DL_TRY(check_space(volume_));
  meter_.expect(survey_.files, survey_.bytes);
  LocalChunks chunks(std::move(survey_.wanted));
  DL_TRY(index_local(chunks));
  DL_TRY(plan(chunks));
  return StageResult{tree_->release(), counts_, is_needed_};
}

// What is known of the content that is there. Stamps that are lost cost reading, nothing else, and so does a record;
// but in-place nothing else says which files go. So one that is there and cannot be read now is an error.
Status Stager::open_installed() {
  const State& state = target_.state();
  const InstalledRelease* base = target_.find(wanted_.id);  // also a kept one, which in-place has no content
  const bool has_content = base != nullptr && base->layout.mode == Mode::switched;
  if (state.current && (!has_content || layout_.mode == Mode::in_place)) base = &*state.current;
  if (base != nullptr) {
    auto content = target_.content(base->id);
    auto record = target_.tree(base->id);
    if (!record && !is_lost_record(record.error().code)) return std::move(record).error();
    if (!content && !is_lost_record(content.error().code)) return std::move(content).error();
    if (!record && layout_.mode == Mode::in_place) {
      parts_.reporter.note(Severity::warning,
                           "it is not known what the installed release consists of (" + record.error().describe() +
                               "): files that the new one does not have stay; remove them with --delete");
    }
    if (content && record) {
      installed_record_ = std::move(*record);
      content_ = std::make_unique<FolderTree>(std::move(*content), options_.max_files_open / 4);
      DL_ASSIGN(installed_scope_, Scope::make(base->layout));
      auto stamps = target_.stamps(base->id);
      if (stamps) stamps_.emplace(std::move(*stamps));
    }
  }
  if (!content_ && layout_.mode == Mode::in_place) {
    DL_ASSIGN(std::shared_ptr<disk::Directory> root, parts_.disk.open(target_.path()));
    content_ = std::make_unique<FolderTree>(std::move(root), options_.max_files_open / 4);
  }
  if (content_) {
    const std::shared_ptr<disk::Directory> root(std::shared_ptr<void>(), &content_->root());
    installed_source_ = local_.add_source(root, Origin::local);
  }
  return {};
}

Status Stager::obtain_tree() {
  TreeRequest request{parts_.store,       options_.set,   options_.realm,
                      parts_.trusted,     wanted_,        installed_record_.get(),
                      staging_->folder(), parts_.reporter};
  DL_ASSIGN(tree_, NewTree::obtain(op_, request));
  staged_source_ = local_.add_source(staging_->tree(), Origin::local);
  return {};
}

// An upper bound of what will be written, checked before anything is fetched.
Status Stager::check_space(disk::VolumeInfo volume) {
  constexpr std::uint64_t margin = 4 << 20;
  const bool copies_all = layout_.mode == Mode::switched && options_.link == LinkMode::copy;
  const std::uint64_t needed = (copies_all ? tree_->release().stats.bytes : survey_.bytes) + margin;
  if (volume.free_bytes >= needed) return {};
  DL_ASSIGN(const std::uint64_t staged, stored_bytes(op_, *staging_->tree()));
  if (volume.free_bytes + staged >= needed) return {};
  DL_TRY(staging_->drop_older());
  DL_ASSIGN(volume, parts_.disk.volume(target_.private_folder()));
  if (volume.free_bytes + staged >= needed) return {};
  return Error{Code::no_space, "the target's file system has " + format_bytes(volume.free_bytes) + " free, but up to " +
                                   format_bytes(needed - staged) + " are needed at " + printable(target_.path()) +
                                   "; make room, then pull again"};
}

Status Stager::index_local(LocalChunks& chunks) {
  if (chunks.is_empty()) return {};
  if (installed_record_) {
    std::optional<StampReader> stamps;
    if (auto again = target_.stamps(installed_record_->index().id)) stamps.emplace(std::move(*again));
    DL_TRY(index_record(op_, *installed_record_, *installed_scope_, stamps ? &*stamps : nullptr, local_,
                        installed_source_, chunks));
  }
  for (const OlderStaging& older : staging_->older()) {
    const std::uint32_t source = local_.add_source(older.tree, Origin::staged);
    DL_TRY(index_staged(op_, *older.record, local_, source, chunks));
  }
  return index_seeds(chunks);
}

Status Stager::index_seeds(LocalChunks& chunks) {
  for (const std::string& path : options_.seeds) {
    auto directory = parts_.disk.open(path);
    if (!directory) {  // a wrong argument: nothing that the store or a leftover could be blamed for
      return Error{Code::usage, "--seed \"" + printable(path) + "\" cannot be read", std::move(directory).error()};
    }
    const std::uint32_t source = local_.add_source(std::move(*directory), Origin::seed);
    seeds_.push_back(source);
    const IsTried is_tried = [&](std::string_view name, std::uint64_t size_bytes) {
      auto found = release::find_entry(op_, tree_->record(), tree_->record().top(), name);
      return found && *found && (*found)->entry.kind == model::EntryKind::file &&
             (*found)->entry.size_bytes == size_bytes && scope_->part_of(name) == Scope::Part::inside;
    };
    DL_TRY(index_seed(op_, local_, source, chunks, is_tried, parts_.reporter));
  }
  return {};
}

Status Stager::plan(const LocalChunks& chunks) {
  const OwnerRule rule = layout_.owner ? OwnerRule::required : OwnerRule::where_allowed;
  Assembler assembler(staging_->tree(), options_.max_files_open, rule, parts_.reporter);
  std::shared_ptr<disk::Directory> base;
  if (tree_->delta() != nullptr) base = local_.directory(installed_source_);
  Fetcher fetcher(op_, {parts_.store, options_.set, local_, base, assembler, meter_, parts_.clock, parts_.reporter},
                  workers_);
  ChunkPlanner chunk_planner(op_, {*tree_, local_, chunks, std::move(survey_.repeated), staged_source_, fetcher,
                                   assembler, meter_, is_dry() ? Carrying::dry_run : Carrying::out, workers_});
  PlanParts plan_parts{*scope_,
                       *tree_,
                       chunk_planner,
                       assembler,
                       local_,
                       chunks,
                       seeds_,
                       {},
                       options_.link,
                       volume_.can_reflink,
                       volume_.folds_case,
                       staging_->resumes(),
                       is_dry() ? Carrying::dry_run : Carrying::out,
                       parts_.reporter};
  plan_parts.installed.record = installed_record_.get();
  plan_parts.installed.scope = installed_scope_ ? &*installed_scope_ : nullptr;
  plan_parts.installed.stamps = std::move(stamps_);
  plan_parts.installed.content = content_.get();
  plan_parts.installed.source = installed_source_;
  DL_TRY(layout_.mode == Mode::switched ? plan_switched(std::move(plan_parts), assembler)
                                        : plan_in_place(std::move(plan_parts)));
  meter_.show_end(assembler.files_completed());
  DL_TRY(fetcher.finish());
  assembler.attributes().tell(parts_.reporter);
  return {};
}

Status Stager::plan_switched(PlanParts plan_parts, Assembler& assembler) {
  std::uint64_t kept = 0;
  if (!is_dry()) {  // again at the switch, and early, so that what cannot be carried over is refused early
    DL_ASSIGN(const auto carried, carry_over(op_, target_, *staging_->tree(), scope_->keep(), parts_.reporter));
    kept = carried.files;
  }
  SwitchedPlan plan(op_, std::move(plan_parts));
  DL_TRY(plan.run());
  counts_ = plan.counts();
  counts_.files_kept = std::max(counts_.files_kept, kept);
  if (is_dry()) return {};
  DL_ASSIGN(auto file, create("stamps"));
  StampWriter stamps(std::move(file), wanted_.id, layout_.only);
  return seal_tree(op_, tree_->record(), *scope_, assembler, stamps);
}

Status Stager::plan_in_place(PlanParts plan_parts) {
  InPlaceParts own;
  own.extra = options_.extra;
  own.mass_delete_meant = options_.mass_delete_meant;
  own.has_hard_links = survey_.hard_links > 0;
  std::optional<ChangeWriter> removals, creations;
  std::optional<StampWriter> stamps;
  if (!is_dry()) {
    DL_ASSIGN(auto removal_file, create("removals"));
    DL_ASSIGN(auto creation_file, create("creations"));
    DL_ASSIGN(auto stamp_file, create("stamps"));
    own.removals = &removals.emplace(std::move(removal_file), wanted_.id);
    own.creations = &creations.emplace(std::move(creation_file), wanted_.id);
    own.stamps = &stamps.emplace(std::move(stamp_file), wanted_.id, layout_.only);
  }
  InPlacePlan plan(op_, std::move(plan_parts), own);
  DL_TRY(plan.run());
  counts_ = plan.counts();
  if (is_dry()) return {};
  DL_TRY(stamps->finish());
  DL_TRY(removals->finish());
  DL_TRY(creations->finish());
  return merge_changes();
}

// Everything that goes away comes before what takes its place.
Status Stager::merge_changes() {
  DL_ASSIGN(auto out, create("changes"));
  ChangeWriter writer(std::move(out), wanted_.id);
  is_needed_ = false;
  for (const std::string_view name : {"removals", "creations"}) {
    DL_ASSIGN(auto file, staging_->folder().open_read(name));
    DL_ASSIGN(ChangeList list, ChangeList::open(std::move(file)));
    for (;;) {
      DL_ASSIGN(const Change* change, list.next());
      if (change == nullptr) break;
      is_needed_ = is_needed_ || change->kind != Change::Kind::make_directory;
      DL_TRY(writer.add(*change));
    }
    DL_TRY(staging_->folder().remove_file(name, disk::Missing::is_absent));
  }
  return writer.finish();
}

Result<std::unique_ptr<disk::File>> Stager::create(std::string_view name) {
  DL_TRY(staging_->folder().remove_file(name, disk::Missing::is_absent));
  return staging_->folder().create(name, private_file);
}

}  // namespace

Result<StageResult> stage_release(const Op& op, const PullParts& parts, Target& target, const PullOptions& options,
                                  const WantedRelease& wanted, const Layout& layout, Meter& meter) {
  std::optional<Stager> stager(std::in_place, op, parts, target, options, wanted, layout, meter);
  auto result = stager->run();
  const auto is_spoilt = [&] {  // not_found: places are not signed, and one that was garbled names a pack of no release
    const Code code = result ? Code::internal : result.error().code;
    return code == Code::corrupt || code == Code::invalid || code == Code::not_found;
  };
  if (is_spoilt() && stager->used_leftovers() && options.write == PullOptions::Write::yes) {
    parts.reporter.note(Severity::info,
                        "fetching again what an earlier run left of the manifest: " + result.error().describe());
    stager.reset();
    DL_TRY(Staging::drop_records(target));
    result = stager.emplace(op, parts, target, options, wanted, layout, meter).run();
  }
  if (options.write == PullOptions::Write::dry_run) DL_TRY(Staging::close_dry_run(target));
  return result;
}

}  // namespace duskline::site
