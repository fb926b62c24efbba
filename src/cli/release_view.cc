#include "cli/release_view.h"

#include "release/remote.h"

namespace duskline::cli {

std::vector<Flag> view_flags(ViewArguments& arguments) {
  auto flags = store_flags(arguments.store, Needed::required);
  for (auto& flag : trust_flags(arguments.trust)) flags.push_back(std::move(flag));
  flags.push_back({"--channel", "NAME", "the channel whose release is meant when none is named (default: live)",
                   to_channel(arguments.channel)});
  return flags;
}

Result<ReleaseView> ReleaseView::open(const Op&, Context& context, const ViewArguments& arguments) {
  DL_ASSIGN(auto scratch, ScratchFolder::make(context.disk));
  ReleaseView view(std::move(scratch), *arguments.set, arguments.channel);
  DL_ASSIGN(view.trusted_, trusted_keys(arguments.trust));
  DL_ASSIGN(view.store_, context.open_store(arguments.store));
  return view;
}

Result<std::unique_ptr<release::Manifest>> ReleaseView::manifest(const Op& op, const std::string& text) {
  DL_ASSIGN(const auto id, find_release(*store_, op, set_, text, channel_, trusted_));
  const std::string name = "manifest-" + std::to_string(opened_++);
  return release::open_remote_manifest_on_demand(*store_, op, set_, id, {}, trusted_, scratch_.directory(), name);
}

Status with_entry(const Op& op, release::Manifest& manifest, const std::string& path,
                  const std::function<Status(const release::DirectoryCursor::Item&)>& fn) {
  const Error absent{Code::not_found, "the release has no " + printable(path)};
  release::NodeRef at = manifest.top();
  std::string_view rest = path;
  for (;;) {
    const auto slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    release::DirectoryCursor cursor(op, manifest, at);
    const release::DirectoryCursor::Item* item = nullptr;
    do {
      DL_ASSIGN(item, cursor.next());
    } while (item != nullptr && item->entry->name < name);
    if (item == nullptr || item->entry->name != name) return absent;
    if (slash == std::string_view::npos) return fn(*item);
    if (item->entry->kind != model::EntryKind::directory) return absent;
    at = item->directory();
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace duskline::cli
