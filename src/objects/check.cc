// Compares the index with what the log and the data files say, or makes it anew from them.
#include <fcntl.h>

#include <algorithm>

#include "objects/committer.h"
#include "objects/data_file.h"
#include "objects/home.h"
#include "objects/index.h"
#include "objects/log.h"
#include "objects/objects.h"
#include "objects/replay.h"

namespace duskline::objects {
namespace {

constexpr std::size_t max_messages = 1000;
constexpr std::uint64_t rows_between_stops = 10'000;

class Check {
 public:
  Check(const Op& op, const ObjectsOptions& options, Clock& clock, Files& files, Home home)
      : op_(op), options_(options), clock_(clock), files_(files), home_(std::move(home)) {}

  Result<CheckReport> run(CheckMode mode) {
    const std::string fresh_path = home_.directory + "/index.new";
    DL_TRY(remove_index(files_, fresh_path));
    Status done = build(fresh_path);
    if (done) done = check_data_files();
    if (done) done = mode == CheckMode::rebuild ? replace_index(fresh_path) : compare_with_old();
    fresh_.reset();
    const Status removed = remove_index(files_, fresh_path);
    if (!done) return done.error();
    DL_TRY(removed);
    return std::move(report_);
  }

 private:
  void problem(const std::string& message) {
    ++report_.problems;
    if (report_.messages.size() < max_messages) report_.messages.push_back(message);
  }

  // An index made from nothing but the log.
  Status build(const std::string& path) {
    // Where it is to stay it is synced once, at the end.
    DL_ASSIGN(fresh_, Index::open(path, options_.index_cache_bytes, IndexSync::never));
    ReplayPlan plan;
    plan.directory = home_.directory;
    plan.store = home_.store;
    plan.on_damage = OnDamage::skip;
    DL_ASSIGN(const Replayed replayed, replay(files_, plan, *fresh_));
    for (const std::string& message : replayed.damage) problem(message);
    end_ = replayed.end;
    report_.buckets = fresh_->buckets().size();
    report_.versions = fresh_->state.versions;
    return {};
  }

  Status check_data_files() {
    DL_ASSIGN(Statement rows, fresh_->database().prepare("SELECT number, bytes FROM files"));
    for (std::uint64_t count = 0;; ++count) {
      DL_ASSIGN(const bool more, rows.step());
      if (!more) return {};
      if (count % rows_between_stops == 0) DL_TRY(op_.check());
      const std::uint64_t number = rows.number(0);
      const std::string path = data_path(home_.directory, number);
      const auto fd = files_.open(path, O_RDONLY);
      if (!fd) {
        problem("data file is needed and cannot be opened: " + fd.error().describe());
        continue;
      }
      const auto layout = read_data_layout(files_, fd->get(), path, number);
      if (!layout) {
        problem(layout.error().describe());
      } else if (layout->length_bytes < rows.number(1)) {
        problem("data file " + path + " is shorter than what was stored in it");
      }
    }
  }

  // --- rebuild

  // What a damaged log has lost the context of: parts without an upload go, versions without a bucket get one.
  Status mend() {
    DL_TRY(fresh_->begin());
    Log log(files_, home_.directory, home_.store, end_);
    DL_TRY(log.resume());
    DL_TRY(log.ready(fresh_->state.next_sequence, fresh_->state.next_data));
    DL_ASSIGN(const std::uint64_t orphans, fresh_->remove_orphan_parts());
    if (orphans > 0) problem(std::to_string(orphans) + " uploads have parts but no beginning any more: removed");
    DL_ASSIGN(const auto unknown, fresh_->unknown_buckets());
    Transaction transaction(*fresh_, home_.store, log.end(), clock_.now());
    for (const std::uint64_t id : unknown) {
      BucketState entry;
      entry.id = id;
      entry.bucket.name = "lost-bucket-" + std::to_string(id);
      entry.bucket.created = transaction.now;
      entry.bucket.versioning = Versioning::suspended;
      problem("versions of a bucket whose record is lost: they are in bucket '" + entry.bucket.name + "' now");
      DL_TRY(transaction.emit({entry}));
    }
    if (!transaction.batch.empty()) DL_TRY(log.append(transaction.batch));
    fresh_->state.whole_to = log.end();
    fresh_->set_segment_bytes(log.end().segment, log.end().offset);
    return fresh_->commit();
  }

  Status replace_index(const std::string& fresh_path) {
    if (Status mended = mend(); !mended) {
      (void)fresh_->rollback();
      return mended;
    }
    report_.buckets = fresh_->buckets().size();
    report_.versions = fresh_->state.versions;
    fresh_.reset();  // the last to close moves everything from the WAL into the file
    {
      DL_ASSIGN(const disk::UniqueFd fd, files_.open(fresh_path, O_RDWR));
      DL_TRY(files_.sync(fd.get(), fresh_path));
    }
    DL_TRY(remove_index(files_, home_.index_path()));
    DL_TRY(files_.rename(fresh_path, home_.index_path()));
    if (const Status removed = files_.remove(home_.suspect_path()); !removed) {
      if (removed.error().code != Code::not_found) return removed;
    }
    return files_.sync_directory(home_.directory);
  }

  // --- report

  Status compare_with_old() {
    DL_TRY(remark_orphans());
    if (!files_.open(home_.index_path(), O_RDONLY)) {
      problem("there is no index; the next start makes it from the log");
      return {};
    }
    auto old = Index::open(home_.index_path(), options_.index_cache_bytes);
    if (!old) {
      problem(old.error().describe());
      return {};
    }
    ReplayPlan plan;
    plan.directory = home_.directory;
    plan.store = home_.store;
    if (const auto replayed = replay(files_, plan, **old); !replayed) {
      problem(replayed.error().describe());
      return {};
    }
    DL_TRY(compare_buckets(**old));
    for (const char* table : {"objects", "older"}) DL_TRY(compare_versions((*old)->database(), table));
    if (report_.problems == 0) compare_tallies(**old);  // else the sums differ for what was said already
    return {};
  }

  Status remark_orphans() {
    DL_ASSIGN(const auto unknown, fresh_->unknown_buckets());
    for (const std::uint64_t id : unknown) problem("the record of bucket number " + std::to_string(id) + " is lost");
    return {};
  }

  Status compare_buckets(const Index& old) {
    for (const auto& [name, row] : fresh_->buckets()) {
      const auto found = old.buckets().find(name);
      if (found == old.buckets().end()) {
        problem("the index lacks bucket '" + name + "'");
      } else if (found->second.id != row.id || found->second.bucket.versioning != row.bucket.versioning ||
                 found->second.bucket.properties != row.bucket.properties) {
        problem("the index has bucket '" + name + "' otherwise than the log");
      }
    }
    for (const auto& [name, row] : old.buckets()) {
      if (!fresh_->buckets().contains(name)) problem("the index has bucket '" + name + "', which the log does not");
    }
    return {};
  }

  void compare_tallies(const Index& old) {
    const auto compare = [&](const std::string& what, std::uint64_t ours, std::uint64_t theirs) {
      if (ours == theirs) return;
      problem("the index counts " + std::to_string(theirs) + " " + what + ", by the log there are " +
              std::to_string(ours));
    };
    compare("versions", fresh_->state.versions, old.state.versions);
    compare("bytes in versions", fresh_->state.live_bytes, old.state.live_bytes);
    // Not the bytes in data files: how long one is beyond what is still needed of it, a compacted log does not say.
    for (const auto& [number, tally] : fresh_->segments()) {
      const auto found = old.segments().find(number);
      const SegmentTally theirs = found == old.segments().end() ? SegmentTally{} : found->second;
      compare("needed bytes in segment " + std::to_string(number), tally.live_bytes, theirs.live_bytes);
    }
  }

  // One side of the comparison: rows in order.
  struct Side {
    Statement statement;
    bool valid = false;
    Status next() {
      DL_ASSIGN(valid, statement.step());
      return {};
    }
    [[nodiscard]] std::tuple<std::uint64_t, std::string_view, std::int64_t> place() const {
      return {statement.number(0), text_of(statement.blob(1)), statement.signed_number(2)};
    }
  };
  static Result<Side> side(Database& database, const std::string& table) {
    const std::string rank = table == "older" ? "rank" : "0";
    Side made;
    DL_ASSIGN(made.statement, database.prepare("SELECT bucket, key, " + rank + " AS place, row FROM " + table +
                                               " ORDER BY bucket, key, place"));
    DL_TRY(made.next());
    return made;
  }

  Status compare_versions(Database& old, const std::string& table) {
    DL_ASSIGN(Side ours, side(fresh_->database(), table));
    DL_ASSIGN(Side theirs, side(old, table));
    for (std::uint64_t count = 0; ours.valid || theirs.valid; ++count) {
      if (count % rows_between_stops == 0) DL_TRY(op_.check());
      if (!theirs.valid || (ours.valid && ours.place() < theirs.place())) {
        problem("the index lacks a version of '" + std::string(std::get<1>(ours.place())) + "'");
        DL_TRY(ours.next());
      } else if (!ours.valid || theirs.place() < ours.place()) {
        problem("the index has a version of '" + std::string(std::get<1>(theirs.place())) +
                "', which the log does not");
        DL_TRY(theirs.next());
      } else {
        if (!same(ours.statement.blob(3), theirs.statement.blob(3))) {
          problem("the index has a version of '" + std::string(std::get<1>(ours.place())) + "' otherwise than the log");
        }
        DL_TRY(ours.next());
        DL_TRY(theirs.next());
      }
    }
    return {};
  }

  // Where a row is kept may differ: a compaction that was cut off leaves a state twice.
  static bool same(ByteView a, ByteView b) {
    const auto left = decode_row(a, {}, Detail::none), right = decode_row(b, {}, Detail::none);
    if (!left || !right) return false;
    const Version &x = left->version, &y = right->version;
    return left->sequence == right->sequence && x.id == y.id && x.delete_marker == y.delete_marker &&
           x.size_bytes == y.size_bytes && x.etag == y.etag && x.modified == y.modified && x.owner == y.owner &&
           x.properties == y.properties;
  }

  const Op& op_;
  const ObjectsOptions& options_;
  Clock& clock_;
  Files& files_;
  Home home_;
  std::unique_ptr<Index> fresh_;
  Position end_;
  CheckReport report_;
};

}  // namespace

Result<CheckReport> check_objects(const Op& op, const ObjectsOptions& options, Clock& clock, CheckMode mode) {
  Files files;
  // Opening makes what is missing; here a mistyped path shall stay what it is.
  if (const auto mark = files.open(options.directory + "/store", O_RDONLY); !mark) {
    return Error(mark.error().code, "there is no store in " + options.directory, mark.error());
  }
  DL_ASSIGN(Home home, open_home(files, options.directory));
  return Check(op, options, clock, files, std::move(home)).run(mode);
}

}  // namespace duskline::objects
