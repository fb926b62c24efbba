// AWS credentials as the SDKs find them: environment, shared files and profiles, web identity, container endpoint, EC2
// instance role (IMDSv2). Renewed before they expire, also in mid-run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/op.h"
#include "http/transport.h"

namespace duskline::s3 {

struct Credentials {
  std::string access_key, secret_key, session_token;
  std::optional<WallTime> expires;
};

class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // Current ones, fetched anew when they run out within 5 minutes. Any thread. Code::denied says what was tried.
  virtual Result<Credentials> get(const Op&) = 0;
  // The server said that these expired: fetch anew next time.
  virtual void invalidate() = 0;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
struct CredentialOptions {
  std::string profile;  // else AWS_PROFILE, else "default"
  Environment environment;
};
// Order as in the AWS SDKs. Reads no more than it must: nothing is fetched before the first get().
[[nodiscard]] std::unique_ptr<CredentialSource> default_credentials(http::Transport&, Clock&, CredentialOptions);

// A value of the shared config files ("region", "endpoint_url", ...) for the profile, if set.
[[nodiscard]] std::optional<std::string> shared_config_value(const CredentialOptions&, const std::string& key);

}  // namespace duskline::s3
