#include "gateway/request_conditions.h"

#include <algorithm>
#include <array>

#include "gateway/properties.h"
#include "gateway/tagging.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

ConditionValues one(const std::string* value) { return value == nullptr ? ConditionValues() : ConditionValues{*value}; }

ConditionValues one(std::string_view value) { return {std::string(value)}; }

constexpr std::string_view existing_tag = "s3:existingobjecttag/", request_tag = "s3:requestobjecttag/";

struct Source {
  std::string_view key, name;
};
constexpr std::array from_headers = {
    Source{"aws:referer", "referer"},
    Source{"aws:useragent", "user-agent"},
    Source{"s3:x-amz-acl", "x-amz-acl"},
    Source{"s3:x-amz-grant-full-control", "x-amz-grant-full-control"},
    Source{"s3:x-amz-grant-read", "x-amz-grant-read"},
    Source{"s3:x-amz-grant-read-acp", "x-amz-grant-read-acp"},
    Source{"s3:x-amz-grant-write", "x-amz-grant-write"},
    Source{"s3:x-amz-grant-write-acp", "x-amz-grant-write-acp"},
    Source{"s3:x-amz-content-sha256", "x-amz-content-sha256"},
    Source{"s3:x-amz-metadata-directive", "x-amz-metadata-directive"},
    Source{"s3:x-amz-object-ownership", "x-amz-object-ownership"},
    Source{"s3:x-amz-server-side-encryption", "x-amz-server-side-encryption"},
    Source{"s3:x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-aws-kms-key-id"},
    Source{"s3:x-amz-server-side-encryption-customer-algorithm", "x-amz-server-side-encryption-customer-algorithm"},
    Source{"s3:x-amz-storage-class", "x-amz-storage-class"},
    Source{"s3:x-amz-website-redirect-location", "x-amz-website-redirect-location"},
    Source{"s3:object-lock-mode", "x-amz-object-lock-mode"},
    Source{"s3:object-lock-retain-until-date", "x-amz-object-lock-retain-until-date"},
    Source{"s3:object-lock-legal-hold", "x-amz-object-lock-legal-hold"},
    Source{"s3:if-match", "if-match"},
    Source{"s3:if-none-match", "if-none-match"},
};
constexpr std::array from_query = {
    Source{"s3:delimiter", "delimiter"},
    Source{"s3:max-keys", "max-keys"},
    Source{"s3:versionid", "versionId"},
};

template <typename Sources>
std::optional<std::string_view> source_of(const Sources& sources, std::string_view key) {
  const auto found =
      std::find_if(sources.begin(), sources.end(), [&](const Source& source) { return source.key == key; });
  return found == sources.end() ? std::nullopt : std::optional(found->name);
}

Tags tags_of_request(const AccessQuestion& question) {
  if (question.tags) return stored_tags(*question.tags);
  const std::string* const header = question.request.header("x-amz-tagging");
  return header == nullptr ? Tags() : stored_tags(*header);
}

ConditionValues tag_value(const Tags& tags, std::string_view key) {
  const auto found = std::find_if(tags.begin(), tags.end(), [&](const Tag& tag) { return tag.key == key; });
  return found == tags.end() ? ConditionValues() : ConditionValues{found->value};
}

ConditionValues tag_keys(const Tags& tags) {
  ConditionValues keys;
  for (const Tag& tag : tags) keys.push_back(tag.key);
  return keys;
}

// "/bucket/key?versionId=..." without what follows the key. Policies name it with a slash before it and without.
ConditionValues copy_source(const Request& request) {
  const std::string* const header = request.header("x-amz-copy-source");
  if (header == nullptr) return {};
  std::string_view source = *header;
  source = source.substr(0, source.find('?'));
  while (source.starts_with('/')) source.remove_prefix(1);
  const auto decoded = s3::uri_decode(source);
  const std::string name = decoded ? *decoded : std::string(source);
  return {name, "/" + name};
}

ConditionValues how_signed(const Caller& caller) {
  switch (caller.signed_by) {
    case SignedBy::header:
      return one("REST-HEADER");
    case SignedBy::query:
      return one("REST-QUERY-STRING");
    case SignedBy::form:
      return one("POST");
    case SignedBy::nobody:
      break;
  }
  return {};
}

ConditionValues remaining_days(const Request& request) {
  const std::string* const until = request.header("x-amz-object-lock-retain-until-date");
  const auto time = until == nullptr ? std::nullopt : parse_time(*until);
  if (!time) return {};
  return {std::to_string(std::chrono::ceil<std::chrono::days>(*time - request.now).count())};
}

ConditionValues about_signature(const AccessQuestion& question, std::string_view key) {
  const Caller& caller = question.caller;
  if (caller.signed_by == SignedBy::nobody) return {};
  if (key == "s3:signatureversion") {
    return one(caller.signature == Caller::Signature::version_4 ? "AWS4-HMAC-SHA256" : "AWS");
  }
  if (key == "s3:authtype") return how_signed(caller);
  const auto age = std::chrono::floor<std::chrono::milliseconds>(question.request.now - caller.signed_at);
  return {std::to_string(age.count())};
}

}  // namespace

ConditionValues condition_values(const AccessQuestion& question, std::string_view key) {
  const Request& request = question.request;
  if (const auto name = source_of(from_headers, key)) return one(request.header(*name));
  if (const auto name = source_of(from_query, key)) return one(request.parameter(*name));
  if (key == "aws:sourceip") return one(request.head->peer);
  if (key == "aws:securetransport") return one(request.head->secure ? "true" : "false");
  if (key == "s3:prefix") return question.prefix ? one(*question.prefix) : one(request.parameter("prefix"));
  if (key == "s3:x-amz-copy-source") return copy_source(request);
  if (key == "s3:object-lock-remaining-retention-days") return remaining_days(request);
  if (key == "s3:resourceaccount") return question.bucket == nullptr ? ConditionValues() : one(question.bucket->owner);
  if (key == "s3:signatureversion" || key == "s3:authtype" || key == "s3:signatureage") {
    return about_signature(question, key);
  }
  if (key == "s3:requestobjecttagkeys") return tag_keys(tags_of_request(question));
  if (key.starts_with(request_tag)) return tag_value(tags_of_request(question), key.substr(request_tag.size()));
  if (key.starts_with(existing_tag) && question.version != nullptr) {
    return tag_value(tags_of(question.version->properties), key.substr(existing_tag.size()));
  }
  return {};
}

}  // namespace duskline::gateway
