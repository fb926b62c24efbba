#include "gateway/lifecycle_runner.h"

#include <algorithm>
#include <optional>

#include "base/units.h"
#include "gateway/hooks.h"
#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

Error changed_meanwhile() { return {Code::precondition, "it was changed meanwhile, or is locked"}; }

// Rules about the same keys are looked at in one walk: no prefix in the result begins with another.
std::vector<std::string> prefixes_of(const LifecycleRules& rules) {
  std::vector<std::string> prefixes;
  for (const LifecycleRule& rule : rules) {
    if (rule.enabled) prefixes.push_back(rule.filter.prefix.value_or(""));
  }
  std::sort(prefixes.begin(), prefixes.end());
  std::vector<std::string> apart;
  for (std::string& prefix : prefixes) {
    if (apart.empty() || !prefix.starts_with(apart.back())) apart.push_back(std::move(prefix));
  }
  return apart;
}

// One bucket's walk. Versions come by key, the newest first.
class BucketWalk {
 public:
  struct Parts {
    const Op& op;
    objects::Objects& objects;
    const objects::Bucket& bucket;
    const LifecycleRules& rules;
    WallTime now;
    const LifecycleDay& day;
    Reporter& reporter;
    LifecycleReport& report;
  };
  explicit BucketWalk(const Parts& parts) : parts_(parts) {}

  Status versions(const std::string& prefix) {
    objects::ListRequest request{.bucket = parts_.bucket.name, .prefix = prefix, .versions = true};
    for (;;) {
      DL_TRY(parts_.op.check());
      DL_ASSIGN(const auto page, parts_.objects.list(parts_.op, request));
      for (const objects::Version& version : page.entries) see(version);
      act();
      if (!page.truncated) break;
      request.after = page.next;
      request.after_version = page.next_version;
    }
    end_key();
    act();
    return {};
  }

  Status uploads(const std::string& prefix) {
    objects::UploadListRequest request{.bucket = parts_.bucket.name, .prefix = prefix};
    for (;;) {
      DL_TRY(parts_.op.check());
      DL_ASSIGN(const auto page, parts_.objects.uploads(parts_.op, request));
      for (const objects::Upload& upload : page.uploads) {
        const auto expiry = expiry_of_upload(parts_.rules, upload.key, upload.begun, parts_.day);
        if (is_due(expiry)) count(parts_.objects.abort(parts_.op, upload), parts_.report.uploads, upload.key);
      }
      if (!page.truncated) return {};
      request.after_key = page.next_key;
      request.after_upload = page.next_upload;
    }
  }

 private:
  enum class Why : std::uint8_t { current, noncurrent, marker };
  struct Act {
    objects::Version version;
    Why why;
  };

  [[nodiscard]] bool is_due(const std::optional<Expiry>& expiry) const { return expiry && expiry->time <= parts_.now; }

  void see(const objects::Version& version) {
    ++parts_.report.looked_at;
    if (version.key != key_) {
      end_key();
      key_ = version.key;
    }
    ++seen_;
    const bool current = seen_ == 1;
    const LifecycleSubject subject{version.key, version.size_bytes, tags_of(version.properties),
                                   current ? version.modified : newer_};
    newer_ = version.modified;
    if (current && version.delete_marker) {
      marker_ = version;
    } else if (current) {
      if (is_due(expiry_of_current(parts_.rules, subject, parts_.day))) acts_.push_back({version, Why::current});
    } else if (is_due(expiry_of_noncurrent(parts_.rules, subject, seen_ - 2, parts_.day))) {
      acts_.push_back({version, Why::noncurrent});
    }
  }

  // Only now it is known whether a delete marker was alone.
  void end_key() {
    if (marker_ && seen_ == 1) {
      const LifecycleSubject subject{marker_->key, 0, {}, marker_->modified};
      if (is_due(expiry_of_lone_marker(parts_.rules, subject, parts_.day))) acts_.push_back({*marker_, Why::marker});
    }
    marker_.reset();
    seen_ = 0;
    key_.clear();
  }

  void act() {
    for (const Act& act : acts_) {
      if (!parts_.op.check()) break;
      switch (act.why) {
        case Why::current:
          count(remove_current(act.version), parts_.report.expired, act.version.key);
          break;
        case Why::noncurrent:
          count(remove_version(act.version, Why::noncurrent), parts_.report.noncurrent, act.version.key);
          break;
        case Why::marker:
          count(remove_version(act.version, Why::marker), parts_.report.markers, act.version.key);
          break;
      }
    }
    acts_.clear();
  }

  // As a deletion by its owner would: behind a delete marker where the bucket is versioned.
  Status remove_current(const objects::Version& version) {
    objects::RemoveRequest request{parts_.bucket.name, version.key, std::nullopt, parts_.bucket.owner, {}};
    const bool destroys = parts_.bucket.versioning != objects::Versioning::on;
    request.gate = [&](const objects::Version* now_there) -> Status {
      const bool same = now_there != nullptr && now_there->id == version.id && now_there->etag == version.etag &&
                        now_there->modified == version.modified;
      if (!same || (destroys && locked(*now_there, parts_.now, Bypass::no))) return changed_meanwhile();
      return {};
    };
    DL_TRY(parts_.objects.remove(parts_.op, request));
    return {};
  }

  Status remove_version(const objects::Version& version, Why why) {
    objects::RemoveRequest request{parts_.bucket.name, version.key, version.id, parts_.bucket.owner, {}};
    request.gate = [&](const objects::Version* now_there) -> Status {
      const bool same = now_there != nullptr && now_there->modified == version.modified &&
                        now_there->delete_marker == version.delete_marker && now_there->latest == (why == Why::marker);
      if (!same || locked(*now_there, parts_.now, Bypass::no)) return changed_meanwhile();
      return {};
    };
    DL_TRY(parts_.objects.remove(parts_.op, request));
    return {};
  }

  void count(const Status& done, std::uint64_t& counter, const std::string& key) {
    if (done) {
      ++counter;
      return;
    }
    const Code code = done.error().code;
    if (code == Code::precondition || code == Code::not_found) return;
    if (++parts_.report.failed > 1) return;
    parts_.reporter.note(Severity::error,
                         "expire " + printable(parts_.bucket.name + "/" + key) + ": " + done.error().describe());
  }

  Parts parts_;
  std::string key_;
  std::uint32_t seen_ = 0;  // versions of this key
  WallTime newer_{};        // when the version before this one was made
  std::optional<objects::Version> marker_;
  std::vector<Act> acts_;
};

Status walk_bucket(const BucketWalk::Parts& parts) {
  for (const std::string& prefix : prefixes_of(parts.rules)) {
    BucketWalk walk(parts);
    DL_TRY(walk.versions(prefix));
    DL_TRY(walk.uploads(prefix));
  }
  return {};
}

}  // namespace

Result<LifecycleReport> run_lifecycle(const Op& op, objects::Objects& objects, WallTime now, const LifecycleDay& day,
                                      Reporter& reporter) {
  LifecycleReport report;
  DL_ASSIGN(const auto buckets, objects.buckets());
  for (const objects::Bucket& bucket : buckets) {
    const std::string* const stored = find(bucket.properties, property::lifecycle);
    const auto rules = stored == nullptr ? Expected<LifecycleRules>(LifecycleRules()) : parse_lifecycle(*stored);
    if (!rules || rules->empty()) continue;
    const Status walked = walk_bucket({op, objects, bucket, *rules, now, day, reporter, report});
    if (walked) continue;
    DL_TRY(op.check());
    ++report.failed;
    reporter.note(Severity::error, "lifecycle of bucket " + printable(bucket.name) + ": " + walked.error().describe());
  }
  return report;
}

LifecycleRunner::LifecycleRunner(objects::Objects& objects, Clock& clock, LifecycleDay day, Reporter& reporter)
    : objects_(objects), clock_(clock), day_(day), reporter_(reporter) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void LifecycleRunner::run(const std::stop_token& stop) {
  constexpr int passes_a_day = 4, first_wait = 24;  // the first pass comes soon, for servers that never run long
  const Op op{.stop = stop, .trace = "lifecycle"};
  auto wait = day_.length / (passes_a_day * first_wait);
  while (clock_.sleep_until(clock_.steady() + wait, stop)) {
    wait = day_.length / passes_a_day;
    const auto report = run_lifecycle(op, objects_, clock_.now(), day_, reporter_);
    if (!report) {
      if (report.error().code != Code::cancelled)
        reporter_.note(Severity::error, "lifecycle: " + report.error().describe());
      continue;
    }
    const std::uint64_t gone = report->expired + report->noncurrent + report->markers + report->uploads;
    if (gone == 0) continue;
    reporter_.note(Severity::info, "lifecycle: " + format_count(report->expired) + " objects expired, " +
                                       format_count(report->noncurrent) + " old versions, " +
                                       format_count(report->markers) + " delete markers and " +
                                       format_count(report->uploads) + " uploads removed");
  }
}

}  // namespace duskline::gateway
