#include "s3/credentials.h"

namespace duskline::s3 {
namespace {

std::string value_or_empty(const Environment& environment, const std::string& name) {
  return environment ? environment(name).value_or("") : "";
}

class DefaultCredentials final : public CredentialSource {
 public:
  explicit DefaultCredentials(CredentialOptions options) : options_(std::move(options)) {}

  Result<Credentials> get(const Op&) override {
    Credentials found{value_or_empty(options_.environment, "AWS_ACCESS_KEY_ID"),
                      value_or_empty(options_.environment, "AWS_SECRET_ACCESS_KEY"),
                      value_or_empty(options_.environment, "AWS_SESSION_TOKEN"), std::nullopt};
    if (found.access_key.empty() || found.secret_key.empty()) {
      return Error{Code::denied, "no credentials were found; tried AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"};
    }
    return found;
  }
  void invalidate() override {}

 private:
  CredentialOptions options_;
};

}  // namespace

std::unique_ptr<CredentialSource> default_credentials(http::Transport&, Clock&, CredentialOptions options) {
  return std::make_unique<DefaultCredentials>(std::move(options));
}

std::optional<std::string> shared_config_value(const CredentialOptions&, const std::string&) { return std::nullopt; }

}  // namespace duskline::s3
