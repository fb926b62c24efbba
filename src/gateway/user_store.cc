#include "gateway/user_store.h"

#include <algorithm>
#include <thread>

#include "base/signing.h"

namespace duskline::gateway {
namespace {

constexpr const char* lock_name = "keys.lock";

// `count` characters of `alphabet`, whose size divides 256, so that none is likelier than another.
Result<std::string> random_text(std::size_t count, std::string_view alphabet) {
  DL_ASSIGN(const Bytes random, random_bytes(count));
  std::string text;
  for (const std::uint8_t byte : random) text += alphabet[byte % alphabet.size()];
  return text;
}

// In the form that clients know: 20 characters of an id, 40 of a secret; without '/' and '+', which people trip over
// in URLs and shells.
Result<StoredKey> new_key(const NewKey& request, std::string user_id, WallTime now) {
  constexpr std::string_view base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  constexpr std::string_view base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  StoredKey key;
  DL_ASSIGN(const std::string id, random_text(18, base32));
  key.id = "DL" + id;
  DL_ASSIGN(key.secret, random_text(40, base64url));
  key.name = request.name;
  key.user_id = std::move(user_id);
  key.created = std::chrono::floor<std::chrono::seconds>(now);
  key.restriction = request.restriction;
  return key;
}

Result<User> user_for(Users& users, const NewKey& request) {
  const std::string& name = request.user.empty() ? request.name : request.user;
  if (const User* known = users.user_named(name)) {
    if (!request.email.empty() && request.email != known->email) {
      return Error{Code::already_exists, "user \"" + name + "\" is there already, with another email address"};
    }
    return *known;
  }
  DL_ASSIGN(const Bytes random, random_bytes(32));
  User user{to_hex(random), name, request.email};
  DL_TRY(users.add(user));
  return user;
}

// Others hold it as long as it takes to write a file.
Result<std::unique_ptr<disk::Lock>> wait_for_lock(disk::Directory& directory) {
  constexpr int tries = 500;
  constexpr auto pause = std::chrono::milliseconds(10);
  for (int i = 0;; ++i) {
    auto held = directory.try_lock(lock_name);
    if (held) return held;
    if (held.error().code != Code::locked || i == tries) {
      return wrap(std::move(held).error(), "change the keys of " + directory.display_path());
    }
    std::this_thread::sleep_for(pause);
  }
}

bool same_file(const std::optional<disk::Stat>& a, const std::optional<disk::Stat>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a || (a->inode == b->inode && a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns &&
                a->ctime_ns == b->ctime_ns);
}

}  // namespace

Result<std::unique_ptr<UserStore>> UserStore::open(std::unique_ptr<disk::Directory> directory,
                                                   const SealingKey& sealing) {
  std::unique_ptr<UserStore> store(new UserStore(std::move(directory), sealing));
  DL_ASSIGN(const auto stat, store->directory_->stat(key_file_name));
  DL_TRY(store->load(stat));
  return store;
}

std::shared_ptr<const UserStore::Snapshot> UserStore::snapshot_of(Users users) {
  auto snapshot = std::make_shared<Snapshot>();
  for (const auto& [id, key] : users.keys()) {
    const User* user = users.user(key.user_id);
    if (key.disabled || user == nullptr) continue;
    snapshot->keys.emplace(
        id, std::make_shared<const AccessKey>(AccessKey{id, key.secret, user->id, user->name, key.restriction}));
  }
  snapshot->users = std::move(users);
  return snapshot;
}

// The stat comes before the read: a change in between is noticed next time.
Status UserStore::load(const std::optional<disk::Stat>& stat) {
  DL_ASSIGN(const auto bytes, directory_->read_all(key_file_name, max_key_file_bytes));
  Users users;
  if (bytes) {
    auto parsed = parse_users(text_of(*bytes), sealing_);
    if (!parsed) {
      return wrap(std::move(parsed).error(), "read " + directory_->display_path() + "/" + key_file_name);
    }
    users = std::move(*parsed);
  }
  snapshot_ = snapshot_of(std::move(users));
  seen_ = stat;
  return {};
}

Status UserStore::refresh() {
  DL_ASSIGN(const auto stat, directory_->stat(key_file_name));
  if (same_file(stat, seen_)) return {};
  return load(stat);
}

std::shared_ptr<const UserStore::Snapshot> UserStore::current() {
  const std::lock_guard lock(mutex_);
  const Status fresh = refresh();
  trouble_ = fresh ? std::string() : fresh.error().describe();
  return snapshot_;
}

std::shared_ptr<const AccessKey> UserStore::find(std::string_view access_key) {
  const auto snapshot = current();
  const auto found = snapshot->keys.find(access_key);
  return found == snapshot->keys.end() ? nullptr : found->second;
}

std::optional<std::string> UserStore::display_name(std::string_view user) {
  const auto snapshot = current();
  const User* found = snapshot->users.user(user);
  return found == nullptr ? std::nullopt : std::optional(found->name);
}

std::optional<std::string> UserStore::user_by_email(std::string_view email) {
  const auto snapshot = current();
  const User* found = snapshot->users.user_with_email(email);
  return found == nullptr ? std::nullopt : std::optional(found->id);
}

std::shared_ptr<const Users> UserStore::users() {
  const auto snapshot = current();
  return {snapshot, &snapshot->users};
}

std::string UserStore::trouble() {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

template <typename Change>
Status UserStore::change(const Change& change) {
  const std::lock_guard lock(mutex_);
  DL_ASSIGN(const auto held, wait_for_lock(*directory_));
  DL_TRY(refresh());
  Users users = snapshot_->users;
  DL_TRY(change(users));
  DL_ASSIGN(const std::string text, encode_users(users, sealing_));
  constexpr std::uint32_t owner_only = 0600;
  DL_TRY(directory_->replace(key_file_name, bytes_of(text), owner_only));
  DL_ASSIGN(seen_, directory_->stat(key_file_name));
  snapshot_ = snapshot_of(std::move(users));
  return {};
}

Result<MadeKey> UserStore::add(const NewKey& request, WallTime now) {
  MadeKey made;
  DL_TRY(change([&](Users& users) -> Status {
    DL_ASSIGN(made.user, user_for(users, request));
    DL_ASSIGN(made.key, new_key(request, made.user.id, now));
    return users.add(made.key);
  }));
  return made;
}

Status UserStore::set_disabled(const std::string& key, bool disabled) {
  return change([&](Users& users) { return users.set_disabled(key, disabled); });
}

Status UserStore::remove(const std::string& key) {
  return change([&](Users& users) { return users.remove_key(key); });
}

Result<SealingKey> sealing_key_at(disk::Filesystem& disk, const std::string& path) {
  constexpr std::uint64_t max_bytes = 4096;
  constexpr std::uint32_t folder_mode = 0700, file_mode = 0600;
  const auto [folder, name] = disk::split_path(path);
  const bool at_top = folder.empty() && path.starts_with('/');
  DL_ASSIGN(const auto directory, disk.open_or_create(at_top           ? "/"
                                                      : folder.empty() ? "."
                                                                       : std::string(folder),
                                                      folder_mode));
  const auto existing = [&, file = std::string(name)]() -> Result<std::optional<SealingKey>> {
    DL_ASSIGN(const auto bytes, directory->read_all(file, max_bytes));
    if (!bytes) return std::optional<SealingKey>();
    auto key = SealingKey::parse(text_of(*bytes));
    if (!key) return wrap(std::move(key).error(), "read " + path);
    return std::optional<SealingKey>(*key);
  };
  DL_ASSIGN(auto known, existing());
  if (known) return *known;
  // So that two first commands do not each make one.
  DL_ASSIGN(const auto lock, directory->try_lock(std::string(name) + ".lock"));
  DL_ASSIGN(known, existing());
  if (known) return *known;
  DL_ASSIGN(SealingKey key, SealingKey::generate());
  DL_TRY(directory->replace(name, bytes_of(key.secret_text() + "\n"), file_mode));
  return key;
}

}  // namespace duskline::gateway
