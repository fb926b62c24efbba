#include "gateway/object_lock.h"

#include <charconv>

#include "gateway/digests.h"
#include "gateway/properties.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::uint32_t max_days = 36'500, max_years = 100;

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

S3Error past_date(const std::string& date) {
  return invalid_argument("The retain until date must be in the future!", "RetainUntilDate", date);
}

Expected<std::uint32_t> period(const std::string& text, std::uint32_t most) {
  const auto value = number<std::int64_t>(text);
  if (!value) return ErrorCode::malformed_xml;
  if (*value < 1) return ErrorCode::invalid_retention_period;
  if (*value > most) return S3Error(ErrorCode::invalid_retention_period, "Default retention period is too large.");
  return static_cast<std::uint32_t>(*value);
}

Expected<DefaultRetention> parse_default_retention(const XmlNode& node) {
  const auto mode = lock_mode_named(node.text_of("Mode").value_or(""));
  const auto days = node.text_of("Days"), years = node.text_of("Years");
  if (!mode || days.has_value() == years.has_value()) return ErrorCode::malformed_xml;
  DefaultRetention retention{*mode};
  if (days) {
    DL_ASSIGN(retention.days, period(*days, max_days));
  } else {
    DL_ASSIGN(retention.years, period(*years, max_years));
  }
  return retention;
}

Done missing_configuration(std::string_view what) {
  return S3Error(ErrorCode::invalid_request, "Bucket is missing " + std::string(what));
}

}  // namespace

std::string_view name_of(LockMode mode) { return mode == LockMode::governance ? "GOVERNANCE" : "COMPLIANCE"; }

std::optional<LockMode> lock_mode_named(std::string_view name) {
  if (name == "GOVERNANCE") return LockMode::governance;
  if (name == "COMPLIANCE") return LockMode::compliance;
  return std::nullopt;
}

// "GOVERNANCE 30 days", "COMPLIANCE 1 years", or empty.
std::string encode(const LockConfiguration& configuration) {
  if (!configuration.retention) return "";
  const DefaultRetention& retention = *configuration.retention;
  const std::string length =
      retention.days > 0 ? std::to_string(retention.days) + " days" : std::to_string(retention.years) + " years";
  return std::string(name_of(retention.mode)) + " " + length;
}

std::optional<LockConfiguration> lock_configuration_of(const objects::Bucket& bucket) {
  const std::string* const stored = find(bucket.properties, property::object_lock);
  if (stored == nullptr) return std::nullopt;
  LockConfiguration configuration;
  const auto first = stored->find(' '), second = stored->rfind(' ');
  if (first == std::string::npos || first == second) return configuration;
  const std::string_view text(*stored);
  const auto mode = lock_mode_named(text.substr(0, first));
  const auto length = number<std::uint32_t>(text.substr(first + 1, second - first - 1));
  if (!mode || !length) return configuration;
  configuration.retention = DefaultRetention{*mode};
  (text.substr(second + 1) == "days" ? configuration.retention->days : configuration.retention->years) = *length;
  return configuration;
}

Expected<LockConfiguration> parse_lock_configuration(std::string_view xml) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "ObjectLockConfiguration"));
  const XmlNode root = document.root();
  if (root.text_of("ObjectLockEnabled") != "Enabled") return ErrorCode::malformed_xml;
  LockConfiguration configuration;
  if (const XmlNode rule = root.child("Rule")) {
    const XmlNode retention = rule.child("DefaultRetention");
    if (!retention) return ErrorCode::malformed_xml;
    DL_ASSIGN(configuration.retention, parse_default_retention(retention));
  }
  return configuration;
}

std::string lock_configuration_document(const LockConfiguration& configuration) {
  XmlWriter xml;
  xml.root("ObjectLockConfiguration");
  xml.text("ObjectLockEnabled", "Enabled");
  if (configuration.retention) {
    xml.open("Rule");
    xml.open("DefaultRetention");
    xml.text("Mode", name_of(configuration.retention->mode));
    if (configuration.retention->days > 0) xml.number("Days", configuration.retention->days);
    if (configuration.retention->years > 0) xml.number("Years", configuration.retention->years);
  }
  return xml.take();
}

std::optional<Retention> retention_of(const objects::Properties& properties) {
  const std::string* const mode = find(properties, property::lock_mode);
  const std::string* const until = find(properties, property::lock_until);
  if (mode == nullptr || until == nullptr) return std::nullopt;
  const auto parsed = lock_mode_named(*mode);
  const auto time = parse_time(*until);
  if (!parsed || !time) return std::nullopt;
  return Retention{*parsed, *time};
}

void set_retention(const std::optional<Retention>& retention, objects::Properties& properties) {
  if (!retention) {
    properties.erase(std::string(property::lock_mode));
    properties.erase(std::string(property::lock_until));
    return;
  }
  properties[std::string(property::lock_mode)] = name_of(retention->mode);
  properties[std::string(property::lock_until)] = format_time(retention->until);
}

Expected<std::optional<Retention>> parse_retention(std::string_view xml, WallTime now) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "Retention"));
  const XmlNode root = document.root();
  if (root.children().empty()) return std::optional<Retention>();
  const auto mode = lock_mode_named(root.text_of("Mode").value_or(""));
  const auto date = root.text_of("RetainUntilDate");
  const auto until = date ? parse_time(*date) : std::nullopt;
  if (!mode || !until) return ErrorCode::malformed_xml;
  if (*until <= now) return past_date(*date);
  return std::optional(Retention{*mode, *until});
}

std::string retention_document(const Retention& retention) {
  XmlWriter xml;
  xml.root("Retention");
  xml.text("Mode", name_of(retention.mode));
  xml.text("RetainUntilDate", format_time(retention.until));
  return xml.take();
}

Done may_replace(const std::optional<Retention>& old, const std::optional<Retention>& wanted, WallTime now,
                 Bypass bypass) {
  if (!old || old->until <= now) return {};
  if (wanted && wanted->mode == old->mode && wanted->until >= old->until) return {};
  if (old->mode == LockMode::governance && bypass == Bypass::yes) return {};
  return ErrorCode::access_denied;
}

Expected<std::string> parse_legal_hold(std::string_view xml) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "LegalHold"));
  const auto status = document.root().text_of("Status");
  if (status != "ON" && status != "OFF") return ErrorCode::malformed_xml;
  return *status;
}

std::string legal_hold_document(std::string_view status) {
  XmlWriter xml;
  xml.root("LegalHold");
  xml.text("Status", status);
  return xml.take();
}

Expected<LockHeaders> lock_headers(const http::Headers& headers, WallTime now) {
  LockHeaders found;
  const std::string* const mode = find_header(headers, "x-amz-object-lock-mode");
  const std::string* const until = find_header(headers, "x-amz-object-lock-retain-until-date");
  if ((mode == nullptr) != (until == nullptr)) {
    return invalid_argument("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
                            mode == nullptr ? "x-amz-object-lock-mode" : "x-amz-object-lock-retain-until-date", "");
  }
  if (mode != nullptr) {
    const auto parsed = lock_mode_named(*mode);
    if (!parsed) return invalid_argument("Unknown wormMode directive.", "x-amz-object-lock-mode", *mode);
    const auto time = parse_time(*until);
    if (!time) {
      return invalid_argument("The retain until date must be provided in ISO 8601 format",
                              "x-amz-object-lock-retain-until-date", *until);
    }
    if (*time <= now) return past_date(*until);
    found.retention = Retention{*parsed, *time};
  }
  if (const std::string* const hold = find_header(headers, "x-amz-object-lock-legal-hold")) {
    if (*hold != "ON" && *hold != "OFF") {
      return invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", "x-amz-object-lock-legal-hold", *hold);
    }
    found.legal_hold = *hold;
  }
  return found;
}

Done take_object_lock(const Context& context, const http::Headers& headers, objects::Properties& properties) {
  DL_ASSIGN(const LockHeaders asked, lock_headers(headers, context.request.now));
  const auto configuration = lock_configuration_of(*context.bucket);
  if ((asked.retention || asked.legal_hold) && !configuration) return missing_configuration("ObjectLockConfiguration");
  if (asked.retention) {
    DL_TRY(context.allow("s3:PutObjectRetention"));
    set_retention(asked.retention, properties);
  } else if (configuration && configuration->retention) {
    set_retention(Retention{configuration->retention->mode, context.request.now + configuration->retention->length()},
                  properties);
  }
  if (asked.legal_hold) {
    DL_TRY(context.allow("s3:PutObjectLegalHold"));
    properties[std::string(property::lock_hold)] = *asked.legal_hold;
  }
  return {};
}

void give_object_lock(const Context& context, const objects::Version& version, http::Headers& headers) {
  const auto may = [&](std::string_view action) {
    return context.allow_on(action, *context.bucket, version.key, &version).has_value();
  };
  const auto retention = retention_of(version.properties);
  if (retention && may("s3:GetObjectRetention")) {
    headers.emplace_back("x-amz-object-lock-mode", name_of(retention->mode));
    headers.emplace_back("x-amz-object-lock-retain-until-date", format_time(retention->until));
  }
  const std::string* const hold = find(version.properties, property::lock_hold);
  if (hold != nullptr && may("s3:GetObjectLegalHold")) headers.emplace_back("x-amz-object-lock-legal-hold", *hold);
}

std::optional<S3Error> locked(const objects::Version& version, WallTime now, Bypass bypass) {
  const S3Error refused(ErrorCode::access_denied, "Access Denied because object protected by object lock.");
  const std::string* const hold = find(version.properties, property::lock_hold);
  if (hold != nullptr && *hold == "ON") return refused;
  const auto retention = retention_of(version.properties);
  if (!retention || retention->until <= now) return std::nullopt;
  if (retention->mode == LockMode::governance && bypass == Bypass::yes) return std::nullopt;
  return refused;
}

Bypass bypass_of(const Context& context, std::string_view key) {
  const std::string* const header = context.request.header("x-amz-bypass-governance-retention");
  const bool asked = header != nullptr && (*header == "true" || *header == "True" || *header == "TRUE");
  if (!asked || !context.bucket) return Bypass::no;
  return context.allow_on("s3:BypassGovernanceRetention", *context.bucket, key) ? Bypass::yes : Bypass::no;
}

bool has_object_lock(const objects::Bucket& bucket) {
  return find(bucket.properties, property::object_lock) != nullptr;
}

}  // namespace duskline::gateway
