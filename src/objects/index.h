// The index as it is written: what each entry of the log changes in it. For one thread.
//
// The same apply() serves new writes and replay, so that what is found after a crash is what was there before it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "objects/codec.h"
#include "objects/database.h"
#include "objects/lookups.h"
#include "objects/record.h"

namespace duskline::objects {

// What is kept in one row beside the tables.
struct IndexState {
  Position whole_to;  // every record before it is in the index
  std::uint64_t next_sequence = 1, next_data = 1;
  std::uint64_t versions = 0, live_bytes = 0, file_bytes = 0;
};

struct SegmentTally {
  std::uint64_t bytes = 0;
  std::uint64_t live_bytes = 0;                  // of states and bodies that the index points to
  std::map<std::uint64_t, std::uint64_t> gones;  // bytes of entries that something is gone, by their `first`
};

// Where in the log an entry stands.
struct Place {
  std::uint64_t segment = 0;
  std::uint64_t body_at = 0;      // of its record's body
  std::uint64_t entry_bytes = 0;  // with the record's head, for the first of a record
};

class Index {
 public:
  static Result<std::unique_ptr<Index>> open(const std::string& path, std::uint64_t cache_bytes,
                                             IndexSync sync = IndexSync::at_checkpoints);

  Status begin();
  Status apply(const Entry& entry, const Place& place);
  // Also writes down state and segments. On failure everything is as before begin(), as after rollback().
  Status commit();
  Status rollback();

  // What the open transaction sees.
  [[nodiscard]] Lookups& lookups() { return lookups_; }
  IndexState state;
  [[nodiscard]] const std::map<std::string, BucketRow>& buckets() const { return buckets_; }
  [[nodiscard]] const BucketRow* bucket_by_id(std::uint64_t id) const;
  [[nodiscard]] const std::map<std::uint64_t, SegmentTally>& segments() const { return segments_; }
  [[nodiscard]] std::uint64_t log_bytes() const { return log_bytes_; }
  void set_segment_bytes(std::uint64_t segment, std::uint64_t bytes);
  void forget_segment(std::uint64_t segment);  // it was removed
  // Data files that lost their last reference since this was asked last, committed or not.
  [[nodiscard]] std::vector<std::uint64_t> take_dead_files();
  [[nodiscard]] Database& database() { return database_; }
  // Removes parts that no upload has, as a damaged log may leave them; how many.
  Result<std::uint64_t> remove_orphan_parts();
  // Buckets of versions that no bucket has, as a damaged log may leave them.
  Result<std::vector<std::uint64_t>> unknown_buckets();

 private:
  Index(Database database, Lookups lookups) : database_(std::move(database)), lookups_(std::move(lookups)) {}
  Status prepare();
  Status load();
  Status save();

  Status put(const BucketState& entry, const Place& place);
  Status put(const BucketGone& entry, const Place& place);
  Status put(const VersionState& entry, const Place& place);
  Status put(const VersionGone& entry, const Place& place);
  Status put(const UploadState& entry, const Place& place);
  Status put(const UploadGone& entry, const Place& place);
  Status put(const PartState& entry, const Place& place);

  Status put_new(std::uint64_t bucket, const Row& row);
  Status move_to_older(std::uint64_t bucket, std::string_view key);
  Status promote(std::uint64_t bucket, std::string_view key);
  Status drop_version(std::uint64_t bucket, const Found& found);
  Status drop_upload(const UploadRow& row);
  Status drop_bucket(const BucketRow& row);
  Status drop_remains(std::uint64_t bucket);
  Status write_object(std::uint64_t bucket, const Row& row);
  Status write_older(std::uint64_t bucket, const Row& row);
  Status write_details(std::uint64_t sequence, ByteView details);

  enum class Sign : std::int8_t { add = 1, subtract = -1 };
  void count_home(std::uint64_t segment, std::uint64_t bytes, Sign sign);
  void count_gone(const Place& place, std::uint64_t first);
  Status count_extents(const std::vector<Extent>& extents, Sign sign);
  Status count_places(const Version& version, Sign sign);
  Status count_row(const Row& row, Sign sign);

  Database database_;
  Lookups lookups_;
  Statement put_object_, drop_object_, object_, put_older_, drop_older_, top_older_, put_details_, drop_details_,
      put_bucket_, drop_bucket_, put_upload_, drop_upload_, any_upload_, put_part_, drop_parts_, parts_, ref_file_,
      new_file_, file_, drop_file_, put_segment_, drop_segment_, put_gone_, drop_gones_, put_meta_, any_object_,
      any_older_;
  std::map<std::string, BucketRow> buckets_;
  std::map<std::uint64_t, std::string> bucket_names_;
  std::map<std::uint64_t, SegmentTally> segments_;
  std::uint64_t log_bytes_ = 0;  // of all segments
  // What of the tallies differs from the tables: segments; of their `gones`, segment and first.
  std::set<std::uint64_t> touched_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> touched_gones_;
  std::vector<std::uint64_t> dead_files_;
  bool stale_ = false;  // what is in memory is not what the tables say, since reading them failed
};

}  // namespace duskline::objects
