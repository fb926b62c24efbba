#include "objects/scrub.h"

#include <algorithm>
#include <map>
#include <set>

#include "objects/data_file.h"
#include "objects/log.h"

namespace duskline::objects {
namespace {

constexpr std::uint32_t page = 1000;
constexpr std::size_t max_findings = 1000;

// Holds a reader of many bytes back to a rate.
class Pace {
 public:
  Pace(Clock& clock, std::uint64_t bytes_per_second) : clock_(clock), rate_(bytes_per_second), began_(clock.steady()) {}
  Status spend(std::uint64_t bytes, const Op& op) {
    DL_TRY(op.check());
    spent_ += bytes;
    if (rate_ == 0) return {};
    const std::chrono::duration<double> due(static_cast<double>(spent_) / static_cast<double>(rate_));
    if (clock_.sleep_until(began_ + std::chrono::duration_cast<SteadyTime::duration>(due), op.stop)) return {};
    return Error(Code::cancelled, "the scrub was stopped");
  }

 private:
  Clock& clock_;
  const std::uint64_t rate_;
  const SteadyTime began_;
  std::uint64_t spent_ = 0;
};

// Rot, or bytes that the disk does not give any more; anything else ends the scrub.
bool is_finding(const Error& error) {
  return error.code == Code::corrupt || error.code == Code::io || error.code == Code::not_found;
}

class Scrub {
 public:
  Scrub(const Op& op, ScrubContext context, std::uint64_t rate)
      : op_(op), context_(context), pace_(context.clock, rate) {}

  Result<ScrubReport> run() {
    std::map<std::uint64_t, std::uint64_t> segments;  // and where each ends
    DL_TRY(context_.committer.run_apart([&](Index& index) -> Status {
      for (const auto& [number, tally] : index.segments()) segments[number] = tally.bytes;
      return {};
    }));
    for (const auto& [number, end] : segments) DL_TRY(read_segment(number, end));
    DL_ASSIGN(const auto buckets, context_.objects.buckets());
    for (const Bucket& bucket : buckets) {
      DL_TRY(read_versions(bucket.name));
      DL_TRY(read_uploads(bucket.name));
    }
    return std::move(report_);
  }

 private:
  void other(const std::string& message) {
    if (report_.other_rot.size() < max_findings) report_.other_rot.push_back(message);
  }

  Status read_segment(std::uint64_t number, std::uint64_t end) {
    const std::string path = segment_path(context_.home.directory, number);
    auto opened = SegmentReader::open(context_.files, path, context_.home.store, number);
    if (!opened && opened.error().code == Code::not_found) return {};  // compacted meanwhile
    Status done = opened ? read_records(*opened, path, end) : Status(opened.error());
    if (done) {
      whole_segments_.insert(number);
      return {};
    }
    if (!is_finding(done.error())) return done;
    other(done.error().describe());
    return {};
  }

  Status read_records(SegmentReader& reader, const std::string& path, std::uint64_t end) {
    reader.read_past_cache();
    reader.end_at(end);
    DL_ASSIGN(const std::uint64_t stopped, reader.scan(segment_header_bytes, [&](const RecordView& record) -> Status {
      report_.bytes += record.end - record.offset;
      return pace_.spend(record.end - record.offset, op_);
    }));
    if (reader.header() && stopped == end) return {};
    return Error(Code::corrupt, "segment " + path + " of the log is damaged at offset " +
                                    std::to_string(reader.header() ? stopped : 0) +
                                    "; 'duskline store check' says what that concerns");
  }

  // A body in a segment that was found whole was read with it.
  Status read_extent(const Extent& extent) {
    if (in_log(extent) && whole_segments_.contains(segment_of(extent))) return {};
    if (!file_ || file_number_ != extent.file) {
      DL_ASSIGN(file_, context_.open_files.open_anew(extent.file));  // nothing counts that was checked before
      file_number_ = extent.file;
    }
    if (in_log(extent)) {
      Bytes buffer;
      DL_TRY(file_->read_body(extent.offset_bytes, extent.length_bytes, OpenFile::Reads::past_cache, buffer));
      return {};
    }
    for (std::uint64_t at = 0; at < extent.length_bytes; at += data_block_bytes) {
      const std::uint64_t length = std::min(data_block_bytes, extent.length_bytes - at);
      DL_TRY(file_->check_run(extent.offset_bytes + at, length, OpenFile::Reads::past_cache));
      report_.bytes += length;
      DL_TRY(pace_.spend(length, op_));
    }
    return {};
  }

  Status read_part(const Part& part) {
    for (const Extent& extent : part.extents) DL_TRY(read_extent(extent));
    return {};
  }
  Status read_places(const Version& version) {
    for (const Extent& extent : version.extents) DL_TRY(read_extent(extent));
    for (const Part& part : version.parts) DL_TRY(read_part(part));
    return {};
  }

  Status read_version(const std::string& bucket, const Version& entry) {
    for (int attempt = 0;; ++attempt) {
      const auto version = context_.objects.find(bucket, entry.key, entry.id);
      if (!version && version.error().code == Code::not_found) return {};  // the bucket is gone
      if (!version) return version.error();
      if (!*version) return {};
      if (attempt == 0) ++report_.versions;
      const Status done = read_places(**version);
      if (done) return {};
      file_.reset();
      if (!is_finding(done.error())) return done;
      // A compaction may have moved the bytes since the version was found.
      if (done.error().code == Code::not_found && attempt == 0) continue;
      if (report_.rotten.size() < max_findings) report_.rotten.push_back(**version);
      return {};
    }
  }

  Status read_versions(const std::string& bucket) {
    ListRequest request;
    request.bucket = bucket;
    request.versions = true;
    request.limit = page;
    for (bool more = true; more;) {
      const auto listed = context_.objects.list(op_, request);
      if (!listed && listed.error().code == Code::not_found) return {};  // removed meanwhile
      if (!listed) return listed.error();
      for (const Version& entry : listed->entries) DL_TRY(read_version(bucket, entry));
      more = listed->truncated;
      request.after = listed->next;
      request.after_version = listed->next_version;
    }
    return {};
  }

  Status read_uploads(const std::string& bucket) {
    UploadListRequest request;
    request.bucket = bucket;
    request.limit = page;
    for (bool more = true; more;) {
      const auto listed = context_.objects.uploads(op_, request);
      if (!listed && listed.error().code == Code::not_found) return {};
      if (!listed) return listed.error();
      for (const Upload& upload : listed->uploads) DL_TRY(read_parts(upload));
      more = listed->truncated;
      request.after_key = listed->next_key;
      request.after_upload = listed->next_upload;
    }
    return {};
  }

  Status read_parts(const Upload& upload) {
    std::uint32_t after = 0;
    for (bool more = true; more;) {
      const auto listed = context_.objects.parts(op_, upload, after, page);
      if (!listed && listed.error().code == Code::not_found) return {};  // completed or aborted meanwhile
      if (!listed) return listed.error();
      for (const Part& part : listed->parts) {
        after = part.number;
        const Status done = read_part(part);
        if (done) continue;
        file_.reset();
        if (!is_finding(done.error())) return done;
        if (done.error().code == Code::not_found) continue;  // replaced meanwhile
        other("part " + std::to_string(part.number) + " of an upload of '" + upload.key + "' in bucket '" +
              upload.bucket + "': " + done.error().describe());
      }
      more = listed->truncated;
    }
    return {};
  }

  const Op& op_;
  ScrubContext context_;
  Pace pace_;
  ScrubReport report_;
  std::set<std::uint64_t> whole_segments_;
  std::shared_ptr<OpenFile> file_;  // the one that was read last
  std::uint64_t file_number_ = 0;
};

}  // namespace

Result<ScrubReport> scrub_objects(const Op& op, ScrubContext context, std::uint64_t bytes_per_second) {
  return Scrub(op, context, bytes_per_second).run();
}

}  // namespace duskline::objects
