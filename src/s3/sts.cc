#include "s3/sts.h"

#include <pugixml.hpp>

#include "base/units.h"
#include "http/url.h"
#include "s3/errors.h"
#include "s3/profiles.h"
#include "s3/sigv4.h"

namespace duskline::s3 {
namespace {

constexpr std::uint64_t max_answer_bytes = 64 << 10;

Result<Credentials> parse_answer(std::string_view xml, const std::string& action) {
  pugi::xml_document document;
  const bool parsed =
      static_cast<bool>(document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8));
  const pugi::xml_node node =
      document.child((action + "Response").c_str()).child((action + "Result").c_str()).child("Credentials");
  Credentials credentials{node.child("AccessKeyId").text().get(), node.child("SecretAccessKey").text().get(),
                          node.child("SessionToken").text().get(), parse_time(node.child("Expiration").text().get())};
  if (!parsed || credentials.access_key.empty() || credentials.secret_key.empty() || !credentials.expires) {
    return Error{Code::unavailable, "the answer of the token service holds no credentials"};
  }
  return credentials;
}

Pairs parameters_of(const RoleRequest& role, const std::string& action) {
  Pairs parameters{{"Action", action},
                   {"Version", "2011-06-15"},
                   {"RoleArn", role.role_arn},
                   {"RoleSessionName", role.session_name}};
  if (!role.external_id.empty()) parameters.emplace_back("ExternalId", role.external_id);
  return parameters;
}

// The parameters go into the body: a URL may be logged on the way.
Result<Credentials> call(http::Transport& transport, Clock& clock, const Op& op, const RoleRequest& role,
                         const Pairs& parameters, const Credentials* signer) {
  const std::string& action = parameters.front().second;
  DL_ASSIGN(http::Url url, http::parse_url(role.endpoint));
  if (url.path.empty()) url.path = "/";
  const std::string form = canonical_query(parameters);
  BufferSource body(bytes_of(form));
  http::Request request{.method = "POST", .url = url.origin() + url.path, .body = &body};
  request.headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}};
  if (signer != nullptr) {
    SignedParts parts{"POST", url.path, {}, request.headers, sha256(form).hex()};
    parts.headers.emplace_back("host", url.authority());
    SigningKeys keys;
    const Pairs added = sign_headers(parts, {*signer, clock.now(), role.region, "sts"}, keys);
    request.headers.insert(request.headers.end(), added.begin(), added.end());
  }
  Bytes answer;
  BufferSink sink(answer, max_answer_bytes);
  DL_ASSIGN(const http::Response response, transport.send(op, request, sink, max_answer_bytes));
  const std::string what = action + " for " + printable(role.role_arn) + " at " + url.origin();
  if (response.status != 200) {
    return error_of({what, response.status, parse_error(response.body_start), response, clock.now(), false});
  }
  auto credentials = parse_answer(text_of(answer), action);
  if (!credentials) return wrap(std::move(credentials).error(), what);
  return credentials;
}

}  // namespace

Result<Credentials> assume_role_with_token(http::Transport& transport, Clock& clock, const Op& op,
                                           const RoleRequest& role, const std::string& token_file) {
  auto token = read_small_file(token_file);
  if (!token) return Error{Code::denied, "the web identity token cannot be read", std::move(token).error()};
  token->erase(token->find_last_not_of(" \t\r\n") + 1);
  Pairs parameters = parameters_of(role, "AssumeRoleWithWebIdentity");
  parameters.emplace_back("WebIdentityToken", *token);
  return call(transport, clock, op, role, parameters, nullptr);
}

Result<Credentials> assume_role(http::Transport& transport, Clock& clock, const Op& op, const RoleRequest& role,
                                const Credentials& source) {
  return call(transport, clock, op, role, parameters_of(role, "AssumeRole"), &source);
}

}  // namespace duskline::s3
