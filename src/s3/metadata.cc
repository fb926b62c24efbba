#include "s3/metadata.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/units.h"
#include "http/url.h"
#include "s3/profiles.h"
#include "s3/uri.h"

namespace duskline::s3 {
namespace {

constexpr std::uint64_t max_answer_bytes = 64 << 10;
constexpr auto time_limit = std::chrono::seconds(2);
constexpr auto time_limit_instance = std::chrono::seconds(1);

struct Answer {
  int status = 0;
  std::string text;
};

// Never by a proxy: these services answer only on this machine or its link.
Result<Answer> ask(http::Transport& transport, const Op& op, std::chrono::seconds limit, http::Request request) {
  request.proxies = http::Proxies::none;
  Op bounded = op;
  bounded.deadline = std::min(op.deadline, std::chrono::steady_clock::now() + limit);
  Bytes body;
  BufferSink sink(body, max_answer_bytes);
  auto response = transport.send(bounded, request, sink, max_answer_bytes);
  if (response) return Answer{response->status, std::string(text_of(body))};
  DL_TRY(op.check());
  Error error = std::move(response).error();
  if (error.code == Code::timeout) error.code = Code::unavailable;  // our own limit, not the caller's
  return error;
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return text;
}

std::string string_member(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

// In the clear, a full URI may only name this machine or the container services' own addresses.
bool may_be_asked(const http::Url& url) {
  constexpr std::string_view allowed[] = {"localhost", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "[::1]"};
  return url.scheme == "https" || url.host.starts_with("127.") ||
         std::find(std::begin(allowed), std::end(allowed), url.host) != std::end(allowed);
}

Result<std::string> container_token(const Environment& environment) {
  const std::string file = value_or_empty(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  std::string token = value_or_empty(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    DL_ASSIGN(token, read_small_file(file));
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
  }
  return token;
}

std::string instance_endpoint(const Environment& environment) {
  std::string endpoint = value_or_empty(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (!endpoint.empty()) return endpoint;
  const std::string mode = lower_case(value_or_empty(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"));
  return mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
}

Error no_answer(const std::string& what, const Answer& answer) {
  const Code code = answer.status >= 500 ? Code::unavailable : Code::denied;
  return {code, what + " answered with status " + std::to_string(answer.status)};
}

}  // namespace

Result<Credentials> parse_credentials_json(std::string_view json) {
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse({json.data(), json.size()}, failed);
  if (failed || !value.is_object()) return Error{Code::invalid, "the answer with the credentials is not JSON"};
  const auto& object = value.get_object();
  Credentials credentials{string_member(object, "AccessKeyId"), string_member(object, "SecretAccessKey"),
                          string_member(object, "Token"), parse_time(string_member(object, "Expiration"))};
  if (!credentials.access_key.empty() && !credentials.secret_key.empty()) return credentials;
  const std::string code = printable(string_member(object, "Code").substr(0, 100));
  return Error{Code::denied, "the answer holds no credentials" + (code.empty() ? "" : " (" + code + ")")};
}

Result<std::optional<Credentials>> container_credentials(http::Transport& transport, const Environment& environment,
                                                         const Op& op) {
  const std::string relative = value_or_empty(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = value_or_empty(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return std::optional<Credentials>();
  http::Request request{.url = relative.empty() ? full : "http://169.254.170.2" + relative};
  DL_ASSIGN(const http::Url url, http::parse_url(request.url));
  if (!may_be_asked(url)) {
    return Error{Code::denied, "AWS_CONTAINER_CREDENTIALS_FULL_URI names " + url.origin() +
                                   ", which is neither https nor this machine: credentials are not asked for there"};
  }
  DL_ASSIGN(const std::string token, container_token(environment));
  if (!token.empty()) request.headers.emplace_back("authorization", token);
  DL_ASSIGN(const Answer answer, ask(transport, op, time_limit, std::move(request)));
  const std::string what = "the container's credentials endpoint " + url.origin();
  if (answer.status != 200) return no_answer(what, answer);
  auto credentials = parse_credentials_json(answer.text);
  if (!credentials) return wrap(std::move(credentials).error(), what);
  return std::optional<Credentials>(std::move(*credentials));
}

Result<std::optional<Credentials>> instance_credentials(http::Transport& transport, const Environment& environment,
                                                        const Op& op) {
  if (lower_case(value_or_empty(environment, "AWS_EC2_METADATA_DISABLED")) == "true")
    return std::optional<Credentials>();
  const std::string endpoint = instance_endpoint(environment);
  const std::string what = "the instance metadata service " + http::loggable_url(endpoint);
  BufferSource nothing({});
  const auto token = ask(transport, op, time_limit_instance,
                         {.method = "PUT",
                          .url = endpoint + "/latest/api/token",
                          .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}},
                          .body = &nothing});
  DL_TRY(op.check());
  if (!token) return std::optional<Credentials>();  // not an EC2 instance, or too many hops away from it
  // An instance whose metadata service is turned off, or a machine whose network answers for it.
  if (token->status == 403 || token->status == 404 || token->status == 405) return std::optional<Credentials>();
  if (token->status != 200 || token->text.empty()) return no_answer(what, *token);

  const http::Headers headers{{"x-aws-ec2-metadata-token", token->text}};
  const std::string roles = endpoint + "/latest/meta-data/iam/security-credentials/";
  DL_ASSIGN(const Answer names, ask(transport, op, time_limit_instance, {.url = roles, .headers = headers}));
  if (names.status == 404) return std::optional<Credentials>();  // an instance without a role
  if (names.status != 200) return no_answer(what, names);
  const std::string role = names.text.substr(0, names.text.find_first_of("\r\n"));
  if (role.empty()) return std::optional<Credentials>();
  DL_ASSIGN(const Answer answer, ask(transport, op, time_limit_instance,
                                     {.url = roles + uri_encode(role, Slash::encode), .headers = headers}));
  if (answer.status != 200) return no_answer(what, answer);
  auto credentials = parse_credentials_json(answer.text);
  if (!credentials) return wrap(std::move(credentials).error(), what);
  return std::optional<Credentials>(std::move(*credentials));
}

}  // namespace duskline::s3
