// Puts, removals and changes of versions: S3's meaning of versioning, decided on the committer's thread.
#include "objects/engine.h"

namespace duskline::objects {
namespace {

constexpr std::size_t max_key_bytes = 1024;

Status check_key(const std::string& key) {
  if (key.empty()) return Error(Code::invalid, "an object's key is not empty");
  if (key.size() > max_key_bytes) {
    return Error(Code::too_large, "a key of " + std::to_string(key.size()) + " bytes: at most 1024 are allowed");
  }
  return {};
}

VersionGone gone(std::uint64_t bucket, const Row& row) {
  VersionGone entry;
  entry.bucket = bucket;
  entry.sequence = row.sequence;
  entry.first = row.first;
  entry.key = row.version.key;
  return entry;
}

// The version that a new one of this bucket replaces: in a bucket that keeps versions none, else the null version.
Result<std::optional<Found>> replaced_by_new(Transaction& transaction, const BucketRow& bucket,
                                             const std::string& key) {
  if (bucket.bucket.versioning == Versioning::on) return std::optional<Found>();
  return transaction.lookups().null_version_of(bucket.id, key);
}

Status ask(const Gate& gate, const std::string& bucket, std::optional<Found>& found) {
  if (!gate) return {};
  if (!found) return gate(nullptr);
  found->row.version.bucket = bucket;
  return gate(&found->row.version);
}

// Gives a new version what only the moment of its making can.
void stamp(Transaction& transaction, const BucketRow& bucket, VersionState& entry) {
  entry.bucket = bucket.id;
  entry.sequence = transaction.next_sequence();
  entry.version.bucket = bucket.bucket.name;
  entry.version.modified = transaction.now;
  entry.version.latest = true;
  entry.version.id =
      bucket.bucket.versioning == Versioning::on ? make_id(entry.sequence, random_salt()) : std::string(null_version);
}

// The bytes of a put: none are none.
Result<Body*> settled(const std::unique_ptr<Incoming>& bytes, Body& empty, Body::Inline how) {
  auto* body = bytes ? dynamic_cast<Body*>(bytes.get()) : &empty;
  if (body == nullptr) return Error(Code::internal, "these bytes were not received by this store");
  DL_TRY(body->settle(how));
  return body;
}

}  // namespace

Result<std::unique_ptr<Incoming>> Engine::receive(std::optional<std::uint64_t> size_bytes) {
  DL_TRY(room_for(size_bytes.value_or(0)));
  auto body = std::make_unique<Body>(body_context_);
  if (size_bytes.value_or(0) > max_inline_bytes) DL_TRY(body->begin_file(*size_bytes));
  return std::unique_ptr<Incoming>(std::move(body));
}

Result<Version> Engine::put(const Op& op, PutRequest request) {
  DL_TRY(check_key(request.key));
  Body empty(body_context_);
  DL_ASSIGN(Body * body, settled(request.bytes, empty, Body::Inline::allowed));
  VersionState entry;
  entry.version.key = request.key;
  entry.version.size_bytes = body->size_bytes();
  entry.version.etag = std::move(request.etag);
  entry.version.owner = std::move(request.owner);
  entry.version.properties = std::move(request.properties);
  entry.version.extents = body->extents();
  DL_TRY(committer_->run(op, body->small().size(), [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const BucketRow* bucket, transaction.bucket(request.bucket));
    if (request.gate) {
      DL_ASSIGN(auto current, transaction.lookups().latest(bucket->id, request.key));
      DL_TRY(ask(request.gate, request.bucket, current));
    }
    std::vector<Entry> entries;
    DL_ASSIGN(const auto replaced, replaced_by_new(transaction, *bucket, request.key));
    if (replaced) entries.emplace_back(gone(bucket->id, replaced->row));
    stamp(transaction, *bucket, entry);
    entries.emplace_back(entry);
    body->commit_begins();
    return transaction.emit(entries, body->small());
  }));
  body->commit_done();
  return std::move(entry.version);
}

Result<Removed> Engine::remove(const Op& op, const RemoveRequest& request) {
  DL_TRY(check_key(request.key));
  Removed removed;
  DL_TRY(committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const BucketRow* bucket, transaction.bucket(request.bucket));
    std::optional<Found> target;
    if (request.version) {
      DL_ASSIGN(target, transaction.lookups().version(bucket->id, request.key, *request.version));
    } else {
      DL_ASSIGN(target, transaction.lookups().latest(bucket->id, request.key));
    }
    DL_TRY(ask(request.gate, request.bucket, target));
    std::vector<Entry> entries;
    const bool makes_marker = !request.version && bucket->bucket.versioning != Versioning::never;
    if (makes_marker) {
      DL_ASSIGN(target, replaced_by_new(transaction, *bucket, request.key));
    }
    if (target) {
      entries.emplace_back(gone(bucket->id, target->row));
      removed.version = std::move(target->row.version);
      removed.version->bucket = request.bucket;
    }
    if (makes_marker) {
      VersionState marker;
      marker.version.key = request.key;
      marker.version.delete_marker = true;
      marker.version.owner = request.owner;
      stamp(transaction, *bucket, marker);
      entries.emplace_back(marker);
      removed.marker = marker.version;
    }
    return entries.empty() ? Status() : transaction.emit(entries);
  }));
  return removed;
}

Result<Version> Engine::change(const Op& op, const std::string& bucket, const std::string& key,
                               const std::optional<std::string>& version,
                               const std::function<Status(Version&)>& change) {
  Version changed;
  DL_TRY(committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const BucketRow* row, transaction.bucket(bucket));
    auto found =
        version ? transaction.lookups().version(row->id, key, *version) : transaction.lookups().latest(row->id, key);
    if (!found) return found.error();
    if (!*found) return Error(Code::not_found, "bucket '" + bucket + "' has no such version of '" + key + "'");
    Found& current = **found;
    current.row.version.bucket = bucket;
    changed = current.row.version;
    DL_TRY(change(changed));
    VersionState entry;
    entry.bucket = row->id;
    entry.sequence = current.row.sequence;
    entry.first = current.row.first;
    entry.version = current.row.version;
    entry.version.properties = changed.properties;
    changed = entry.version;
    return transaction.emit({entry});
  }));
  return changed;
}

// --- uploads of parts

Result<Upload> Engine::create_upload(const Op& op, const Upload& upload) {
  DL_TRY(check_key(upload.key));
  UploadState entry;
  entry.upload = upload;
  DL_TRY(committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const BucketRow* bucket, transaction.bucket(upload.bucket));
    entry.bucket = bucket->id;
    entry.sequence = transaction.next_sequence();
    entry.upload.id = make_id(entry.sequence, random_salt());
    entry.upload.begun = transaction.now;
    return transaction.emit({entry});
  }));
  return std::move(entry.upload);
}

namespace {

Result<UploadRow> upload_in(Transaction& transaction, const std::string& bucket, const std::string& key,
                            const std::string& id) {
  DL_ASSIGN(const BucketRow* row, transaction.bucket(bucket));
  if (const auto parsed = parse_id(id)) {
    DL_ASSIGN(auto found, transaction.lookups().upload(row->id, key, parsed->sequence));
    if (found && found->upload.id == id) return std::move(*found);
  }
  return Error(Code::not_found, "bucket '" + bucket + "' has no such upload of '" + key + "'");
}

UploadGone gone(const UploadRow& row) {
  UploadGone entry;
  entry.bucket = row.bucket;
  entry.sequence = row.sequence;
  entry.first = row.first;
  entry.key = row.upload.key;
  return entry;
}

// Fills in parts and size of the version that an upload becomes.
Status gather_parts(Transaction& transaction, const CompleteRequest& request, const UploadRow& upload,
                    Version& version) {
  std::uint32_t before = 0;
  version.parts.clear();
  version.size_bytes = 0;
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    const std::uint32_t number = request.parts[i];
    if (number <= before) return Error(Code::invalid, "parts are named in ascending order");
    before = number;
    DL_ASSIGN(auto part, transaction.lookups().part(upload.sequence, number));
    if (!part) return Error(Code::invalid, "part " + std::to_string(number) + " was not uploaded");
    if (!request.part_etags.empty() && part->part.etag != request.part_etags[i]) {
      return Error(Code::invalid, "part " + std::to_string(number) + " has another ETag by now");
    }
    version.size_bytes += part->part.size_bytes;
    version.parts.push_back(std::move(part->part));
  }
  return {};
}

}  // namespace

Result<Part> Engine::put_part(const Op& op, const Upload& upload, std::uint32_t number, std::unique_ptr<Incoming> bytes,
                              std::string etag, Properties properties) {
  Body empty(body_context_);
  // Never into the log: a part becomes a run of another object, and a body in the log belongs to its own record.
  DL_ASSIGN(Body * body, settled(bytes, empty, Body::Inline::never));
  PartState entry;
  entry.part.number = number;
  entry.part.size_bytes = body->size_bytes();
  entry.part.etag = std::move(etag);
  entry.part.properties = std::move(properties);
  entry.part.extents = body->extents();
  DL_TRY(committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const UploadRow row, upload_in(transaction, upload.bucket, upload.key, upload.id));
    entry.upload = row.sequence;
    entry.part.modified = transaction.now;
    body->commit_begins();
    return transaction.emit({entry});
  }));
  body->commit_done();
  return std::move(entry.part);
}

Result<Version> Engine::complete(const Op& op, CompleteRequest request) {
  if (!request.part_etags.empty() && request.part_etags.size() != request.parts.size()) {
    return Error(Code::invalid, "as many ETags as parts are needed");
  }
  VersionState entry;
  entry.version.key = request.key;
  entry.version.etag = std::move(request.etag);
  entry.version.owner = std::move(request.owner);
  entry.version.properties = std::move(request.properties);
  DL_TRY(committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const UploadRow upload, upload_in(transaction, request.bucket, request.key, request.upload));
    DL_ASSIGN(const BucketRow* bucket, transaction.bucket(request.bucket));
    if (request.gate) {
      DL_ASSIGN(auto current, transaction.lookups().latest(bucket->id, request.key));
      DL_TRY(ask(request.gate, request.bucket, current));
    }
    DL_TRY(gather_parts(transaction, request, upload, entry.version));
    std::vector<Entry> entries;
    DL_ASSIGN(const auto replaced, replaced_by_new(transaction, *bucket, request.key));
    if (replaced) entries.emplace_back(gone(bucket->id, replaced->row));
    stamp(transaction, *bucket, entry);
    entries.emplace_back(entry);
    entries.emplace_back(gone(upload));
    return transaction.emit(entries);
  }));
  return std::move(entry.version);
}

Status Engine::abort(const Op& op, const Upload& upload) {
  return committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const UploadRow row, upload_in(transaction, upload.bucket, upload.key, upload.id));
    return transaction.emit({gone(row)});
  });
}

}  // namespace duskline::objects
