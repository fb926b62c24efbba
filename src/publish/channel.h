// The head that this run is going to replace.
#pragma once

#include <optional>

#include "base/op.h"
#include "model/release.h"
#include "publish/publish.h"
#include "publish/state.h"
#include "release/heads.h"

namespace duskline::publish {

class Channel {
 public:
  Channel(const PublishParts& parts, const PublishOptions& options, std::vector<PublicKey> trusted)
      : parts_(parts), options_(options), trusted_(std::move(trusted)) {}

  // Code::replayed where the store shows an older head than `state` remembers, which it brings up to date;
  // Code::refused where it shows none any more and that is not meant.
  Status read(const Op& op, SourceState& state);
  [[nodiscard]] const std::optional<release::SeenHead>& seen() const { return seen_; }
  // Heads of the set's other channels, as far as they can be read; at most a few.
  [[nodiscard]] Result<std::vector<release::SeenHead>> others(const Op& op) const;

  // Fills in what belongs to the head itself (names, version, times) and puts it in place of the one seen.
  // Code::precondition where another publisher was faster; the message names its release.
  Status replace(const Op& op, model::Head head, SourceState& state);

 private:
  Error lost(const Op& op, Error cause) const;
  const PublishParts& parts_;
  const PublishOptions& options_;
  const std::vector<PublicKey> trusted_;
  std::optional<release::SeenHead> seen_;
  release::Floor last_;  // of a head that the store has lost
};

}  // namespace duskline::publish
