// Names of sets, channels and releases, and the places of things in a store.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"

namespace duskline::model {

// A set's or channel's name: 1-64 of [a-z0-9._-], beginning with a letter or digit, so that it can be a
// path component, an S3 key and a shell word, and can never meet a reserved name (those begin with "_").
template <typename Tag>
class Name {
 public:
  [[nodiscard]] static Result<Name> parse(std::string_view text);
  [[nodiscard]] const std::string& text() const { return text_; }
  auto operator<=>(const Name&) const = default;

 private:
  std::string text_;
};
using SetName = Name<struct SetTag>;
using ChannelName = Name<struct ChannelTag>;

// SHA-256 of the release's root statement (release.h).
struct ReleaseId {
  Hash256 hash;
  [[nodiscard]] std::string hex() const { return hash.hex(); }
  [[nodiscard]] std::string short_hex() const { return hash.short_hex(); }
  [[nodiscard]] static Result<ReleaseId> parse(std::string_view hex64);
  auto operator<=>(const ReleaseId&) const = default;
};

// The n-th release of a set, counted from 1 over all channels.
using ReleaseNumber = std::uint64_t;

// Keys below the store's prefix.
[[nodiscard]] std::string head_key(const SetName& set, const ChannelName& channel);
[[nodiscard]] std::string release_key(const SetName& set, const ReleaseId& id);
[[nodiscard]] std::string pack_key(const SetName& set, const Hash256& pack);
[[nodiscard]] std::string delta_key(const SetName& set, const ReleaseId& from, const ReleaseId& to);
[[nodiscard]] std::string number_key(const SetName& set, ReleaseNumber number);  // zero-padded to 12 digits
[[nodiscard]] std::string lease_key(const SetName& set, std::string_view publisher);
[[nodiscard]] std::string tombstone_key(const SetName& set);

}  // namespace duskline::model
