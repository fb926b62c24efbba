#include "site/mend_record.h"

#include "base/units.h"
#include "site/folders.h"

namespace duskline::site {
namespace {

constexpr std::string_view scratch = "record.mended";
constexpr std::uint32_t private_mode = 0700;

Status fetch(const Op& op, const PullParts& parts, Target& target, const PullOptions& options,
             const WantedRelease& wanted) {
  disk::Directory& own = target.private_folder();
  DL_TRY(own.make_directory(scratch, private_mode));
  DL_ASSIGN(const auto folder, own.open_directory(scratch));
  const TreeRequest request{parts.store, options.set, options.realm, parts.trusted,
                            wanted,      nullptr,     *folder,       parts.reporter};
  {
    DL_ASSIGN(const auto tree, NewTree::obtain(op, request));
  }
  if (options.sync) DL_TRY(own.sync_filesystem());
  DL_TRY(folders::ensure(own, folders::trees));
  DL_TRY(folder->rename("record", own, folders::tree(wanted.id)));
  DL_ASSIGN(const auto trees, own.open_directory(folders::trees));
  return trees->sync();
}

}  // namespace

bool is_lost_record(Code code) {
  return code == Code::not_found || code == Code::refused || code == Code::corrupt || code == Code::invalid;
}

Status mend_record(const Op& op, const PullParts& parts, Target& target, const PullOptions& options,
                   const WantedRelease& wanted) {
  disk::Directory& own = target.private_folder();
  DL_TRY(own.remove_tree(scratch, disk::Missing::is_absent));
  const Status fetched = fetch(op, parts, target, options, wanted);
  DL_TRY(own.remove_tree(scratch, disk::Missing::is_absent));
  if (fetched) {
    parts.reporter.note(Severity::warning, "the record of release " + wanted.id.short_hex() + " in \"" +
                                               printable(target.path()) +
                                               "\" was damaged or gone; it was fetched anew");
    return {};
  }
  return wrap(Error(fetched.error()), "the record of release " + wanted.id.short_hex() + " in \"" +
                                          printable(target.path()) +
                                          "\" is damaged or gone, and cannot be fetched anew");
}

Status mend_lost_records(const Op& op, const PullParts& parts, Target& target, const PullOptions& options,
                         const WantedRelease& wanted) {
  const auto is_usable = [&](const model::ReleaseId& id) {
    const auto record = target.tree(id);
    return record || !is_lost_record(record.error().code);
  };
  const State& state = target.state();
  if (state.current && !is_usable(state.current->id)) {
    const model::ReleaseId id = state.current->id;
    DL_TRY(mend_record(op, parts, target, options, wanted.id == id ? wanted : WantedRelease{id, 0, 0, {}}));
  }
  if (state.layout.mode == Mode::in_place) return {};  // of what was shown before, only the name is kept
  for (const InstalledRelease& kept : state.kept) {
    if (is_usable(kept.id)) continue;
    const Status mended = mend_record(op, parts, target, options, {kept.id, 0, 0, {}});
    if (mended) continue;
    if (mended.error().code == Code::cancelled) return mended;
    parts.reporter.note(Severity::warning, mended.error().describe());
  }
  return {};
}

}  // namespace duskline::site
