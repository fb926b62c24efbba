#include "gateway/copy_source.h"

#include "gateway/conditions.h"
#include "gateway/route.h"
#include "gateway/stored.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

constexpr std::string_view header_name = "x-amz-copy-source";

Expected<objects::Version> find_version(const Context& context, const CopySourceName& name,
                                        const objects::Bucket& bucket) {
  auto version = find_object(context, {bucket, name.key, name.version}, {"s3:GetObject", "s3:GetObjectVersion"});
  if (!version && version.error().code == ErrorCode::method_not_allowed) {
    return S3Error(ErrorCode::invalid_request,
                   "The source of a copy request may not specifically refer to a delete marker by version id.");
  }
  return version;
}

}  // namespace

Expected<CopySourceName> parse_copy_source(std::string_view header) {
  const S3Error malformed =
      invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                       std::string(header_name), std::string(header));
  CopySourceName name;
  constexpr std::string_view mark = "?versionId=";
  if (const auto at = header.rfind(mark); at != std::string_view::npos) {
    name.version = header.substr(at + mark.size());
    header = header.substr(0, at);
    if (name.version->empty()) return malformed;
  }
  auto path = s3::uri_decode(header);
  if (!path || !is_utf8(*path)) return malformed;
  if (path->starts_with('/')) path->erase(0, 1);
  const auto slash = path->find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == path->size()) return malformed;
  name.bucket = path->substr(0, slash);
  name.key = path->substr(slash + 1);
  if (name.key.size() > max_key_bytes) return ErrorCode::key_too_long;
  return name;
}

Expected<CopySource> find_copy_source(const Context& context) {
  DL_ASSIGN(auto name, parse_copy_source(*context.request.header(header_name)));
  DL_ASSIGN(auto bucket, context.services.objects.bucket(name.bucket));
  if (!bucket) return S3Error(ErrorCode::no_such_bucket).with("BucketName", name.bucket);
  DL_TRY(check_expected_owner("x-amz-source-expected-bucket-owner", context.request, *bucket));
  DL_ASSIGN(auto version, find_version(context, name, *bucket));
  DL_ASSIGN(auto key, key_of_version(context, version, KeyOf::copy_source));
  const Conditions conditions = copy_source_conditions(*context.request.head);
  if (judge_read(conditions, version.etag, version.modified) != Judgement::proceed) {
    return S3Error(ErrorCode::precondition_failed).with("Condition", "x-amz-copy-source-If-*");
  }
  return CopySource{std::move(name), std::move(*bucket), std::move(version), std::move(key)};
}

Expected<std::unique_ptr<objects::Incoming>> copy_bytes(const Context& context, const CopySource& source,
                                                        const ByteRange& range, const std::optional<ObjectKey>& key,
                                                        objects::Properties& properties, Digests& digests) {
  objects::Objects& objects = context.services.objects;
  StoredRun run{source.version, range.offset_bytes, range.length_bytes};
  std::optional<Decryptor> decryptor;
  if (source.key) run.decryptor = &decryptor.emplace(*source.key, source.version);
  const auto digest = [&](ByteView piece) -> Done {
    digests.update(piece);
    return {};
  };
  if (!source.key && !key) {
    DL_ASSIGN(auto shared, objects.share(source.version, range.offset_bytes, range.length_bytes));
    DL_TRY(read_stored(context, run, digest));
    return shared;
  }
  std::optional<Encryptor> encryptor;
  if (key) {
    DL_ASSIGN(encryptor, Encryptor::begin(*key, properties));
  }
  DL_ASSIGN(auto incoming, objects.receive(range.length_bytes));
  DL_TRY(read_stored(context, run, [&](ByteView piece) -> Done {
    digests.update(piece);
    if (encryptor) {
      DL_ASSIGN(piece, encryptor->apply(piece));
    }
    DL_TRY(incoming->write(piece));
    return {};
  }));
  return incoming;
}

void give_source_version(const CopySource& source, http::Headers& headers) {
  if (source.bucket.versioning == objects::Versioning::never) return;
  headers.emplace_back("x-amz-copy-source-version-id", source.version.id);
}

}  // namespace duskline::gateway
