// Credentials for a role, from the Security Token Service.
#pragma once

#include <string>
#include <string_view>

#include "http/transport.h"
#include "s3/credentials.h"

namespace duskline::s3 {

struct RoleRequest {
  std::string endpoint;  // "https://sts.eu-west-1.amazonaws.com"
  std::string region;    // that the request is signed for
  std::string role_arn;
  std::string session_name;
  std::string external_id;  // may be empty
};

// By a token from a file (AssumeRoleWithWebIdentity); the file is read anew every time, since it is rotated.
[[nodiscard]] Result<Credentials> assume_role_with_token(http::Transport&, Clock&, const Op&, const RoleRequest&,
                                                         const std::string& token_file);
// By other credentials (AssumeRole).
[[nodiscard]] Result<Credentials> assume_role(http::Transport&, Clock&, const Op&, const RoleRequest&,
                                              const Credentials& source);

}  // namespace duskline::s3
