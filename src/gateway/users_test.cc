#include "gateway/users.h"

#include <gtest/gtest.h>

#include <thread>

#include "disk/real_disk.h"
#include "gateway/user_file.h"
#include "gateway/user_store.h"
#include "testing/must.h"
#include "testing/scratch.h"

namespace duskline::gateway {
namespace {

using testing::must;
using testing::must_fail;

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);

std::string id_of(char digit) { return std::string(64, digit); }

Users two_users() {
  Users users;
  must(users.add(User{id_of('a'), "anna", "Anna@example.org"}));
  must(users.add(User{id_of('b'), "ben", ""}));
  must(users.add(StoredKey{.id = "DLA1", .name = "anna", .user_id = id_of('a'), .secret = "secret-of-anna"}));
  must(users.add(StoredKey{.id = "DLB1",
                           .name = "ben",
                           .user_id = id_of('b'),
                           .secret = "secret-of-ben",
                           .restriction = Restriction{.read = true, .list = true, .prefix = "site-a/", .bucket = ""}}));
  return users;
}

TEST(Users, AreFoundByIdNameAndAddress) {
  const Users users = two_users();
  ASSERT_NE(users.user(id_of('a')), nullptr);
  EXPECT_EQ(users.user(id_of('a'))->name, "anna");
  ASSERT_NE(users.user_named("ben"), nullptr);
  ASSERT_NE(users.user_with_email("anna@EXAMPLE.org"), nullptr);
  EXPECT_EQ(users.user_with_email(""), nullptr);
  EXPECT_EQ(users.user_named("carl"), nullptr);
  ASSERT_NE(users.key("DLB1"), nullptr);
  ASSERT_NE(users.key_named("anna"), nullptr);
  EXPECT_EQ(users.key_named("anna")->id, "DLA1");
}

TEST(Users, RefusesWhatIsTakenOrMalformed) {
  Users users = two_users();
  EXPECT_EQ(must_fail(users.add(User{id_of('a'), "other", ""})), Code::already_exists);
  EXPECT_EQ(must_fail(users.add(User{id_of('c'), "anna", ""})), Code::already_exists);
  EXPECT_EQ(must_fail(users.add(User{id_of('c'), "carl", "ANNA@example.org"})), Code::already_exists);
  EXPECT_EQ(users.user(id_of('c')), nullptr);
  EXPECT_EQ(must_fail(users.add(User{"12", "carl", ""})), Code::invalid);
  EXPECT_EQ(must_fail(users.add(User{id_of('c'), "no spaces", ""})), Code::invalid);
  EXPECT_EQ(must_fail(users.add(User{id_of('c'), "carl", "nobody"})), Code::invalid);
  EXPECT_EQ(must_fail(users.add(StoredKey{.id = "DLA1", .name = "x", .user_id = id_of('a'), .secret = "s"})),
            Code::already_exists);
  EXPECT_EQ(must_fail(users.add(StoredKey{.id = "DLA2", .name = "anna", .user_id = id_of('a'), .secret = "s"})),
            Code::already_exists);
  EXPECT_EQ(must_fail(users.add(StoredKey{.id = "DLA2", .name = "x", .user_id = id_of('d'), .secret = "s"})),
            Code::not_found);
  EXPECT_EQ(must_fail(users.add(StoredKey{.id = "A/B", .name = "x", .user_id = id_of('a'), .secret = "s"})),
            Code::invalid);
}

TEST(Users, KeysComeAndGoWhileTheirUserStays) {
  Users users = two_users();
  must(users.set_disabled("anna", true));
  EXPECT_TRUE(users.key("DLA1")->disabled);
  must(users.remove_key("DLA1"));
  EXPECT_EQ(users.key_named("anna"), nullptr);
  EXPECT_NE(users.user_named("anna"), nullptr);
  EXPECT_EQ(must_fail(users.remove_key("anna")), Code::not_found);
  must(users.add(StoredKey{.id = "DLA9", .name = "anna", .user_id = id_of('a'), .secret = "s"}));
}

TEST(ParseActions, TakesWordsInAnyOrder) {
  const Restriction restriction = must(parse_actions("delete,read"));
  EXPECT_TRUE(restriction.read && restriction.remove);
  EXPECT_FALSE(restriction.list || restriction.write);
  EXPECT_EQ(actions_of(restriction), "read,delete");
  EXPECT_EQ(actions_of(must(parse_actions("read,list,write,delete"))), "read,list,write,delete");
  EXPECT_EQ(must_fail(parse_actions("")), Code::usage);
  EXPECT_EQ(must_fail(parse_actions("read,")), Code::usage);
  EXPECT_EQ(must_fail(parse_actions("read, list")), Code::usage);
}

TEST(KeyFile, KeepsEverythingAndNoSecretInTheOpen) {
  const SealingKey sealing = must(SealingKey::generate());
  Users users = two_users();
  must(users.set_disabled("ben", true));
  const std::string text = must(encode_users(users, sealing));
  EXPECT_EQ(text.find("secret-of"), std::string::npos);
  const Users again = must(parse_users(text, sealing));
  ASSERT_EQ(again.users().size(), 2U);
  EXPECT_EQ(again.user_named("anna")->email, "Anna@example.org");
  const StoredKey* key = again.key_named("ben");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->secret, "secret-of-ben");
  EXPECT_TRUE(key->disabled);
  ASSERT_TRUE(key->restriction.has_value());
  EXPECT_EQ(actions_of(*key->restriction), "read,list");
  EXPECT_EQ(key->restriction->prefix, "site-a/");
  EXPECT_FALSE(again.key_named("anna")->restriction.has_value());
}

TEST(KeyFile, RefusesWhatItCannotTrust) {
  const SealingKey sealing = must(SealingKey::generate());
  const std::string text = must(encode_users(two_users(), sealing));
  EXPECT_EQ(must_fail(parse_users(text, must(SealingKey::generate()))), Code::untrusted);
  EXPECT_EQ(must_fail(parse_users("", sealing)), Code::invalid);
  EXPECT_EQ(must_fail(parse_users("[]", sealing)), Code::invalid);
  EXPECT_EQ(must_fail(parse_users(R"({"duskline_store_keys":2})", sealing)), Code::unsupported);
  // A key cannot be given to another user, nor freed of what limits it by making that unreadable.
  const auto with = [&](std::string from, std::string_view to) {
    std::string changed = text;
    const auto at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    changed.replace(at, from.size(), to);
    return must_fail(parse_users(changed, sealing));
  };
  EXPECT_EQ(with("\"user\":\"" + id_of('b'), "\"user\":\"" + id_of('a')), Code::untrusted);
  EXPECT_EQ(with(R"("limits":{)", R"("limits":[],"x":{)"), Code::invalid);
  EXPECT_EQ(with(R"("prefix":"site-a/")", R"("prefix":null)"), Code::invalid);
  EXPECT_EQ(with(R"("allow":"read,list")", R"("allow":"all")"), Code::invalid);
}

class UserStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<UserStore> open() { return must(UserStore::open(must(disk_->open(scratch_.path())), sealing_)); }
  testing::Scratch scratch_;
  std::unique_ptr<disk::Filesystem> disk_ = disk::open_real_disk();
  SealingKey sealing_ = must(SealingKey::generate());
};

TEST_F(UserStoreTest, AnotherProcessSeesKeysAtOnce) {
  const auto server = open(), command = open();
  const MadeKey made = must(command->add({.name = "anna", .email = "anna@example.org"}, now));
  EXPECT_EQ(made.key.id.size(), 20U);
  EXPECT_EQ(made.key.secret.size(), 40U);
  EXPECT_TRUE(is_user_id(made.user.id));
  const auto key = server->find(made.key.id);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->secret, made.key.secret);
  EXPECT_EQ(key->user, made.user.id);
  EXPECT_EQ(key->display_name, "anna");
  EXPECT_EQ(server->display_name(made.user.id), "anna");
  EXPECT_EQ(server->user_by_email("anna@example.org"), made.user.id);
  must(command->set_disabled("anna", true));
  EXPECT_EQ(server->find(made.key.id), nullptr);
  must(command->set_disabled(made.key.id, false));
  EXPECT_NE(server->find(made.key.id), nullptr);
  must(command->remove("anna"));
  EXPECT_EQ(server->find(made.key.id), nullptr);
  EXPECT_EQ(server->trouble(), "");
}

TEST_F(UserStoreTest, GivesAUserFurtherKeys) {
  const auto store = open();
  const MadeKey first = must(store->add({.name = "anna"}, now));
  const MadeKey second = must(store->add({.name = "anna-2027", .user = "anna"}, now));
  EXPECT_EQ(first.user.id, second.user.id);
  EXPECT_NE(first.key.id, second.key.id);
  EXPECT_NE(store->find(first.key.id), nullptr);
  EXPECT_NE(store->find(second.key.id), nullptr);
  EXPECT_EQ(must_fail(store->add({.name = "anna"}, now)), Code::already_exists);
  EXPECT_EQ(must_fail(store->add({.name = "x", .user = "anna", .email = "a@b"}, now)), Code::already_exists);
  EXPECT_EQ(must_fail(store->add({.name = "not a name"}, now)), Code::invalid);
  EXPECT_EQ(store->users()->users().size(), 1U);
}

TEST_F(UserStoreTest, SeveralProcessesAddKeysAtOnce) {
  std::vector<std::thread> commands;
  for (int i = 0; i < 4; ++i) {
    commands.emplace_back([this, i] { must(open()->add({.name = "user-" + std::to_string(i)}, now)); });
  }
  for (std::thread& command : commands) command.join();
  EXPECT_EQ(open()->users()->keys().size(), 4U);
}

TEST_F(UserStoreTest, ABadFileLeavesTheServerWithWhatItKnew) {
  const auto store = open();
  const MadeKey made = must(store->add({.name = "anna"}, now));
  must(must(disk_->open(scratch_.path()))->replace(key_file_name, bytes_of("garbage"), 0600));
  EXPECT_NE(store->find(made.key.id), nullptr);
  EXPECT_NE(store->trouble(), "");
  EXPECT_EQ(must_fail(store->add({.name = "ben"}, now)), Code::invalid);
  EXPECT_EQ(must_fail(UserStore::open(must(disk_->open(scratch_.path())), sealing_)), Code::invalid);
}

TEST_F(UserStoreTest, TheSealingKeyIsMadeOnceForItsOwnerAlone) {
  const std::string path = scratch_.path("config/store.key");
  const SealingKey made = must(sealing_key_at(*disk_, path));
  EXPECT_EQ(must(sealing_key_at(*disk_, path)).fingerprint(), made.fingerprint());
  const auto folder = must(disk_->open(scratch_.path("config")));
  EXPECT_EQ(must(folder->stat("store.key"))->mode, 0600U);
  must(folder->replace("store.key", bytes_of("nonsense"), 0600));
  EXPECT_EQ(must_fail(sealing_key_at(*disk_, path)), Code::invalid);
}

}  // namespace
}  // namespace duskline::gateway
