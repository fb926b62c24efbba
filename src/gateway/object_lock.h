// Object lock: what must stay, and until when.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/error.h"
#include "gateway/hooks.h"
#include "objects/types.h"

namespace duskline::gateway {

enum class LockMode : std::uint8_t { governance, compliance };
[[nodiscard]] std::string_view name_of(LockMode mode);  // "GOVERNANCE"
[[nodiscard]] std::optional<LockMode> lock_mode_named(std::string_view name);

// Of a bucket, for what is put into it without saying otherwise.
struct DefaultRetention {
  LockMode mode = LockMode::governance;
  std::uint32_t days = 0, years = 0;  // one of them; a year has 365 days
  [[nodiscard]] std::chrono::days length() const { return std::chrono::days(days + std::uint64_t{365} * years); }
  bool operator==(const DefaultRetention&) const = default;
};
// property::object_lock holds this, and is there where the bucket's objects can be locked.
struct LockConfiguration {
  std::optional<DefaultRetention> retention;
  bool operator==(const LockConfiguration&) const = default;
};
[[nodiscard]] std::optional<LockConfiguration> lock_configuration_of(const objects::Bucket& bucket);
[[nodiscard]] std::string encode(const LockConfiguration& configuration);
[[nodiscard]] Expected<LockConfiguration> parse_lock_configuration(std::string_view xml);
[[nodiscard]] std::string lock_configuration_document(const LockConfiguration& configuration);

// Of an object.
struct Retention {
  LockMode mode = LockMode::governance;
  WallTime until{};
  bool operator==(const Retention&) const = default;
};
[[nodiscard]] std::optional<Retention> retention_of(const objects::Properties& properties);
void set_retention(const std::optional<Retention>& retention, objects::Properties& properties);
// Nothing for an empty document, which takes a retention away.
[[nodiscard]] Expected<std::optional<Retention>> parse_retention(std::string_view xml, WallTime now);
[[nodiscard]] std::string retention_document(const Retention& retention);

// A retention that still holds may be made longer; anything else needs the bypass, and compliance knows none.
[[nodiscard]] Done may_replace(const std::optional<Retention>& old, const std::optional<Retention>& wanted,
                               WallTime now, Bypass bypass);

[[nodiscard]] Expected<std::string> parse_legal_hold(std::string_view xml);  // "ON" or "OFF"
[[nodiscard]] std::string legal_hold_document(std::string_view status);

// x-amz-object-lock-mode and its like of a put. Nothing is set where they say nothing.
struct LockHeaders {
  std::optional<Retention> retention;
  std::optional<std::string> legal_hold;  // "ON" or "OFF"
};
[[nodiscard]] Expected<LockHeaders> lock_headers(const http::Headers& headers, WallTime now);

}  // namespace duskline::gateway
