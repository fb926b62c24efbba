// AWS Signature Version 2, in the header ("AWS AKID:signature") and in the query (AWSAccessKeyId, Expires, Signature).
// S3 itself gave it up for new buckets, but boto3 and the AWS command line still presign with it unless told otherwise.
#pragma once

#include <optional>
#include <string>

#include "gateway/error.h"
#include "gateway/request.h"

namespace duskline::gateway {

struct OldClaim {
  SignedBy where = SignedBy::header;
  std::string access_key, signature;
  std::string date;  // as it was signed: the Date header, nothing where there is x-amz-date, or Expires
  WallTime time{};   // of signing; of a presigned request: when it ends
};
// Nothing for a request without any. AccessDenied where its time is missing.
[[nodiscard]] Expected<std::optional<OldClaim>> read_old_claim(const Request& request);
[[nodiscard]] Done check_time(const OldClaim& claim, WallTime now);
[[nodiscard]] std::string old_string_to_sign(const OldClaim& claim, const Request& request);

}  // namespace duskline::gateway
