// Signed envelopes: docs/formats/signed.md.
#include <algorithm>

#include "base/units.h"
#include "model/release.h"

namespace duskline::model {
namespace {

constexpr std::string_view first_line = "duskline-signed-1\n";

Error broken(const char* rule) { return {Code::invalid, std::string("signed envelope: ") + rule}; }

// What a signature covers: the kind of envelope, then the payload.
std::string signed_text(std::string_view payload) {
  std::string text(first_line);
  text += '\n';
  text += payload;
  return text;
}

// "<public key text> <base64>", in that one form.
Result<std::pair<PublicKey, Signature>> parse_signature(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return broken("a line that is not a key, a space and a signature");
  const std::string_view key_text = line.substr(0, space);
  const std::string_view signature_text = line.substr(space + 1);
  auto key = PublicKey::parse(key_text);
  if (!key || key->text() != key_text) return broken("a line that does not begin with a public key");
  const auto bytes = from_base64(signature_text);
  Signature signature{};
  if (!bytes || bytes->size() != signature.size() || to_base64(*bytes) != signature_text) {
    return broken("a signature that is not 64 bytes in base64");
  }
  std::copy(bytes->begin(), bytes->end(), signature.begin());
  return std::pair{*key, signature};
}

}  // namespace

Result<std::string> seal(std::string payload, const Signer& signer) {
  DL_ASSIGN(const Signature signature, signer.sign(bytes_of(signed_text(payload))));
  std::string envelope(first_line);
  envelope += signer.public_key().text();
  envelope += ' ';
  envelope += to_base64(signature);
  envelope += "\n\n";
  envelope += payload;
  if (envelope.size() > max_signed_bytes) {
    return Error{Code::too_large, "signed envelope: more than 64 KiB to sign"};
  }
  return envelope;
}

Result<SignedBytes> open_envelope(ByteView in) {
  if (in.size() > max_signed_bytes) return broken("larger than 64 KiB");
  std::string_view rest = text_of(in);
  if (!rest.starts_with(first_line)) {
    return broken("it does not begin with \"duskline-signed-1\" (not Duskline's, or of a newer version)");
  }
  rest.remove_prefix(first_line.size());
  SignedBytes result;
  for (;;) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return broken("cut short");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.empty()) break;
    if (result.signatures.size() == max_signatures) return broken("more than 16 signatures");
    DL_ASSIGN(auto signature, parse_signature(line));
    const bool known = std::any_of(result.signatures.begin(), result.signatures.end(),
                                   [&](const auto& other) { return other.first == signature.first; });
    if (known) return broken("two signatures of one key");
    result.signatures.push_back(signature);
  }
  if (result.signatures.empty()) return broken("no signature");
  result.payload = rest;
  return result;
}

Result<std::string> verify_envelope(ByteView in, const std::vector<PublicKey>& trusted) {
  DL_ASSIGN(SignedBytes envelope, open_envelope(in));
  const std::string text = signed_text(envelope.payload);
  std::string seen;
  for (const auto& [key, signature] : envelope.signatures) {
    const bool is_trusted = std::find(trusted.begin(), trusted.end(), key) != trusted.end();
    if (is_trusted && key.verify(bytes_of(text), signature)) return std::move(envelope.payload);
    seen += seen.empty() ? "" : ", ";
    seen += key.fingerprint() + (is_trusted ? " (trusted, but the signature is wrong: altered on the way)" : "");
  }
  return Error{Code::untrusted,
               "not signed by a trusted key; signed by " + seen +
                   ". If that is the publisher's key, trust it with \"duskline key trust\" or --trust"};
}

}  // namespace duskline::model
