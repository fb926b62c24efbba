#include "gateway/users.h"

#include <algorithm>

#include "base/units.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_bucket = 255, max_prefix = 1024, max_key_id = 128, max_secret = 128;

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= Users::max_name && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("._-@+").find(c) != std::string_view::npos;
  });
}

bool is_email(std::string_view text) {
  const auto at = text.find('@');
  return text.size() <= Users::max_email && at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_printable_ascii(std::string_view text, std::size_t limit) {
  return !text.empty() && text.size() <= limit &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string in_quotes(std::string_view text) { return "\"" + printable(text) + "\""; }

template <typename Map>
const typename Map::mapped_type* find_in(const Map& map, std::string_view name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

bool is_user_id(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<Restriction> parse_actions(std::string_view text) {
  Restriction restriction;
  for (;;) {
    const auto end = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, end);
    if (word == "read") {
      restriction.read = true;
    } else if (word == "list") {
      restriction.list = true;
    } else if (word == "write") {
      restriction.write = true;
    } else if (word == "delete") {
      restriction.remove = true;
    } else {
      return Error{Code::usage, in_quotes(word) +
                                    " is nothing that a key can be allowed; there are read, list, write " +
                                    "and delete, separated by commas"};
    }
    if (end == text.size()) return restriction;
    text.remove_prefix(end + 1);
  }
}

std::string actions_of(const Restriction& restriction) {
  std::string out;
  const auto add = [&](bool allowed, std::string_view word) {
    if (allowed) out.append(out.empty() ? "" : ",").append(word);
  };
  add(restriction.read, "read");
  add(restriction.list, "list");
  add(restriction.write, "write");
  add(restriction.remove, "delete");
  return out;
}

const User* Users::user(std::string_view id) const { return find_in(users_, id); }

const User* Users::user_named(std::string_view name) const {
  const std::string* id = find_in(ids_by_name_, name);
  return id == nullptr ? nullptr : user(*id);
}

const User* Users::user_with_email(std::string_view email) const {
  const std::string* id = find_in(ids_by_email_, lower(email));
  return id == nullptr ? nullptr : user(*id);
}

const StoredKey* Users::key(std::string_view id) const { return find_in(keys_, id); }

const StoredKey* Users::key_named(std::string_view name) const {
  const std::string* id = find_in(key_ids_by_name_, name);
  return id == nullptr ? nullptr : key(*id);
}

Status Users::add(User user) {
  if (!is_user_id(user.id)) return Error{Code::invalid, in_quotes(user.id) + " is no user id (64 hex digits)"};
  if (!is_name(user.name)) {
    return Error{Code::invalid,
                 in_quotes(user.name) + " is no name for a user: 1 to 64 letters, digits and . _ - @ + are allowed"};
  }
  if (!user.email.empty() && !is_email(user.email)) {
    return Error{Code::invalid, in_quotes(user.email) + " is no email address"};
  }
  if (users_.size() == max_users) return Error{Code::too_large, "there are 10,000 users already"};
  if (users_.contains(user.id)) return Error{Code::already_exists, "there is a user of id " + user.id + " already"};
  if (ids_by_name_.contains(user.name)) {
    return Error{Code::already_exists, "there is a user named " + in_quotes(user.name) + " already"};
  }
  const std::string email = lower(user.email);
  if (!email.empty() && !ids_by_email_.emplace(email, user.id).second) {
    return Error{Code::already_exists, "there is a user with the address " + in_quotes(user.email) + " already"};
  }
  ids_by_name_.emplace(user.name, user.id);
  std::string id = user.id;
  users_.emplace(std::move(id), std::move(user));
  return {};
}

Status Users::add(StoredKey key) {
  if (!is_printable_ascii(key.id, max_key_id) || key.id.find_first_of("/,=\"") != std::string::npos) {
    return Error{Code::invalid, in_quotes(key.id) + " is no access key"};
  }
  if (!is_printable_ascii(key.secret, max_secret)) return Error{Code::invalid, "the secret of " + key.id + " is none"};
  if (!is_name(key.name)) {
    return Error{Code::invalid,
                 in_quotes(key.name) + " is no name for a key: 1 to 64 letters, digits and . _ - @ + are allowed"};
  }
  if (key.restriction && (key.restriction->bucket.size() > max_bucket || key.restriction->prefix.size() > max_prefix)) {
    return Error{Code::invalid, "the bucket or prefix that key " + in_quotes(key.name) + " is limited to is too long"};
  }
  if (!users_.contains(key.user_id)) return Error{Code::not_found, "there is no user of id " + in_quotes(key.user_id)};
  if (keys_.size() == max_keys) return Error{Code::too_large, "there are 100,000 keys already"};
  if (keys_.contains(key.id)) return Error{Code::already_exists, "there is an access key " + key.id + " already"};
  if (!key_ids_by_name_.emplace(key.name, key.id).second) {
    return Error{Code::already_exists, "there is a key named " + in_quotes(key.name) + " already"};
  }
  std::string id = key.id;
  keys_.emplace(std::move(id), std::move(key));
  return {};
}

StoredKey* Users::find_key(std::string_view key) {
  auto found = keys_.find(key);
  if (found == keys_.end()) {
    const auto named = key_ids_by_name_.find(key);
    if (named != key_ids_by_name_.end()) found = keys_.find(named->second);
  }
  return found == keys_.end() ? nullptr : &found->second;
}

Status Users::set_disabled(std::string_view key, bool disabled) {
  StoredKey* found = find_key(key);
  if (found == nullptr) return Error{Code::not_found, "there is no key " + in_quotes(key)};
  found->disabled = disabled;
  return {};
}

Status Users::remove_key(std::string_view key) {
  const StoredKey* found = find_key(key);
  if (found == nullptr) return Error{Code::not_found, "there is no key " + in_quotes(key)};
  key_ids_by_name_.erase(found->name);
  keys_.erase(keys_.find(found->id));
  return {};
}

}  // namespace duskline::gateway
