// The users and keys of a store's directory, for the server that checks them and the commands that change them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "disk/filesystem.h"
#include "gateway/access.h"
#include "gateway/user_file.h"
#include "gateway/users.h"

namespace duskline::gateway {

inline constexpr const char* key_file_name = "keys.json";

struct NewKey {
  std::string name;   // of the key; also of the user, where that is new
  std::string user;   // the user's name; empty: `name`. A user who is not there yet is made.
  std::string email;  // of a new user; may be empty
  std::optional<Restriction> restriction;
};
struct MadeKey {
  StoredKey key;
  User user;
};

// Any thread; several processes may change the file. Lookups see the file as it is now: it is read again when it has
// changed, which costs a stat(2) to find out. Where it cannot be read any more, what was known stays, and trouble()
// says why.
class UserStore final : public KeySource {
 public:
  // An absent file is one without users. Errors as parse_users().
  [[nodiscard]] static Result<std::unique_ptr<UserStore>> open(std::unique_ptr<disk::Directory> directory,
                                                               const SealingKey& sealing);
  [[nodiscard]] std::shared_ptr<const AccessKey> find(std::string_view access_key) override;  // not disabled ones
  [[nodiscard]] std::optional<std::string> display_name(std::string_view user) override;
  [[nodiscard]] std::optional<std::string> user_by_email(std::string_view email) override;
  [[nodiscard]] std::shared_ptr<const Users> users();
  [[nodiscard]] std::string trouble();  // empty: none

  // Durable. Code::already_exists for a name of a key that is taken, or an email address given for a user who has
  // another.
  Result<MadeKey> add(const NewKey& request, WallTime now);
  Status set_disabled(const std::string& key, bool disabled);  // by id or name; Code::not_found
  Status remove(const std::string& key);

 private:
  UserStore(std::unique_ptr<disk::Directory> directory, const SealingKey& sealing)
      : directory_(std::move(directory)), sealing_(sealing) {}
  // What a state of the file means; immutable.
  struct Snapshot {
    Users users;
    std::map<std::string, std::shared_ptr<const AccessKey>, std::less<>> keys;  // that are not disabled
  };
  static std::shared_ptr<const Snapshot> snapshot_of(Users users);
  std::shared_ptr<const Snapshot> current();
  Status load(const std::optional<disk::Stat>& stat);
  Status refresh();
  template <typename Change>
  Status change(const Change& change);

  std::unique_ptr<disk::Directory> directory_;
  SealingKey sealing_;
  std::mutex mutex_;
  std::optional<disk::Stat> seen_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::string trouble_;
};

// The sealing key in the file `path`, which is made where it is missing: readable by its owner alone, with its folder.
[[nodiscard]] Result<SealingKey> sealing_key_at(disk::Filesystem& disk, const std::string& path);

}  // namespace duskline::gateway
