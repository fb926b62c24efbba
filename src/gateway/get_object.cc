// GetObject and HeadObject.
#include <charconv>

#include "gateway/conditions.h"
#include "gateway/digests.h"
#include "gateway/encryption.h"
#include "gateway/hooks.h"
#include "gateway/metadata.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/range.h"
#include "gateway/stored.h"
#include "http/date.h"

namespace duskline::gateway {
namespace {

constexpr std::uint32_t max_part_number = 10'000;

struct Selection {
  ByteRange range;
  bool partial = false;
  std::optional<std::size_t> parts;  // how many the object has, where one was asked for
};

Expected<Selection> select_part(const std::string& text, const objects::Version& version) {
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size() || number < 1 || number > max_part_number) {
    return invalid_argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", text);
  }
  if (version.parts.empty()) {
    if (number != 1) return ErrorCode::invalid_part_number;
    return Selection{{0, version.size_bytes}, version.size_bytes > 0, {}};
  }
  // Parts count from 1 in the order in which they make up the object, whatever numbers they were uploaded under.
  if (number > version.parts.size()) return ErrorCode::invalid_part_number;
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i + 1 < number; ++i) offset += version.parts[i].size_bytes;
  const std::uint64_t length = version.parts[number - 1].size_bytes;
  return Selection{{offset, length}, length > 0, version.parts.size()};
}

Expected<Selection> select(const Request& request, const objects::Version& version) {
  const std::string* const part = request.parameter("partNumber");
  const std::string* const header = request.header("range");
  if (part != nullptr) {
    if (header != nullptr) {
      return S3Error(ErrorCode::invalid_request, "Cannot specify both Range header and partNumber query parameter");
    }
    return select_part(*part, version);
  }
  Selection all{{0, version.size_bytes}, false, {}};
  if (header == nullptr) return all;
  if (const std::string* const if_range = request.header("if-range")) {
    const bool same = if_range->starts_with('"') ? etag_matches(*if_range, version.etag)
                                                 : http::format_http_date(version.modified) == *if_range;
    if (!same) return all;
  }
  DL_ASSIGN(const auto range, parse_range(*header, version.size_bytes));
  if (!range) return all;
  return Selection{*range, true, {}};
}

// What 200, 206, 304 and 412 have in common.
http::Headers identity_headers(const Context& context, const objects::Version& version) {
  http::Headers headers;
  headers.reserve(16);
  headers.emplace_back("last-modified", http::format_http_date(version.modified));
  headers.emplace_back("etag", quoted_etag(version.etag));
  if (context.versioned()) headers.emplace_back("x-amz-version-id", version.id);
  return headers;
}

Done judge(const Context& context, const objects::Version& version) {
  const Conditions conditions = read_conditions(*context.request.head);
  if (!conditions.any()) return {};
  switch (judge_read(conditions, version.etag, version.modified)) {
    case Judgement::proceed:
      return {};
    case Judgement::not_modified: {
      S3Error error(ErrorCode::not_modified);
      error.headers = identity_headers(context, version);
      if (const auto* cache = find(version.properties, "cache-control")) {
        error.headers.emplace_back("cache-control", *cache);
      }
      if (const auto* expires = find(version.properties, "expires")) error.headers.emplace_back("expires", *expires);
      return error;
    }
    case Judgement::failed:
      break;
  }
  const bool by_match = !conditions.match.empty() && !etag_matches(conditions.match, version.etag);
  return S3Error(ErrorCode::precondition_failed).with("Condition", by_match ? "If-Match" : "If-Unmodified-Since");
}

Expected<http::Answer> describe(const Context& context, const objects::Version& version, const Selection& selected) {
  http::Answer answer;
  answer.status = selected.partial ? 206 : 200;
  answer.headers = identity_headers(context, version);
  http::Headers& headers = answer.headers;
  headers.emplace_back("accept-ranges", "bytes");
  if (selected.partial) headers.emplace_back("content-range", content_range(selected.range, version.size_bytes));
  if (selected.parts) headers.emplace_back("x-amz-mp-parts-count", std::to_string(*selected.parts));
  give_metadata(version.properties, headers);
  give_encryption(context.request.head->headers, version.properties, headers);
  give_object_lock(context, version, headers);
  give_expiration(*context.bucket, version, headers);
  if (const std::size_t tags = tag_count(version.properties); tags > 0) {
    headers.emplace_back("x-amz-tagging-count", std::to_string(tags));
  }
  const std::string* const mode = context.request.header("x-amz-checksum-mode");
  if (mode != nullptr && *mode == "ENABLED" && !selected.partial) give_checksum(version.properties, headers);
  DL_TRY(override_headers(context.request, context.caller, headers));
  return answer;
}

// Answers say how an object is encrypted; a request that does so is meant for another operation.
Done refuse_encryption_header(const Request& request) {
  constexpr std::string_view name = "x-amz-server-side-encryption";
  const std::string* const asked = request.header(name);
  if (asked == nullptr) return {};
  return invalid_argument("x-amz-server-side-encryption header is not supported for this operation.", std::string(name),
                          *asked);
}

struct Found {
  objects::Version version;
  std::optional<ObjectKey> key;
  Selection selected;
  http::Answer answer;
};

Expected<Found> look(Context& context) {
  DL_TRY(refuse_encryption_header(context.request));
  DL_ASSIGN(auto version, find_object(context, {"s3:GetObject", "s3:GetObjectVersion"}));
  DL_ASSIGN(auto key, key_of_version(context, version));
  context.object_bytes = version.size_bytes;
  DL_TRY(judge(context, version));
  DL_ASSIGN(const Selection selected, select(context.request, version));
  DL_ASSIGN(auto answer, describe(context, version, selected));
  return Found{std::move(version), std::move(key), selected, std::move(answer)};
}

// What has been read at once, and what will be when it is sent.
Done decrypt(const ObjectKey& key, const objects::Version& version, std::uint64_t offset_bytes, http::Answer& answer) {
  const Decryptor decryptor(key, version);
  answer.files = decryptor.slices(answer.files, offset_bytes);
  const ByteSpan body(reinterpret_cast<std::uint8_t*>(answer.body.data()), answer.body.size());
  return decryptor.apply(body, offset_bytes);
}

}  // namespace

Expected<http::Answer> head_object(Context& context) {
  DL_ASSIGN(auto found, look(context));
  found.answer.head_length = found.selected.range.length_bytes;
  return std::move(found.answer);
}

Expected<http::Answer> get_object(Context& context) {
  DL_ASSIGN(auto found, look(context));
  const ByteRange& range = found.selected.range;
  if (range.length_bytes == 0) return std::move(found.answer);
  DL_ASSIGN(auto reading,
            context.services.objects.open(found.version, range.offset_bytes, range.length_bytes, context.wait));
  if (!reading) {
    context.needs_worker = true;
    return ErrorCode::service_unavailable;
  }
  if (reading->bytes.empty()) {
    found.answer.files = std::move(reading->slices);
  } else {
    found.answer.body = std::move(reading->bytes);
  }
  if (found.key) DL_TRY(decrypt(*found.key, found.version, range.offset_bytes, found.answer));
  return std::move(found.answer);
}

}  // namespace duskline::gateway
