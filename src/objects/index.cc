#include "objects/index.h"

#include <algorithm>

namespace duskline::objects {
namespace {

constexpr std::uint8_t state_format = 1;

Bytes encode_state(const IndexState& state) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.u8(state_format);
  out.varint(state.whole_to.segment);
  out.varint(state.whole_to.offset);
  out.varint(state.next_sequence);
  out.varint(state.next_data);
  out.varint(state.versions);
  out.varint(state.live_bytes);
  out.varint(state.file_bytes);
  return bytes;
}

Result<IndexState> decode_state(ByteView bytes) {
  ByteReader in(bytes);
  const std::uint8_t format = in.u8();
  IndexState state;
  state.whole_to.segment = in.varint();
  state.whole_to.offset = in.varint();
  state.next_sequence = in.varint();
  state.next_data = in.varint();
  state.versions = in.varint();
  state.live_bytes = in.varint();
  state.file_bytes = in.varint();
  if (!in.ok() || format != state_format) {
    return Error(Code::corrupt,
                 "index: its state cannot be read; 'duskline store check --rebuild' makes it anew from the data files");
  }
  return state;
}

}  // namespace

Result<std::unique_ptr<Index>> Index::open(const std::string& path, std::uint64_t cache_bytes, IndexSync sync) {
  DL_ASSIGN(Database database, Database::open(path, OpenMode::create, cache_bytes, sync));
  DL_TRY(database.execute(index_schema));
  DL_ASSIGN(Lookups lookups, Lookups::prepare(database));
  std::unique_ptr<Index> index(new Index(std::move(database), std::move(lookups)));
  DL_TRY(index->prepare());
  DL_TRY(index->load());
  return index;
}

Status Index::prepare() {
  const std::pair<Statement*, const char*> wanted[] = {
      {&put_object_, "INSERT OR REPLACE INTO objects VALUES(?1, ?2, ?3)"},
      {&drop_object_, "DELETE FROM objects WHERE bucket=?1 AND key=?2"},
      {&object_, "SELECT row FROM objects WHERE bucket=?1 AND key=?2"},
      {&put_older_, "INSERT OR REPLACE INTO older VALUES(?1, ?2, ?3, ?4, ?5)"},
      {&drop_older_, "DELETE FROM older WHERE bucket=?1 AND key=?2 AND rank=?3"},
      {&top_older_, "SELECT row FROM older WHERE bucket=?1 AND key=?2 ORDER BY rank LIMIT 1"},
      {&put_details_, "INSERT OR REPLACE INTO details VALUES(?1, ?2)"},
      {&drop_details_, "DELETE FROM details WHERE sequence=?1"},
      {&put_bucket_, "INSERT OR REPLACE INTO buckets VALUES(?1, ?2)"},
      {&drop_bucket_, "DELETE FROM buckets WHERE id=?1"},
      {&put_upload_, "INSERT OR REPLACE INTO uploads VALUES(?1, ?2, ?3, ?4)"},
      {&drop_upload_, "DELETE FROM uploads WHERE bucket=?1 AND key=?2 AND sequence=?3"},
      {&any_upload_, "SELECT row FROM uploads WHERE bucket=?1 LIMIT 1"},
      {&put_part_, "INSERT OR REPLACE INTO parts VALUES(?1, ?2, ?3)"},
      {&drop_parts_, "DELETE FROM parts WHERE upload=?1"},
      {&parts_, "SELECT row FROM parts WHERE upload=?1"},
      {&ref_file_, "UPDATE files SET refs=refs+?2, bytes=max(bytes, ?3) WHERE number=?1"},
      {&new_file_, "INSERT INTO files VALUES(?1, 1, ?2)"},
      {&file_, "SELECT refs, bytes FROM files WHERE number=?1"},
      {&drop_file_, "DELETE FROM files WHERE number=?1"},
      {&put_segment_, "INSERT OR REPLACE INTO segments VALUES(?1, ?2, ?3)"},
      {&drop_segment_, "DELETE FROM segments WHERE number=?1"},
      {&put_gone_, "INSERT OR REPLACE INTO gones VALUES(?1, ?2, ?3)"},
      {&drop_gones_, "DELETE FROM gones WHERE segment=?1"},
      {&put_meta_, "INSERT INTO meta(id, state) VALUES(1, ?1) ON CONFLICT(id) DO UPDATE SET state=excluded.state"},
      {&any_object_, "SELECT key FROM objects WHERE bucket=?1 LIMIT 1"},
      {&any_older_, "SELECT key FROM older WHERE bucket=?1 LIMIT 1"},
  };
  for (const auto& [statement, sql] : wanted) {
    DL_ASSIGN(*statement, database_.prepare(sql));
  }
  return {};
}

Status Index::load() {
  state = {};
  buckets_.clear();
  bucket_names_.clear();
  segments_.clear();
  log_bytes_ = 0;
  touched_.clear();
  touched_gones_.clear();
  dead_files_.clear();
  DL_ASSIGN(Statement meta, database_.prepare("SELECT state FROM meta WHERE id=1"));
  DL_ASSIGN(const bool there, meta.step());
  if (there) {
    DL_ASSIGN(state, decode_state(meta.blob(0)));
  }
  meta.reset();
  DL_ASSIGN(Statement buckets, database_.prepare("SELECT row FROM buckets"));
  for (;;) {
    DL_ASSIGN(const bool more, buckets.step());
    if (!more) break;
    DL_ASSIGN(BucketRow row, decode_bucket(buckets.blob(0)));
    bucket_names_[row.id] = row.bucket.name;
    std::string name = row.bucket.name;
    buckets_.insert_or_assign(std::move(name), std::move(row));
  }
  DL_ASSIGN(Statement segments, database_.prepare("SELECT number, bytes, live FROM segments"));
  for (;;) {
    DL_ASSIGN(const bool more, segments.step());
    if (!more) break;
    SegmentTally& tally = segments_[segments.number(0)];
    tally.bytes = segments.number(1);
    log_bytes_ += tally.bytes;
    tally.live_bytes = segments.number(2);
  }
  DL_ASSIGN(Statement gones, database_.prepare("SELECT segment, first, bytes FROM gones"));
  for (;;) {
    DL_ASSIGN(const bool more, gones.step());
    if (!more) break;
    segments_[gones.number(0)].gones[gones.number(1)] = gones.number(2);
  }
  return {};
}

Status Index::begin() {
  if (stale_) DL_TRY(rollback());
  return database_.execute("BEGIN IMMEDIATE");
}

Status Index::save() {
  for (const std::uint64_t number : touched_) {
    const auto found = segments_.find(number);
    if (found == segments_.end()) {
      drop_segment_.bind(1, number);
      DL_TRY(drop_segment_.run());
      drop_gones_.bind(1, number);
      DL_TRY(drop_gones_.run());
      continue;
    }
    put_segment_.bind(1, number).bind(2, found->second.bytes).bind(3, found->second.live_bytes);
    DL_TRY(put_segment_.run());
  }
  for (const auto& [number, first] : touched_gones_) {
    const auto found = segments_.find(number);
    if (found == segments_.end()) continue;
    put_gone_.bind(1, number).bind(2, first).bind(3, found->second.gones[first]);
    DL_TRY(put_gone_.run());
  }
  const Bytes encoded = encode_state(state);
  put_meta_.bind(1, encoded);
  return put_meta_.run();
}

Status Index::commit() {
  Status done = save();
  if (done) done = database_.execute("COMMIT");
  if (!done) {
    (void)rollback();
    return done;
  }
  touched_.clear();
  touched_gones_.clear();
  return {};
}

Status Index::rollback() {
  stale_ = true;
  if (database_.in_transaction()) DL_TRY(database_.execute("ROLLBACK"));
  DL_TRY(load());
  stale_ = false;
  return {};
}

const BucketRow* Index::bucket_by_id(std::uint64_t id) const {
  const auto name = bucket_names_.find(id);
  if (name == bucket_names_.end()) return nullptr;
  const auto found = buckets_.find(name->second);
  return found == buckets_.end() ? nullptr : &found->second;
}

void Index::set_segment_bytes(std::uint64_t segment, std::uint64_t bytes) {
  std::uint64_t& known = segments_[segment].bytes;
  log_bytes_ += bytes - known;
  known = bytes;
  touched_.insert(segment);
}

void Index::forget_segment(std::uint64_t segment) {
  const auto found = segments_.find(segment);
  if (found == segments_.end()) return;
  log_bytes_ -= found->second.bytes;
  segments_.erase(found);
  touched_.insert(segment);
}

std::vector<std::uint64_t> Index::take_dead_files() { return std::exchange(dead_files_, {}); }

Status Index::apply(const Entry& entry, const Place& place) {
  return std::visit([&](const auto& it) { return put(it, place); }, entry);
}

// --- tallies

void Index::count_home(std::uint64_t segment, std::uint64_t bytes, Sign sign) {
  if (sign == Sign::add) {
    segments_[segment].live_bytes += bytes;
  } else {
    // Never below zero, also where a damaged log makes the sums wrong.
    const auto found = segments_.find(segment);
    if (found == segments_.end()) return;
    found->second.live_bytes -= std::min(found->second.live_bytes, bytes);
  }
  touched_.insert(segment);
}

void Index::count_gone(const Place& place, std::uint64_t first) {
  segments_[place.segment].gones[first] += place.entry_bytes;
  touched_.insert(place.segment);
  touched_gones_.emplace(place.segment, first);
}

Status Index::count_extents(const std::vector<Extent>& extents, Sign sign) {
  for (const Extent& extent : extents) {
    if (in_log(extent)) {
      count_home(segment_of(extent), extent.length_bytes, sign);
      continue;
    }
    const std::uint64_t end = extent.offset_bytes + extent.length_bytes;
    ref_file_.bind(1, extent.file).bind_signed(2, sign == Sign::add ? 1 : -1).bind(3, sign == Sign::add ? end : 0);
    DL_TRY(ref_file_.run());
    if (database_.changed_rows() == 0 && sign == Sign::add) {
      new_file_.bind(1, extent.file).bind(2, end);
      DL_TRY(new_file_.run());
      state.file_bytes += end;
      state.next_data = std::max(state.next_data, extent.file + 1);
    } else if (sign == Sign::subtract) {
      Using file(file_);
      file_.bind(1, extent.file);
      DL_ASSIGN(const bool there, file->step());
      if (!there || file->signed_number(0) > 0) continue;
      state.file_bytes -= std::min(state.file_bytes, file->number(1));
      drop_file_.bind(1, extent.file);
      DL_TRY(drop_file_.run());
      dead_files_.push_back(extent.file);
    }
  }
  return {};
}

Status Index::count_places(const Version& version, Sign sign) {
  for (const Part& part : version.parts) DL_TRY(count_extents(part.extents, sign));
  return count_extents(version.extents, sign);
}

Status Index::count_row(const Row& row, Sign sign) {
  count_home(row.home, row.home_bytes, sign);
  state.versions += sign == Sign::add ? 1 : std::uint64_t(-1);
  state.live_bytes += sign == Sign::add ? row.version.size_bytes : -row.version.size_bytes;
  return count_places(row.version, sign);
}

// --- versions

Status Index::write_details(std::uint64_t sequence, ByteView details) {
  if (details.empty()) return {};
  put_details_.bind(1, sequence).bind(2, details);
  return put_details_.run();
}

Status Index::write_object(std::uint64_t bucket, const Row& row) {
  Bytes head, details;
  encode_row(row, head, details);
  put_object_.bind(1, bucket).bind(2, row.version.key).bind(3, head);
  DL_TRY(put_object_.run());
  return write_details(row.sequence, details);
}

Status Index::write_older(std::uint64_t bucket, const Row& row) {
  Bytes head, details;
  encode_row(row, head, details);
  put_older_.bind(1, bucket)
      .bind(2, row.version.key)
      .bind_signed(3, rank_of(row.sequence))
      .bind(4, std::uint64_t{row.version.id == null_version ? 1U : 0U})
      .bind(5, head);
  DL_TRY(put_older_.run());
  return write_details(row.sequence, details);
}

Status Index::put(const VersionState& entry, const Place& place) {
  Row row;
  row.version = entry.version;
  row.sequence = entry.sequence;
  row.first = entry.first == 0 ? place.segment : std::min(entry.first, place.segment);
  row.home = place.segment;
  row.home_bytes = place.entry_bytes;
  const auto here = [&](std::vector<Extent>& extents) {
    for (Extent& extent : extents) {
      if (extent.file == own_body) extent = {segment_bit | place.segment, place.body_at, extent.length_bytes};
    }
  };
  here(row.version.extents);
  for (Part& part : row.version.parts) here(part.extents);
  state.next_sequence = std::max(state.next_sequence, row.sequence + 1);

  DL_ASSIGN(const auto before, lookups_.by_sequence(entry.bucket, row.version.key, row.sequence));
  if (!before) {
    DL_TRY(count_row(row, Sign::add));
    return put_new(entry.bucket, row);
  }
  row.first = std::min(row.first, before->row.first);
  DL_TRY(count_row(row, Sign::add));  // first, so that no file seems dead in between
  DL_TRY(count_row(before->row, Sign::subtract));
  return before->in_objects ? write_object(entry.bucket, row) : write_older(entry.bucket, row);
}

// In any order: after a compaction the log may say older things last.
Status Index::put_new(std::uint64_t bucket, const Row& row) {
  const std::string& key = row.version.key;
  std::uint64_t newest = 0;
  bool in_objects = false;
  {
    Using object(object_);
    object_.bind(1, bucket).bind(2, key);
    DL_ASSIGN(in_objects, object->step());
    if (in_objects) {
      DL_ASSIGN(const RowHead head, peek_row(object->blob(0)));
      newest = head.sequence;
    } else {
      object_.reset();
      Using top(top_older_);
      top_older_.bind(1, bucket).bind(2, key);
      DL_ASSIGN(const bool older, top->step());
      if (older) {
        DL_ASSIGN(const RowHead head, peek_row(top->blob(0)));
        newest = head.sequence;
      }
    }
  }
  if (row.sequence < newest) return write_older(bucket, row);
  if (in_objects) DL_TRY(move_to_older(bucket, key));
  return row.version.delete_marker ? write_older(bucket, row) : write_object(bucket, row);
}

Status Index::move_to_older(std::uint64_t bucket, std::string_view key) {
  Bytes head;
  {
    Using object(object_);
    object_.bind(1, bucket).bind(2, key);
    DL_ASSIGN(const bool there, object->step());
    if (!there) return {};
    const ByteView row = object->blob(0);
    head.assign(row.begin(), row.end());
  }
  DL_ASSIGN(const RowHead peeked, peek_row(head));
  put_older_.bind(1, bucket)
      .bind(2, key)
      .bind_signed(3, rank_of(peeked.sequence))
      .bind(4, std::uint64_t{peeked.is_null ? 1U : 0U})
      .bind(5, head);
  DL_TRY(put_older_.run());
  drop_object_.bind(1, bucket).bind(2, key);
  return drop_object_.run();
}

// With nothing in `objects`: the newest in `older` goes there, unless it is a delete marker.
Status Index::promote(std::uint64_t bucket, std::string_view key) {
  Bytes head;
  {
    Using top(top_older_);
    top_older_.bind(1, bucket).bind(2, key);
    DL_ASSIGN(const bool there, top->step());
    if (!there) return {};
    const ByteView row = top->blob(0);
    head.assign(row.begin(), row.end());
  }
  DL_ASSIGN(const RowHead peeked, peek_row(head));
  if (peeked.delete_marker) return {};
  put_object_.bind(1, bucket).bind(2, key).bind(3, head);
  DL_TRY(put_object_.run());
  drop_older_.bind(1, bucket).bind(2, key).bind_signed(3, rank_of(peeked.sequence));
  return drop_older_.run();
}

Status Index::drop_version(std::uint64_t bucket, const Found& found) {
  const std::string& key = found.row.version.key;
  DL_TRY(count_row(found.row, Sign::subtract));
  drop_details_.bind(1, found.row.sequence);
  DL_TRY(drop_details_.run());
  if (found.in_objects) {
    drop_object_.bind(1, bucket).bind(2, key);
    DL_TRY(drop_object_.run());
    return promote(bucket, key);
  }
  drop_older_.bind(1, bucket).bind(2, key).bind_signed(3, rank_of(found.row.sequence));
  DL_TRY(drop_older_.run());
  return found.row.version.latest ? promote(bucket, key) : Status();
}

Status Index::put(const VersionGone& entry, const Place& place) {
  count_gone(place, entry.first);
  state.next_sequence = std::max(state.next_sequence, entry.sequence + 1);
  DL_ASSIGN(const auto found, lookups_.by_sequence(entry.bucket, entry.key, entry.sequence));
  return found ? drop_version(entry.bucket, *found) : Status();
}

// --- uploads

Status Index::put(const UploadState& entry, const Place& place) {
  UploadRow row;
  row.upload = entry.upload;
  row.bucket = entry.bucket;
  row.sequence = entry.sequence;
  row.first = entry.first == 0 ? place.segment : std::min(entry.first, place.segment);
  row.home = place.segment;
  row.home_bytes = place.entry_bytes;
  state.next_sequence = std::max(state.next_sequence, row.sequence + 1);
  DL_ASSIGN(const auto before, lookups_.upload(row.bucket, row.upload.key, row.sequence));
  if (before) {
    row.first = std::min(row.first, before->first);
    count_home(before->home, before->home_bytes, Sign::subtract);
  }
  count_home(row.home, row.home_bytes, Sign::add);
  const Bytes encoded = encode_upload(row);
  put_upload_.bind(1, row.bucket).bind(2, row.upload.key).bind(3, row.sequence).bind(4, encoded);
  return put_upload_.run();
}

Status Index::put(const PartState& entry, const Place& place) {
  DL_ASSIGN(const auto before, lookups_.part(entry.upload, entry.part.number));
  DL_TRY(count_extents(entry.part.extents, Sign::add));
  count_home(place.segment, place.entry_bytes, Sign::add);
  if (before) {
    DL_TRY(count_extents(before->part.extents, Sign::subtract));
    count_home(before->home, before->home_bytes, Sign::subtract);
  }
  const Bytes encoded = encode_part(entry.part, place.segment, place.entry_bytes);
  put_part_.bind(1, entry.upload).bind(2, std::uint64_t{entry.part.number}).bind(3, encoded);
  return put_part_.run();
}

Status Index::drop_upload(const UploadRow& row) {
  {
    Using parts(parts_);
    parts_.bind(1, row.sequence);
    for (;;) {
      DL_ASSIGN(const bool more, parts->step());
      if (!more) break;
      DL_ASSIGN(const PartRow part, decode_part(parts->blob(0)));
      DL_TRY(count_extents(part.part.extents, Sign::subtract));
      count_home(part.home, part.home_bytes, Sign::subtract);
    }
  }
  drop_parts_.bind(1, row.sequence);
  DL_TRY(drop_parts_.run());
  count_home(row.home, row.home_bytes, Sign::subtract);
  drop_upload_.bind(1, row.bucket).bind(2, row.upload.key).bind(3, row.sequence);
  return drop_upload_.run();
}

Status Index::put(const UploadGone& entry, const Place& place) {
  count_gone(place, entry.first);
  DL_ASSIGN(const auto row, lookups_.upload(entry.bucket, entry.key, entry.sequence));
  if (row) return drop_upload(*row);
  // Its beginning may have been lost in a damaged segment: the parts go all the same.
  UploadRow unknown;
  unknown.bucket = entry.bucket;
  unknown.sequence = entry.sequence;
  unknown.upload.key = entry.key;
  return drop_upload(unknown);
}

// --- buckets

Status Index::put(const BucketState& entry, const Place& place) {
  BucketRow row;
  row.bucket = entry.bucket;
  row.id = entry.id;
  row.first = entry.first == 0 ? place.segment : std::min(entry.first, place.segment);
  row.home = place.segment;
  row.home_bytes = place.entry_bytes;
  state.next_sequence = std::max(state.next_sequence, row.id + 1);
  if (const BucketRow* before = bucket_by_id(row.id); before != nullptr) {
    row.first = std::min(row.first, before->first);
    count_home(before->home, before->home_bytes, Sign::subtract);
  }
  count_home(row.home, row.home_bytes, Sign::add);
  const Bytes encoded = encode_bucket(row);
  put_bucket_.bind(1, row.id).bind(2, encoded);
  DL_TRY(put_bucket_.run());
  bucket_names_[row.id] = row.bucket.name;
  std::string name = row.bucket.name;
  buckets_.insert_or_assign(std::move(name), std::move(row));
  return {};
}

Status Index::put(const BucketGone& entry, const Place& place) {
  count_gone(place, entry.first);
  const BucketRow* row = bucket_by_id(entry.id);
  return row != nullptr ? drop_bucket(BucketRow(*row)) : Status();
}

Status Index::drop_bucket(const BucketRow& row) {
  for (;;) {
    UploadRow upload;
    {
      Using any(any_upload_);
      any_upload_.bind(1, row.id);
      DL_ASSIGN(const bool there, any->step());
      if (!there) break;
      DL_ASSIGN(upload, decode_upload(any->blob(0)));
    }
    DL_TRY(drop_upload(upload));
  }
  DL_TRY(drop_remains(row.id));
  count_home(row.home, row.home_bytes, Sign::subtract);
  drop_bucket_.bind(1, row.id);
  DL_TRY(drop_bucket_.run());
  bucket_names_.erase(row.id);
  buckets_.erase(row.bucket.name);
  return {};
}

// A bucket is empty when it is removed. Where a damaged log lost some removals, what is left goes now.
Status Index::drop_remains(std::uint64_t bucket) {
  for (Statement* any : {&any_object_, &any_older_}) {
    for (;;) {
      std::string key;
      {
        Using row(*any);
        any->bind(1, bucket);
        DL_ASSIGN(const bool there, row->step());
        if (!there) break;
        key = text_of(row->blob(0));
      }
      DL_ASSIGN(const auto found, lookups_.latest(bucket, key));
      if (found) DL_TRY(drop_version(bucket, *found));
    }
  }
  return {};
}

Result<std::uint64_t> Index::remove_orphan_parts() {
  DL_ASSIGN(Statement orphans,
            database_.prepare("SELECT DISTINCT upload FROM parts WHERE upload NOT IN (SELECT sequence FROM uploads)"));
  std::vector<std::uint64_t> uploads;
  for (;;) {
    DL_ASSIGN(const bool more, orphans.step());
    if (!more) break;
    uploads.push_back(orphans.number(0));
  }
  orphans.reset();
  for (const std::uint64_t sequence : uploads) {
    UploadRow unknown;
    unknown.sequence = sequence;
    DL_TRY(drop_upload(unknown));
  }
  return uploads.size();
}

Result<std::vector<std::uint64_t>> Index::unknown_buckets() {
  DL_ASSIGN(Statement query,
            database_.prepare("SELECT bucket FROM objects WHERE bucket NOT IN (SELECT id FROM buckets) "
                              "UNION SELECT bucket FROM older WHERE bucket NOT IN (SELECT id FROM buckets) "
                              "UNION SELECT bucket FROM uploads WHERE bucket NOT IN (SELECT id FROM buckets)"));
  std::vector<std::uint64_t> ids;
  for (;;) {
    DL_ASSIGN(const bool more, query.step());
    if (!more) return ids;
    ids.push_back(query.number(0));
  }
}

}  // namespace duskline::objects
