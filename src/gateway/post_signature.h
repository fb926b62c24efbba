// Who signed an HTML form: AWS Signature Version 4, or the older Version 2 that forms still come with.
#pragma once

#include <string_view>

#include "gateway/authenticate.h"
#include "gateway/context.h"
#include "gateway/post_form.h"

namespace duskline::gateway {

// Anonymous for a form without policy and signature. InvalidArgument for one of them without the other.
[[nodiscard]] Expected<Caller> identify_poster(const Form& form, Services& services, WallTime now);

// base64 of HMAC-SHA1 (RFC 2104), as Version 2 signs a policy.
[[nodiscard]] std::string signature_v2(std::string_view secret, std::string_view policy);

}  // namespace duskline::gateway
