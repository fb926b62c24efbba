#include "gateway/lifecycle.h"

#include <algorithm>

#include "gateway/hooks.h"
#include "gateway/last_parsed.h"
#include "gateway/properties.h"
#include "http/date.h"

namespace duskline::gateway {
namespace {

void take_earlier(std::optional<Expiry>& expiry, WallTime time, const LifecycleRule& rule) {
  if (!expiry || time < expiry->time) expiry = Expiry{time, rule.id};
}

bool applies(const LifecycleRule& rule, const LifecycleSubject& subject) {
  return rule.enabled && rule.filter.matches(subject.key, subject.size_bytes, subject.tags);
}

// Markers and uploads have neither size nor tags: rules that ask for those are not about them.
bool applies_by_key(const LifecycleRule& rule, std::string_view key) {
  const LifecycleFilter& filter = rule.filter;
  return rule.enabled && filter.tags.empty() && !filter.larger_than && !filter.smaller_than &&
         key.starts_with(filter.prefix.value_or(""));
}

const LifecycleRules* rules_of(const objects::Bucket& bucket) {
  thread_local LastParsed<LifecycleRules> last;
  const std::string* const stored = find(bucket.properties, property::lifecycle);
  return stored == nullptr ? nullptr : last.get(*stored, parse_lifecycle);
}

}  // namespace

bool LifecycleFilter::matches(std::string_view key, std::uint64_t size_bytes, const Tags& tags_of_it) const {
  if (!key.starts_with(prefix.value_or(""))) return false;
  if (larger_than && size_bytes <= *larger_than) return false;
  if (smaller_than && size_bytes >= *smaller_than) return false;
  return std::all_of(tags.begin(), tags.end(), [&](const Tag& tag) {
    return std::find(tags_of_it.begin(), tags_of_it.end(), tag) != tags_of_it.end();
  });
}

WallTime LifecycleDay::after(WallTime begin, std::uint32_t days) const {
  // Counts so large that time has no room for them mean never.
  constexpr std::uint32_t most = 36'500;
  const WallTime end = begin + length * std::min(days, most);
  if (length != std::chrono::days(1)) return end;
  return std::chrono::ceil<std::chrono::days>(end);
}

std::optional<Expiry> expiry_of_current(const LifecycleRules& rules, const LifecycleSubject& subject,
                                        const LifecycleDay& day) {
  std::optional<Expiry> expiry;
  for (const LifecycleRule& rule : rules) {
    if (!applies(rule, subject)) continue;
    if (rule.days) take_earlier(expiry, day.after(subject.begun, *rule.days), rule);
    if (rule.date) take_earlier(expiry, *rule.date, rule);
  }
  return expiry;
}

std::optional<Expiry> expiry_of_noncurrent(const LifecycleRules& rules, const LifecycleSubject& subject,
                                           std::uint32_t newer, const LifecycleDay& day) {
  std::optional<Expiry> expiry;
  for (const LifecycleRule& rule : rules) {
    if (!rule.noncurrent_days || !applies(rule, subject) || newer < rule.newer_noncurrent.value_or(0)) continue;
    take_earlier(expiry, day.after(subject.begun, *rule.noncurrent_days), rule);
  }
  return expiry;
}

std::optional<Expiry> expiry_of_lone_marker(const LifecycleRules& rules, const LifecycleSubject& subject,
                                            const LifecycleDay& day) {
  std::optional<Expiry> expiry;
  for (const LifecycleRule& rule : rules) {
    if (!applies_by_key(rule, subject.key)) continue;
    if (rule.lone_markers.value_or(false)) take_earlier(expiry, subject.begun, rule);
    if (rule.days) take_earlier(expiry, day.after(subject.begun, *rule.days), rule);
    if (rule.date) take_earlier(expiry, *rule.date, rule);
  }
  return expiry;
}

std::optional<Expiry> expiry_of_upload(const LifecycleRules& rules, std::string_view key, WallTime begun,
                                       const LifecycleDay& day) {
  std::optional<Expiry> expiry;
  for (const LifecycleRule& rule : rules) {
    if (!rule.upload_days || !applies_by_key(rule, key)) continue;
    take_earlier(expiry, day.after(begun, *rule.upload_days), rule);
  }
  return expiry;
}

void give_expiration(const objects::Bucket& bucket, const objects::Version& version, http::Headers& headers) {
  const LifecycleRules* const rules = rules_of(bucket);
  if (rules == nullptr || !version.latest || version.delete_marker) return;
  const LifecycleSubject subject{version.key, version.size_bytes, tags_of(version.properties), version.modified};
  const auto expiry = expiry_of_current(*rules, subject, {});
  if (!expiry) return;
  headers.emplace_back("x-amz-expiration", "expiry-date=\"" + http::format_http_date(expiry->time) + "\", rule-id=\"" +
                                               expiry->rule_id + "\"");
}

void give_abort_date(const objects::Bucket& bucket, const objects::Upload& upload, http::Headers& headers) {
  const LifecycleRules* const rules = rules_of(bucket);
  const auto expiry = rules != nullptr ? expiry_of_upload(*rules, upload.key, upload.begun, {}) : std::nullopt;
  if (!expiry) return;
  headers.emplace_back("x-amz-abort-date", http::format_http_date(expiry->time));
  headers.emplace_back("x-amz-abort-rule-id", expiry->rule_id);
}

}  // namespace duskline::gateway
