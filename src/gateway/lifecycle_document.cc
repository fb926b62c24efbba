// Lifecycle rules as XML, both ways.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/hash.h"
#include "gateway/lifecycle.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_id = 255;

S3Error bad_number(std::string_view element) {
  return {ErrorCode::invalid_argument, "'" + std::string(element) + "' must be a positive integer"};
}

struct Elements {
  std::vector<std::string_view> once, often;
};

// What is not understood must not be passed over: a filter that lost its prefix to a slip would be about everything.
Done check_elements(const XmlNode& node, const Elements& known) {
  const std::string text = node.text();
  if (text.find_first_not_of(" \t\r\n") != std::string::npos) return ErrorCode::malformed_xml;
  std::vector<std::string_view> seen;
  const auto holds = [](const std::vector<std::string_view>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const XmlNode& child : node.children()) {
    if (holds(known.often, child.name())) continue;
    if (!holds(known.once, child.name()) || holds(seen, child.name())) return ErrorCode::malformed_xml;
    seen.push_back(child.name());
  }
  return {};
}

template <typename Number>
Expected<std::optional<Number>> number_in(const XmlNode& node, std::string_view name, Number least) {
  const auto text = node.text_of(name);
  if (!text) return std::optional<Number>();
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failed != std::errc{} || end != text->data() + text->size()) return ErrorCode::malformed_xml;
  constexpr std::int64_t most = std::int64_t{1} << 62;
  if (value < static_cast<std::int64_t>(least) || value > most) return bad_number(name);
  if (value > static_cast<std::int64_t>(std::min<std::uint64_t>(std::numeric_limits<Number>::max(), most))) {
    return bad_number(name);
  }
  return std::optional(static_cast<Number>(value));
}

// Of a day: S3 acts at midnight.
Expected<std::optional<WallTime>> date_in(const XmlNode& node) {
  const auto text = node.text_of("Date");
  if (!text) return std::optional<WallTime>();
  constexpr std::size_t date_length = 10;  // "2026-11-21"
  const auto time = parse_time(text->size() == date_length ? *text + "T00:00:00Z" : *text);
  if (!time) return ErrorCode::malformed_xml;
  if (std::chrono::floor<std::chrono::days>(*time) != *time) {
    return S3Error(ErrorCode::invalid_argument, "'Date' must be at midnight GMT");
  }
  return time;
}

Done parse_predicates(const XmlNode& node, LifecycleFilter& filter) {
  filter.prefix = node.text_of("Prefix");
  for (const XmlNode& tag : node.children("Tag")) {
    const auto key = tag.text_of("Key"), value = tag.text_of("Value");
    if (!key || !value || key->empty()) return ErrorCode::malformed_xml;
    const bool known =
        std::any_of(filter.tags.begin(), filter.tags.end(), [&](const Tag& other) { return other.key == *key; });
    if (known) return S3Error(ErrorCode::invalid_request, "Duplicate Tag Keys are not allowed.");
    filter.tags.push_back({*key, *value});
  }
  DL_ASSIGN(filter.larger_than, number_in<std::uint64_t>(node, "ObjectSizeGreaterThan", 0));
  DL_ASSIGN(filter.smaller_than, number_in<std::uint64_t>(node, "ObjectSizeLessThan", 1));
  if (filter.larger_than && filter.smaller_than && *filter.smaller_than <= *filter.larger_than) {
    return S3Error(ErrorCode::invalid_request,
                   "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
  }
  return {};
}

Expected<LifecycleFilter> parse_filter(const XmlNode& rule) {
  LifecycleFilter filter;
  const XmlNode node = rule.child("Filter");
  filter.prefix = rule.text_of("Prefix");
  if (node && filter.prefix) return ErrorCode::malformed_xml;
  if (!node) {
    if (!filter.prefix) return ErrorCode::malformed_xml;
    filter.form = LifecycleFilter::Form::rule_prefix;
    return filter;
  }
  const auto parts = node.children();
  if (parts.size() > 1) return ErrorCode::malformed_xml;
  DL_TRY(check_elements(node, {{"And", "Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan"}, {}}));
  const XmlNode both = node.child("And");
  if (both) DL_TRY(check_elements(both, {{"Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan"}, {"Tag"}}));
  filter.form = both ? LifecycleFilter::Form::conjunction : LifecycleFilter::Form::single;
  DL_TRY(parse_predicates(both ? both : node, filter));
  return filter;
}

Done parse_expiration(const XmlNode& node, LifecycleRule& rule) {
  DL_TRY(check_elements(node, {{"Days", "Date", "ExpiredObjectDeleteMarker"}, {}}));
  DL_ASSIGN(rule.days, number_in<std::uint32_t>(node, "Days", 1));
  DL_ASSIGN(rule.date, date_in(node));
  if (const auto marker = node.text_of("ExpiredObjectDeleteMarker")) {
    if (*marker != "true" && *marker != "false") return ErrorCode::malformed_xml;
    rule.lone_markers = *marker == "true";
  }
  const int given = (rule.days ? 1 : 0) + (rule.date ? 1 : 0) + (rule.lone_markers ? 1 : 0);
  if (given != 1) return ErrorCode::malformed_xml;
  return {};
}

Done parse_noncurrent(const XmlNode& node, LifecycleRule& rule) {
  DL_TRY(check_elements(node, {{"NoncurrentDays", "NewerNoncurrentVersions"}, {}}));
  DL_ASSIGN(rule.noncurrent_days, number_in<std::uint32_t>(node, "NoncurrentDays", 1));
  DL_ASSIGN(rule.newer_noncurrent, number_in<std::uint32_t>(node, "NewerNoncurrentVersions", 1));
  if (!rule.noncurrent_days) return ErrorCode::malformed_xml;
  constexpr std::uint32_t most_newer = 100;
  if (rule.newer_noncurrent && *rule.newer_noncurrent > most_newer) {
    return S3Error(ErrorCode::invalid_argument, "'NewerNoncurrentVersions' must be less than or equal to 100");
  }
  return {};
}

Expected<LifecycleTransition> parse_transition(const XmlNode& node, std::string_view days_name) {
  LifecycleTransition transition;
  DL_ASSIGN(transition.days, number_in<std::uint32_t>(node, days_name, 0));
  DL_ASSIGN(transition.newer_versions, number_in<std::uint32_t>(node, "NewerNoncurrentVersions", 1));
  DL_ASSIGN(transition.date, date_in(node));
  transition.storage_class = node.text_of("StorageClass").value_or("");
  static constexpr std::array<std::string_view, 6> colder = {
      "GLACIER", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR"};
  const bool known = std::find(colder.begin(), colder.end(), transition.storage_class) != colder.end();
  if (!known || transition.days.has_value() == transition.date.has_value()) {
    return ErrorCode::malformed_xml;
  }
  return transition;
}

Done parse_actions(const XmlNode& node, LifecycleRule& rule) {
  if (const XmlNode expiration = node.child("Expiration")) DL_TRY(parse_expiration(expiration, rule));
  if (const XmlNode noncurrent = node.child("NoncurrentVersionExpiration")) DL_TRY(parse_noncurrent(noncurrent, rule));
  if (const XmlNode abort = node.child("AbortIncompleteMultipartUpload")) {
    DL_ASSIGN(rule.upload_days, number_in<std::uint32_t>(abort, "DaysAfterInitiation", 1));
    if (!rule.upload_days) return ErrorCode::malformed_xml;
  }
  for (const XmlNode& each : node.children("Transition")) {
    DL_ASSIGN(LifecycleTransition transition, parse_transition(each, "Days"));
    rule.transitions.push_back(std::move(transition));
  }
  for (const XmlNode& each : node.children("NoncurrentVersionTransition")) {
    DL_ASSIGN(LifecycleTransition transition, parse_transition(each, "NoncurrentDays"));
    rule.noncurrent_transitions.push_back(std::move(transition));
  }
  const bool acts = rule.days || rule.date || rule.lone_markers || rule.noncurrent_days || rule.upload_days ||
                    !rule.transitions.empty() || !rule.noncurrent_transitions.empty();
  if (!acts) return S3Error(ErrorCode::invalid_request, "At least one action needs to be specified in a rule");
  if (rule.upload_days && !rule.filter.tags.empty()) {
    return S3Error(ErrorCode::invalid_request, "AbortIncompleteMultipartUpload cannot be specified with Tags.");
  }
  if (rule.lone_markers && !rule.filter.tags.empty()) {
    return S3Error(ErrorCode::invalid_request, "ExpiredObjectDeleteMarker cannot be specified with Tags.");
  }
  return {};
}

Expected<LifecycleRule> parse_rule(const XmlNode& node) {
  DL_TRY(check_elements(node, {{"ID", "Prefix", "Filter", "Status", "Expiration", "NoncurrentVersionExpiration",
                                "AbortIncompleteMultipartUpload"},
                               {"Transition", "NoncurrentVersionTransition"}}));
  LifecycleRule rule;
  rule.id = node.text_of("ID").value_or("");
  if (rule.id.size() > max_id) {
    return S3Error(ErrorCode::invalid_argument, "ID length should not exceed allowed limit of 255");
  }
  const bool writable = std::none_of(rule.id.begin(), rule.id.end(),
                                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"'; });
  if (!writable) return S3Error(ErrorCode::invalid_argument, "ID has characters that are not allowed");
  const auto status = node.text_of("Status");
  if (status != "Enabled" && status != "Disabled") return ErrorCode::malformed_xml;
  rule.enabled = status == "Enabled";
  DL_ASSIGN(rule.filter, parse_filter(node));
  DL_TRY(parse_actions(node, rule));
  return rule;
}

// The same document gives the same names.
void name_rules(LifecycleRules& rules) {
  constexpr std::size_t length = 48;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!rules[i].id.empty()) continue;
    const std::string text = std::to_string(i) + lifecycle_document({rules[i]});
    rules[i].id = sha256(text).hex().substr(0, length);
  }
}

void write_predicates(XmlWriter& xml, const LifecycleFilter& filter) {
  if (filter.prefix) xml.text("Prefix", *filter.prefix);
  for (const Tag& tag : filter.tags) {
    xml.open("Tag");
    xml.text("Key", tag.key);
    xml.text("Value", tag.value);
    xml.close();
  }
  if (filter.larger_than) xml.number("ObjectSizeGreaterThan", *filter.larger_than);
  if (filter.smaller_than) xml.number("ObjectSizeLessThan", *filter.smaller_than);
}

void write_filter(XmlWriter& xml, const LifecycleFilter& filter) {
  if (filter.form == LifecycleFilter::Form::rule_prefix) {
    xml.text("Prefix", filter.prefix.value_or(""));
    return;
  }
  xml.open("Filter");
  if (filter.form == LifecycleFilter::Form::conjunction) xml.open("And");
  write_predicates(xml, filter);
  if (filter.form == LifecycleFilter::Form::conjunction) xml.close();
  xml.close();
}

void write_expiration(XmlWriter& xml, const LifecycleRule& rule) {
  if (!rule.days && !rule.date && !rule.lone_markers) return;
  xml.open("Expiration");
  if (rule.days) xml.number("Days", *rule.days);
  if (rule.date) xml.text("Date", format_time(*rule.date));
  if (rule.lone_markers) xml.flag("ExpiredObjectDeleteMarker", *rule.lone_markers);
  xml.close();
}

void write_transitions(XmlWriter& xml, const std::vector<LifecycleTransition>& transitions, std::string_view name,
                       std::string_view days_name) {
  for (const LifecycleTransition& transition : transitions) {
    xml.open(name);
    if (transition.days) xml.number(days_name, *transition.days);
    if (transition.date) xml.text("Date", format_time(*transition.date));
    if (transition.newer_versions) xml.number("NewerNoncurrentVersions", *transition.newer_versions);
    xml.text("StorageClass", transition.storage_class);
    xml.close();
  }
}

void write_rule(XmlWriter& xml, const LifecycleRule& rule) {
  xml.open("Rule");
  xml.text("ID", rule.id);
  write_filter(xml, rule.filter);
  xml.text("Status", rule.enabled ? "Enabled" : "Disabled");
  write_expiration(xml, rule);
  write_transitions(xml, rule.transitions, "Transition", "Days");
  if (rule.noncurrent_days) {
    xml.open("NoncurrentVersionExpiration");
    xml.number("NoncurrentDays", *rule.noncurrent_days);
    if (rule.newer_noncurrent) xml.number("NewerNoncurrentVersions", *rule.newer_noncurrent);
    xml.close();
  }
  write_transitions(xml, rule.noncurrent_transitions, "NoncurrentVersionTransition", "NoncurrentDays");
  if (rule.upload_days) {
    xml.open("AbortIncompleteMultipartUpload");
    xml.number("DaysAfterInitiation", *rule.upload_days);
    xml.close();
  }
  xml.close();
}

}  // namespace

Expected<LifecycleRules> parse_lifecycle(std::string_view xml) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, ""));
  // Older clients call it so.
  const std::string_view name = document.root().name();
  if (name != "LifecycleConfiguration" && name != "BucketLifecycleConfiguration") return ErrorCode::malformed_xml;
  LifecycleRules rules;
  for (const XmlNode& node : document.root().children()) {
    if (node.name() != "Rule" || rules.size() == max_lifecycle_rules) return ErrorCode::malformed_xml;
    DL_ASSIGN(LifecycleRule rule, parse_rule(node));
    const bool taken = std::any_of(rules.begin(), rules.end(),
                                   [&](const LifecycleRule& other) { return !rule.id.empty() && other.id == rule.id; });
    if (taken) {
      return S3Error(ErrorCode::invalid_argument, "Rule ID must be unique. Found same ID for more than one rule");
    }
    rules.push_back(std::move(rule));
  }
  if (rules.empty()) return ErrorCode::malformed_xml;
  name_rules(rules);
  return rules;
}

std::string lifecycle_document(const LifecycleRules& rules) {
  XmlWriter xml;
  xml.root("LifecycleConfiguration");
  for (const LifecycleRule& rule : rules) write_rule(xml, rule);
  return xml.take();
}

}  // namespace duskline::gateway
