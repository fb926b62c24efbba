#include "gateway/access.h"

namespace duskline::gateway {

std::optional<S3Error> authorize(const AccessQuestion& question) {
  if (question.caller.anonymous()) return ErrorCode::access_denied;
  if (question.bucket != nullptr && question.bucket->owner != question.caller.user) return ErrorCode::access_denied;
  return std::nullopt;
}

}  // namespace duskline::gateway
