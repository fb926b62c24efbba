#include "gateway/post_signature.h"

#include <algorithm>
#include <array>

#include "base/digest.h"

namespace duskline::gateway {
namespace {

S3Error missing(std::string_view field) {
  return invalid_argument("Bucket POST must contain a field named '" + std::string(field) +
                              "'.  If it is specified, please check the order of the fields.",
                          std::string(field), "");
}

std::string value_of(const Form& form, std::string_view name) {
  const std::string* const value = form.field(name);
  return value == nullptr ? std::string() : *value;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

Expected<Caller> identify_v2(const Form& form, std::string_view policy, Services& services, WallTime now) {
  const std::string* const id = form.field("awsaccesskeyid");
  const std::string* const signature = form.field("signature");
  if (id == nullptr) return missing("AWSAccessKeyId");
  if (signature == nullptr) return missing("signature");
  const auto key = services.keys.find(*id);
  if (key == nullptr) return S3Error(ErrorCode::invalid_access_key_id).with("AWSAccessKeyId", *id);
  if (!equal_in_constant_time(signature_v2(key->secret, policy), *signature)) {
    return S3Error(ErrorCode::signature_does_not_match)
        .with("AWSAccessKeyId", *id)
        .with("StringToSign", std::string(policy))
        .with("SignatureProvided", *signature);
  }
  return Caller{key->user, key->display_name,           key->id, key->restriction, SignedBy::form,
                now,       Caller::Signature::version_2};
}

}  // namespace

std::string signature_v2(std::string_view secret, std::string_view policy) {
  constexpr std::size_t block = 64;
  Digest sha1(DigestKind::sha1);
  Bytes key(secret.begin(), secret.end());
  if (key.size() > block) {
    sha1.update(key);
    key = sha1.finish();
  }
  key.resize(block);
  Bytes inner(block), outer(block);
  std::transform(key.begin(), key.end(), inner.begin(), [](std::uint8_t byte) { return byte ^ 0x36U; });
  std::transform(key.begin(), key.end(), outer.begin(), [](std::uint8_t byte) { return byte ^ 0x5cU; });
  sha1.update(inner);
  sha1.update(bytes_of(policy));
  const Bytes digest = sha1.finish();
  sha1.update(outer);
  sha1.update(digest);
  return to_base64(sha1.finish());
}

Expected<Caller> identify_poster(const Form& form, Services& services, WallTime now) {
  const std::string* const policy = form.field("policy");
  const bool v4 = form.field("x-amz-signature") != nullptr || form.field("x-amz-algorithm") != nullptr ||
                  form.field("x-amz-credential") != nullptr;
  const bool v2 = form.field("signature") != nullptr || form.field("awsaccesskeyid") != nullptr;
  if (policy == nullptr) {
    if (v4 || v2) return missing("policy");
    return Caller{};
  }
  if (form.field("x-amz-security-token") != nullptr) return ErrorCode::invalid_token;
  if (!v4) return identify_v2(form, *policy, services, now);
  for (const char* name : {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}) {
    if (form.field(name) == nullptr) return missing(name);
  }
  if (*form.field("x-amz-algorithm") != s3::signing_algorithm) {
    return invalid_argument("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"", "x-amz-algorithm",
                            *form.field("x-amz-algorithm"));
  }
  return services.authenticator.identify_form(
      {value_of(form, "x-amz-credential"), value_of(form, "x-amz-date"), value_of(form, "x-amz-signature")}, *policy,
      now);
}

}  // namespace duskline::gateway
