// store key add, list, remove, enable, disable.
#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/store_place.h"

namespace duskline::cli {
namespace {

using gateway::Restriction;

Flag directory_flag(std::string& directory) {
  return {.name = "--dir",
          .value = "DIR",
          .help = "the store's directory",
          .set = to_text(directory),
          .needed = Needed::required};
}

// "read,list in bucket \"b\" under \"site-a/\"".
std::string rights_of(const std::optional<Restriction>& restriction) {
  if (!restriction) return "all that its user may do";
  std::string text = gateway::actions_of(*restriction);
  if (!restriction->bucket.empty()) text += " in bucket " + printable(restriction->bucket);
  if (!restriction->prefix.empty()) text += " under " + printable(restriction->prefix);
  return text;
}

boost::json::object describe(const gateway::StoredKey& key, const gateway::User* user) {
  boost::json::object object{{"event", "key"},
                             {"name", key.name},
                             {"access_key", key.id},
                             {"user", user != nullptr ? user->name : ""},
                             {"user_id", key.user_id},
                             {"enabled", !key.disabled},
                             {"created", format_time(key.created)}};
  if (key.restriction) {
    object["allow"] = gateway::actions_of(*key.restriction);
    object["prefix"] = key.restriction->prefix;
    object["bucket"] = key.restriction->bucket;
  }
  return object;
}

class KeyAddCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "store key add",
            .summary = "make a key for a store of your own",
            .details =
                "Without --user the key comes with a new user of the same name, who owns what it makes. With "
                "--allow, --prefix or --bucket the key may do just that, in whosever buckets. A server that "
                "runs takes the key at once. The secret is shown this one time.",
            .arguments = {{"NAME", "what to call the key", to_text(request_.name)}},
            .flags = {directory_flag(directory_),
                      {"--user", "NAME", "whose key it is; made where there is no such user", to_text(request_.user)},
                      {"--email", "ADDRESS", "of a new user", to_text(request_.email)},
                      {"--allow", "ACTIONS", "read, list, write, delete: some of these, with commas", to_text(allow_)},
                      {"--prefix", "TEXT", "only keys that begin so", to_text(prefix_)},
                      {"--bucket", "NAME", "only this bucket", to_text(bucket_)}}};
  }
  Result<int> run(const Op&, Context& context) override {
    DL_ASSIGN(request_.restriction, restriction());
    DL_ASSIGN(const auto users, open_users(context, directory_));
    DL_ASSIGN(const auto made, users->add(request_, context.clock.now()));
    context.console.text("user        " + made.user.name + " (" + made.user.id + ")");
    context.console.text("access key  " + made.key.id);
    context.console.text("secret key  " + made.key.secret);
    context.console.text("may do      " + rights_of(made.key.restriction));
    // With --json one object is all: it is read by a program.
    if (!context.console.json()) context.console.note(Severity::info, "keep the secret now: it is not shown again");
    auto object = describe(made.key, &made.user);
    object["secret_key"] = made.key.secret;
    context.console.object(object);
    DL_TRY(record_key_act(context, directory_, "key add", made.key.id, made.key.name));
    return 0;
  }

 private:
  Result<std::optional<Restriction>> restriction() const {
    Restriction rights{.read = true, .list = true, .write = true, .remove = true};
    if (!allow_.empty()) {
      DL_ASSIGN(rights, gateway::parse_actions(allow_));
    }
    const bool all = rights.read && rights.list && rights.write && rights.remove;
    if (all && prefix_.empty() && bucket_.empty()) return std::optional<Restriction>();
    rights.prefix = prefix_;
    rights.bucket = bucket_;
    return std::optional(std::move(rights));
  }

  std::string directory_, allow_, prefix_, bucket_;
  gateway::NewKey request_;
};

class KeyListCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "store key list",
            .summary = "list the keys of a store of your own",
            .details = "",
            .arguments = {},
            .flags = {directory_flag(directory_)}};
  }
  Result<int> run(const Op&, Context& context) override {
    DL_ASSIGN(const auto store, open_users(context, directory_));
    const auto users = store->users();
    std::vector<std::vector<std::string>> rows;
    for (const auto& [id, key] : users->keys()) {
      const gateway::User* const user = users->user(key.user_id);
      rows.push_back({printable(key.name), id, user != nullptr ? printable(user->name) : "", format_time(key.created),
                      key.disabled ? "disabled" : "enabled", rights_of(key.restriction)});
      context.console.object(describe(key, user));
    }
    if (rows.empty()) {
      context.console.note(Severity::info, "there are no keys yet; see: duskline store key add --help");
    } else {
      context.console.table({"name", "access key", "user", "created", "state", "may do"}, rows);
    }
    return 0;
  }

 private:
  std::string directory_;
};

// Those that act on one key that is there.
class KeyChangeCommand final : public Command {
 public:
  enum class Change : std::uint8_t { remove, enable, disable };
  explicit KeyChangeCommand(Change change) : change_(change) {}
  Spec spec() override {
    const bool removes = change_ == Change::remove;
    const char* const summary = removes                      ? "remove a key for good"
                                : change_ == Change::disable ? "refuse a key until it is enabled again"
                                                             : "accept a key again";
    return {.path = std::string("store key ") + verb(),
            .summary = summary,
            .details = "A server that runs knows at once. What the key's user owns stays.",
            .arguments = {{"KEY", "its access key, or its name", to_text(key_)}},
            .flags = {directory_flag(directory_)}};
  }
  Result<int> run(const Op&, Context& context) override {
    DL_ASSIGN(const auto users, open_users(context, directory_));
    if (change_ == Change::remove) {
      DL_TRY(users->remove(key_));
    } else {
      DL_TRY(users->set_disabled(key_, change_ == Change::disable));
    }
    const std::string done = std::string(verb()) + "d";
    context.console.text("key \"" + printable(key_) + "\" is " + done);
    context.console.object({{"event", "key_" + done}, {"key", key_}});
    DL_TRY(record_key_act(context, directory_, std::string("key ") + verb(), "", key_));
    return 0;
  }

 private:
  [[nodiscard]] const char* verb() const {
    return change_ == Change::remove ? "remove" : change_ == Change::disable ? "disable" : "enable";
  }
  const Change change_;
  std::string directory_, key_;
};

std::unique_ptr<Command> change_command(KeyChangeCommand::Change change) {
  return std::make_unique<KeyChangeCommand>(change);
}

}  // namespace

std::unique_ptr<Command> store_key_add_command() { return std::make_unique<KeyAddCommand>(); }
std::unique_ptr<Command> store_key_list_command() { return std::make_unique<KeyListCommand>(); }
std::unique_ptr<Command> store_key_remove_command() { return change_command(KeyChangeCommand::Change::remove); }
std::unique_ptr<Command> store_key_enable_command() { return change_command(KeyChangeCommand::Change::enable); }
std::unique_ptr<Command> store_key_disable_command() { return change_command(KeyChangeCommand::Change::disable); }

}  // namespace duskline::cli
