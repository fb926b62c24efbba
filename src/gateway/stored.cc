#include "gateway/stored.h"

#include <unistd.h>

#include <algorithm>

#include "http/date.h"

namespace duskline::gateway {
namespace {

constexpr std::uint64_t window_bytes = 8 << 20;

S3Error no_such_key(const std::string& key) { return S3Error(ErrorCode::no_such_key).with("Key", key); }

// What somebody who may not list gets to know of a missing object: nothing.
S3Error missing(const Context& context, const ObjectName& name, S3Error error) {
  AccessQuestion question{context.request, context.caller, "s3:ListBucket", &name.bucket, {}};
  question.missing_key = name.key;
  if (authorize(question)) return ErrorCode::access_denied;
  return error;
}

S3Error marker_error(const ObjectName& name, const objects::Version& marker) {
  const bool by_version = name.version.has_value();
  S3Error error =
      by_version ? S3Error(ErrorCode::method_not_allowed).with("Method", "GET").with("ResourceType", "DeleteMarker")
                 : no_such_key(name.key);
  error.headers = {{"x-amz-delete-marker", "true"}, {"x-amz-version-id", marker.id}};
  if (by_version) {
    error.headers.emplace_back("allow", "DELETE");
    error.headers.emplace_back("last-modified", http::format_http_date(marker.modified));
  }
  return error;
}

// Decrypts bytes of the version from `at` on, and shows them.
Done show(const StoredRun& run, ByteSpan bytes, std::uint64_t at, const See& see) {
  if (run.decryptor != nullptr) DL_TRY(run.decryptor->apply(bytes, at));
  return see(bytes);
}

Done read_slice(const StoredRun& run, const http::FileSlice& slice, std::uint64_t at, const See& see) {
  Bytes buffer(std::min<std::uint64_t>(slice.length_bytes, 256 << 10));
  std::uint64_t done = 0;
  while (done < slice.length_bytes) {
    const std::size_t want = std::min<std::uint64_t>(buffer.size(), slice.length_bytes - done);
    const ssize_t got =
        ::pread(slice.file->descriptor(), buffer.data(), want, static_cast<off_t>(slice.offset_bytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return ErrorCode::internal_error;
    DL_TRY(show(run, ByteSpan(buffer).first(static_cast<std::size_t>(got)), at + done, see));
    done += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace

Expected<std::optional<std::string>> version_parameter(const Request& request) {
  const std::string* const version = request.parameter("versionId");
  if (version == nullptr) return std::optional<std::string>();
  if (version->empty()) return invalid_argument("Version id cannot be the empty string", "versionId", "");
  return std::optional(*version);
}

Expected<objects::Version> find_object(const Context& context, const ObjectName& name, const ObjectActions& actions) {
  const std::string_view action = name.version ? actions.by_version : actions.latest;
  DL_ASSIGN(auto version, context.services.objects.find(name.bucket.name, name.key, name.version));
  // That something is not there, whoever may list the bucket may know, and nobody else.
  if (!version) {
    if (!name.version) return missing(context, name, no_such_key(name.key));
    return missing(context, name,
                   S3Error(ErrorCode::no_such_version).with("Key", name.key).with("VersionId", *name.version));
  }
  DL_TRY(context.allow_on(action, name.bucket, name.key, &*version));
  if (version->delete_marker) return missing(context, name, marker_error(name, *version));
  return std::move(*version);
}

Expected<objects::Version> find_object(const Context& context, const ObjectActions& actions) {
  DL_ASSIGN(const auto version, version_parameter(context.request));
  return find_object(context, {*context.bucket, context.request.key, version}, actions);
}

Done read_stored(const Context& context, const StoredRun& run, const See& see) {
  for (std::uint64_t done = 0; done < run.length_bytes;) {
    DL_TRY(context.op.check());
    const std::uint64_t length = std::min(window_bytes, run.length_bytes - done);
    std::uint64_t at = run.offset_bytes + done;
    DL_ASSIGN(auto reading, context.services.objects.open(run.version, at, length, objects::Objects::Wait::yes));
    if (!reading) return ErrorCode::internal_error;
    if (!reading->bytes.empty()) {
      Bytes bytes(reading->bytes.begin(), reading->bytes.end());
      DL_TRY(show(run, bytes, at, see));
    } else {
      for (const http::FileSlice& slice : reading->slices) {
        DL_TRY(read_slice(run, slice, at, see));
        at += slice.length_bytes;
      }
    }
    done += length;
  }
  return {};
}

std::string unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

Done check_expected_owner(std::string_view header, const Request& request, const objects::Bucket& bucket) {
  const std::string* const expected = request.header(header);
  if (expected == nullptr || *expected == bucket.owner) return {};
  return ErrorCode::access_denied;
}

}  // namespace duskline::gateway
