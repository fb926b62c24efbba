#include "release/keys.h"

#include <pwd.h>
#include <string.h>  // explicit_bzero
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/units.h"
#include "disk/real_disk.h"

namespace duskline::release {
namespace {

constexpr std::uint64_t max_key_file_bytes = 64 << 10;
constexpr std::uint32_t private_folder = 0700, private_file = 0600, public_file = 0644;
constexpr std::uint32_t others_read = 077, others_write = 022;
constexpr std::string_view secret_file = "signing.key", trusted_folder = "trusted", suffix = ".pub", own = "own";
constexpr std::string_view public_prefix = "duskline-ed25519:", secret_prefix = "duskline-ed25519-secret:";

using DirectoryHandle = std::unique_ptr<disk::Directory>;

Error others_may(const disk::Directory& folder, std::string_view name, std::string_view verb, std::string_view remedy) {
  const std::string path = folder.display_path() + (name.empty() ? "" : "/") + std::string(name);
  return {Code::refused, printable(path) + " can be " + std::string(verb) +
                             " by other users; if they have not done so, run: " + std::string(remedy) + " '" +
                             printable(path) + "'"};
}

// Whoever may write to the folder decides what is trusted.
Result<DirectoryHandle> checked(DirectoryHandle folder) {
  DL_ASSIGN(const disk::Stat stat, folder->stat());
  if ((stat.mode & others_write) != 0) return others_may(*folder, "", "written to", "chmod go-w");
  return folder;
}

// Nothing where the folder does not exist.
Result<DirectoryHandle> open_folder(const std::string& path) {
  auto folder = disk::open_real_disk()->open(path);
  if (!folder && folder.error().code == Code::not_found) return DirectoryHandle{};
  if (!folder) return wrap(std::move(folder).error(), "open the key folder");
  return checked(std::move(*folder));
}

Result<DirectoryHandle> make_folder(const std::string& path) {
  auto folder = disk::open_real_disk()->open_or_create(path, private_folder);
  if (!folder) return wrap(std::move(folder).error(), "make the key folder");
  return checked(std::move(*folder));
}

// The first line that is neither empty nor a comment.
std::string_view key_line(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = line.find_first_not_of(space);
    if (first == std::string_view::npos || line[first] == '#') continue;
    return line.substr(first, line.find_last_not_of(space) - first + 1);
  }
  return {};
}

// Never quotes what it read: it may be a secret that was put in the wrong place.
Result<PublicKey> parse_public(std::string_view text, const std::string& where) {
  const std::string_view line = key_line(text);
  if (line.starts_with(secret_prefix)) {
    return Error{Code::usage, where + " is a secret key; what others trust is its public half: duskline key show"};
  }
  auto key = PublicKey::parse(line);
  if (!key) return wrap(std::move(key).error(), where + " holds no public key");
  return key;
}

Result<SigningKey> read_secret(disk::Directory& folder, Bytes text) {
  auto key = SigningKey::parse(key_line(text_of(text)));
  explicit_bzero(text.data(), text.size());
  if (!key) return wrap(std::move(key).error(), printable(folder.display_path()) + "/signing.key");
  return key;
}

Status check_key_name(std::string_view name) {
  constexpr std::size_t most = 64;
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '@' || c == '-';
  };
  if (!name.empty() && name.size() <= most && name.front() != '.' &&
      std::all_of(name.begin(), name.end(), is_allowed)) {
    return {};
  }
  return Error{Code::usage, "\"" + printable(name.substr(0, 2 * most)) +
                                "\" is not a name for a key: use 1 to 64 letters, digits, '.', '_', '@' and '-'"};
}

std::string file_of(std::string_view name) { return std::string(name) + std::string(suffix); }

Status write_trusted(const std::string& path, std::string_view name, const PublicKey& key) {
  DL_ASSIGN(const DirectoryHandle folder, make_folder(path + "/" + std::string(trusted_folder)));
  return folder->replace(file_of(name), bytes_of(key.text() + "\n"), public_file);
}

// Writes the secret under a name of its own and links it to the right one, which fails where a key is already.
Status create_secret(disk::Directory& folder, const SigningKey& key) {
  DL_ASSIGN(const Bytes random, random_bytes(8));
  const std::string temporary = ".signing.key." + to_hex(random);
  std::string text = key.secret_text() + "\n";
  DL_ASSIGN(const std::unique_ptr<disk::File> file, folder.create(temporary, private_file));
  Status done = file->write_at(0, bytes_of(text));
  explicit_bzero(text.data(), text.size());
  if (done) done = file->sync();
  if (done) done = folder.make_hard_link(temporary, folder, secret_file);
  const Status removed = folder.remove_file(temporary, disk::Missing::is_absent);
  DL_TRY(std::move(done));
  DL_TRY(removed);
  return folder.sync();
}

}  // namespace

KeyFolder::KeyFolder(std::string path) : path_(std::move(path)) {}

Result<std::optional<SigningKey>> KeyFolder::signing_key() const {
  DL_ASSIGN(const DirectoryHandle folder, open_folder(path_));
  if (!folder) return std::optional<SigningKey>{};
  DL_ASSIGN(const std::optional<disk::Stat> stat, folder->stat(secret_file));
  if (!stat) return std::optional<SigningKey>{};
  if ((stat->mode & others_read) != 0) return others_may(*folder, secret_file, "read", "chmod 600");
  DL_ASSIGN(std::optional<Bytes> text, folder->read_all(secret_file, max_key_file_bytes));
  if (!text) return std::optional<SigningKey>{};
  DL_ASSIGN(SigningKey key, read_secret(*folder, std::move(*text)));
  return std::optional<SigningKey>{std::move(key)};
}

Result<SigningKey> KeyFolder::signing_key_or_new(bool& made) const {
  made = false;
  DL_ASSIGN(std::optional<SigningKey> existing, signing_key());
  if (existing) return std::move(*existing);
  DL_ASSIGN(SigningKey key, SigningKey::generate());
  DL_ASSIGN(const DirectoryHandle folder, make_folder(path_));
  // Trusted first, so that after a crash in between there is no key that its own user does not trust.
  DL_TRY(write_trusted(path_, own, key.public_key()));
  Status created = create_secret(*folder, key);
  if (created) {
    made = true;
    return key;
  }
  if (created.error().code != Code::already_exists) return wrap(std::move(created).error(), "keep the new signing key");
  // Another program was quicker.
  DL_ASSIGN(existing, signing_key());
  if (!existing) return Error{Code::changing, "the signing key in " + printable(path_) + " came and went; try again"};
  DL_TRY(write_trusted(path_, own, existing->public_key()));
  return std::move(*existing);
}

Result<std::vector<TrustedKey>> KeyFolder::trusted() const {
  std::vector<TrustedKey> keys;
  DL_TRY(open_folder(path_));
  DL_ASSIGN(const DirectoryHandle folder, open_folder(path_ + "/" + std::string(trusted_folder)));
  if (!folder) return keys;
  DL_ASSIGN(const std::vector<disk::DirectoryEntry> entries, folder->list());
  for (const disk::DirectoryEntry& entry : entries) {
    if (!entry.name.ends_with(suffix) || entry.name.front() == '.') continue;
    DL_ASSIGN(const std::optional<Bytes> text, folder->read_all(entry.name, max_key_file_bytes));
    if (!text) continue;
    DL_ASSIGN(const PublicKey key, parse_public(text_of(*text), printable(folder->display_path() + "/" + entry.name)));
    keys.push_back({entry.name.substr(0, entry.name.size() - suffix.size()), key});
  }
  std::sort(keys.begin(), keys.end(), [](const TrustedKey& a, const TrustedKey& b) { return a.name < b.name; });
  return keys;
}

Status KeyFolder::trust(const std::string& name, const PublicKey& key) const {
  DL_TRY(check_key_name(name));
  DL_TRY(make_folder(path_));
  DL_ASSIGN(const std::vector<TrustedKey> known, trusted());
  for (const TrustedKey& other : known) {
    if (other.name != name) continue;
    if (other.key == key) return {};
    return Error{Code::already_exists, "\"" + name + "\" is the name of another trusted key, " +
                                           other.key.fingerprint() + "; choose another name, or remove that one first"};
  }
  return write_trusted(path_, name, key);
}

Status KeyFolder::distrust(const std::string& name) const {
  DL_TRY(check_key_name(name));
  const Error unknown{Code::not_found, "no trusted key is called \"" + name + "\" in " + printable(path_)};
  DL_ASSIGN(const DirectoryHandle folder, open_folder(path_ + "/" + std::string(trusted_folder)));
  if (!folder) return unknown;
  const Status removed = folder->remove_file(file_of(name), disk::Missing::is_error);
  if (!removed && removed.error().code == Code::not_found) return unknown;
  DL_TRY(removed);
  return folder->sync();
}

Result<PublicKey> parse_key_argument(const std::string& text_or_path) {
  if (text_or_path.starts_with(public_prefix)) return PublicKey::parse(text_or_path);
  if (text_or_path.starts_with(secret_prefix)) {
    return Error{Code::usage,
                 "--trust was given a secret key; give the public one, and make a new secret key if "
                 "others could see this command line"};
  }
  const auto [parent, name] = disk::split_path(text_or_path);
  const bool in_root = parent.empty() && text_or_path.starts_with('/');
  const std::string holder = in_root ? "/" : parent.empty() ? "." : std::string(parent);
  const Error neither{Code::usage, "\"" + printable(text_or_path) + "\" is neither a public key (\"" +
                                       std::string(public_prefix) + "...\") nor a file that holds one"};
  auto folder = disk::open_real_disk()->open(holder);
  if (!folder || name.empty()) return neither;
  DL_ASSIGN(const std::optional<Bytes> text, (*folder)->read_all(name, max_key_file_bytes));
  if (!text) return neither;
  return parse_public(text_of(*text), printable(text_or_path));
}

namespace {

// Services often run without $HOME.
std::string home_of_user() {
  constexpr std::size_t buffer_bytes = 16 << 10;
  std::string buffer(buffer_bytes, '\0');
  passwd user{};
  passwd* found = nullptr;
  getpwuid_r(geteuid(), &user, buffer.data(), buffer.size(), &found);
  return found != nullptr && found->pw_dir != nullptr ? found->pw_dir : "";
}

}  // namespace

std::string default_key_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets the environment
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string folder = variable("DUSKLINE_CONFIG_DIR"); !folder.empty()) return folder;
  if (const std::string base = variable("XDG_CONFIG_HOME"); base.starts_with('/')) return base + "/duskline";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.config/duskline";
  return home_of_user() + "/.config/duskline";
}

}  // namespace duskline::release
