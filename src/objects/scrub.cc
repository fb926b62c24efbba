// Reads everything and compares it with its hashes.
#include <thread>

#include "objects/engine.h"

namespace duskline::objects {
namespace {

constexpr std::uint32_t page = 1000;
constexpr std::size_t max_rotten = 1000;

// Holds a reader of many bytes back to a rate.
class Pace {
 public:
  Pace(Clock& clock, std::uint64_t bytes_per_second) : clock_(clock), rate_(bytes_per_second), began_(clock.steady()) {}
  // False once `stop` was requested.
  bool spend(std::uint64_t bytes, const std::stop_token& stop) {
    spent_ += bytes;
    if (rate_ == 0) return !stop.stop_requested();
    const std::chrono::duration<double> due(static_cast<double>(spent_) / static_cast<double>(rate_));
    return clock_.sleep_until(began_ + std::chrono::duration_cast<SteadyTime::duration>(due), stop);
  }

 private:
  Clock& clock_;
  const std::uint64_t rate_;
  const SteadyTime began_;
  std::uint64_t spent_ = 0;
};

}  // namespace

Result<ScrubReport> Engine::scrub(const Op& op, std::uint64_t bytes_per_second) {
  ScrubReport report;
  Pace pace(clock_, bytes_per_second);
  // A file at a time is opened anew, so that nothing counts that was checked before.
  std::shared_ptr<OpenFile> file;
  std::uint64_t file_number = 0;
  const auto check = [&](const Extent& extent) -> Status {
    if (!file || file_number != extent.file) {
      DL_ASSIGN(file, open_files_.open_anew(extent.file));
      file_number = extent.file;
    }
    Bytes buffer;
    for (std::uint64_t at = 0; at < extent.length_bytes; at += data_block_bytes) {
      const std::uint64_t length = std::min(data_block_bytes, extent.length_bytes - at);
      if (in_log(extent)) {
        DL_TRY(file->read_body(extent.offset_bytes, extent.length_bytes, OpenFile::Reads::past_cache, buffer));
      } else {
        DL_TRY(file->check_run(extent.offset_bytes + at, length, OpenFile::Reads::past_cache));
      }
      report.bytes += length;
      if (!pace.spend(length, op.stop)) return Error(Code::cancelled, "the scrub was stopped");
    }
    return {};
  };
  const auto check_version = [&](const Version& version) -> Status {
    for (const Extent& extent : version.extents) DL_TRY(check(extent));
    for (const Part& part : version.parts) {
      for (const Extent& extent : part.extents) DL_TRY(check(extent));
    }
    return {};
  };
  DL_ASSIGN(const auto all, buckets());
  for (const Bucket& bucket : all) {
    ListRequest request;
    request.bucket = bucket.name;
    request.versions = true;
    request.limit = page;
    for (bool more = true; more;) {
      DL_TRY(op.check());
      auto listed = list(op, request);
      if (!listed && listed.error().code == Code::not_found) break;  // the bucket was removed meanwhile
      if (!listed) return listed.error();
      for (const Version& entry : listed->entries) {
        DL_ASSIGN(auto version, find(bucket.name, entry.key, entry.id));
        if (!version) continue;
        ++report.versions;
        Status done = check_version(*version);
        if (!done && done.error().code == Code::not_found) {
          // Moved by a compaction, or removed.
          DL_ASSIGN(version, find_again(*version));
          if (!version) continue;
          done = check_version(*version);
        }
        if (done) continue;
        const Code code = done.error().code;
        if (code == Code::cancelled || code == Code::timeout) return done.error();
        if (code != Code::corrupt && code != Code::not_found && code != Code::io) return done.error();
        file.reset();
        if (report.rotten.size() < max_rotten) report.rotten.push_back(std::move(*version));
      }
      more = listed->truncated;
      request.after = listed->next;
      request.after_version = listed->next_version;
    }
  }
  return report;
}

}  // namespace duskline::objects
