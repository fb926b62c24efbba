// Who may do what: the keys that authentication looks up, and the one question that authorization answers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/error.h"
#include "gateway/request.h"
#include "objects/types.h"

namespace duskline::gateway {

struct AccessKey {
  std::string id, secret;
  std::string user, display_name;
  std::optional<Restriction> restriction;
};

// Any thread; waits for nothing but memory.
class KeySource {
 public:
  virtual ~KeySource() = default;
  [[nodiscard]] virtual std::shared_ptr<const AccessKey> find(std::string_view access_key) = 0;  // null: unknown
  [[nodiscard]] virtual std::optional<std::string> display_name(std::string_view user) = 0;  // nothing: no such user
  [[nodiscard]] virtual std::optional<std::string> user_by_email(std::string_view email) = 0;
};

struct AccessQuestion {
  const Request& request;
  const Caller& caller;
  std::string_view action;                    // "s3:GetObject"
  const objects::Bucket* bucket = nullptr;    // null: of the service, or a bucket that does not exist yet
  std::string_view key;                       // of the object, also where it does not exist; empty: about the bucket
  const objects::Version* version = nullptr;  // the object's, where it exists: its ACL and tags count
  // Whether this key is missing is asked, which whoever may list it may know.
  std::optional<std::string_view> missing_key = std::nullopt;
  // Of a listing; else those of the request.
  std::optional<std::string_view> prefix = std::nullopt;
  // That the request would set, as property::tags has them; else those of its x-amz-tagging.
  std::optional<std::string_view> tags = std::nullopt;
};
// Whether nothing at all is open to this caller, who did not say who they are. The bucket: as for a question.
[[nodiscard]] bool turns_away(const objects::Bucket* bucket, const Caller& caller);
// Whether the bucket answers others than its owner only where they say that they pay.
[[nodiscard]] bool requester_pays(const objects::Bucket& bucket);
[[nodiscard]] std::string_view request_payer(const Request& request);  // x-amz-request-payer; empty where it is missing
// Nothing: allowed. What a put brings with it (s3:PutObjectAcl, s3:PutObjectTagging without a version) is allowed to
// whoever will own the object, unless it is denied: s3:PutObject is to be asked for besides. Key restrictions, bucket
// policy, ACLs, ownership and blocked public access, in S3's order. Pure but for the request's own time.
[[nodiscard]] std::optional<S3Error> authorize(const AccessQuestion& question);

}  // namespace duskline::gateway
