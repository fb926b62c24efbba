#include "publish/prune.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/units.h"
#include "publish/prune_look.h"
#include "publish/prune_marks.h"
#include "publish/prune_plan.h"
#include "release/head_lease.h"

namespace duskline::publish {
namespace {

constexpr int max_races = 8;
constexpr std::size_t keys_per_call = 1000;
constexpr std::chrono::nanoseconds lease_life = std::chrono::hours(1);

std::vector<PublicKey> with_own(std::vector<PublicKey> trusted, const PublicKey& own) {
  if (std::ranges::find(trusted, own) == trusted.end()) trusted.push_back(own);
  return trusted;
}

// One run. Its order is the proof: condemn, bump the epochs, look again, delete (docs/formats/prune.md).
class Run {
 public:
  Run(const Op& op, const PublishParts& parts, const PruneOptions& options)
      : op_(op),
        parts_(parts),
        options_(options),
        trusted_(with_own(parts.trusted, parts.signer.public_key())),
        view_(parts, options, trusted_) {}

  Result<PruneResult> dry();
  Result<PruneResult> wet(WallTime now);

 private:
  enum class Turn : std::uint8_t { done, again };
  Result<Turn> try_once();
  Status note_plan();
  Status remove_due();
  Status check_signers();
  Status bump_epochs();
  Status bump_epoch(const model::ChannelName& channel);
  [[nodiscard]] std::vector<std::string> still_doomed() const;
  Status put_off();
  Status retire_numbers(const std::vector<std::string>& doomed);
  Status remove_in_order(const std::vector<std::string>& doomed);
  Status remove_objects(const std::vector<std::string>& doomed, std::string_view folder);
  // Reads the marks again until a change of them is written.
  Status change_marks(const std::function<void(std::map<std::string, Mark>&)>& change);
  [[nodiscard]] MarkPlan plan_now() const;
  void count_releases();

  const Op& op_;
  const PublishParts& parts_;
  const PruneOptions& options_;
  const std::vector<PublicKey> trusted_;
  PruneView view_;
  WallTime now_{};
  Marks marks_;
  MarkPlan plan_;
  std::set<std::string> removed_;
  PruneResult result_;
};

MarkPlan Run::plan_now() const {
  return plan_marks(
      marks_.by_key, view_.objects(), [this](const std::string& key) { return view_.is_needed(key); }, options_.grace,
      now_);
}

void Run::count_releases() {
  result_.releases_kept = result_.releases_dropped = 0;
  for (const release::ListedRelease& listed : view_.listed()) {
    ++(view_.is_kept(listed.id) ? result_.releases_kept : result_.releases_dropped);
  }
}

Status Run::note_plan() {
  DL_TRY(view_.look(op_, now_));
  DL_ASSIGN(marks_, read_marks(parts_.store, op_, options_.set));
  plan_ = plan_now();
  count_releases();
  result_.objects_marked = plan_.new_objects;
  result_.bytes_marked = plan_.new_bytes;
  result_.objects_waiting = plan_.waiting_objects;
  result_.bytes_waiting = plan_.waiting_bytes;
  return {};
}

Result<PruneResult> Run::dry() {
  now_ = parts_.clock.now();
  DL_TRY(note_plan());
  if (view_.is_publisher_at_work()) result_.removal = PruneResult::Removal::put_off;
  result_.objects_removed = plan_.due.size();
  for (const std::string& key : plan_.due) result_.bytes_removed += view_.objects().at(key).size_bytes;
  return result_;
}

Result<PruneResult> Run::wet(WallTime now) {
  now_ = now;
  for (int race = 0; race < max_races; ++race) {
    DL_ASSIGN(const Turn turn, try_once());
    if (turn == Turn::done) return result_;
  }
  return Error{Code::precondition, "the tombstones of set \"" + options_.set.text() +
                                       "\" change all the time: publishers or another prune are at work; try later"};
}

Result<Run::Turn> Run::try_once() {
  DL_TRY(note_plan());
  if (!view_.void_leases().empty()) DL_TRY(parts_.store.remove(op_, view_.void_leases()));
  const bool is_put_off = view_.is_publisher_at_work() && !plan_.due.empty();
  const bool is_deleting = !plan_.due.empty() && !is_put_off;
  if (is_put_off) result_.removal = PruneResult::Removal::put_off;
  if (is_deleting) {
    DL_TRY(check_signers());
    for (const std::string& key : plan_.due) {
      Mark& mark = plan_.marks.at(key);
      if (mark.state == Mark::State::marked) mark = {Mark::State::condemned, now_, mark.modified};
    }
  }
  if (plan_.marks != marks_.by_key) {
    marks_.by_key = plan_.marks;
    const Status written = write_marks(parts_.store, op_, options_.set, marks_);
    if (!written && written.error().code == Code::precondition) return Turn::again;
    if (!written) return written.error();
  }
  if (is_deleting) DL_TRY(remove_due());
  return Turn::done;
}

Status Run::remove_due() {
  DL_TRY(bump_epochs());
  DL_TRY(view_.look(op_, now_));
  count_releases();
  if (view_.is_publisher_at_work()) return put_off();
  const std::vector<std::string> doomed = still_doomed();
  DL_TRY(retire_numbers(doomed));
  const Status removed = remove_in_order(doomed);
  // What is gone is noted as gone, also where the rest failed.
  const Status noted = change_marks([&](std::map<std::string, Mark>& marks) {
    for (const std::string& key : plan_.due) {
      const auto at = marks.find(key);
      if (at == marks.end()) continue;
      if (removed_.contains(key)) {
        at->second.state = Mark::State::removed;
        at->second.since = now_;
      } else if (!std::ranges::binary_search(doomed, key)) {
        marks.erase(at);
      }
    }
  });
  DL_TRY(removed);
  return noted;
}

// Every head must be one that we may sign again: targets may trust its key and not ours.
Status Run::check_signers() {
  for (const release::SeenHead& seen : view_.heads()) {
    DL_ASSIGN(const auto channel, model::ChannelName::parse(seen.head.channel));
    const store::Key key(model::head_key(options_.set, channel));
    DL_ASSIGN(const Bytes envelope, store::get_all(parts_.store, op_, key, model::max_signed_bytes,
                                                   {.freshness = store::Freshness::revalidated}));
    DL_ASSIGN(const model::SignedBytes parsed, model::open_envelope(envelope));
    const PublicKey& own = parts_.signer.public_key();
    const auto is_own = [&](const auto& signature) { return signature.first == own; };
    if (std::ranges::any_of(parsed.signatures, is_own)) continue;
    return Error{Code::untrusted,
                 "the head of channel \"" + channel.text() + "\" of set \"" + options_.set.text() +
                     "\" was signed by another key (" +
                     (parsed.signatures.empty() ? "none" : parsed.signatures.front().first.fingerprint()) +
                     ") than yours (" + own.fingerprint() +
                     "), and prune must sign it anew; run prune as the user who publishes, with that key"};
  }
  return {};
}

Status Run::bump_epochs() {
  for (const release::SeenHead& seen : view_.heads()) {
    DL_ASSIGN(const auto channel, model::ChannelName::parse(seen.head.channel));
    DL_TRY(bump_epoch(channel));
  }
  return {};
}

Status Run::bump_epoch(const model::ChannelName& channel) {
  for (int race = 0; race < max_races; ++race) {
    DL_ASSIGN(const auto seen, release::read_head(parts_.store, op_, options_.set, channel, trusted_));
    if (!seen) return {};
    model::Head head = seen->head;
    ++head.version;
    ++head.epoch;
    head.previous = seen->envelope_hash;
    const auto written = release::replace_head(parts_.store, op_, head, seen, parts_.signer, parts_.conditions,
                                               parts_.clock, parts_.reporter);
    if (written) return {};
    if (written.error().code != Code::precondition) return written.error();
  }
  return Error{Code::precondition, "the head of channel \"" + channel.text() + "\" of set \"" + options_.set.text() +
                                       "\" changes all the time; nothing was removed; try later"};
}

// In the order of keys.
std::vector<std::string> Run::still_doomed() const {
  std::vector<std::string> doomed;
  for (const std::string& key : plan_.due) {
    const auto object = view_.objects().find(key);
    const bool is_same = object != view_.objects().end() && object->second.modified == plan_.marks.at(key).modified;
    if (is_same && !view_.is_needed(key)) doomed.push_back(key);
  }
  return doomed;
}

// A publisher came meanwhile: what was condemned is only marked again, since when it was before.
Status Run::put_off() {
  result_.removal = PruneResult::Removal::put_off;
  return change_marks([&](std::map<std::string, Mark>& marks) {
    for (const std::string& key : plan_.due) {
      const auto at = marks.find(key);
      if (at != marks.end() && at->second.since == now_) {
        at->second = {Mark::State::marked, now_ - options_.grace, at->second.modified};
      }
    }
  });
}

// Releases are taken off the list before their content goes. Numbers that a publisher might otherwise take again stay,
// naming nothing.
Status Run::retire_numbers(const std::vector<std::string>& doomed) {
  model::ReleaseNumber lowest_of_heads = 0;
  for (const release::SeenHead& seen : view_.heads()) {
    const model::ReleaseNumber number = seen.head.number;
    lowest_of_heads = lowest_of_heads == 0 ? number : std::min(lowest_of_heads, number);
  }
  std::vector<store::Key> unused;
  for (const release::ListedRelease& listed : view_.listed()) {
    if (!std::ranges::binary_search(doomed, model::release_key(options_.set, listed.id))) continue;
    const store::Key key(model::number_key(options_.set, listed.number));
    if (listed.number < lowest_of_heads) {
      unused.push_back(key);
      continue;
    }
    const std::string text = boost::json::serialize(boost::json::object{{"pruned", listed.id.hex()}});
    store::PutOptions put;
    put.caching = store::Caching::forbidden;
    DL_TRY(store::put_all(parts_.store, op_, key, bytes_of(text), put));
  }
  if (unused.empty()) return {};
  DL_ASSIGN(const store::RemoveReport report, parts_.store.remove(op_, unused));
  if (!report.failures.empty()) return report.failures.front().error;
  return {};
}

// A manifest goes before what it names.
Status Run::remove_in_order(const std::vector<std::string>& doomed) {
  for (const std::string_view folder : {"/release/", "/delta/", "/pack/"}) DL_TRY(remove_objects(doomed, folder));
  return {};
}

Status Run::remove_objects(const std::vector<std::string>& doomed, std::string_view folder) {
  const std::string prefix = options_.set.text() + std::string(folder);
  std::vector<store::Key> keys;
  for (const std::string& key : doomed) {
    if (key.starts_with(prefix)) keys.emplace_back(key);
  }
  for (std::size_t at = 0; at < keys.size(); at += keys_per_call) {
    DL_TRY(op_.check());
    const auto part = std::span(keys).subspan(at, std::min(keys_per_call, keys.size() - at));
    DL_ASSIGN(const store::RemoveReport report, parts_.store.remove(op_, part));
    std::set<std::string> failed;
    for (const store::RemoveFailure& failure : report.failures) {
      failed.insert(failure.key.text());
      parts_.reporter.note(Severity::warning, "prune could not remove " + failure.key.text() +
                                                  ", the next one tries again: " + failure.error.describe());
    }
    for (const store::Key& key : part) {
      if (failed.contains(key.text())) continue;
      removed_.insert(key.text());
      ++result_.objects_removed;
      result_.bytes_removed += view_.objects().at(key.text()).size_bytes;
    }
  }
  return {};
}

Status Run::change_marks(const std::function<void(std::map<std::string, Mark>&)>& change) {
  for (int race = 0; race < max_races; ++race) {
    DL_ASSIGN(Marks marks, read_marks(parts_.store, op_, options_.set));
    const auto before = marks.by_key;
    change(marks.by_key);
    if (marks.by_key == before) return {};
    const Status written = write_marks(parts_.store, op_, options_.set, marks);
    if (written || written.error().code != Code::precondition) return written;
  }
  return Error{Code::precondition,
               "the tombstones of set \"" + options_.set.text() + "\" change all the time; the next prune goes on"};
}

}  // namespace

Result<PruneResult> prune(const Op& op, const PublishParts& parts, const PruneOptions& options) {
  if (options.keep_last == 0) {
    return Error{Code::usage, "--keep-last must be at least 1: the newest release is always kept"};
  }
  if (options.keep_within.count() < 0 || options.grace.count() < 0) {
    return Error{Code::usage, "--keep-within and --grace cannot be negative"};
  }
  Run run(op, parts, options);
  if (options.write == PublishOptions::Write::dry_run) return run.dry();

  const store::Key lease_key = prune_lease_key(options.set);
  auto lease = release::HeadLease::take(parts.store, op, lease_key, lease_life, parts.clock);
  if (!lease) return wrap(std::move(lease).error(), "take the lease that keeps two prunes apart");
  Result<PruneResult> result = [&]() -> Result<PruneResult> {
    // The store's clock: what it says of an object that was written just now.
    DL_ASSIGN(const auto written, parts.store.head(op, lease_key));
    return run.wet(written ? written->modified : parts.clock.now());
  }();
  lease->give_back(op);
  return result;
}

}  // namespace duskline::publish
