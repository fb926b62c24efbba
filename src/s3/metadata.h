// Credentials from the machine: the endpoint of a container service, and the EC2 instance metadata service (IMDSv2).
#pragma once

#include <optional>
#include <string_view>

#include "http/transport.h"
#include "s3/credentials.h"

namespace duskline::s3 {

// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with the token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (read
// anew every time) or AWS_CONTAINER_AUTHORIZATION_TOKEN. Nothing where neither is set.
[[nodiscard]] Result<std::optional<Credentials>> container_credentials(http::Transport&, const Environment&, const Op&);

// Nothing where AWS_EC2_METADATA_DISABLED is true, or no such service answers within a second, or it knows no role.
[[nodiscard]] Result<std::optional<Credentials>> instance_credentials(http::Transport&, const Environment&, const Op&);

// {"AccessKeyId": ..., "SecretAccessKey": ..., "Token": ..., "Expiration": ...}
[[nodiscard]] Result<Credentials> parse_credentials_json(std::string_view json);

}  // namespace duskline::s3
