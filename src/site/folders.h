// Names below TARGET and TARGET/.duskline, and what is done to them from more than one place.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "disk/filesystem.h"
#include "model/ids.h"

namespace duskline::site {

class Target;

namespace folders {

// below TARGET
inline constexpr std::string_view current = "current";
inline constexpr std::string_view releases = "releases";
[[nodiscard]] std::string release(std::string_view folder);  // releases/<folder>

// below TARGET/.duskline
inline constexpr std::string_view lock = "lock", holder = "holder", state = "state.json", receipts = "receipts";
inline constexpr std::string_view trees = "trees", files = "files", trash = "trash";
inline constexpr std::string_view staging = "staging", staged_tree = "staging/tree", staged_record = "staging/record",
                                  staged_stamps = "staging/stamps", staged_changes = "staging/changes";
inline constexpr std::string_view journal = "journal", journal_back = "journal.back", undo = "undo",
                                  previous = "previous", set_aside = "set-aside", scratch = "scratch";
[[nodiscard]] std::string tree(const model::ReleaseId& id);  // trees/<id>
[[nodiscard]] std::string stamps(std::string_view folder);   // files/<folder>

// Makes the directory unless it is there. Code::refused where something else is.
[[nodiscard]] Status ensure(disk::Directory& in, std::string_view path);
// The same for every directory above `path`.
[[nodiscard]] Status ensure_above(disk::Directory& in, std::string_view path);

// Renames a directory, also one that may not be written: a new parent means a new "..", for which it must be.
[[nodiscard]] Status move_directory(disk::Directory& from, std::string_view path, disk::Directory& to,
                                    std::string_view new_path);

// Takes releases/<folder> out of sight in one step; sweep() removes it.
[[nodiscard]] Status throw_away(Target& target, std::string_view folder);
// Removes what lies in the trash, and releases, records and stamps that the state does not name.
[[nodiscard]] Status sweep(Target& target);

}  // namespace folders
}  // namespace duskline::site
