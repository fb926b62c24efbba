// Who signed a request, by AWS Signature Version 4 (or the older 2) in the header or in the query, and what that says
// about its body.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "gateway/access.h"
#include "gateway/body_decoder.h"
#include "gateway/error.h"
#include "gateway/request.h"
#include "s3/sigv4.h"

namespace duskline::gateway {

struct OldClaim;

inline constexpr auto max_skew = std::chrono::minutes(15);

struct Identity {
  Caller caller;
  BodyRules body;
};

// Any thread. Signing keys hold for a day and are remembered, so that a check costs a hash and one HMAC.
class Authenticator {
 public:
  explicit Authenticator(KeySource& keys) : keys_(keys) {}

  // A request without a signature has an anonymous caller.
  Expected<Identity> identify(const Request& request);

  // Who signed a POST form: `policy` is its base64 text, signed as it stands.
  struct FormSignature {
    std::string credential, date, signature;  // x-amz-credential, x-amz-date, x-amz-signature
  };
  Expected<Caller> identify_form(const FormSignature& form, std::string_view policy, WallTime now);

 private:
  Expected<Identity> identify_old(const OldClaim& claim, const Request& request);
  // The key of a secret, day, region and service.
  Hash256 signing_key(const AccessKey& key, const s3::Scope& scope);

  struct Remembered {
    std::string secret, scope;
    Hash256 key;
  };
  KeySource& keys_;
  std::shared_mutex mutex_;
  std::map<std::string, Remembered, std::less<>> remembered_;  // by access key
};

}  // namespace duskline::gateway
