// What several commands share: flags for stores and trust, and opening what they name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/console.h"
#include "model/ids.h"
#include "release/keys.h"
#include "site/pull.h"
#include "site/target.h"

namespace duskline::cli {

[[nodiscard]] std::vector<Flag> store_flags(StoreArguments& arguments, Needed url);

// Code::refused where a store that is a directory and `directory` (what: "source", "target") are one, or one lies in
// the other: a store would be published into itself, or a target be written into the store.
[[nodiscard]] Status check_apart(const StoreArguments& store, const std::string& directory, std::string_view what);

struct TrustArguments {
  std::vector<std::string> keys;  // texts or files
};
[[nodiscard]] std::vector<Flag> trust_flags(TrustArguments& arguments);
// The user's trusted keys and those named by --trust.
[[nodiscard]] Result<std::vector<PublicKey>> trusted_keys(const TrustArguments& arguments);

// A set or channel argument or flag.
[[nodiscard]] inline auto to_set(std::optional<model::SetName>& target) {
  return to_parsed(target, [](std::string_view text) -> Result<std::optional<model::SetName>> {
    DL_ASSIGN(auto name, model::SetName::parse(text));
    return std::optional(std::move(name));
  });
}
[[nodiscard]] inline auto to_channel(model::ChannelName& target) {
  return to_parsed(target, model::ChannelName::parse);
}
[[nodiscard]] model::ChannelName live_channel();

// The release that `text` means in a set: a full id, a unique start of one (at least 6 digits), a number ("7"), or ""
// for what `channel` shows now. Code::not_found lists what to try.
[[nodiscard]] Result<model::ReleaseId> find_release(store::ObjectStore& store, const Op& op, const model::SetName& set,
                                                    const std::string& text, const model::ChannelName& channel,
                                                    const std::vector<PublicKey>& trusted);

// Flags of commands that work on a target, and the target.
struct TargetArguments {
  std::string path;
  std::chrono::nanoseconds wait{0};
};
[[nodiscard]] Flag wait_flag(TargetArguments& arguments);
[[nodiscard]] Result<std::unique_ptr<site::Target>> open_target(const Op& op, Context& context,
                                                                const TargetArguments& arguments,
                                                                site::Target::Make make);

// The store that a target was pulled from, or the one named instead, and what a further pull from it needs.
struct TargetSource {
  std::unique_ptr<store::ObjectStore> store;
  std::vector<PublicKey> trusted;
  site::PullOptions options;
};
[[nodiscard]] Result<TargetSource> open_source_of(Context& context, const site::State& state, StoreArguments arguments,
                                                  const TrustArguments& trust);

// A private folder for scratch files, removed with everything in it on destruction.
class ScratchFolder {
 public:
  [[nodiscard]] static Result<ScratchFolder> make(disk::Filesystem& disk);
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  [[nodiscard]] disk::Directory& directory() { return *directory_; }

 private:
  ScratchFolder(std::string path, std::unique_ptr<disk::Directory> directory);
  std::string path_;
  std::unique_ptr<disk::Directory> directory_;
};

[[nodiscard]] std::string cache_folder();  // $DUSKLINE_CACHE_DIR, $XDG_CACHE_HOME/duskline, ~/.cache/duskline

}  // namespace duskline::cli
