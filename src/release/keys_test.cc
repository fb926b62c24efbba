#include "release/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <barrier>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "disk/real_disk.h"
#include "testing/must.h"
#include "testing/scratch.h"

namespace duskline::release {
namespace {

using ::testing::HasSubstr;
using testing::must;
using testing::must_fail;
using ::testing::Not;

class KeysTest : public ::testing::Test {
 protected:
  testing::Scratch folder_;
  KeyFolder keys_{folder_.path("config/duskline")};
  static unsigned mode_of(const std::string& path) {
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
  }
  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
};

TEST_F(KeysTest, AnEmptyFolderHasNoKeysAndIsNotMade) {
  EXPECT_FALSE(must(keys_.signing_key()));
  EXPECT_TRUE(must(keys_.trusted()).empty());
  EXPECT_EQ(mode_of(keys_.path()), 0U);
}

TEST_F(KeysTest, TheFirstKeyIsMadeKeptAndTrusted) {
  bool made = false;
  const SigningKey key = must(keys_.signing_key_or_new(made));
  EXPECT_TRUE(made);
  EXPECT_EQ(mode_of(keys_.path()), 0700U);
  EXPECT_EQ(mode_of(keys_.path() + "/signing.key"), 0600U);
  EXPECT_EQ(mode_of(keys_.path() + "/trusted"), 0700U);
  const auto trusted = must(keys_.trusted());
  ASSERT_EQ(trusted.size(), 1U);
  EXPECT_EQ(trusted[0].name, "own");
  EXPECT_EQ(trusted[0].key, key.public_key());

  const SigningKey again = must(keys_.signing_key_or_new(made));
  EXPECT_FALSE(made);
  EXPECT_EQ(again.public_key(), key.public_key());
  EXPECT_EQ(must(keys_.signing_key())->public_key(), key.public_key());
  // Nothing is left beside them.
  EXPECT_EQ(must(must(disk::open_real_disk()->open(keys_.path()))->list()).size(), 2U);
}

TEST_F(KeysTest, ProgramsThatStartTogetherGetOneKey) {
  constexpr int threads = 6;
  std::vector<PublicKey> got(threads);
  std::vector<char> made(threads);
  {
    std::barrier start(threads);
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&, t] {
        start.arrive_and_wait();
        bool mine = false;
        got[static_cast<std::size_t>(t)] = must(KeyFolder(keys_.path()).signing_key_or_new(mine)).public_key();
        made[static_cast<std::size_t>(t)] = mine ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(std::count(got.begin(), got.end(), got.front()), threads);
  EXPECT_EQ(std::count(made.begin(), made.end(), 1), 1);
  EXPECT_EQ(must(keys_.trusted()).at(0).key, got.front());
}

TEST_F(KeysTest, ASecretThatOthersMayReadIsRefused) {
  bool made = false;
  must(keys_.signing_key_or_new(made));
  const std::string file = keys_.path() + "/signing.key";
  for (const unsigned mode : {0640U, 0604U, 0660U, 0601U}) {
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
    const auto key = keys_.signing_key();
    EXPECT_EQ(must_fail(key), Code::refused) << std::oct << mode;
    EXPECT_THAT(key.error().message, HasSubstr("chmod 600"));
    EXPECT_EQ(must_fail(keys_.signing_key_or_new(made)), Code::refused);
  }
  ASSERT_EQ(::chmod(file.c_str(), 0400), 0);
  EXPECT_TRUE(must(keys_.signing_key()));
}

TEST_F(KeysTest, AFolderThatOthersMayWriteToIsRefused) {
  bool made = false;
  must(keys_.signing_key_or_new(made));
  for (const std::string& folder : {keys_.path(), keys_.path() + "/trusted"}) {
    ASSERT_EQ(::chmod(folder.c_str(), 0720), 0);
    EXPECT_EQ(must_fail(keys_.trusted()), Code::refused) << folder;
    EXPECT_EQ(must_fail(keys_.trust("x", PublicKey{})), Code::refused) << folder;
    ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
    must(keys_.trusted());
  }
}

TEST_F(KeysTest, ADamagedSecretIsAnErrorThatDoesNotQuoteIt) {
  bool made = false;
  must(keys_.signing_key_or_new(made));
  const std::string file = keys_.path() + "/signing.key";
  write(file, "duskline-ed25519-secret:precious");
  const auto key = keys_.signing_key();
  ASSERT_FALSE(key);
  EXPECT_THAT(key.error().describe(), Not(HasSubstr("precious")));
  EXPECT_FALSE(keys_.signing_key_or_new(made)) << "never over an existing one";
  write(file, "");
  EXPECT_FALSE(keys_.signing_key_or_new(made));
}

TEST_F(KeysTest, SeveralKeysAreTrustedByName) {
  const PublicKey a = must(SigningKey::generate()).public_key(), b = must(SigningKey::generate()).public_key();
  must(keys_.trust("vendor@example.org", b));
  must(keys_.trust("build-1", a));
  must(keys_.trust("build-1", a));  // again: nothing to do
  const auto trusted = must(keys_.trusted());
  ASSERT_EQ(trusted.size(), 2U);
  EXPECT_EQ(trusted[0].name, "build-1");
  EXPECT_EQ(trusted[0].key, a);
  EXPECT_EQ(trusted[1].name, "vendor@example.org");

  const Status other = keys_.trust("build-1", b);
  EXPECT_EQ(must_fail(other), Code::already_exists) << "a key is never replaced in silence";
  EXPECT_THAT(other.error().message, HasSubstr(a.fingerprint()));
  must(keys_.distrust("build-1"));
  EXPECT_EQ(must_fail(keys_.distrust("build-1")), Code::not_found);
  must(keys_.trust("build-1", b));
  EXPECT_EQ(must(keys_.trusted()).size(), 2U);
}

TEST_F(KeysTest, NamesCannotLeaveTheFolder) {
  for (const char* name : {"", ".", "..", ".x", "a/b", "../signing", "a b", "a\n", "\xc3\xa9", "a\\b"}) {
    EXPECT_EQ(must_fail(keys_.trust(name, PublicKey{})), Code::usage) << name;
    EXPECT_EQ(must_fail(keys_.distrust(name)), Code::usage) << name;
  }
  EXPECT_EQ(must_fail(keys_.trust(std::string(65, 'a'), PublicKey{})), Code::usage);
}

TEST_F(KeysTest, TrustedFilesMayHaveCommentsAndBadOnesAreNotPassedOver) {
  const PublicKey key = must(SigningKey::generate()).public_key();
  must(keys_.trust("a", key));
  const std::string trusted = keys_.path() + "/trusted/";
  write(trusted + "b.pub", "# the build machine\n\n  " + key.text() + "  \r\n# end\n");
  write(trusted + "notes.txt", "not a key");
  EXPECT_EQ(must(keys_.trusted()).size(), 2U);
  write(trusted + "c.pub", "# nothing\n");
  const auto broken = keys_.trusted();
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().describe(), HasSubstr("c.pub"));
}

TEST_F(KeysTest, AKeyArgumentIsTextOrAFile) {
  const SigningKey key = must(SigningKey::generate());
  EXPECT_EQ(must(parse_key_argument(key.public_key().text())), key.public_key());
  const std::string file = folder_.path("k.pub");
  write(file, "# mine\n" + key.public_key().text() + "\n");
  EXPECT_EQ(must(parse_key_argument(file)), key.public_key());
  write(file, key.secret_text());
  const auto secret = parse_key_argument(file);
  EXPECT_EQ(must_fail(secret), Code::usage);
  EXPECT_THAT(secret.error().describe(), HasSubstr("is a secret key"));
  EXPECT_THAT(secret.error().describe(), Not(HasSubstr(key.secret_text())));
  EXPECT_EQ(must_fail(parse_key_argument(key.secret_text())), Code::usage);
  EXPECT_THAT(parse_key_argument(key.secret_text()).error().describe(), Not(HasSubstr(key.secret_text())));
  for (const std::string& bad :
       {std::string(), std::string("nonsense"), folder_.path("absent"), folder_.path("no/such")}) {
    EXPECT_EQ(must_fail(parse_key_argument(bad)), Code::usage) << bad;
  }
}

// Puts the environment back as it was.
class DefaultKeyFolder : public ::testing::Test {
 protected:
  DefaultKeyFolder() {
    for (const char* name : names_) {
      const char* value = std::getenv(name);
      before_.push_back(value == nullptr ? std::optional<std::string>{} : value);
    }
  }
  ~DefaultKeyFolder() override {
    for (std::size_t i = 0; i < before_.size(); ++i) set(names_[i], before_[i] ? before_[i]->c_str() : nullptr);
  }
  static void set(const char* name, const char* value) {
    value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
  }

 private:
  static constexpr const char* names_[] = {"DUSKLINE_CONFIG_DIR", "XDG_CONFIG_HOME", "HOME"};
  std::vector<std::optional<std::string>> before_;
};

TEST_F(DefaultKeyFolder, FollowsTheEnvironment) {
  const auto with = [](const char* own, const char* xdg, const char* home) {
    set("DUSKLINE_CONFIG_DIR", own);
    set("XDG_CONFIG_HOME", xdg);
    set("HOME", home);
    return default_key_folder();
  };
  EXPECT_EQ(with("/a", "/b", "/c"), "/a");
  EXPECT_EQ(with(nullptr, "/b", "/c"), "/b/duskline");
  EXPECT_EQ(with("", "not/absolute", "/c"), "/c/.config/duskline");
  EXPECT_THAT(with(nullptr, nullptr, nullptr), ::testing::MatchesRegex("/.*/\\.config/duskline"));
}

}  // namespace
}  // namespace duskline::release
