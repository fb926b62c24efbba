// Who may talk to the server: users, and the keys that they sign with.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/request.h"

namespace duskline::gateway {

// An owner in the sense of S3.
struct User {
  std::string id;     // S3's canonical user id: 64 hex digits
  std::string name;   // also S3's display name
  std::string email;  // may be empty
};

// "read,list,write,delete", or some of these. Code::usage.
[[nodiscard]] Result<Restriction> parse_actions(std::string_view text);
[[nodiscard]] std::string actions_of(const Restriction& restriction);  // as parse_actions() reads it

struct StoredKey {
  std::string id;  // what requests name: "DL7Q..."
  std::string name;
  std::string user_id;
  std::string secret;
  bool disabled = false;
  WallTime created{};
  std::optional<Restriction> restriction;  // nothing: all that its user may do
};

// All users and keys at one time. Lookups take time logarithmic in their number.
class Users {
 public:
  static constexpr std::size_t max_users = 10'000, max_keys = 100'000, max_name = 64, max_email = 254;

  [[nodiscard]] const User* user(std::string_view id) const;
  [[nodiscard]] const User* user_named(std::string_view name) const;
  [[nodiscard]] const User* user_with_email(std::string_view email) const;  // in any case of letters
  [[nodiscard]] const StoredKey* key(std::string_view id) const;
  [[nodiscard]] const StoredKey* key_named(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, User, std::less<>>& users() const { return users_; }
  [[nodiscard]] const std::map<std::string, StoredKey, std::less<>>& keys() const { return keys_; }

  // Code::invalid for text that breaks the rules below, Code::already_exists for an id, a name or an email address that
  // is taken, Code::too_large beyond the limits. Names are 1 to 64 of A-Z a-z 0-9 . _ - @ +.
  Status add(User user);
  Status add(StoredKey key);  // Code::not_found where there is no such user
  // `key` is an id, or else a name. Code::not_found.
  Status set_disabled(std::string_view key, bool disabled);
  // A user whose last key goes stays: buckets and objects may be theirs.
  Status remove_key(std::string_view key);

 private:
  StoredKey* find_key(std::string_view key);
  std::map<std::string, User, std::less<>> users_;      // by id
  std::map<std::string, StoredKey, std::less<>> keys_;  // by id
  std::map<std::string, std::string, std::less<>> ids_by_name_, ids_by_email_, key_ids_by_name_;
};

[[nodiscard]] bool is_user_id(std::string_view text);  // 64 lower-case hex digits

}  // namespace duskline::gateway
