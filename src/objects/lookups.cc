#include "objects/lookups.h"

namespace duskline::objects {

Result<Lookups> Lookups::prepare(Database& database) {
  Lookups made;
  DL_ASSIGN(made.object_, database.prepare("SELECT row FROM objects WHERE bucket=?1 AND key=?2"));
  DL_ASSIGN(made.older_top_,
            database.prepare("SELECT row FROM older WHERE bucket=?1 AND key=?2 ORDER BY rank LIMIT 1"));
  DL_ASSIGN(made.older_one_, database.prepare("SELECT row FROM older WHERE bucket=?1 AND key=?2 AND rank=?3"));
  DL_ASSIGN(made.older_null_,
            database.prepare("SELECT row FROM older INDEXED BY older_null WHERE bucket=?1 AND key=?2 AND is_null=1"));
  DL_ASSIGN(made.details_, database.prepare("SELECT row FROM details WHERE sequence=?1"));
  DL_ASSIGN(made.upload_, database.prepare("SELECT row FROM uploads WHERE bucket=?1 AND key=?2 AND sequence=?3"));
  DL_ASSIGN(made.part_, database.prepare("SELECT row FROM parts WHERE upload=?1 AND number=?2"));
  DL_ASSIGN(made.parts_,
            database.prepare("SELECT row FROM parts WHERE upload=?1 AND number>?2 ORDER BY number LIMIT ?3"));
  DL_ASSIGN(made.any_object_, database.prepare("SELECT 1 FROM objects WHERE bucket=?1 LIMIT 1"));
  DL_ASSIGN(made.any_older_, database.prepare("SELECT 1 FROM older WHERE bucket=?1 LIMIT 1"));
  DL_ASSIGN(made.file_, database.prepare("SELECT refs FROM files WHERE number=?1"));
  DL_ASSIGN(made.begin_, database.prepare("BEGIN"));
  DL_ASSIGN(made.end_, database.prepare("COMMIT"));
  return made;
}

Status Lookups::begin_read() { return begin_.run(); }
void Lookups::end_read() { (void)end_.run(); }  // nothing was written that could fail to be

Result<Row> Lookups::whole(ByteView head, std::string_view key) {
  DL_ASSIGN(const RowHead peeked, peek_row(head));
  Using details(details_);
  ByteView apart;
  if (peeked.has_details) {
    details_.bind(1, peeked.sequence);
    DL_ASSIGN(const bool there, details->step());
    if (there) apart = details->blob(0);  // where they are missing, decoding fails
  }
  DL_ASSIGN(Row row, decode_row(head, apart, Detail::all));
  row.version.key = key;
  return row;
}

// `at` stands on a row of `older`. It is the latest where it is the top and `objects` has none.
Result<Found> Lookups::found_in_older(Statement& at, std::uint64_t bucket, std::string_view key) {
  Found found;
  DL_ASSIGN(found.row, whole(at.blob(0), key));
  Using object(object_);
  object_.bind(1, bucket).bind(2, key);
  DL_ASSIGN(const bool newer, object->step());
  if (newer) return found;
  Using top(older_top_);
  older_top_.bind(1, bucket).bind(2, key);
  DL_ASSIGN(const bool there, top->step());
  if (there) {
    DL_ASSIGN(const RowHead head, peek_row(top->blob(0)));
    found.row.version.latest = head.sequence == found.row.sequence;
  }
  return found;
}

// The row in `objects`, if `wanted` says so of its head.
template <typename Wanted>
Result<std::optional<Found>> Lookups::object_if(std::uint64_t bucket, std::string_view key, const Wanted& wanted) {
  Using object(object_);
  object_.bind(1, bucket).bind(2, key);
  DL_ASSIGN(const bool there, object->step());
  if (!there) return std::optional<Found>();
  DL_ASSIGN(const RowHead head, peek_row(object->blob(0)));
  if (!wanted(head)) return std::optional<Found>();
  Found found;
  DL_ASSIGN(found.row, whole(object->blob(0), key));
  found.row.version.latest = true;
  found.in_objects = true;
  return std::optional(std::move(found));
}

Result<std::optional<Found>> Lookups::find_latest(std::uint64_t bucket, std::string_view key) {
  // The common case takes one statement: while it stands on its row, details come from the same snapshot.
  DL_ASSIGN(auto object, object_if(bucket, key, [](const RowHead&) { return true; }));
  if (object) return object;
  DL_TRY(begin_read());
  auto found = latest(bucket, key);
  end_read();
  return found;
}

Result<std::optional<Found>> Lookups::find_version(std::uint64_t bucket, std::string_view key, std::string_view id) {
  DL_TRY(begin_read());
  auto found = version(bucket, key, id);
  end_read();
  return found;
}

Result<std::optional<Found>> Lookups::latest(std::uint64_t bucket, std::string_view key) {
  DL_ASSIGN(auto object, object_if(bucket, key, [](const RowHead&) { return true; }));
  if (object) return object;
  Using top(older_top_);
  older_top_.bind(1, bucket).bind(2, key);
  DL_ASSIGN(const bool there, top->step());
  if (!there) return std::optional<Found>();
  Found found;
  DL_ASSIGN(found.row, whole(top->blob(0), key));
  found.row.version.latest = true;
  return std::optional(std::move(found));
}

Result<std::optional<Found>> Lookups::by_sequence(std::uint64_t bucket, std::string_view key, std::uint64_t sequence) {
  DL_ASSIGN(auto object, object_if(bucket, key, [&](const RowHead& head) { return head.sequence == sequence; }));
  if (object) return object;
  Using one(older_one_);
  older_one_.bind(1, bucket).bind(2, key).bind_signed(3, rank_of(sequence));
  DL_ASSIGN(const bool there, one->step());
  if (!there) return std::optional<Found>();
  DL_ASSIGN(Found found, found_in_older(older_one_, bucket, key));
  return std::optional(std::move(found));
}

Result<std::optional<Found>> Lookups::null_version_of(std::uint64_t bucket, std::string_view key) {
  DL_ASSIGN(auto object, object_if(bucket, key, [](const RowHead& head) { return head.is_null; }));
  if (object) return object;
  Using null(older_null_);
  older_null_.bind(1, bucket).bind(2, key);
  DL_ASSIGN(const bool there, null->step());
  if (!there) return std::optional<Found>();
  DL_ASSIGN(Found found, found_in_older(older_null_, bucket, key));
  return std::optional(std::move(found));
}

Result<std::optional<Found>> Lookups::version(std::uint64_t bucket, std::string_view key, std::string_view id) {
  if (id == null_version) return null_version_of(bucket, key);
  const auto parsed = parse_id(id);
  if (!parsed) return std::optional<Found>();
  auto found = by_sequence(bucket, key, parsed->sequence);
  if (!found || !*found || (*found)->row.version.id == id) return found;
  return std::optional<Found>();
}

Result<std::optional<UploadRow>> Lookups::upload(std::uint64_t bucket, std::string_view key, std::uint64_t sequence) {
  Using upload(upload_);
  upload_.bind(1, bucket).bind(2, key).bind(3, sequence);
  DL_ASSIGN(const bool there, upload->step());
  if (!there) return std::optional<UploadRow>();
  DL_ASSIGN(UploadRow row, decode_upload(upload->blob(0)));
  return std::optional(std::move(row));
}

Result<std::optional<PartRow>> Lookups::part(std::uint64_t upload, std::uint32_t number) {
  Using part(part_);
  part_.bind(1, upload).bind(2, std::uint64_t{number});
  DL_ASSIGN(const bool there, part->step());
  if (!there) return std::optional<PartRow>();
  DL_ASSIGN(PartRow row, decode_part(part->blob(0)));
  return std::optional(std::move(row));
}

Result<std::vector<PartRow>> Lookups::parts(std::uint64_t upload, std::uint32_t after, std::uint32_t limit) {
  Using parts(parts_);
  parts_.bind(1, upload).bind(2, std::uint64_t{after}).bind(3, std::uint64_t{limit});
  std::vector<PartRow> rows;
  for (;;) {
    DL_ASSIGN(const bool there, parts->step());
    if (!there) return rows;
    DL_ASSIGN(PartRow row, decode_part(parts->blob(0)));
    rows.push_back(std::move(row));
  }
}

Result<bool> Lookups::holds_versions(std::uint64_t bucket) {
  Using object(any_object_);
  any_object_.bind(1, bucket);
  DL_ASSIGN(const bool live, object->step());
  if (live) return true;
  Using older(any_older_);
  any_older_.bind(1, bucket);
  return older->step();
}

Result<std::optional<std::uint64_t>> Lookups::file_references(std::uint64_t number) {
  Using file(file_);
  file_.bind(1, number);
  DL_ASSIGN(const bool there, file->step());
  if (!there) return std::optional<std::uint64_t>();
  return std::optional(file->number(0));
}

}  // namespace duskline::objects
