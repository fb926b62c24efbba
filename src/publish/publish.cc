#include "publish/publish.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/units.h"
#include "publish/channel.h"
#include "publish/collect.h"
#include "publish/delta.h"
#include "publish/file_body.h"
#include "publish/manifests.h"
#include "publish/prune.h"
#include "publish/records.h"
#include "publish/settle.h"
#include "publish/snapshot.h"
#include "publish/source.h"
#include "publish/state.h"
#include "publish/stock.h"

namespace duskline::publish {
namespace {

using Outcome = PublishResult::Outcome;

constexpr std::string_view lock_file = "lock";

std::vector<PublicKey> with_own(std::vector<PublicKey> trusted, const PublicKey& own) {
  if (std::ranges::find(trusted, own) == trusted.end()) trusted.push_back(own);
  return trusted;
}

// Of a release that a store, or the cache, does not have whole.
bool is_lost(Code code) { return code == Code::not_found || code == Code::corrupt || code == Code::invalid; }

// One run, in the order of its methods.
class Publication {
 public:
  Publication(const Op& op, const PublishParts& parts, const PublishOptions& options)
      : op_(op),
        parts_(parts),
        options_(options),
        trusted_(with_own(parts.trusted, parts.signer.public_key())),
        channel_(parts, options, trusted_),
        folder_(parts.cache, parts.store, options.set, trusted_) {}

  ~Publication() {
    if (stock_) stock_->leave(op_);
  }
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  Result<PublishResult> run();

 private:
  Status prepare();
  Result<bool> is_source_as_stamped();
  Status open_base();
  Status know_base();
  Status open_stock();
  Status know_other_channels();
  Result<std::unique_ptr<release::Manifest>> open_older();
  Status take_snapshot();
  [[nodiscard]] bool is_same_tree() const;
  Result<PublishResult> end_unchanged();
  Result<PublishResult> end_dry_run();
  Result<PublishResult> end_published();
  [[nodiscard]] model::Release describe_release() const;
  Status write_release();
  Status add_deltas();
  Status check_not_pruned();
  Status move_head();
  void tidy_up();
  Status remember(const model::ReleaseId& id);
  [[nodiscard]] const std::optional<release::SeenHead>& head() const { return channel_.seen(); }

  const Op& op_;
  const PublishParts& parts_;
  const PublishOptions& options_;
  const std::vector<PublicKey> trusted_;
  PublishResult result_;
  std::unique_ptr<disk::Lock> lock_;
  SourceState state_, state_on_disk_;
  OpenSource source_;
  Channel channel_;
  ManifestFolder folder_;
  model::ReleaseNumber last_number_ = 0;
  std::unique_ptr<StampReader> stamps_;
  std::unique_ptr<release::Manifest> base_;  // of the head's release; null where there is none to be had
  std::unique_ptr<Stock> stock_;
  std::unique_ptr<Snapshot> snapshot_;
  std::unique_ptr<release::Manifest> made_;
  std::vector<model::DeltaRef> deltas_;
};

Result<PublishResult> Publication::run() {
  DL_TRY(prepare());
  DL_TRY(channel_.read(op_, state_));
  DL_ASSIGN(const bool as_stamped, is_source_as_stamped());
  if (as_stamped) {
    result_.stats = state_.stats;
    return end_unchanged();
  }
  DL_TRY(open_base());
  DL_TRY(take_snapshot());
  if (is_same_tree()) {
    DL_TRY(snapshot_->keep_stamps(head()->head.release));
    return end_unchanged();
  }
  return options_.write == PublishOptions::Write::dry_run ? end_dry_run() : end_published();
}

Status Publication::prepare() {
  DL_TRY(model::check_text("the note", options_.note, model::max_note_bytes));
  DL_TRY(model::check_text("the realm", options_.realm, model::max_realm_bytes));
  auto lock = parts_.cache.try_lock(lock_file);
  if (!lock && lock.error().code == Code::locked) {
    return Error{Code::locked, "another publish of set \"" + options_.set.text() + "\" from " +
                                   printable(options_.source) + " to this store is running; try again when it is done"};
  }
  if (!lock) return std::move(lock).error();
  lock_ = std::move(*lock);
  DL_ASSIGN(state_, load_state(parts_.cache));
  state_on_disk_ = state_;
  DL_ASSIGN(source_, open_source(parts_, options_, state_));
  if (options_.settle.count() <= 0) return {};
  return wait_until_quiet(op_, *source_.directory, source_.filter, options_.settle, parts_.clock, parts_.reporter);
}

// The cheap way: nothing but the walk and the stamps. Any difference is then looked at properly.
Result<bool> Publication::is_source_as_stamped() {
  stamps_ = open_stamps(parts_.cache, options_, source_);
  if (options_.upload == PublishOptions::Upload::all) stamps_.reset();
  if (!stamps_ || !head()) return false;
  if (stamps_->header().release != head()->head.release || state_.release != head()->head.release) return false;
  NullReporter silent;  // what is skipped was said when it was new
  Scanner scanner(op_, *source_.directory, source_.filter, silent);
  DL_ASSIGN(const bool unchanged, is_unchanged(scanner, *stamps_, source_.device));
  if (unchanged) result_.skipped = scanner.skipped();
  return unchanged;
}

// Without the manifest of the last release all is uploaded again, which also mends a damaged store.
Status Publication::open_base() {
  if (head()) last_number_ = head()->head.number;
  if (options_.upload == PublishOptions::Upload::all) return open_stock();
  if (!head()) {
    DL_TRY(open_stock());
    return know_other_channels();
  }
  Status opened = know_base();
  if (!opened && opened.error().code == Code::corrupt) {  // the copy in the cache, perhaps
    ManifestFolder::remove_all_but(parts_.cache, {});
    opened = know_base();
  }
  if (opened) return {};
  if (!is_lost(opened.error().code)) return opened;
  parts_.reporter.note(Severity::warning,
                       "the store does not hold all of the last release, so all content is uploaded again: " +
                           opened.error().describe());
  base_.reset();
  return open_stock();
}

// Reads every node of it, so that none can turn out to be damaged later.
Status Publication::know_base() {
  const model::Head& last = head()->head;
  DL_TRY(open_stock());
  DL_ASSIGN(base_, folder_.open(op_, last.release, {last.manifest_index_bytes, last.manifest_bytes}));
  return stock_->know(op_, *base_);
}

Status Publication::open_stock() {
  stock_.reset();
  DL_ASSIGN(stock_, Stock::open(op_, parts_, options_, state_.publisher));
  return {};
}

// The first release on a channel need not upload what another channel has.
Status Publication::know_other_channels() {
  DL_ASSIGN(const auto others, channel_.others(op_));
  for (const release::SeenHead& other : others) {
    last_number_ = std::max(last_number_, other.head.number);
    const auto manifest = folder_.open(op_, other.head.release, {});
    const Status known = manifest ? stock_->know(op_, **manifest) : Status();
    if (!known && !is_lost(known.error().code)) return known;
  }
  return {};
}

// What is remembered may be of another release than the head's: of one that lost, or before another publisher's.
// Null where it is not in the cache, or the store does not have all of its content: then everything is read again.
Result<std::unique_ptr<release::Manifest>> Publication::open_older() {
  auto older = folder_.open_cached(stamps_->header().release);
  if (!older) return nullptr;
  Status known = stock_->know_older(op_, *older);
  if (known) return older;
  if (!is_lost(known.error().code)) return std::move(known).error();
  return nullptr;
}

Status Publication::take_snapshot() {
  std::unique_ptr<release::Manifest> older;
  std::optional<Remembered> before;
  if (stamps_ && base_ && stamps_->header().release == base_->index().id) {
    before.emplace(Remembered{*base_, *stamps_});
  } else if (stamps_) {
    DL_ASSIGN(older, open_older());
    if (older) before.emplace(Remembered{*older, *stamps_});
  }
  DL_ASSIGN(snapshot_, Snapshot::take(op_, parts_, options_, source_, before ? &*before : nullptr, *stock_));
  stamps_.reset();
  result_.stats = snapshot_->top().stats;
  result_.files_read = snapshot_->files_read();
  result_.bytes_read = snapshot_->bytes_read();
  result_.skipped = snapshot_->skipped();
  result_.new_chunk_bytes = stock_->chunks().new_raw_bytes();
  result_.pack_bytes = stock_->pack_bytes();
  DL_TRY(check_mounts(state_, snapshot_->mounts(), options_.meant, options_.source));
  const bool remembers_last = head() && state_.release == head()->head.release;
  const model::TreeStats* last = base_ ? &base_->index().release.stats : remembers_last ? &state_.stats : nullptr;
  return check_size(last, result_.stats, options_.meant, options_.source);
}

bool Publication::is_same_tree() const {
  if (!base_) return false;
  const model::Release& last = base_->index().release;
  const model::Entry& top = snapshot_->top();
  return last.tree == top.node && last.top_mode == top.mode && last.top_mtime_ns == top.mtime_ns &&
         last.top_attributes == top.attributes;
}

Result<PublishResult> Publication::end_unchanged() {
  result_.outcome = Outcome::unchanged;
  if (options_.write == PublishOptions::Write::yes && model::is_due_for_signing(head()->head, parts_.clock.now())) {
    DL_TRY(channel_.replace(op_, head()->head, state_));
    result_.outcome = Outcome::head_renewed;
  }
  result_.id = head()->head.release;
  result_.number = head()->head.number;
  result_.head_version = head()->head.version;
  DL_TRY(remember(result_.id));
  return result_;
}

model::Release Publication::describe_release() const {
  const model::Entry& top = snapshot_->top();
  model::Release release;
  release.realm = options_.realm;
  release.set = options_.set.text();
  release.number = result_.number;
  release.published = parts_.clock.now();
  release.tree = top.node;
  release.stats = top.stats;
  release.top_mode = top.mode;
  release.top_mtime_ns = top.mtime_ns;
  release.top_attributes = top.attributes;
  release.note = options_.note;
  return release;
}

Result<PublishResult> Publication::end_dry_run() {
  result_.outcome = Outcome::dry_run;
  result_.number = last_number_ + 1;  // most likely
  const model::Release release = describe_release();
  DL_ASSIGN(std::string envelope, model::seal(model::encode_release(release), parts_.signer));
  DL_ASSIGN(auto file, folder_.begin());
  DL_TRY(snapshot_->spool().write(op_, release, std::move(envelope), nullptr, *file));
  DL_ASSIGN(made_, release::Manifest::open(std::move(file)));
  folder_.give_up();
  DL_TRY(record_changes(op_, base_.get(), *made_, parts_.reporter));
  return result_;
}

Result<PublishResult> Publication::end_published() {
  result_.outcome = Outcome::published;
  DL_TRY(write_release());
  DL_TRY(record_changes(op_, base_.get(), *made_, parts_.reporter));
  DL_TRY(add_deltas());
  DL_TRY(move_head());
  result_.uploaded_bytes = result_.pack_bytes + result_.manifest_bytes + result_.delta_bytes;
  tidy_up();
  return result_;
}

Status Publication::write_release() {
  DL_ASSIGN(result_.number, release::take_number(parts_.store, op_, options_.set, last_number_, parts_.conditions));
  const model::Release release = describe_release();
  const std::string statement = model::encode_release(release);
  result_.id = model::release_id(statement);
  DL_ASSIGN(std::string envelope, model::seal(statement, parts_.signer));
  DL_ASSIGN(auto file, folder_.begin());
  DL_ASSIGN(const release::ManifestIndex index,
            snapshot_->spool().write(op_, release, std::move(envelope), &stock_->chunks().index(), *file));
  stock_->drop_chunks();
  result_.manifest_bytes = index.total_bytes;
  DL_TRY(
      put_file(parts_.store, op_, store::Key(model::release_key(options_.set, result_.id)), *file, index.total_bytes));
  DL_TRY(folder_.adopt(result_.id));
  DL_ASSIGN(made_, release::Manifest::open(std::move(file)));
  return {};
}

// From the head's release, and those that its own deltas were made from.
Status Publication::add_deltas() {
  if (!base_ || options_.delta_bases == 0) return {};
  std::vector<std::unique_ptr<release::Manifest>> older;
  std::vector<release::Manifest*> bases{base_.get()};
  for (const model::DeltaRef& delta : head()->head.deltas) {
    if (bases.size() >= std::min<std::size_t>(options_.delta_bases, model::max_head_deltas)) break;
    if (delta.from == result_.id || delta.from == head()->head.release) continue;
    auto manifest = folder_.open(op_, delta.from, {});
    DL_TRY(op_.check());
    if (!manifest) continue;  // pruned, most likely
    bases.push_back(manifest->get());
    older.push_back(std::move(*manifest));
  }
  DL_ASSIGN(deltas_, make_deltas(op_, {parts_, options_, *source_.directory, *made_, stock_->lease()}, bases));
  for (const model::DeltaRef& delta : deltas_) result_.delta_bytes += delta.total_bytes;
  const auto smallest = std::ranges::min_element(deltas_, {}, &model::DeltaRef::total_bytes);
  if (smallest != deltas_.end()) result_.smallest_delta = *smallest;
  return {};
}

// All that the new head will name, since a prune may have been at work meanwhile.
Status Publication::check_not_pruned() {
  std::vector<store::Key> keys{store::Key(model::release_key(options_.set, result_.id))};
  for (const Hash256& pack : made_->index().packs) keys.emplace_back(model::pack_key(options_.set, pack));
  for (const model::DeltaRef& delta : deltas_) {
    keys.emplace_back(model::delta_key(options_.set, delta.from, result_.id));
  }
  return check_not_marked(parts_.store, op_, options_.set, keys);
}

Status Publication::move_head() {
  const model::Release& release = made_->index().release;
  DL_TRY(release::name_number(parts_.store, op_, options_.set, release.number, result_.id, release.published));
  model::Head head;
  head.release = result_.id;
  head.number = release.number;
  head.published = release.published;
  head.manifest_bytes = made_->index().total_bytes;
  head.manifest_index_bytes = made_->index().index_bytes;
  head.deltas = deltas_;
  DL_TRY(check_not_pruned());
  DL_TRY(channel_.replace(op_, std::move(head), state_));
  result_.head_version = channel_.seen()->head.version;
  return {};
}

// The release is out: what fails here costs the next run time, no more.
void Publication::tidy_up() {
  stock_->end(op_);
  Status status = snapshot_->keep_stamps(result_.id);
  if (status) status = remember(result_.id);
  if (!status) {
    parts_.reporter.note(Severity::warning,
                         "the next publish will read everything again: " + status.error().describe());
  }
  std::vector<model::ReleaseId> wanted{result_.id};
  for (const model::DeltaRef& delta : deltas_) wanted.push_back(delta.from);
  folder_.keep_only(wanted);
}

Status Publication::remember(const model::ReleaseId& id) {
  state_.release = id;
  state_.stats = result_.stats;
  state_.filesystem_id = source_.volume.filesystem_id;
  state_.is_mount_point = source_.volume.is_mount_point;
  if (snapshot_) state_.mounts = snapshot_->mounts();
  if (state_ == state_on_disk_) return {};
  return save_state(parts_.cache, state_);
}

}  // namespace

Result<PublishResult> publish(const Op& op, const PublishParts& parts, const PublishOptions& options) {
  return Publication(op, parts, options).run();
}

}  // namespace duskline::publish
