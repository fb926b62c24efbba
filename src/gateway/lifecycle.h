// Lifecycle rules of buckets: which versions, delete markers and uploads go, and when. Pure: the runner that acts on
// this is lifecycle_runner.h.
//
// Rules may ask for transitions to other storage classes. There is one class here, so they are kept and given back, and
// change nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gateway/error.h"
#include "gateway/tagging.h"
#include "objects/types.h"

namespace duskline::gateway {

struct LifecycleFilter {
  enum class Form : std::uint8_t { rule_prefix, single, conjunction };  // how the document writes it
  Form form = Form::single;
  std::optional<std::string> prefix;
  Tags tags;
  std::optional<std::uint64_t> larger_than, smaller_than;  // bytes
  [[nodiscard]] bool matches(std::string_view key, std::uint64_t size_bytes, const Tags& tags_of_it) const;
  bool operator==(const LifecycleFilter&) const = default;
};

struct LifecycleTransition {
  std::optional<std::uint32_t> days, newer_versions;
  std::optional<WallTime> date;
  std::string storage_class;
  bool operator==(const LifecycleTransition&) const = default;
};

struct LifecycleRule {
  std::string id;
  bool enabled = false;
  LifecycleFilter filter;
  std::optional<std::uint32_t> days;  // of current versions, since they were made
  std::optional<WallTime> date;       // of current versions, whatever their age
  std::optional<bool> lone_markers;   // delete markers with nothing behind them
  std::optional<std::uint32_t> noncurrent_days, newer_noncurrent;
  std::optional<std::uint32_t> upload_days;
  std::vector<LifecycleTransition> transitions, noncurrent_transitions;
  bool operator==(const LifecycleRule&) const = default;
};
using LifecycleRules = std::vector<LifecycleRule>;
inline constexpr std::size_t max_lifecycle_rules = 1000;

// LifecycleConfiguration. Rules without an ID get one. MalformedXML, InvalidArgument, InvalidRequest.
[[nodiscard]] Expected<LifecycleRules> parse_lifecycle(std::string_view xml);
[[nodiscard]] std::string lifecycle_document(const LifecycleRules& rules);

// How long a day lasts. S3 rounds expiry up to the next midnight; with other days there is none to round to.
struct LifecycleDay {
  std::chrono::nanoseconds length = std::chrono::days(1);
  [[nodiscard]] WallTime after(WallTime begin, std::uint32_t days) const;
};

struct LifecycleSubject {
  std::string_view key;
  std::uint64_t size_bytes = 0;
  Tags tags;
  WallTime begun{};  // of a current version: when it was made; of others: when they were replaced
};

struct Expiry {
  WallTime time{};
  std::string rule_id;
};
// The earliest, or nothing.
[[nodiscard]] std::optional<Expiry> expiry_of_current(const LifecycleRules& rules, const LifecycleSubject& subject,
                                                      const LifecycleDay& day);
// `newer`: how many noncurrent versions of the key are newer than this one.
[[nodiscard]] std::optional<Expiry> expiry_of_noncurrent(const LifecycleRules& rules, const LifecycleSubject& subject,
                                                         std::uint32_t newer, const LifecycleDay& day);
// Of a delete marker that is the only version of its key.
[[nodiscard]] std::optional<Expiry> expiry_of_lone_marker(const LifecycleRules& rules, const LifecycleSubject& subject,
                                                          const LifecycleDay& day);
[[nodiscard]] std::optional<Expiry> expiry_of_upload(const LifecycleRules& rules, std::string_view key, WallTime begun,
                                                     const LifecycleDay& day);

}  // namespace duskline::gateway
