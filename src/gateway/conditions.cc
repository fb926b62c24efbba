#include "gateway/conditions.h"

#include <algorithm>
#include <charconv>

#include "gateway/digests.h"
#include "http/date.h"

namespace duskline::gateway {
namespace {

std::optional<WallTime> any_date(const std::string& text) {
  if (const auto time = http::parse_http_date(text)) return time;
  return parse_time(text);
}

Conditions conditions_of(const http::RequestHead& head, std::string_view prefix) {
  Conditions conditions;
  const auto header = [&](std::string_view name) { return head.header(std::string(prefix).append(name)); };
  if (const auto* value = header("if-match")) conditions.match = *value;
  if (const auto* value = header("if-none-match")) conditions.none_match = *value;
  if (const auto* value = header("if-modified-since")) conditions.modified_since = any_date(*value);
  if (const auto* value = header("if-unmodified-since")) conditions.unmodified_since = any_date(*value);
  return conditions;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

S3Error failed(std::string_view condition) {
  return S3Error(ErrorCode::precondition_failed).with("Condition", std::string(condition));
}

}  // namespace

Conditions read_conditions(const http::RequestHead& head) { return conditions_of(head, ""); }
Conditions copy_source_conditions(const http::RequestHead& head) { return conditions_of(head, "x-amz-copy-source-"); }

bool etag_matches(std::string_view condition, std::string_view etag) {
  for (;;) {
    const auto comma = std::min(condition.find(','), condition.size());
    std::string_view one = trimmed(condition.substr(0, comma));
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one.size() >= 2 && one.front() == '"' && one.back() == '"') one = one.substr(1, one.size() - 2);
    if (one == "*" || one == etag) return true;
    if (comma == condition.size()) return false;
    condition.remove_prefix(comma + 1);
  }
}

Judgement judge_read(const Conditions& conditions, const std::string& etag, WallTime modified) {
  // HTTP's dates are of whole seconds.
  const auto second = std::chrono::floor<std::chrono::seconds>(modified);
  if (!conditions.match.empty()) {
    if (!etag_matches(conditions.match, etag)) return Judgement::failed;
  } else if (conditions.unmodified_since && second > *conditions.unmodified_since) {
    return Judgement::failed;
  }
  if (!conditions.none_match.empty()) {
    return etag_matches(conditions.none_match, etag) ? Judgement::not_modified : Judgement::proceed;
  }
  if (conditions.modified_since && second <= *conditions.modified_since) return Judgement::not_modified;
  return Judgement::proceed;
}

Expected<WriteConditions> write_conditions(const http::Headers& headers) {
  WriteConditions conditions;
  if (const auto* value = find_header(headers, "if-match")) conditions.match = *value;
  if (const auto* value = find_header(headers, "if-none-match")) conditions.none_match = *value;
  if (const auto* value = find_header(headers, "x-amz-if-match-last-modified-time")) {
    conditions.modified = any_date(*value);
    if (!conditions.modified) {
      return invalid_argument("The value is no date", "x-amz-if-match-last-modified-time", *value);
    }
  }
  if (const auto* value = find_header(headers, "x-amz-if-match-size")) {
    std::uint64_t size = 0;
    const auto [end, bad] = std::from_chars(value->data(), value->data() + value->size(), size);
    if (bad != std::errc{} || end != value->data() + value->size()) {
      return invalid_argument("The value is no size", "x-amz-if-match-size", *value);
    }
    conditions.size_bytes = size;
  }
  return conditions;
}

std::optional<S3Error> judge_write(const WriteConditions& conditions, const objects::Version* current) {
  const bool there = current != nullptr && !current->delete_marker;
  if (conditions.none_match && there && etag_matches(*conditions.none_match, current->etag)) {
    return failed("If-None-Match");
  }
  if (conditions.match) {
    if (!there) return ErrorCode::no_such_key;
    if (!etag_matches(*conditions.match, current->etag)) return failed("If-Match");
  }
  if (!conditions.modified && !conditions.size_bytes) return std::nullopt;
  if (!there) return ErrorCode::no_such_key;
  const auto second = [](WallTime time) { return std::chrono::floor<std::chrono::seconds>(time); };
  if (conditions.modified && second(*conditions.modified) != second(current->modified)) {
    return failed("x-amz-if-match-last-modified-time");
  }
  if (conditions.size_bytes && *conditions.size_bytes != current->size_bytes) return failed("x-amz-if-match-size");
  return std::nullopt;
}

}  // namespace duskline::gateway
