// Finding, opening, sharing and listing.
#include <algorithm>

#include "objects/engine.h"

namespace duskline::objects {
namespace {

// The extents of a version in order.
template <typename See>
Status each_extent(const Version& version, const See& see) {
  for (const Extent& extent : version.extents) DL_TRY(see(extent));
  for (const Part& part : version.parts) {
    for (const Extent& extent : part.extents) DL_TRY(see(extent));
  }
  return {};
}

// Calls `see(extent, skip, length)` for what of each extent lies in the run.
template <typename See>
Status each_in_run(const Version& version, std::uint64_t offset, std::uint64_t length, const See& see) {
  if (offset > version.size_bytes || length > version.size_bytes - offset) {
    return Error(Code::invalid, "the run reaches beyond the end of '" + version.key + "'");
  }
  std::uint64_t at = 0;
  const std::uint64_t end = offset + length;
  return each_extent(version, [&](const Extent& extent) -> Status {
    const std::uint64_t from = std::max(at, offset), to = std::min(at + extent.length_bytes, end);
    const std::uint64_t start = std::exchange(at, at + extent.length_bytes);
    return from < to ? see(extent, from - start, to - from) : Status();
  });
}

}  // namespace

Result<std::optional<Version>> Engine::find(const std::string& bucket, const std::string& key,
                                            const std::optional<std::string>& version) {
  const auto hold = epochs_.enter();  // before looking: what is found then cannot be removed meanwhile
  DL_ASSIGN(const std::uint64_t id, bucket_id(bucket));
  DL_ASSIGN(auto reader, readers_.lend());
  auto found = version ? reader->lookups.find_version(id, key, *version) : reader->lookups.find_latest(id, key);
  if (!found) return found.error();
  if (!*found) return std::optional<Version>();
  Version& it = (*found)->row.version;
  it.bucket = bucket;
  it.hold = hold;
  return std::optional(std::move(it));
}

// A version whose bytes are not where it says: they may have been moved since it was found.
Result<std::optional<Version>> Engine::find_again(const Version& version) {
  DL_ASSIGN(auto again, find(version.bucket, version.key, version.id));
  const bool same = again && again->modified == version.modified && again->etag == version.etag &&
                    again->size_bytes == version.size_bytes && !again->delete_marker;
  return same ? std::move(again) : std::nullopt;
}

Status Engine::slice(const Extent& extent, std::uint64_t skip, std::uint64_t length, OpenFile::Reads reads,
                     Reading& reading, bool* enough) {
  DL_ASSIGN(std::shared_ptr<OpenFile> file, open_files_.get(extent.file));
  if (in_log(extent)) {
    thread_local Bytes buffer;
    DL_ASSIGN(*enough, file->read_body(extent.offset_bytes, extent.length_bytes, reads, buffer));
    if (*enough) reading.bytes += text_of(ByteView(buffer).subspan(record_head_bytes + skip, length));
  } else {
    DL_ASSIGN(*enough, file->check_run(extent.offset_bytes + skip, length, reads));
  }
  reading.slices.push_back({std::move(file), extent.offset_bytes + skip, length});
  return {};
}

Result<std::optional<Reading>> Engine::slices(const Version& version, std::uint64_t offset, std::uint64_t length,
                                              OpenFile::Reads reads) {
  Reading reading;
  bool enough = true;
  DL_TRY(each_in_run(version, offset, length, [&](const Extent& extent, std::uint64_t skip, std::uint64_t part) {
    return enough ? slice(extent, skip, part, reads, reading, &enough) : Status();
  }));
  if (!enough) return std::optional<Reading>();
  if (reading.bytes.size() != length) reading.bytes.clear();  // all of it or nothing
  return std::optional(std::move(reading));
}

Result<std::optional<Reading>> Engine::open(const Version& version, std::uint64_t offset_bytes,
                                            std::uint64_t length_bytes, Wait wait) {
  const auto reads = wait == Wait::no ? OpenFile::Reads::cached : OpenFile::Reads::any;
  auto reading = slices(version, offset_bytes, length_bytes, reads);
  if (reading || reading.error().code != Code::not_found) return reading;
  DL_ASSIGN(const auto again, find_again(version));
  if (!again) return Error(Code::not_found, "this version of '" + version.key + "' was removed");
  return slices(*again, offset_bytes, length_bytes, reads);
}

// Bytes in data files are shared. Those in the log are few, and copied: there each body belongs to one version.
Status Engine::share_run(Body& body, const Extent& extent, std::uint64_t skip, std::uint64_t length) {
  if (!in_log(extent)) {
    Pins::Pin pin(pins_, extent.file);
    body.share({extent.file, extent.offset_bytes + skip, length}, std::move(pin));
    return {};
  }
  DL_ASSIGN(const std::shared_ptr<OpenFile> file, open_files_.get(extent.file));
  Bytes buffer;
  DL_TRY(file->read_body(extent.offset_bytes, extent.length_bytes, OpenFile::Reads::any, buffer));
  return body.write(ByteView(buffer).subspan(record_head_bytes + skip, length));
}

Result<std::unique_ptr<Incoming>> Engine::share(const Version& version, std::uint64_t offset_bytes,
                                                std::uint64_t length_bytes) {
  DL_TRY(room_for(0));
  // Pinned first, then asked for again: whatever is still in the index now stays until the pins are gone.
  const auto attempt = [&](const Version& from) -> Result<std::unique_ptr<Incoming>> {
    auto body = std::make_unique<Body>(body_context_);
    DL_TRY(each_in_run(from, offset_bytes, length_bytes,
                       [&](const Extent& extent, std::uint64_t skip, std::uint64_t length) {
                         return share_run(*body, extent, skip, length);
                       }));
    return std::unique_ptr<Incoming>(std::move(body));
  };
  auto shared = attempt(version);
  if (!shared && shared.error().code != Code::not_found) return shared;
  DL_ASSIGN(const auto again, find_again(version));
  if (!again) return Error(Code::not_found, "this version of '" + version.key + "' was removed");
  return shared ? std::move(shared) : attempt(*again);
}

Result<ListResult> Engine::list(const Op& op, const ListRequest& request) {
  DL_TRY(op.check());
  DL_ASSIGN(const std::uint64_t id, bucket_id(request.bucket));
  DL_ASSIGN(auto reader, readers_.lend());
  DL_TRY(reader->lookups.begin_read());
  auto result = reader->lister.list(id, request);
  reader->lookups.end_read();
  return result;
}

Result<UploadList> Engine::uploads(const Op& op, const UploadListRequest& request) {
  DL_TRY(op.check());
  DL_ASSIGN(const std::uint64_t id, bucket_id(request.bucket));
  DL_ASSIGN(auto reader, readers_.lend());
  DL_TRY(reader->lookups.begin_read());
  auto result = reader->lister.uploads(id, request);
  reader->lookups.end_read();
  return result;
}

Result<std::optional<Upload>> Engine::upload(const std::string& bucket, const std::string& key, const std::string& id) {
  DL_ASSIGN(const std::uint64_t bucket_number, bucket_id(bucket));
  const auto parsed = parse_id(id);
  if (!parsed) return std::optional<Upload>();
  DL_ASSIGN(auto reader, readers_.lend());
  DL_ASSIGN(auto row, reader->lookups.upload(bucket_number, key, parsed->sequence));
  if (!row || row->upload.id != id) return std::optional<Upload>();
  row->upload.bucket = bucket;
  return std::optional(std::move(row->upload));
}

Result<PartList> Engine::parts(const Op& op, const Upload& upload, std::uint32_t after, std::uint32_t limit) {
  DL_TRY(op.check());
  DL_ASSIGN(const auto there, this->upload(upload.bucket, upload.key, upload.id));
  if (!there)
    return Error(Code::not_found, "bucket '" + upload.bucket + "' has no such upload of '" + upload.key + "'");
  PartList list;
  if (limit == 0) return list;
  DL_ASSIGN(auto reader, readers_.lend());
  // One more than wanted tells whether there are more.
  DL_ASSIGN(auto rows,
            reader->lookups.parts(parse_id(upload.id)->sequence, after, limit == UINT32_MAX ? limit : limit + 1));
  list.truncated = rows.size() > limit;
  if (list.truncated) rows.resize(limit);
  for (PartRow& row : rows) list.parts.push_back(std::move(row.part));
  return list;
}

}  // namespace duskline::objects
