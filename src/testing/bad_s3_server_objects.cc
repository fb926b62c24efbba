#include "testing/bad_s3_server_objects.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <pugixml.hpp>

#include "base/digest.h"
#include "base/hash.h"
#include "s3/uri.h"

namespace duskline::testing {
namespace {

const std::string* find(const s3::Pairs& pairs, std::string_view name) {
  for (const auto& pair : pairs) {
    if (pair.first == name) return &pair.second;
  }
  return nullptr;
}

std::string value(const s3::Pairs& pairs, std::string_view name) {
  const std::string* found = find(pairs, name);
  return found == nullptr ? "" : *found;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

std::string unquoted(const std::string& text) {
  return text.size() >= 2 && text.front() == '"' ? text.substr(1, text.size() - 2) : text;
}

std::string customer_key_of(const s3::ReceivedRequest& request) {
  return value(request.headers, "x-amz-server-side-encryption-customer-key-md5");
}

// "bytes=A-B"; nothing for other forms.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(const std::string& text) {
  const auto dash = text.find('-');
  if (!text.starts_with("bytes=") || dash == std::string::npos) return std::nullopt;
  return std::pair(number(std::string_view(text).substr(6)), number(std::string_view(text).substr(dash + 1)));
}

bool is_kept(std::string_view name) {
  return name == "cache-control" || name == "content-type" || name == "content-encoding" ||
         name.starts_with("x-amz-meta-") || name.starts_with("x-amz-server-side-encryption");
}

std::string md5_hex(const std::string& body) { return to_hex(md5(bytes_of(body))); }

}  // namespace

S3Reply s3_error(int status, const std::string& code, const std::string& message) {
  S3Reply reply{status, {{"Content-Type", "application/xml"}}, ""};
  reply.body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>";
  return reply;
}

S3Reply S3Objects::answer(const s3::ReceivedRequest& request, const std::string& path, const std::string& body) {
  const auto slash = path.find('/', 1);
  const std::string bucket =
      path.substr(std::min<std::size_t>(1, path.size()), slash == std::string::npos ? slash : slash - 1);
  if (bucket != bucket_) return s3_error(404, "NoSuchBucket");
  const std::string key = slash == std::string::npos ? "" : path.substr(slash + 1);
  if (key.empty() && request.method == "GET") return list(request);
  if (key.empty() && request.method == "POST" && find(request.query, "delete") != nullptr) return delete_many(body);
  if (key.empty()) return s3_error(405, "MethodNotAllowed");
  if (find(request.query, "uploads") != nullptr) return start_upload(request);
  if (find(request.query, "uploadId") != nullptr) return change_upload(request, key, body);
  if (request.method == "GET" || request.method == "HEAD") return get(request, key);
  if (request.method == "PUT") return put(request, key, body);
  if (request.method != "DELETE") return s3_error(405, "MethodNotAllowed");
  objects.erase(key);
  return {204, {}, ""};
}

S3Reply S3Objects::list(const s3::ReceivedRequest& request) const {
  const std::string prefix = value(request.query, "prefix");
  const std::string after = std::max(value(request.query, "start-after"), value(request.query, "continuation-token"));
  std::uint64_t room = number(value(request.query, "max-keys"));
  if (has(S3Trait::pages_of_two)) room = std::min<std::uint64_t>(room, 2);
  std::vector<std::string> entries;
  std::string last;
  bool truncated = false;
  for (const auto& [key, object] : objects) {
    if (!key.starts_with(prefix) || key <= after) continue;
    truncated = entries.size() == room;
    if (truncated) break;
    last = key;
    entries.push_back("<Contents><Key>" + s3::uri_encode(key, s3::Slash::encode) +
                      "</Key><LastModified>2026-11-21T12:00:00.000Z</LastModified><ETag>&quot;" +
                      unquoted(object.etag) + "&quot;</ETag><Size>" + std::to_string(object.body.size()) +
                      "</Size></Contents>");
  }
  if (has(S3Trait::unsorted_lists)) std::reverse(entries.begin(), entries.end());
  std::string xml = "<?xml version=\"1.0\"?><ListBucketResult><EncodingType>url</EncodingType>";
  xml += std::string("<IsTruncated>") + (truncated ? "true" : "false") + "</IsTruncated>";
  if (truncated) xml += "<NextContinuationToken>" + last + "</NextContinuationToken>";
  for (const std::string& entry : entries) xml += entry;
  return {200, {}, xml + "</ListBucketResult>"};
}

S3Reply S3Objects::delete_many(const std::string& body) {
  if (has(S3Trait::refuses_multi_delete)) return s3_error(501, "NotImplemented");
  pugi::xml_document document;
  if (!document.load_buffer(body.data(), body.size())) return s3_error(400, "MalformedXML");
  std::string failures;
  for (const pugi::xml_node node : document.child("Delete").children("Object")) {
    const std::string key = node.child("Key").text().get();
    if (key.ends_with("locked")) {
      failures += "<Error><Key>" + key + "</Key><Code>AccessDenied</Code></Error>";
    } else {
      objects.erase(key);
    }
  }
  return {200, {}, "<DeleteResult>" + failures + "</DeleteResult>"};
}

S3Reply S3Objects::get(const s3::ReceivedRequest& request, const std::string& key) const {
  const auto found = objects.find(key);
  if (found == objects.end()) return s3_error(404, "NoSuchKey");
  const S3Object& object = found->second;
  const auto locked = object.headers.find("x-amz-server-side-encryption-customer-key-md5");
  if (locked != object.headers.end() && locked->second != customer_key_of(request))
    return s3_error(400, "InvalidRequest");
  const std::string* if_match = find(request.headers, "if-match");
  if (if_match != nullptr && *if_match != object.etag) return s3_error(412, "PreconditionFailed");
  if (value(request.headers, "if-none-match") == object.etag) return {304, {{"ETag", object.etag}}, ""};
  S3Reply reply{200, {{"ETag", object.etag}, {"Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT"}}, object.body};
  for (const auto& [name, text] : object.headers) reply.headers.emplace_back(name, text);
  const std::string* wanted = find(request.headers, "range");
  const auto range = wanted == nullptr || has(S3Trait::ignores_ranges) ? std::nullopt : parse_range(*wanted);
  if (!range) return reply;
  const std::uint64_t total = object.body.size();
  if (range->first >= total) return s3_error(416, "InvalidRange");
  const std::uint64_t last = std::min(range->second, total - 1);
  reply.status = 206;
  reply.body = object.body.substr(range->first, last - range->first + 1);
  reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(range->first) + "-" + std::to_string(last) +
                                                  "/" + std::to_string(total));
  return reply;
}

std::string S3Objects::put_condition_failure(const s3::ReceivedRequest& request, const std::string& key) const {
  const std::string* if_match = find(request.headers, "if-match");
  const std::string* if_none = find(request.headers, "if-none-match");
  if (if_match == nullptr && if_none == nullptr) return "";
  if (has(S3Trait::refuses_conditions)) return "NotImplemented";
  if (has(S3Trait::ignores_conditions)) return "";
  const auto found = objects.find(key);
  if (if_none != nullptr && found != objects.end()) return "PreconditionFailed";
  if (if_match == nullptr) return "";
  if (found == objects.end()) return "NoSuchKey";
  const std::string& etag = found->second.etag;
  return *if_match == (has(S3Trait::bare_etags) ? unquoted(etag) : etag) ? "" : "PreconditionFailed";
}

// Within the bucket; the whole object or, as a part of an upload, a range of it.
S3Reply S3Objects::copy(const s3::ReceivedRequest& request, const std::string& key) {
  const std::string source = s3::uri_decode(value(request.headers, "x-amz-copy-source")).value_or("");
  const std::string prefix = "/" + bucket_ + "/";
  const auto found = source.starts_with(prefix) ? objects.find(source.substr(prefix.size())) : objects.end();
  if (found == objects.end()) return s3_error(404, "NoSuchKey");
  const std::string* if_match = find(request.headers, "x-amz-copy-source-if-match");
  if (if_match != nullptr && *if_match != found->second.etag) return s3_error(412, "PreconditionFailed");
  S3Object object{found->second.body, "", {}};
  if (const std::string id = value(request.query, "uploadId"); !id.empty()) {
    const auto range = parse_range(value(request.headers, "x-amz-copy-source-range"));
    if (range) object.body = object.body.substr(range->first, range->second - range->first + 1);
    uploads_[id].parts[static_cast<unsigned>(number(value(request.query, "partNumber")))] = object.body;
    return {200, {}, "<CopyPartResult><ETag>" + etag_of(object.body) + "</ETag></CopyPartResult>"};
  }
  const bool replaces = value(request.headers, "x-amz-metadata-directive") == "REPLACE";
  if (!replaces) object.headers = found->second.headers;
  for (const auto& [name, text] : request.headers) {
    if (replaces && is_kept(name)) object.headers[name] = text;
  }
  S3Reply stored = store(request, key, std::move(object));
  if (stored.status != 200) return stored;
  return {200, {}, "<CopyObjectResult><ETag>" + objects[key].etag + "</ETag></CopyObjectResult>"};
}

std::string S3Objects::etag_of(const std::string& body) const {
  return "\"" + (has(S3Trait::md5_etags) ? md5_hex(body) : sha256(body).short_hex()) + "\"";
}

S3Reply S3Objects::put(const s3::ReceivedRequest& request, const std::string& key, const std::string& body) {
  if (find(request.headers, "x-amz-copy-source") != nullptr) return copy(request, key);
  if (const std::string* checksum = find(request.headers, "x-amz-checksum-sha256")) {
    if (has(S3Trait::refuses_checksums)) return s3_error(501, "NotImplemented");
    const bool looks = !has(S3Trait::ignores_checksums);
    if (looks && *checksum != to_base64(sha256(body).bytes)) return s3_error(400, "BadDigest");
  }
  S3Object object{body, "", {}};
  for (const auto& [name, text] : request.headers) {
    if (is_kept(name)) object.headers[name] = text;
  }
  return store(request, key, std::move(object));
}

// With the conditions of the request.
S3Reply S3Objects::store(const s3::ReceivedRequest& request, const std::string& key, S3Object object) {
  const std::string failure = put_condition_failure(request, key);
  if (failure == "NotImplemented") return s3_error(501, failure);
  if (failure == "NoSuchKey") return s3_error(404, failure);
  if (!failure.empty()) return s3_error(412, failure);
  if (object.etag.empty()) {
    const std::string opaque = sha256(object.body).short_hex() + "-" + std::to_string(next_version_++);
    object.etag = "\"" + (has(S3Trait::md5_etags) ? md5_hex(object.body) : opaque) + "\"";
  }
  const std::string etag = object.etag;
  objects[key] = std::move(object);
  return {200, {{"ETag", etag}}, ""};
}

S3Reply S3Objects::start_upload(const s3::ReceivedRequest& request) {
  const std::string id = "upload&" + std::to_string(next_upload_++);
  Upload& upload = uploads_[id];
  for (const auto& [name, text] : request.headers) {
    if (is_kept(name)) upload.headers[name] = text;
  }
  return {200,
          {},
          "<InitiateMultipartUploadResult><UploadId>upload&amp;" + id.substr(7) +
              "</UploadId></InitiateMultipartUploadResult>"};
}

S3Reply S3Objects::change_upload(const s3::ReceivedRequest& request, const std::string& key, const std::string& body) {
  const std::string id = value(request.query, "uploadId");
  const auto upload = uploads_.find(id);
  if (upload == uploads_.end()) return s3_error(404, "NoSuchUpload");
  if (request.method == "DELETE") {
    uploads_.erase(upload);
    return {204, {}, ""};
  }
  if (request.method == "POST") return complete(request, key, id, body);
  if (request.method == "GET") return list_parts(upload->second);
  if (find(request.headers, "x-amz-copy-source") != nullptr) return copy(request, key);
  const auto locked = upload->second.headers.find("x-amz-server-side-encryption-customer-key-md5");
  if (locked != upload->second.headers.end() && locked->second != customer_key_of(request)) {
    return s3_error(400, "InvalidRequest");
  }
  upload->second.parts[static_cast<unsigned>(number(value(request.query, "partNumber")))] = body;
  return {200, {{"ETag", etag_of(body)}}, ""};
}

S3Reply S3Objects::list_parts(const Upload& upload) const {
  std::string xml = "<ListPartsResult><IsTruncated>false</IsTruncated>";
  for (const auto& [part, body] : upload.parts) {
    xml += "<Part><PartNumber>" + std::to_string(part) + "</PartNumber><ETag>" + etag_of(body) + "</ETag><Size>" +
           std::to_string(body.size()) + "</Size></Part>";
  }
  return {200, {}, xml + "</ListPartsResult>"};
}

S3Reply S3Objects::complete(const s3::ReceivedRequest& request, const std::string& key, const std::string& id,
                            const std::string& body) {
  const Upload& upload = uploads_[id];
  pugi::xml_document document;
  if (!document.load_buffer(body.data(), body.size())) return s3_error(400, "MalformedXML");
  S3Object object{"", "", upload.headers};
  unsigned expected = 1;
  std::string digests;
  for (const pugi::xml_node node : document.child("CompleteMultipartUpload").children("Part")) {
    const unsigned part = node.child("PartNumber").text().as_uint();
    const auto found = upload.parts.find(part);
    const bool fits =
        part == expected++ && found != upload.parts.end() && node.child("ETag").text().get() == etag_of(found->second);
    if (!fits) return s3_error(400, "InvalidPart");
    object.body += found->second;
    const Bytes digest = md5(bytes_of(found->second));
    digests.append(digest.begin(), digest.end());
  }
  if (has(S3Trait::md5_etags)) object.etag = "\"" + md5_hex(digests) + "-" + std::to_string(expected - 1) + "\"";
  S3Reply stored = store(request, key, std::move(object));
  if (stored.status != 200) return stored;
  uploads_.erase(id);
  const std::string etag = has(S3Trait::empty_complete_etag) ? "" : "&quot;" + unquoted(objects[key].etag) + "&quot;";
  return {200, {}, "<CompleteMultipartUploadResult><ETag>" + etag + "</ETag></CompleteMultipartUploadResult>"};
}

}  // namespace duskline::testing
