#include "gateway/user_file.h"

#include <boost/json.hpp>

namespace duskline::gateway {
namespace {

namespace json = boost::json;

constexpr std::int64_t format_version = 1;

Error no_key_file(std::string_view why) { return {Code::invalid, "this is no key file: " + std::string(why)}; }

// What binds a sealed secret to its key and user, so that nobody who can write the file swaps secrets.
std::string context_of(const StoredKey& key) { return "duskline store key\n" + key.id + "\n" + key.user_id; }

Result<std::string> text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return no_key_file(std::string(name) + " is missing, or no text");
  return std::string(value->get_string());
}

std::string optional_text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Result<const json::array*> array_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return no_key_file(std::string(name) + " is missing, or no list");
  return &value->get_array();
}

Result<User> parse_user(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return no_key_file("a user is no object");
  User user;
  DL_ASSIGN(user.id, text_in(*object, "id"));
  DL_ASSIGN(user.name, text_in(*object, "name"));
  user.email = optional_text_in(*object, "email");
  return user;
}

Result<std::optional<Restriction>> parse_limits(const json::object& object) {
  const json::value* value = object.if_contains("limits");
  if (value == nullptr) return std::optional<Restriction>();
  const json::object* limits = value->if_object();
  // Not passed over: a key whose limits cannot be read must not become one without any.
  if (limits == nullptr) return no_key_file("limits is no object");
  DL_ASSIGN(const std::string actions, text_in(*limits, "allow"));
  auto parsed = parse_actions(actions);
  if (!parsed) return no_key_file("limits allow what is unknown");
  DL_ASSIGN(parsed->bucket, text_in(*limits, "bucket"));
  DL_ASSIGN(parsed->prefix, text_in(*limits, "prefix"));
  return std::optional<Restriction>(std::move(*parsed));
}

Result<StoredKey> parse_key(const json::value& value, const SealingKey& sealing) {
  const json::object* object = value.if_object();
  if (object == nullptr) return no_key_file("a key is no object");
  StoredKey key;
  DL_ASSIGN(key.id, text_in(*object, "access_key"));
  DL_ASSIGN(key.name, text_in(*object, "name"));
  DL_ASSIGN(key.user_id, text_in(*object, "user"));
  DL_ASSIGN(const std::string created, text_in(*object, "created"));
  const auto time = parse_time(created);
  if (!time) return no_key_file("created is no time");
  key.created = *time;
  if (const json::value* disabled = object->if_contains("disabled")) {
    if (!disabled->is_bool()) return no_key_file("disabled is neither true nor false");
    key.disabled = disabled->get_bool();
  }
  DL_ASSIGN(key.restriction, parse_limits(*object));
  DL_ASSIGN(const std::string sealed, text_in(*object, "sealed_secret"));
  DL_ASSIGN(key.secret, sealing.open(sealed, context_of(key)));
  return key;
}

json::object object_of(const User& user) {
  json::object object{{"id", user.id}, {"name", user.name}};
  if (!user.email.empty()) object["email"] = user.email;
  return object;
}

Result<json::object> object_of(const StoredKey& key, const SealingKey& sealing) {
  DL_ASSIGN(const std::string sealed, sealing.seal(key.secret, context_of(key)));
  json::object object{{"access_key", key.id},
                      {"name", key.name},
                      {"user", key.user_id},
                      {"created", format_time(key.created)},
                      {"sealed_secret", sealed}};
  if (key.disabled) object["disabled"] = true;
  if (key.restriction) {
    object["limits"] = {{"allow", actions_of(*key.restriction)},
                        {"bucket", key.restriction->bucket},
                        {"prefix", key.restriction->prefix}};
  }
  return object;
}

}  // namespace

Result<std::string> encode_users(const Users& users, const SealingKey& sealing) {
  json::array user_list, key_list;
  for (const auto& [id, user] : users.users()) user_list.push_back(object_of(user));
  for (const auto& [id, key] : users.keys()) {
    DL_ASSIGN(json::object object, object_of(key, sealing));
    key_list.push_back(std::move(object));
  }
  const json::object file{{"duskline_store_keys", format_version},
                          {"sealed_under", sealing.fingerprint()},
                          {"users", std::move(user_list)},
                          {"keys", std::move(key_list)}};
  return json::serialize(file) + "\n";
}

Result<Users> parse_users(std::string_view text, const SealingKey& sealing) {
  if (text.size() > max_key_file_bytes) return no_key_file("it is larger than 64 MiB");
  json::error_code failed;
  const json::value value = json::parse(text, failed);
  const json::object* file = failed ? nullptr : value.if_object();
  if (file == nullptr) return no_key_file("it is no JSON object");
  const json::value* version = file->if_contains("duskline_store_keys");
  if (version == nullptr || !version->is_int64()) return no_key_file("duskline_store_keys is missing");
  if (version->get_int64() != format_version) {
    return Error{Code::unsupported, "the key file has a format that this version of Duskline does not know; update it"};
  }
  DL_ASSIGN(const std::string sealed_under, text_in(*file, "sealed_under"));
  if (sealed_under != sealing.fingerprint()) {
    return Error{Code::untrusted,
                 "the secrets of the key file were sealed under another key; name the file of that sealing key"};
  }
  Users users;
  DL_ASSIGN(const json::array* user_list, array_in(*file, "users"));
  for (const json::value& entry : *user_list) {
    DL_ASSIGN(User user, parse_user(entry));
    DL_TRY(users.add(std::move(user)));
  }
  DL_ASSIGN(const json::array* key_list, array_in(*file, "keys"));
  for (const json::value& entry : *key_list) {
    DL_ASSIGN(StoredKey key, parse_key(entry, sealing));
    DL_TRY(users.add(std::move(key)));
  }
  return users;
}

}  // namespace duskline::gateway
