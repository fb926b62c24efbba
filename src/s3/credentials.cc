#include "s3/credentials.h"

#include <mutex>

#include "base/units.h"
#include "s3/metadata.h"
#include "s3/profiles.h"
#include "s3/sts.h"

namespace duskline::s3 {
namespace {

constexpr auto renew_before = std::chrono::minutes(5);
constexpr auto ask_again_after = std::chrono::seconds(30);
constexpr unsigned max_profile_links = 5;

using Found = Result<std::optional<Credentials>>;

Found found(Result<Credentials> credentials) {
  if (!credentials) return std::move(credentials).error();
  return std::optional<Credentials>(std::move(*credentials));
}

// The places that are looked at, each of which may have nothing to say.
class Places {
 public:
  Places(http::Transport& transport, Clock& clock, CredentialOptions options)
      : transport_(transport), clock_(clock), options_(std::move(options)) {}

  // The first place that has credentials. A place that is set up and fails is an error: the next one would be somebody
  // the user did not mean.
  Found search(const Op& op) const {
    // A profile asked for by a flag is meant more than what lies in the environment.
    if (options_.profile.empty()) {
      if (auto here = from_environment()) return here;
      DL_ASSIGN(auto by_token, from_environment_token(op));
      if (by_token) return by_token;
    }
    DL_ASSIGN(auto by_profile, from_profile(op));
    if (by_profile) return by_profile;
    DL_ASSIGN(auto by_container, container_credentials(transport_, options_.environment, op));
    if (by_container) return by_container;
    return instance_credentials(transport_, options_.environment, op);
  }

 private:
  [[nodiscard]] std::string variable(const std::string& name) const {
    return value_or_empty(options_.environment, name);
  }

  [[nodiscard]] std::optional<Credentials> from_environment() const {
    Credentials credentials{variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"),
                            variable("AWS_SESSION_TOKEN"), std::nullopt};
    if (credentials.access_key.empty() || credentials.secret_key.empty()) return std::nullopt;
    return credentials;
  }

  [[nodiscard]] RoleRequest role_request(const Profile& profile, const std::string& role_arn,
                                         const std::string& session_name) const {
    RoleRequest role;
    for (const std::string& region : {variable("AWS_REGION"), variable("AWS_DEFAULT_REGION"),
                                      value_or_empty(profile, "region"), std::string("us-east-1")}) {
      if (role.region.empty()) role.region = region;
    }
    for (const std::string& endpoint :
         {variable("AWS_ENDPOINT_URL_STS"), variable("AWS_ENDPOINT_URL"), value_or_empty(profile, "endpoint_url"),
          "https://sts." + role.region + (role.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com")}) {
      if (role.endpoint.empty()) role.endpoint = endpoint;
    }
    role.role_arn = role_arn;
    role.session_name = session_name.empty() ? "duskline" : session_name;
    role.external_id = value_or_empty(profile, "external_id");
    return role;
  }

  [[nodiscard]] Found from_environment_token(const Op& op) const {
    const std::string file = variable("AWS_WEB_IDENTITY_TOKEN_FILE"), role_arn = variable("AWS_ROLE_ARN");
    if (file.empty() || role_arn.empty()) return std::optional<Credentials>();
    const RoleRequest role = role_request({}, role_arn, variable("AWS_ROLE_SESSION_NAME"));
    return found(assume_role_with_token(transport_, clock_, op, role, file));
  }

  [[nodiscard]] Found from_profile(const Op& op) const {
    DL_ASSIGN(const Profiles profiles, Profiles::read(options_.environment));
    const std::string name = profile_name(options_);
    const Profile* profile = profiles.find(name);
    if (profile == nullptr && name != "default") {
      return Error{Code::denied, "there is no profile \"" + printable(name) + "\" in " + profiles.files()};
    }
    if (profile == nullptr) return std::optional<Credentials>();
    return of_profile(op, profiles, name, *profile, 0);
  }

  // NOLINTNEXTLINE(misc-no-recursion): bounded by max_profile_links
  [[nodiscard]] Found of_profile(const Op& op, const Profiles& profiles, const std::string& name,
                                 const Profile& profile, unsigned depth) const {
    const std::string role_arn = value_or_empty(profile, "role_arn");
    if (!role_arn.empty()) return of_role(op, profiles, name, profile, depth);
    Credentials credentials{value_or_empty(profile, "aws_access_key_id"),
                            value_or_empty(profile, "aws_secret_access_key"),
                            value_or_empty(profile, "aws_session_token"), std::nullopt};
    if (!credentials.access_key.empty() && !credentials.secret_key.empty()) {
      return std::optional<Credentials>(std::move(credentials));
    }
    for (const char* unsupported : {"credential_process", "sso_session", "sso_start_url"}) {
      if (profile.count(unsupported) == 0) continue;
      return Error{Code::denied, "the profile \"" + printable(name) + "\" uses " + unsupported +
                                     ", which is not supported; export its credentials instead: "
                                     "eval \"$(aws configure export-credentials --format env)\""};
    }
    return std::optional<Credentials>();
  }

  // NOLINTNEXTLINE(misc-no-recursion): see of_profile
  [[nodiscard]] Found of_role(const Op& op, const Profiles& profiles, const std::string& name, const Profile& profile,
                              unsigned depth) const {
    const RoleRequest role =
        role_request(profile, value_or_empty(profile, "role_arn"), value_or_empty(profile, "role_session_name"));
    const std::string token_file = value_or_empty(profile, "web_identity_token_file");
    if (!token_file.empty()) return found(assume_role_with_token(transport_, clock_, op, role, token_file));
    DL_ASSIGN(const auto source, role_source(op, profiles, name, profile, depth));
    if (!source) {
      return Error{Code::denied, "the profile \"" + printable(name) +
                                     "\" has a role_arn, and no credentials to take it on: "
                                     "set source_profile, credential_source or web_identity_token_file in " +
                                     profiles.files()};
    }
    return found(assume_role(transport_, clock_, op, role, *source));
  }

  // NOLINTNEXTLINE(misc-no-recursion): see of_profile
  [[nodiscard]] Found role_source(const Op& op, const Profiles& profiles, const std::string& name,
                                  const Profile& profile, unsigned depth) const {
    const std::string kind = value_or_empty(profile, "credential_source");
    if (kind == "Environment") return from_environment();
    if (kind == "EcsContainer") return container_credentials(transport_, options_.environment, op);
    if (kind == "Ec2InstanceMetadata") return instance_credentials(transport_, options_.environment, op);
    const std::string source = value_or_empty(profile, "source_profile");
    if (source.empty()) return std::optional<Credentials>();
    const Profile* next = profiles.find(source);
    if (next == nullptr || depth == max_profile_links) {
      return Error{Code::denied, "the source_profile \"" + printable(source) + "\" of \"" + printable(name) + "\" " +
                                     (next == nullptr ? "is not" : "leads round in circles") + " in " +
                                     profiles.files()};
    }
    if (source != name) return of_profile(op, profiles, source, *next, depth + 1);
    Profile keys_only = *next;  // a profile may be its own source: then its keys take on its role
    keys_only.erase("role_arn");
    return of_profile(op, profiles, source, keys_only, depth + 1);
  }

  http::Transport& transport_;
  Clock& clock_;
  const CredentialOptions options_;
};

class DefaultCredentials final : public CredentialSource {
 public:
  DefaultCredentials(http::Transport& transport, Clock& clock, CredentialOptions options)
      : clock_(clock), places_(transport, clock, std::move(options)) {}

  Result<Credentials> get(const Op& op) override {
    if (auto credentials = good()) return *std::move(credentials);
    // One thread fetches; the others go on with what they have while it is good.
    std::unique_lock fetching(fetch_mutex_, std::try_to_lock);
    if (!fetching) {
      if (auto credentials = unexpired()) return *std::move(credentials);
      fetching.lock();
      if (auto credentials = good()) return *std::move(credentials);
    }
    return fetch(op);
  }

  void invalidate() override {
    const std::lock_guard lock(mutex_);
    kept_.reset();
  }

 private:
  [[nodiscard]] std::optional<Credentials> unexpired() const {
    const std::lock_guard lock(mutex_);
    if (kept_ && kept_->expires && *kept_->expires <= clock_.now()) return std::nullopt;
    return kept_;
  }

  // Not about to run out, or asked for so lately that asking again would only be a burden.
  [[nodiscard]] std::optional<Credentials> good() const {
    auto credentials = unexpired();
    if (!credentials || !credentials->expires) return credentials;
    const auto now = clock_.now();
    const std::lock_guard lock(mutex_);
    if (*credentials->expires - now > renew_before || now < ask_again_at_) return credentials;
    return std::nullopt;
  }

  Result<Credentials> fetch(const Op& op) {
    auto fetched = places_.search(op);
    {
      const std::lock_guard lock(mutex_);
      ask_again_at_ = clock_.now() + ask_again_after;
    }
    if (!fetched) {
      // A service that is down for a while must not stop a run whose credentials are still good.
      if (auto credentials = unexpired()) return *std::move(credentials);
      return std::move(fetched).error();
    }
    if (!*fetched) {
      return Error{
          Code::denied,
          "no credentials for the store were found: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor "
          "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, nor a profile in ~/.aws/credentials or ~/.aws/config, "
          "nor a container's or an instance's role; set one of them, or name a profile with --profile"};
    }
    const std::lock_guard lock(mutex_);
    kept_ = **fetched;
    return *kept_;
  }

  Clock& clock_;
  const Places places_;
  std::mutex fetch_mutex_;
  mutable std::mutex mutex_;
  std::optional<Credentials> kept_;
  WallTime ask_again_at_{};
};

}  // namespace

std::unique_ptr<CredentialSource> default_credentials(http::Transport& transport, Clock& clock,
                                                      CredentialOptions options) {
  return std::make_unique<DefaultCredentials>(transport, clock, std::move(options));
}

}  // namespace duskline::s3
