#include "s3/credentials.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "s3/metadata.h"
#include "s3/profiles.h"
#include "s3/sigv4_check.h"
#include "testing/loopback_server.h"

namespace duskline::s3 {
namespace {

using duskline::testing::HttpRequest;
using duskline::testing::LoopbackServer;
using duskline::testing::Noted;
using duskline::testing::Peer;

const WallTime start = *parse_time("2026-11-21T12:00:00Z");

class FixedClock final : public Clock {
 public:
  [[nodiscard]] WallTime now() const override { return now_; }
  [[nodiscard]] SteadyTime steady() const override { return {}; }
  bool sleep_until(SteadyTime, const std::stop_token&) override { return true; }
  WallTime now_ = start;
};

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("duskline_credentials_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    variables_["HOME"] = folder_;
    variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  CredentialOptions options(const std::string& profile = "") {
    return {profile, [this](const std::string& name) -> std::optional<std::string> {
              const auto found = variables_.find(name);
              return found == variables_.end() ? std::nullopt : std::optional<std::string>(found->second);
            }};
  }
  std::unique_ptr<CredentialSource> source(const std::string& profile = "") {
    return default_credentials(*transport_, clock_, options(profile));
  }
  Result<Credentials> get(const std::string& profile = "") { return source(profile)->get({}); }

  std::filesystem::path folder_;
  std::map<std::string, std::string> variables_;
  FixedClock clock_;
  std::unique_ptr<http::Transport> transport_ = http::open_curl_transport({});
};

std::string json(const std::string& key, const std::string& expires) {
  return R"({"Code":"Success","AccessKeyId":")" + key +
         R"(","SecretAccessKey":"s3cr3t","Token":"t0k3n","Expiration":")" + expires + "\"}";
}

std::string sts_answer(const std::string& action, const std::string& key) {
  return "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + action +
         "Result><Credentials><AccessKeyId>" + key +
         "</AccessKeyId><SecretAccessKey>s3cr3t</SecretAccessKey><SessionToken>t0k3n</SessionToken>"
         "<Expiration>2026-11-21T13:00:00Z</Expiration></Credentials></" +
         action + "Result></" + action + "Response>";
}

TEST_F(CredentialsTest, ComeFromTheEnvironment) {
  variables_["AWS_ACCESS_KEY_ID"] = "AK";
  variables_["AWS_SECRET_ACCESS_KEY"] = "SK";
  variables_["AWS_SESSION_TOKEN"] = "T";
  const auto got = get();
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ(got->access_key, "AK");
  EXPECT_EQ(got->secret_key, "SK");
  EXPECT_EQ(got->session_token, "T");
}

TEST_F(CredentialsTest, SayWhatWasTriedWhereThereAreNone) {
  const auto got = get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::denied);
  for (const char* part :
       {"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "~/.aws/credentials", "container", "instance"}) {
    EXPECT_NE(got.error().message.find(part), std::string::npos) << part;
  }
}

TEST_F(CredentialsTest, ComeFromAProfile) {
  write(".aws/credentials",
        "# a comment\n[default]\naws_access_key_id = AK1\naws_secret_access_key=SK=1/+ # secret\n\n[other]\r\n"
        "AWS_ACCESS_KEY_ID=AK2\r\naws_secret_access_key=SK2\r\naws_session_token = T2\r\n");
  write(".aws/config",
        "[default]\nregion = eu-west-1\naws_access_key_id = weaker\n[profile other]\nregion=eu-2\n"
        "s3 =\n  region = nested\n[profile third]\naws_access_key_id=AK3\naws_secret_access_key=SK3\n"
        "[services other]\nregion=no\n");
  EXPECT_EQ(get()->access_key, "AK1");
  EXPECT_EQ(get()->secret_key, "SK=1/+");
  EXPECT_EQ(get("third")->access_key, "AK3");
  variables_["AWS_PROFILE"] = "other";
  EXPECT_EQ(get()->access_key, "AK2");
  EXPECT_EQ(get()->session_token, "T2");
  EXPECT_EQ(shared_config_value(options(), "region"), "eu-2");
  EXPECT_EQ(shared_config_value(options("default"), "region"), "eu-west-1");
  EXPECT_FALSE(shared_config_value(options("third"), "region"));
  EXPECT_FALSE(shared_config_value(options("none"), "region"));
}

TEST_F(CredentialsTest, FollowTheFilesThatVariablesName) {
  variables_["AWS_SHARED_CREDENTIALS_FILE"] =
      write("elsewhere", "[default]\naws_access_key_id=AK\naws_secret_access_key=SK\n");
  variables_["AWS_CONFIG_FILE"] = write("config", "[default]\nregion=r\n");
  EXPECT_EQ(get()->access_key, "AK");
  EXPECT_EQ(shared_config_value(options(), "region"), "r");
}

TEST_F(CredentialsTest, PreferTheEnvironmentButNotToAProfileFlag) {
  variables_["AWS_ACCESS_KEY_ID"] = "AK";
  variables_["AWS_SECRET_ACCESS_KEY"] = "SK";
  variables_["AWS_PROFILE"] = "p";
  write(".aws/credentials", "[p]\naws_access_key_id=PK\naws_secret_access_key=PS\n");
  EXPECT_EQ(get()->access_key, "AK");
  EXPECT_EQ(get("p")->access_key, "PK");
}

TEST_F(CredentialsTest, NameAProfileThatIsMissingOrNotSupported) {
  write(".aws/config",
        "[profile sso]\nsso_session = x\n[profile process]\ncredential_process = /bin/x\n"
        "[profile role]\nrole_arn = arn:x\n[profile a]\nrole_arn = r\nsource_profile = b\n"
        "[profile b]\nrole_arn = r\nsource_profile = a\n[profile lost]\nrole_arn = r\nsource_profile = gone\n");
  for (const char* name : {"absent", "sso", "process", "role", "a", "lost"}) {
    const auto got = get(name);
    ASSERT_FALSE(got) << name;
    EXPECT_EQ(got.error().code, Code::denied);
    EXPECT_NE(got.error().message.find('"' + std::string(name) + '"'), std::string::npos) << got.error().message;
  }
}

TEST_F(CredentialsTest, ComeFromAWebIdentity) {
  Noted<HttpRequest> seen;
  LoopbackServer sts([&](Peer& peer) {
    while (const auto request = peer.read_request()) {
      seen.set(*request);
      peer.answer(200, "", sts_answer("AssumeRoleWithWebIdentity", "WEB"));
    }
  });
  variables_["AWS_ENDPOINT_URL_STS"] = sts.url();
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("token", "ey.J+/=\n");
  const auto got = get();
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ(got->access_key, "WEB");
  EXPECT_EQ(got->session_token, "t0k3n");
  EXPECT_EQ(got->expires, parse_time("2026-11-21T13:00:00Z"));
  const auto form = parse_query(seen.get().body);
  ASSERT_TRUE(form);
  const std::map<std::string, std::string> parameters(form->begin(), form->end());
  EXPECT_EQ(parameters.at("Action"), "AssumeRoleWithWebIdentity");
  EXPECT_EQ(parameters.at("RoleArn"), "arn:aws:iam::1:role/r");
  EXPECT_EQ(parameters.at("WebIdentityToken"), "ey.J+/=");
  EXPECT_EQ(seen.get().target, "/");
  EXPECT_EQ(seen.get().headers.count("authorization"), 0U);
}

TEST_F(CredentialsTest, TellWhyTheTokenServiceRefused) {
  LoopbackServer sts([](Peer& peer) {
    peer.read_request();
    peer.answer(403, "",
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>");
  });
  variables_["AWS_ENDPOINT_URL_STS"] = sts.url();
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("token", "s3cr3tt0k3n");
  const auto got = get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::denied);
  EXPECT_NE(got.error().describe().find("not you"), std::string::npos);
  EXPECT_NE(got.error().describe().find("arn:aws:iam::1:role/r"), std::string::npos);
  EXPECT_EQ(got.error().describe().find("s3cr3tt0k3n"), std::string::npos);
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = folder_ / "absent";
  EXPECT_EQ(get().error().code, Code::denied);
}

TEST_F(CredentialsTest, TakeOnTheRoleOfAProfile) {
  Noted<HttpRequest> seen;
  LoopbackServer sts([&](Peer& peer) {
    while (const auto request = peer.read_request()) {
      seen.set(*request);
      peer.answer(200, "", sts_answer("AssumeRole", "ROLE"));
    }
  });
  variables_["AWS_ENDPOINT_URL_STS"] = sts.url();
  write(".aws/config",
        "[profile deep]\nrole_arn=arn:deep\nsource_profile=own\nrole_session_name=n\nexternal_id=x y\nregion=eu-9\n"
        "[profile own]\nrole_arn=arn:own\nsource_profile=own\naws_access_key_id=AK\naws_secret_access_key=SK\n");
  const auto got = get("own");
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ(got->access_key, "ROLE");
  const HttpRequest request = seen.get();
  ReceivedRequest received{request.method, request.target, {}, {request.headers.begin(), request.headers.end()}};
  auto claim = parse_claim(received);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->scope.service, "sts");
  EXPECT_EQ(claim->access_key, "AK");
  EXPECT_EQ(check_claim(*claim, received, "SK", start), Verdict::valid);

  ASSERT_TRUE(get("deep"));
  EXPECT_NE(seen.get().header("authorization").find("Credential=ROLE/20261121/eu-9/sts/"), std::string::npos);
  EXPECT_EQ(seen.get().header("x-amz-security-token"), "t0k3n");
  EXPECT_NE(seen.get().body.find("ExternalId=x%20y"), std::string::npos);
}

TEST_F(CredentialsTest, ComeFromAContainersEndpoint) {
  Noted<HttpRequest> seen;
  LoopbackServer endpoint([&](Peer& peer) {
    while (const auto request = peer.read_request()) {
      seen.set(*request);
      peer.answer(200, "", json("BOX", "2026-11-21T13:00:00Z"));
    }
  });
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = endpoint.url() + "/get?id=1";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "plain";
  ASSERT_TRUE(get());
  EXPECT_EQ(seen.get().header("authorization"), "plain");
  EXPECT_EQ(seen.get().target, "/get?id=1");
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = write("token", "from file\n");
  const auto got = get();
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ(got->access_key, "BOX");
  EXPECT_EQ(seen.get().header("authorization"), "from file");
  write("token", "two\nlines");
  EXPECT_FALSE(get());
}

TEST_F(CredentialsTest, AreNotAskedForElsewhereInTheClear) {
  for (const char* url :
       {"http://example.com/", "http://169.254.169.254/", "http://127.0.0.1.example.com@evil/", "ftp://x"}) {
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_FALSE(get()) << url;
  }
}

// Answers from a table and keeps what was asked; no socket is opened.
class TableTransport final : public http::Transport {
 public:
  Result<http::Response> send(const Op&, const http::Request& request, Sink& sink, std::uint64_t) override {
    asked.push_back(request);
    const auto found = answers.find(request.method + " " + request.url);
    if (found == answers.end()) return Error{Code::unavailable, "nobody there"};
    http::Response response;
    response.status = found->second.first;
    if (response.status == 200) DL_TRY(sink.write(bytes_of(found->second.second)));
    return response;
  }
  std::map<std::string, std::pair<int, std::string>> answers;
  std::vector<http::Request> asked;
};

TEST_F(CredentialsTest, KnowTheAddressOfTheContainerService) {
  TableTransport transport;
  transport.answers["GET http://169.254.170.2/v2/credentials/1"] = {200, json("ECS", "2026-11-21T13:00:00Z")};
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/1";
  const auto got = default_credentials(transport, clock_, options())->get({});
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ(got->access_key, "ECS");
  EXPECT_EQ(transport.asked.at(0).proxies, http::Proxies::none);
}

TEST_F(CredentialsTest, ComeFromTheInstanceByItsSecondProtocol) {
  variables_.erase("AWS_EC2_METADATA_DISABLED");
  TableTransport transport;
  const std::string base = "http://169.254.169.254/latest/";
  transport.answers["PUT " + base + "api/token"] = {200, "T1"};
  transport.answers["GET " + base + "meta-data/iam/security-credentials/"] = {200, "my role\n"};
  transport.answers["GET " + base + "meta-data/iam/security-credentials/my%20role"] = {
      200, json("EC2", "2026-11-21T18:00:00Z")};
  const auto got = default_credentials(transport, clock_, options())->get({});
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ(got->access_key, "EC2");
  ASSERT_EQ(transport.asked.size(), 3U);
  EXPECT_EQ(transport.asked[0].headers, (http::Headers{{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}}));
  for (const int i : {1, 2}) {
    EXPECT_EQ(transport.asked[i].headers, (http::Headers{{"x-aws-ec2-metadata-token", "T1"}}));
    EXPECT_EQ(transport.asked[i].proxies, http::Proxies::none);
  }
}

TEST_F(CredentialsTest, AskTheInstanceOnlyWhereItIsAllowedAndWhereAVariableSays) {
  std::atomic<int> asked{0};
  LoopbackServer instance([&](Peer& peer) {
    while (const auto request = peer.read_request()) {
      ++asked;
      const bool token = request->method == "PUT" && request->target == "/base/latest/api/token";
      const bool list = request->target == "/base/latest/meta-data/iam/security-credentials/";
      peer.answer(200, "", token ? "T1" : list ? "role" : json("IMDS", "2026-11-21T18:00:00Z"));
    }
  });
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = instance.url() + "/base/";
  EXPECT_FALSE(get());
  EXPECT_EQ(asked, 0);
  variables_["AWS_EC2_METADATA_DISABLED"] = "false";
  const auto got = get();
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ(got->access_key, "IMDS");
  EXPECT_EQ(asked, 3);
}

TEST_F(CredentialsTest, GoOnWithoutAnInstanceThatDoesNotAnswer) {
  variables_.erase("AWS_EC2_METADATA_DISABLED");
  TableTransport nobody;
  const auto got = default_credentials(nobody, clock_, options())->get({});
  EXPECT_EQ(got.error().code, Code::denied);
  EXPECT_EQ(nobody.asked.size(), 1U);
  for (const int turned_off : {403, 404, 405}) {
    nobody.answers["PUT http://169.254.169.254/latest/api/token"] = {turned_off, ""};
    const auto none = default_credentials(nobody, clock_, options())->get({});
    EXPECT_NE(none.error().message.find("AWS_ACCESS_KEY_ID"), std::string::npos) << none.error().describe();
  }
  nobody.answers["PUT http://169.254.169.254/latest/api/token"] = {400, ""};
  EXPECT_NE(default_credentials(nobody, clock_, options())->get({}).error().message.find("400"), std::string::npos);
}

TEST_F(CredentialsTest, RefuseAnswersThatHoldNone) {
  for (const char* bad : {"", "[]", "{", "{}", R"({"AccessKeyId":1,"SecretAccessKey":"x"})",
                          R"({"AccessKeyId":"","SecretAccessKey":"x"})", R"({"Code":"Failed\u001b"})"}) {
    EXPECT_FALSE(parse_credentials_json(bad)) << bad;
  }
  std::string deep(100'000, '[');
  EXPECT_FALSE(parse_credentials_json(deep));
}

class RenewalTest : public CredentialsTest {
 protected:
  void SetUp() override {
    CredentialsTest::SetUp();
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url_;
    answer("ONE", "2026-11-21T13:00:00Z");
    source_ = default_credentials(table_, clock_, options());
  }
  void answer(const std::string& key, const std::string& expires) {
    table_.answers["GET " + url_] = {200, json(key, expires)};
  }
  void at(const char* time) { clock_.now_ = *parse_time(time); }
  std::string key() {
    const auto got = source_->get({});
    return got ? got->access_key : "error";
  }
  const std::string url_ = "http://127.0.0.1/c";
  TableTransport table_;
  std::unique_ptr<CredentialSource> source_;
};

TEST_F(RenewalTest, HappensFiveMinutesBeforeTheyExpire) {
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(key(), "ONE");
  answer("TWO", "2026-11-21T14:00:00Z");
  at("2026-11-21T12:54:59Z");
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(table_.asked.size(), 1U);
  at("2026-11-21T12:55:01Z");
  EXPECT_EQ(key(), "TWO");
  EXPECT_EQ(table_.asked.size(), 2U);
}

TEST_F(RenewalTest, LivesThroughAFailureWhileTheOldOnesAreGood) {
  EXPECT_EQ(key(), "ONE");
  table_.answers.clear();
  at("2026-11-21T12:59:00Z");
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(table_.asked.size(), 2U);  // not once per request
  at("2026-11-21T13:00:00Z");
  EXPECT_EQ(key(), "error");
}

TEST_F(RenewalTest, HappensAtOnceAfterInvalidation) {
  EXPECT_EQ(key(), "ONE");
  answer("TWO", "2026-11-21T14:00:00Z");
  source_->invalidate();
  EXPECT_EQ(key(), "TWO");
}

}  // namespace
}  // namespace duskline::s3
