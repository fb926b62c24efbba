#include "site/target.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/units.h"
#include "site/activate.h"
#include "site/folders.h"

namespace duskline::site {
namespace {

constexpr std::size_t kept_receipts = 100;
constexpr std::size_t max_holder_bytes = 256;
constexpr std::uint32_t private_mode = 0700;
constexpr std::uint32_t target_mode = 0755;
constexpr auto lock_poll = std::chrono::milliseconds(200);

// The last component is not followed where it is a symlink, those before it are: the user named them.
Result<std::unique_ptr<disk::Directory>> open_root(disk::Filesystem& disk, std::string path, Target::Make make) {
  if (path.empty()) return Error{Code::usage, "the target's path is empty"};
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const auto [above, name] = disk::split_path(path);
  if (name.empty() || name == "." || name == "..") return disk.open(path);
  const std::string parent_path = !above.empty() ? std::string(above) : path.starts_with('/') ? "/" : ".";
  auto parent = disk.open(parent_path);
  if (!parent) {
    return wrap(std::move(parent).error(), "the folder that shall hold the target \"" + printable(path) +
                                               "\" cannot be opened; if it should be new, make it first");
  }
  DL_ASSIGN(std::optional<disk::Stat> stat, (*parent)->stat(name));
  if (!stat && make == Target::Make::existing_only) {
    return Error{Code::not_found, "there is no target at \"" + printable(path) + "\""};
  }
  if (!stat) {
    DL_TRY((*parent)->make_directory(name, target_mode));
    DL_TRY((*parent)->sync());
  } else if (stat->kind == disk::FileKind::symlink) {
    return Error{Code::refused, "the target \"" + printable(path) +
                                    "\" is a symlink, which could be turned elsewhere at any time; name the directory "
                                    "that it leads to"};
  } else if (stat->kind != disk::FileKind::directory) {
    return Error{Code::refused, "the target \"" + printable(path) + "\" is not a directory"};
  }
  return (*parent)->open_directory(name);
}

Status check_private(disk::Directory& root, disk::Directory& folder, const disk::Stat& stat, Reporter& reporter) {
  const std::string& name = folder.display_path();
  if ((stat.mode & 022) != 0) {
    return Error{Code::refused, name +
                                    " can be written by other users, who could have forged what it says; if it is "
                                    "to be trusted, chmod it to 0700, else remove it and pull again"};
  }
  DL_ASSIGN(const disk::Stat above, root.stat());
  if (above.device != stat.device || above.mount != stat.mount) {
    return Error{Code::refused, name +
                                    " is a mount of its own, so nothing can be moved from it to the target at once; "
                                    "unmount it"};
  }
  if ((stat.mode & 077) != 0) {
    reporter.note(Severity::warning, name + " was open to other users; closing it");
    return folder.set_mode("", private_mode);
  }
  return {};
}

// `own`: a file made just now. Compared with that, since a file server may know the caller by another number.
Status check_owner(disk::Directory& folder, const disk::Stat& stat, disk::File& own) {
  DL_ASSIGN(const disk::Stat made, own.stat());
  if (made.uid == stat.uid) return {};
  return Error{Code::refused, folder.display_path() + " belongs to user " + std::to_string(stat.uid) +
                                  ", who could forge what it says; run as that user, or give it to this one"};
}

std::string holder_line(Clock& clock) {
  char host[65] = "";
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return "process " + std::to_string(::getpid()) + " on " + host + " since " + format_time(clock.now());
}

// Who holds the lock, as far as it is known.
std::string read_holder(disk::Directory& folder) {
  const auto bytes = folder.read_all(folders::holder, max_holder_bytes);
  if (!bytes || !*bytes || (*bytes)->empty()) return "another process";
  return printable(text_of(**bytes));
}

}  // namespace

Result<std::unique_ptr<Target>> Target::open(const Op& op, disk::Filesystem& disk, const std::string& path, Make make,
                                             std::chrono::nanoseconds wait, Clock& clock, Reporter& reporter) {
  std::unique_ptr<Target> target(new Target());
  target->path_ = path;
  target->clock_ = &clock;
  DL_ASSIGN(target->root_, open_root(disk, path, make));
  DL_TRY(target->open_private(op, make, wait, reporter));
  DL_TRY(target->load_state(make));
  if (target->read_only_) {
    reporter.note(Severity::warning,
                  "the target is mounted read-only; an activation that was interrupted, if there is "
                  "one, is completed when it can be written again");
    return target;
  }
  if (auto recovered = recover(op, *target, reporter); !recovered) {
    return wrap(std::move(recovered).error(), "target \"" + printable(path) + "\"");
  }
  return target;
}

Status Target::open_private(const Op& op, Make make, std::chrono::nanoseconds wait, Reporter& reporter) {
  DL_ASSIGN(std::optional<disk::Stat> stat, root_->stat(private_folder_name));
  if (!stat && make == Make::existing_only) {
    return Error{Code::not_found, "\"" + printable(path_) + "\" is not a target: nothing has been pulled to it"};
  }
  if (!stat) {
    DL_TRY(root_->make_directory(private_folder_name, private_mode));
    DL_TRY(root_->sync());
    DL_ASSIGN(stat, root_->stat(private_folder_name));
  }
  if (!stat || stat->kind != disk::FileKind::directory) {
    return Error{Code::refused, "\"" + printable(path_) +
                                    "/.duskline\" is not a directory (a symlink, perhaps); it has "
                                    "been put there by somebody else: look at it, and remove it"};
  }
  DL_ASSIGN(private_, root_->open_directory(private_folder_name));
  DL_ASSIGN(const disk::Stat opened, private_->stat());
  DL_TRY(check_private(*root_, *private_, opened, reporter));
  const Status locked = take_lock(op, wait);
  if (locked || locked.error().code != Code::read_only || make == Make::create) return locked;
  read_only_ = true;  // nobody else can change it either
  return {};
}

Status Target::take_lock(const Op& op, std::chrono::nanoseconds wait) {
  const SteadyTime give_up = clock_->steady() + wait;
  for (;;) {
    auto lock = private_->try_lock(folders::lock);
    if (lock) {
      lock_ = std::move(*lock);
      break;
    }
    if (lock.error().code != Code::locked) return std::move(lock).error();
    DL_TRY(op.check());
    const SteadyTime now = clock_->steady();
    if (now >= give_up) {
      return Error{Code::locked, "the target \"" + printable(path_) + "\" is in use by " + read_holder(*private_) +
                                     "; wait for it, or stop it"};
    }
    clock_->sleep_until(std::min(give_up, now + lock_poll), op.stop);
  }
  // Only a hint for messages, so neither atomic nor synced.
  const std::string line = holder_line(*clock_);
  DL_TRY(private_->remove_file(folders::holder, disk::Missing::is_absent));
  DL_ASSIGN(const auto holder, private_->create(folders::holder, 0600));
  DL_ASSIGN(const disk::Stat stat, private_->stat());
  DL_TRY(check_owner(*private_, stat, *holder));
  const Status written = holder->write_at(0, bytes_of(line));
  return !written && written.error().code == Code::no_space ? Status() : written;  // a full disk can still be looked at
}

Status Target::load_state(Make make) {
  const std::string file = "\"" + printable(path_) + "/.duskline/state.json\"";
  auto bytes = private_->read_all(folders::state, max_state_bytes);
  if (!bytes) return wrap(std::move(bytes).error(), "read " + file);
  if (!*bytes && make == Make::existing_only) {
    return Error{Code::not_found,
                 "\"" + printable(path_) + "\" is not a target: no pull to it has ever been completed"};
  }
  if (!*bytes) return {};
  auto state = decode_state(text_of(**bytes));
  if (!state && state.error().code == Code::invalid) {
    return wrap(std::move(state).error(),
                "the file " + file +
                    " is damaged; to go on without what it says (pins, the newest head seen), move it away and pull "
                    "again, saying --keep, --only and the like as at first: what is installed is found and used");
  }
  if (!state) return wrap(std::move(state).error(), file);
  state_ = std::move(*state);
  return {};
}

Status Target::save_state() {
  if (read_only_) return Error{Code::read_only, "the target \"" + printable(path_) + "\" is mounted read-only"};
  const std::string text = encode_state(state_);
  if (text.size() > max_state_bytes) {  // it could not be read again
    return Error{Code::too_large, "the state of \"" + printable(path_) +
                                      "\" would be longer than 8 MiB; keep fewer releases, or use fewer keep patterns"};
  }
  return private_->replace(folders::state, bytes_of(text), 0600);
}

const InstalledRelease* Target::find(const model::ReleaseId& id) const {
  if (state_.current && state_.current->id == id) return &*state_.current;
  const auto kept = std::ranges::find(state_.kept, id, &InstalledRelease::id);
  return kept == state_.kept.end() ? nullptr : &*kept;
}

namespace {

Error not_kept(const std::string& path, const model::ReleaseId& id) {
  return {Code::not_found, "release " + id.short_hex() + " is not kept in \"" + printable(path) + "\""};
}

}  // namespace

Result<std::unique_ptr<disk::Directory>> Target::content(const model::ReleaseId& id) {
  const InstalledRelease* release = find(id);
  const bool in_place = state_.layout.mode == Mode::in_place;
  if (release == nullptr || (in_place && release != &*state_.current)) return not_kept(path_, id);
  if (in_place) return root_->open_directory("");
  return root_->open_directory(folders::release(release->folder));
}

Result<std::unique_ptr<release::Manifest>> Target::tree(const model::ReleaseId& id) {
  auto file = private_->open_read(folders::tree(id));
  if (!file && file.error().code == Code::not_found) return not_kept(path_, id);
  if (!file) return std::move(file).error();
  const std::string what = "the record of release " + id.short_hex() + " in \"" + printable(path_) + "\"";
  auto tree = release::Manifest::open(std::move(*file));
  if (!tree) return wrap(std::move(tree).error(), what + " is damaged; a pull gets it anew");
  if ((*tree)->index().id != id) return Error{Code::corrupt, what + " is that of another release"};
  return tree;
}

Result<StampReader> Target::stamps(const model::ReleaseId& id) {
  const InstalledRelease* release = find(id);
  if (release == nullptr) return not_kept(path_, id);
  DL_ASSIGN(auto file, private_->open_read(folders::stamps(release->folder)));
  return StampReader::open(std::move(file), id, release->layout.only);
}

Status Target::pin(const model::ReleaseId& id) {
  if (find(id) == nullptr) return not_kept(path_, id);
  state_.pinned = id;
  return save_state();
}

Status Target::unpin() {
  state_.pinned.reset();
  state_.rejected.reset();
  return save_state();
}

Status Target::write_receipt(std::string_view json, model::ReleaseNumber number) {
  DL_TRY(folders::ensure(*private_, folders::receipts));
  DL_ASSIGN(const auto directory, private_->open_directory(folders::receipts));
  std::string time = format_time(clock_->now());
  std::erase_if(time, [](char c) { return c == ':' || c == '-'; });
  char name[96];
  std::snprintf(name, sizeof name, "%012llu-%s.json", static_cast<unsigned long long>(number), time.c_str());
  DL_TRY(directory->replace(name, bytes_of(json), 0600));

  DL_ASSIGN(auto entries, directory->list());
  std::erase_if(entries, [](const disk::DirectoryEntry& e) { return !e.name.ends_with(".json"); });
  if (entries.size() <= kept_receipts) return {};
  std::ranges::sort(entries, [](const auto& a, const auto& b) {
    return std::pair(a.stat.mtime_ns, std::string_view(a.name)) < std::pair(b.stat.mtime_ns, std::string_view(b.name));
  });
  for (const auto& entry : std::span(entries).first(entries.size() - kept_receipts)) {
    if (entry.name != name) DL_TRY(directory->remove_file(entry.name, disk::Missing::is_absent));
  }
  return {};
}

Status Target::drop_old(std::size_t count) {
  const auto is_needed = [&](const InstalledRelease& release) {
    return state_.pinned == release.id || state_.unchecked == release.id;
  };
  std::size_t place = 0;
  const auto dropped = std::erase_if(
      state_.kept, [&](const InstalledRelease& release) { return place++ >= count && !is_needed(release); });
  if (dropped > 0) DL_TRY(save_state());
  return folders::sweep(*this);
}

}  // namespace duskline::site
