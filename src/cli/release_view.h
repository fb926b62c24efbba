// A release of a store, opened for looking at: shared by show, cat and diff.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/common.h"
#include "release/manifest.h"

namespace duskline::cli {

// What names a release on the command line.
struct ViewArguments {
  StoreArguments store;
  TrustArguments trust;
  std::optional<model::SetName> set;
  model::ChannelName channel = live_channel();
};
[[nodiscard]] std::vector<Flag> view_flags(ViewArguments& arguments);

class ReleaseView {
 public:
  [[nodiscard]] static Result<ReleaseView> open(const Op& op, Context& context, const ViewArguments& arguments);
  // The manifest of a release; `text` as find_release() takes it. Its segments are fetched as they are asked for.
  [[nodiscard]] Result<std::unique_ptr<release::Manifest>> manifest(const Op& op, const std::string& text);
  [[nodiscard]] store::ObjectStore& store() { return *store_; }
  [[nodiscard]] const model::SetName& set() const { return set_; }

 private:
  ReleaseView(ScratchFolder scratch, model::SetName set, model::ChannelName channel)
      : scratch_(std::move(scratch)), set_(std::move(set)), channel_(std::move(channel)) {}

  ScratchFolder scratch_;
  std::unique_ptr<store::ObjectStore> store_;
  std::vector<PublicKey> trusted_;
  model::SetName set_;
  model::ChannelName channel_;
  unsigned opened_ = 0;
};

// The entry at `path`. Calls fn while the cursor that holds it is alive. Code::not_found names the path.
[[nodiscard]] Status with_entry(const Op& op, release::Manifest& manifest, const std::string& path,
                                const std::function<Status(const release::DirectoryCursor::Item&)>& fn);

}  // namespace duskline::cli
