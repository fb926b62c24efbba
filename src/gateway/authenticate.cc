#include "gateway/authenticate.h"

#include <algorithm>
#include <array>

#include "gateway/old_signature.h"
#include "gateway/post_signature.h"
#include "gateway/signature.h"

namespace duskline::gateway {
namespace {

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

// "41 57 53 ...", as S3 shows what it signed.
std::string spaced_hex(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    if (!out.empty()) out += ' ';
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

S3Error unknown_key(std::string_view id) {
  return S3Error(ErrorCode::invalid_access_key_id).with("AWSAccessKeyId", std::string(id));
}

S3Error wrong_signature(const SignatureClaim& claim, const std::string& signed_text, const std::string& canonical) {
  return S3Error(ErrorCode::signature_does_not_match)
      .with("AWSAccessKeyId", claim.access_key)
      .with("StringToSign", signed_text)
      .with("SignatureProvided", claim.signature)
      .with("StringToSignBytes", spaced_hex(signed_text))
      .with("CanonicalRequest", canonical)
      .with("CanonicalRequestBytes", spaced_hex(canonical));
}

Done check_signature(const SignatureClaim& claim, const Request& request, const Hash256& key) {
  const std::string canonical = canonical_request(claim, request, PathForm::encoded_anew);
  const std::string text = s3::string_to_sign(claim.date, claim.scope, canonical);
  if (equal_in_constant_time(s3::signature(key, text), claim.signature)) return {};
  // Some clients sign a path that they encode otherwise.
  const std::string other = canonical_request(claim, request, PathForm::as_sent);
  const std::string other_text = s3::string_to_sign(claim.date, claim.scope, other);
  if (equal_in_constant_time(s3::signature(key, other_text), claim.signature)) return {};
  return wrong_signature(claim, text, canonical);
}

Caller caller_of(const AccessKey& key, SignedBy where, WallTime time) {
  return {key.user, key.display_name, key.id, key.restriction, where, time};
}

}  // namespace

Expected<Identity> Authenticator::identify_old(const OldClaim& claim, const Request& request) {
  const auto key = keys_.find(claim.access_key);
  if (key == nullptr) return unknown_key(claim.access_key);
  if (request.header("x-amz-security-token") != nullptr || request.parameter("x-amz-security-token") != nullptr) {
    return ErrorCode::invalid_token;
  }
  const std::string text = old_string_to_sign(claim, request);
  if (!equal_in_constant_time(signature_v2(key->secret, text), claim.signature)) {
    return S3Error(ErrorCode::signature_does_not_match)
        .with("AWSAccessKeyId", claim.access_key)
        .with("StringToSign", text)
        .with("SignatureProvided", claim.signature)
        .with("StringToSignBytes", spaced_hex(text));
  }
  DL_TRY(check_time(claim, request.now));
  Identity identity;
  if (const std::string* const payload = request.header("x-amz-content-sha256")) {
    DL_ASSIGN(identity.body, body_rules(*payload, *request.head));
    if (identity.body.signing) return ErrorCode::access_denied;  // signed chunks need a signature of version 4
  }
  identity.caller = caller_of(*key, claim.where, claim.time);
  identity.caller.signature = Caller::Signature::version_2;
  return identity;
}

Expected<Identity> Authenticator::identify(const Request& request) {
  DL_ASSIGN(const auto old, read_old_claim(request));
  if (old && request.parameter("X-Amz-Algorithm") == nullptr) return identify_old(*old, request);
  DL_ASSIGN(const auto claim, read_claim(request));
  Identity identity;
  if (!claim) {
    const std::string* const payload = request.header("x-amz-content-sha256");
    if (payload != nullptr) {
      DL_ASSIGN(identity.body, body_rules(*payload, *request.head));
      if (identity.body.signing) return ErrorCode::access_denied;  // nobody's chunks cannot be signed
    }
    return identity;
  }
  DL_TRY(check_time(*claim, request.now));
  DL_ASSIGN(identity.body, body_rules(claim->payload, *request.head));
  const auto key = keys_.find(claim->access_key);
  if (key == nullptr) return unknown_key(claim->access_key);
  if (request.header("x-amz-security-token") != nullptr || request.parameter("X-Amz-Security-Token") != nullptr) {
    return ErrorCode::invalid_token;  // keys here are not temporary
  }
  DL_TRY(check_coverage(*claim, request));
  const Hash256 signing = signing_key(*key, claim->scope);
  DL_TRY(check_signature(*claim, request, signing));
  if (identity.body.signing) identity.body.signing = {signing, claim->date, claim->scope.text(), claim->signature};
  identity.caller = caller_of(*key, claim->where, claim->time);
  return identity;
}

Expected<Caller> Authenticator::identify_form(const FormSignature& form, std::string_view policy, WallTime now) {
  const auto credential = parse_credential(form.credential);
  const auto time = s3::parse_amz_date(form.date);
  if (!credential || credential->scope.service != "s3") {
    return invalid_argument("Invalid X-Amz-Credential", "X-Amz-Credential", form.credential);
  }
  if (!time || !form.date.starts_with(credential->scope.date)) {
    return invalid_argument("Invalid X-Amz-Date", "X-Amz-Date", form.date);
  }
  const auto key = keys_.find(credential->access_key);
  if (key == nullptr) return unknown_key(credential->access_key);
  const std::string expected = s3::signature(signing_key(*key, credential->scope), policy);
  if (!equal_in_constant_time(expected, form.signature)) {
    return S3Error(ErrorCode::signature_does_not_match)
        .with("AWSAccessKeyId", credential->access_key)
        .with("StringToSign", std::string(policy))
        .with("SignatureProvided", form.signature);
  }
  if (*time - now > max_skew) return ErrorCode::request_time_too_skewed;
  return caller_of(*key, SignedBy::form, *time);
}

Hash256 Authenticator::signing_key(const AccessKey& key, const s3::Scope& scope) {
  constexpr std::size_t max_remembered = 10'000;
  const std::string scope_text = scope.text();
  {
    const std::shared_lock lock(mutex_);
    const auto found = remembered_.find(key.id);
    if (found != remembered_.end() && found->second.scope == scope_text && found->second.secret == key.secret) {
      return found->second.key;
    }
  }
  const Hash256 made = s3::signing_key(key.secret, scope);
  const std::unique_lock lock(mutex_);
  if (remembered_.size() >= max_remembered) remembered_.clear();
  remembered_[key.id] = {key.secret, scope_text, made};
  return made;
}

}  // namespace duskline::gateway
