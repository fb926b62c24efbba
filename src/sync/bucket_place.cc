#include "sync/bucket_place.h"

#include <algorithm>
#include <atomic>

#include "base/units.h"
#include "s3/multipart_documents.h"
#include "s3/uri.h"
#include "s3/xml.h"
#include "sync/bucket_copy.h"
#include "sync/bucket_headers.h"
#include "sync/bucket_list.h"
#include "sync/fingerprint.h"
#include "sync/names.h"

namespace duskline::sync {
namespace {

constexpr std::size_t max_keys_per_delete = 200;  // S3 takes 1000, but some servers then say nothing for half a minute
constexpr std::uint64_t copied_part_bytes = 1 << 30;  // by the service itself
constexpr std::size_t hash_buffer_bytes = 256 << 10;

s3::Pairs joined(s3::Pairs first, const s3::Pairs& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::string quoted_etag(const std::string& etag) { return "\"" + etag + "\""; }

// A range that was fetched into memory.
class HeldSource final : public Source {
 public:
  explicit HeldSource(Bytes bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
  Status rewind() override {
    at_ = 0;
    return {};
  }
  Result<std::size_t> read(ByteSpan into) override {
    const std::size_t count = std::min(into.size(), bytes_.size() - at_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), count, into.begin());
    at_ += count;
    return count;
  }

 private:
  const Bytes bytes_;
  std::size_t at_ = 0;
};

Result<Hash256> hash_of(const Op& op, Source& source) {
  DL_TRY(source.rewind());
  thread_local Bytes buffer(hash_buffer_bytes);
  Sha256 hash;
  for (;;) {
    DL_TRY(op.check());
    DL_ASSIGN(const std::size_t count, source.read(buffer));
    if (count == 0) break;
    hash.update(ByteView(buffer).first(count));
  }
  DL_TRY(source.rewind());
  return hash.finish();
}

// An XML document cannot hold most control characters, nor U+FFFE and U+FFFF.
bool fits_into_xml(std::string_view key) {
  const bool has_control = std::ranges::any_of(key, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  return !has_control && key.find("\xEF\xBF\xBE") == key.npos && key.find("\xEF\xBF\xBF") == key.npos;
}

// The same credentials for two clients.
class SharedCredentials final : public s3::CredentialSource {
 public:
  explicit SharedCredentials(std::shared_ptr<s3::CredentialSource> source) : source_(std::move(source)) {}
  Result<s3::Credentials> get(const Op& op) override { return source_->get(op); }
  void invalidate() override { source_->invalidate(); }

 private:
  const std::shared_ptr<s3::CredentialSource> source_;
};

struct BucketUpload final : Upload {
  bool in_parts = false;
  std::vector<std::string> etags;  // by piece
  Stamp stored;                    // of a file that travels in one request
};

class BucketPlace final : public Place {
 public:
  BucketPlace(BucketOptions options, http::Transport& transport, std::unique_ptr<s3::CredentialSource> credentials,
              Clock& clock, const Rules& rules)
      : options_(std::move(options)),
        rules_(rules),
        credentials_(std::move(credentials)),
        client_(options_.bucket, transport, std::make_unique<SharedCredentials>(credentials_), clock) {
    if (options_.backup_bucket.empty()) return;
    s3::Bucket bucket = options_.bucket;
    bucket.name = options_.backup_bucket;
    backup_ = std::make_unique<s3::Client>(std::move(bucket), transport,
                                           std::make_unique<SharedCredentials>(credentials_), clock);
  }

  Result<Ground> ground() override { return Ground{}; }
  [[nodiscard]] std::optional<std::string> why_not(std::string_view path) const override {
    return why_not_a_key(key_of(path));
  }
  [[nodiscard]] Nesting nesting() const override { return Nesting::free; }
  Result<std::unique_ptr<Lister>> list(const Op&, Reporter&, const std::string& after) override;
  Result<std::optional<Version>> look(const Op&, const std::string& path) override;
  Result<Presence> presence(const Op&, const std::string& path) override;
  Result<Version> fetch(const Op&, const std::string& path, std::uint64_t limit, Bytes& into) override;
  Status read(const Op&, const std::string& path, const Stamp&, Range, Sink&) override;
  Result<std::unique_ptr<Source>> open(const Op&, const std::string& path, const Stamp&, Range) override;
  Result<std::optional<bool>> matches(const Op&, const std::string&, const Stamp&, const Fingerprint&) override {
    return std::optional<bool>();
  }
  Result<Stamp> store(const Op&, const std::string& path, ByteView, const Attributes&) override;
  Result<std::unique_ptr<Upload>> begin(const Op&, const NewFile&, const std::string& token) override;
  Status write(const Op&, const NewFile&, Upload&, std::size_t piece, Range, Origin&) override;
  Result<Stamp> finish(const Op&, const NewFile&, Upload&, const Fingerprint&) override;
  void give_up(const Op&, const std::string& path, const std::string& token) override;
  Result<std::optional<Stamp>> copy(const Op&, const NewFile&, Origin&) override;
  Result<Stamp> set_attributes(const Op&, const std::string& path, const Stamp&, const Attributes&) override;
  Result<std::vector<RemoveFailure>> remove(const Op&, std::span<const Removal> removals) override;
  Status set_aside(const Op&, const std::string& path) override;
  Status tidy(const Op&, const std::vector<std::string>&) override { return {}; }  // its uploads have tokens
  Status settle(const Op&) override { return {}; }  // what a service has acknowledged is safe
  [[nodiscard]] FileClock clock() const override { return FileClock::another; }
  [[nodiscard]] std::string describe() const override {
    return "s3://" + options_.bucket.name + "/" + printable(options_.prefix) + " at " +
           options_.bucket.endpoint.origin();
  }

 private:
  [[nodiscard]] std::string key_of(std::string_view path) const { return options_.prefix + std::string(path); }
  [[nodiscard]] s3::Call call_for(std::string method, std::string_view path) const {
    return {.method = std::move(method), .key = key_of(path), .headers = options_.encryption.use};
  }
  [[nodiscard]] Result<Version> seen(const http::Response& response) const {
    return version_of(response, options_.etags);
  }
  [[nodiscard]] std::string source_of(std::string_view path) const {
    return "/" + options_.bucket.name + "/" + s3::uri_encode(key_of(path), s3::Slash::keep);
  }
  // Where `origin` lies in the same service: what names it in a copy; else "".
  [[nodiscard]] std::string copy_source(const Origin& origin) const;
  std::uint64_t ask_part_bytes(const Op& op, const std::string& path, const Stamp& stamp);
  Result<Stamp> put(const Op& op, const std::string& path, Source& source, const Hash256& hash, const Attributes&);
  Result<http::Response> send(const Op& op, s3::Call& call, const Hash256& hash);
  Status write_part(const Op& op, const NewFile& file, BucketUpload& upload, std::size_t piece, Range, Origin&);
  Status resume(const Op& op, const NewFile& file, BucketUpload& upload, const std::string& id);
  Status copy_large(const Op& op, s3::Client& client, const std::string& key, const CopySource& from,
                    s3::Pairs headers);
  Result<bool> remove_together(const Op& op, std::span<const Removal> removals, std::vector<RemoveFailure>& failures);
  Status remove_one(const Op& op, const std::string& path);

  const BucketOptions options_;
  const Rules& rules_;
  const std::shared_ptr<s3::CredentialSource> credentials_;
  s3::Client client_;
  std::unique_ptr<s3::Client> backup_;
  std::atomic<bool> refuses_checksums_{false};     // the endpoint answered 501 to x-amz-checksum-sha256
  std::atomic<bool> refuses_multi_delete_{false};  // and this one has no DeleteObjects
};

Result<std::unique_ptr<Lister>> BucketPlace::list(const Op& op, Reporter& reporter, const std::string& after) {
  return std::unique_ptr<Lister>(std::make_unique<BucketList>(
      op, client_, reporter, rules_,
      ListSettings{.prefix = options_.prefix,
                   .after = after,
                   .empty_folders = options_.empty_folders == BucketOptions::EmptyFolders::keep}));
}

Result<std::optional<Version>> BucketPlace::look(const Op& op, const std::string& path) {
  Bytes none;
  BufferSink sink(none, 0);
  auto response = client_.call(op, call_for("HEAD", path), sink, 0);
  if (!response && response.error().code == Code::not_found) return std::optional<Version>();
  if (!response) return std::move(response).error();
  DL_ASSIGN(Version version, seen(*response));
  if (!response->content_length()) return Error{Code::unsupported, "the endpoint's answer to a HEAD has no length"};
  const bool wants_part_bytes =
      version.has_md5_etag && version.part_bytes == 0 && form_of(version.stamp.etag).parts > 1;
  if (wants_part_bytes) version.part_bytes = ask_part_bytes(op, path, version.stamp);
  return std::optional(std::move(version));
}

Result<Presence> BucketPlace::presence(const Op& op, const std::string& path) {
  Bytes none;
  BufferSink sink(none, 0);
  const auto response = client_.call(op, call_for("HEAD", path), sink, 0);
  if (response) return Presence::present;
  if (response.error().code == Code::not_found) return Presence::absent;
  return response.error();
}

// The size of an object's first part, where the endpoint tells; else 0.
std::uint64_t BucketPlace::ask_part_bytes(const Op& op, const std::string& path, const Stamp& stamp) {
  s3::Call call = call_for("HEAD", path);
  call.query = {{"partNumber", "1"}};
  Bytes none;
  BufferSink sink(none, 0);
  const auto response = client_.call(op, call, sink, 0);
  if (!response) return 0;
  const auto version = seen(*response);
  if (!version || version->stamp.etag != stamp.etag || version->stamp.size_bytes >= stamp.size_bytes) return 0;
  return version->stamp.size_bytes;
}

Result<Version> BucketPlace::fetch(const Op& op, const std::string& path, std::uint64_t limit, Bytes& into) {
  into.clear();
  s3::Call call = call_for("GET", path);
  call.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  call.accept = [&](const http::Response& response) -> Status {
    const auto length = response.content_length();
    if (response.status != 200 || !length) {
      return Error{Code::unavailable, "the endpoint answered a plain GET with a part, or without a length"};
    }
    if (*length > limit)
      return Error{Code::changing, "\"" + printable(path) + "\" has become larger than it was listed"};
    into.reserve(*length);
    return {};
  };
  BufferSink sink(into, limit);
  DL_ASSIGN(const http::Response response, client_.call(op, call, sink, limit));
  DL_ASSIGN(Version version, seen(response));
  if (into.size() != version.stamp.size_bytes)
    return Error{Code::unavailable, "the answer's body is not as long as it said"};
  DL_TRY(check_body(body_check_of(response, version), into, key_of(path)));
  return version;
}

Status BucketPlace::read(const Op& op, const std::string& path, const Stamp& stamp, Range range, Sink& sink) {
  if (range.length_bytes == 0) return {};
  const store::ByteRange part{range.offset_bytes, range.length_bytes};
  s3::Call call = call_for("GET", path);
  call.headers =
      joined(std::move(call.headers), store::get_headers({.range = part, .if_match = quoted_etag(stamp.etag)}));
  call.accept = [&](const http::Response& response) -> Status {
    DL_ASSIGN(const std::uint64_t total, store::check_range(response, part));
    DL_ASSIGN(const Version version, seen(response));
    if (total == stamp.size_bytes && version.stamp.etag == stamp.etag) return {};
    return Error{Code::changing, "\"" + printable(path) + "\" was replaced while it was read"};
  };
  const auto response = client_.call(op, call, sink, range.length_bytes);
  if (response && response->body_bytes == range.length_bytes) return {};
  if (response) return Error{Code::unavailable, "the answer's body is shorter than the range that was asked for"};
  if (response.error().code == Code::precondition || response.error().code == Code::not_found) {
    return Error{Code::changing, "\"" + printable(path) + "\" was replaced or removed while it was read"};
  }
  return response.error();
}

Result<std::unique_ptr<Source>> BucketPlace::open(const Op& op, const std::string& path, const Stamp& stamp,
                                                  Range range) {
  Bytes bytes;
  bytes.reserve(range.length_bytes);
  BufferSink sink(bytes, range.length_bytes);
  DL_TRY(read(op, path, stamp, range, sink));
  return std::unique_ptr<Source>(std::make_unique<HeldSource>(std::move(bytes)));
}

// With the checksum, which the service then keeps: an endpoint that does not know this header, and says so, gets none
// from then on.
Result<http::Response> BucketPlace::send(const Op& op, s3::Call& call, const Hash256& hash) {
  Bytes answer;
  BufferSink sink(answer, max_document_bytes);
  call.payload = hash.hex();
  if (refuses_checksums_) return client_.call(op, call, sink, max_document_bytes);
  const s3::Pairs plain = call.headers;
  call.headers.emplace_back("x-amz-checksum-sha256", to_base64(hash.bytes));
  auto response = client_.call(op, call, sink, max_document_bytes);
  if (response || response.error().code != Code::unsupported) return response;
  call.headers = plain;
  DL_TRY(call.body->rewind());
  response = client_.call(op, call, sink, max_document_bytes);
  if (response) refuses_checksums_ = true;
  return response;
}

Result<Stamp> BucketPlace::put(const Op& op, const std::string& path, Source& source, const Hash256& hash,
                               const Attributes& attributes) {
  s3::Call call{.method = "PUT", .key = key_of(path)};
  call.headers = joined(headers_of(attributes, path), options_.encryption.create);
  call.body = &source;
  DL_ASSIGN(const http::Response response, send(op, call, hash));
  DL_ASSIGN(const Version version, seen(response));
  return Stamp{.size_bytes = source.size_bytes(), .etag = version.stamp.etag, .modified_ns = 0};
}

Result<Stamp> BucketPlace::store(const Op& op, const std::string& path, ByteView bytes, const Attributes& attributes) {
  BufferSource source(bytes);
  return put(op, path, source, sha256(bytes), attributes);
}

Result<std::unique_ptr<Upload>> BucketPlace::begin(const Op& op, const NewFile& file, const std::string& token) {
  auto upload = std::make_unique<BucketUpload>();
  upload->in_parts = file.size_bytes > file.piece_bytes;
  if (!upload->in_parts) return std::unique_ptr<Upload>(std::move(upload));
  const std::size_t pieces = (file.size_bytes + file.piece_bytes - 1) / file.piece_bytes;
  upload->etags.resize(pieces);
  upload->done.resize(pieces);
  if (!token.empty()) DL_TRY(resume(op, file, *upload, token));
  if (!upload->is_resumed) {
    s3::Call call{.method = "POST", .key = key_of(file.path), .query = {{"uploads", ""}}};
    call.headers = joined(headers_of(file.attributes, file.path), options_.encryption.create);
    call.headers.emplace_back(part_bytes_header, std::to_string(file.piece_bytes));
    DL_ASSIGN(const std::string answer, send_document(op, client_, call, ""));
    DL_ASSIGN(upload->token, s3::parse_upload_id(answer));
  }
  return std::unique_ptr<Upload>(std::move(upload));
}

// What of an earlier run's upload has arrived. Where it is gone, a new one takes its place.
Status BucketPlace::resume(const Op& op, const NewFile& file, BucketUpload& upload, const std::string& id) {
  std::uint32_t marker = 0;
  for (;;) {
    s3::Call call = call_for("GET", file.path);
    call.query = {{"uploadId", id}, {"max-parts", "1000"}, {"part-number-marker", std::to_string(marker)}};
    const auto answer = client_.call_for_text(op, call, max_document_bytes);
    if (!answer && answer.error().code == Code::not_found) return {};
    if (!answer) return answer.error();
    DL_ASSIGN(const s3::PartPage page, s3::parse_parts(*answer));
    for (const s3::ListedPart& part : page.parts) {
      const std::size_t piece = part.number - 1;
      if (piece >= upload.done.size()) return {};  // cut otherwise: not an upload of this file
      const std::uint64_t offset = piece * file.piece_bytes;
      if (part.size_bytes != std::min(file.piece_bytes, file.size_bytes - offset)) continue;
      upload.done[piece] = true;
      upload.etags[piece] = part.etag;
    }
    if (!page.truncated) break;
    if (page.next_marker <= marker) return Error{Code::unavailable, "the listing of parts does not come to an end"};
    marker = page.next_marker;
  }
  upload.token = id;
  upload.is_resumed = true;
  return {};
}

std::string BucketPlace::copy_source(const Origin& origin) const {
  const auto* other = dynamic_cast<const BucketPlace*>(&origin.place.base());
  if (other == nullptr || options_.service.empty() || other->options_.service != options_.service) return {};
  return other->source_of(origin.path);
}

Status BucketPlace::write(const Op& op, const NewFile& file, Upload& upload, std::size_t piece, Range range,
                          Origin& origin) {
  auto& own = static_cast<BucketUpload&>(upload);
  if (own.in_parts) return write_part(op, file, own, piece, range, origin);
  auto source = origin.place.open(op, origin.path, origin.stamp, range);
  auto hash = source ? hash_of(op, **source) : Result<Hash256>(source.error());
  origin.failed = !hash;
  if (!hash) return std::move(hash).error();
  DL_ASSIGN(own.stored, put(op, file.path, **source, *hash, file.attributes));
  return {};
}

Status BucketPlace::write_part(const Op& op, const NewFile& file, BucketUpload& upload, std::size_t piece, Range range,
                               Origin& origin) {
  s3::Call call = call_for("PUT", file.path);
  call.query = {{"partNumber", std::to_string(piece + 1)}, {"uploadId", upload.token}};
  if (const std::string from = copy_source(origin); !from.empty()) {
    const std::uint64_t last = range.offset_bytes + range.length_bytes - 1;
    call.headers.emplace_back("x-amz-copy-source-range",
                              "bytes=" + std::to_string(range.offset_bytes) + "-" + std::to_string(last));
    DL_ASSIGN(upload.etags[piece], copy_with(op, client_, std::move(call), {from, origin.stamp}, options_.encryption));
    return {};
  }
  auto source = origin.place.open(op, origin.path, origin.stamp, range);
  auto hash = source ? hash_of(op, **source) : Result<Hash256>(source.error());
  origin.failed = !hash;
  if (!hash) return std::move(hash).error();
  call.body = source->get();
  call.payload = hash->hex();
  Bytes answer;
  BufferSink sink(answer, max_document_bytes);
  DL_ASSIGN(const http::Response response, client_.call(op, call, sink, max_document_bytes));
  DL_ASSIGN(const Version part, seen(response));
  upload.etags[piece] = part.stamp.etag;
  return {};
}

Result<Stamp> BucketPlace::finish(const Op& op, const NewFile& file, Upload& upload, const Fingerprint&) {
  auto& own = static_cast<BucketUpload&>(upload);
  if (!own.in_parts) return own.stored;
  DL_TRY(complete_upload(op, client_, call_for("POST", file.path), own.token, own.etags));
  DL_ASSIGN(const auto there, look(op, file.path));
  const std::string expected = etag_of_parts(own.etags);
  const bool is_other = there && (there->stamp.size_bytes != file.size_bytes ||
                                  (there->has_md5_etag && form_of(there->stamp.etag).parts == own.etags.size() &&
                                   !expected.empty() && there->stamp.etag != expected));
  if (!there || is_other) {
    return Error{Code::corrupt,
                 "what lies at " + printable(key_of(file.path)) + " after its upload is not what was sent there"};
  }
  return there->stamp;
}

void BucketPlace::give_up(const Op&, const std::string& path, const std::string& token) {
  if (token.empty()) return;
  abort_upload(client_, call_for("DELETE", path), token);
}

Result<std::optional<Stamp>> BucketPlace::copy(const Op& op, const NewFile& file, Origin& origin) {
  const std::string from = copy_source(origin);
  if (from.empty() || file.size_bytes > options_.max_copy_bytes) return std::optional<Stamp>();
  s3::Call call{.method = "PUT", .key = key_of(file.path), .headers = options_.encryption.create};
  DL_ASSIGN(std::string etag, copy_with(op, client_, std::move(call), {from, origin.stamp}, options_.encryption));
  return std::optional(Stamp{.size_bytes = file.size_bytes, .etag = std::move(etag), .modified_ns = 0});
}

Result<Stamp> BucketPlace::set_attributes(const Op& op, const std::string& path, const Stamp& stamp,
                                          const Attributes& attributes) {
  if (stamp.size_bytes > options_.max_copy_bytes) {
    DL_TRY(copy_large(op, client_, key_of(path), {source_of(path), stamp}, headers_of(attributes, path)));
    DL_ASSIGN(const auto there, look(op, path));
    if (!there) return Error{Code::changing, "\"" + printable(path) + "\" was removed while it got another time"};
    return there->stamp;
  }
  s3::Call call{.method = "PUT", .key = key_of(path)};
  call.headers = joined(headers_of(attributes, path), options_.encryption.create);
  call.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  DL_ASSIGN(std::string etag, copy_with(op, client_, std::move(call), {source_of(path), stamp}, options_.encryption));
  return Stamp{.size_bytes = stamp.size_bytes, .etag = std::move(etag), .modified_ns = 0};
}

Status BucketPlace::set_aside(const Op& op, const std::string& path) {
  DL_ASSIGN(const auto there, look(op, path));
  if (!there) return {};
  const std::string key = options_.backup_prefix + path;
  const CopySource from{source_of(path), there->stamp};
  if (there->stamp.size_bytes > options_.max_copy_bytes) {
    return copy_large(op, *backup_, key, from, headers_of(there->attributes, path));
  }
  DL_TRY(copy_with(op, *backup_, {.method = "PUT", .key = key, .headers = options_.encryption.create}, from,
                   options_.encryption));
  return {};
}

Status BucketPlace::copy_large(const Op& op, s3::Client& client, const std::string& key, const CopySource& from,
                               s3::Pairs headers) {
  const std::uint64_t part_bytes = std::min(options_.max_copy_bytes, copied_part_bytes);
  return copy_in_parts(op, client, key, joined(std::move(headers), options_.encryption.create), from,
                       options_.encryption, part_bytes);
}

Status BucketPlace::remove_one(const Op& op, const std::string& path) {
  const auto removed = client_.call_for_text(op, {.method = "DELETE", .key = key_of(path)}, max_document_bytes);
  if (!removed && removed.error().code != Code::not_found) return removed.error();
  return {};
}

// False where the endpoint has no such request.
Result<bool> BucketPlace::remove_together(const Op& op, std::span<const Removal> removals,
                                          std::vector<RemoveFailure>& failures) {
  std::vector<std::string> keys;
  for (const auto& [path, stamp] : removals) {
    if (fits_into_xml(path)) keys.push_back(key_of(path));
  }
  for (const auto& [path, stamp] : removals) {
    if (fits_into_xml(path)) continue;
    if (auto removed = remove_one(op, path); !removed) failures.push_back({path, std::move(removed).error()});
  }
  if (keys.empty()) return true;
  const std::string document = s3::delete_document(keys);
  s3::Call call{.method = "POST", .query = {{"delete", ""}}};
  if (const std::string md5 = store::md5_base64(document); !md5.empty()) call.headers = {{"content-md5", md5}};
  const auto answer = send_document(op, client_, call, document);
  if (!answer && answer.error().code == Code::unsupported) return false;
  if (!answer) return answer.error();
  DL_ASSIGN(const auto failed, s3::parse_delete_result(*answer));
  for (const s3::DeleteFailure& one : failed) {
    if (one.code == "NoSuchKey" || !one.key.starts_with(options_.prefix)) continue;
    failures.push_back({one.key.substr(options_.prefix.size()),
                        client_.failed_delete(one.key, {.code = one.code, .message = one.message})});
  }
  return true;
}

Result<std::vector<RemoveFailure>> BucketPlace::remove(const Op& op, std::span<const Removal> removals) {
  std::vector<RemoveFailure> failures;
  while (!removals.empty() && !refuses_multi_delete_) {
    const auto batch = removals.first(std::min(removals.size(), max_keys_per_delete));
    DL_ASSIGN(const bool known, remove_together(op, batch, failures));
    if (!known) {
      refuses_multi_delete_ = true;
      break;
    }
    removals = removals.subspan(batch.size());
  }
  for (const auto& [path, stamp] : removals) {
    if (auto removed = remove_one(op, path); !removed) failures.push_back({path, std::move(removed).error()});
  }
  return failures;
}

}  // namespace

std::unique_ptr<Place> open_bucket(BucketOptions options, http::Transport& transport,
                                   std::unique_ptr<s3::CredentialSource> credentials, Clock& clock,
                                   const Rules& rules) {
  return std::make_unique<BucketPlace>(std::move(options), transport, std::move(credentials), clock, rules);
}

}  // namespace duskline::sync
