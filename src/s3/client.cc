#include "s3/client.h"

#include "base/units.h"
#include "s3/errors.h"
#include "s3/uri.h"

namespace duskline::s3 {
namespace {

// Appends to a string, within a limit.
class TextSink final : public Sink {
 public:
  explicit TextSink(std::string& out) : out_(out) {}
  Status write(ByteView bytes) override {
    out_ += text_of(bytes);
    return {};
  }

 private:
  std::string& out_;
};

bool is_conditional(const Call& call) {
  for (const auto& [name, value] : call.headers) {
    if (name == "if-match" || name == "if-none-match") return true;
  }
  return false;
}

std::string identity_of(const Credentials& credentials) {
  return credentials.access_key + "\n" + credentials.session_token;
}

void replace_all(std::string& text, const std::string& secret) {
  constexpr std::size_t too_short_to_be_secret = 8;
  if (secret.size() < too_short_to_be_secret) return;
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), "***");
  }
}

}  // namespace

std::string without_secrets(std::string text, const Credentials& credentials) {
  replace_all(text, credentials.secret_key);
  replace_all(text, credentials.session_token);
  return text;
}

Client::Client(Bucket bucket, http::Transport& transport, std::unique_ptr<CredentialSource> credentials, Clock& clock)
    : bucket_(std::move(bucket)), transport_(transport), credentials_(std::move(credentials)), clock_(clock) {}

std::string Client::describe(const Call& call) const {
  std::string text = call.method + " s3://" + bucket_.name;
  if (!call.key.empty()) text += "/" + printable(call.key);
  return text + " at " + bucket_.endpoint.origin();
}

http::Request Client::request_for(const Call& call, const Credentials& credentials) {
  const bool by_host = bucket_.addressing == Addressing::virtual_host;
  http::Url url = bucket_.endpoint;
  if (by_host) url.host = bucket_.name + "." + url.host;
  if (!by_host) url.path += "/" + uri_encode(bucket_.name, Slash::encode);
  if (!call.key.empty() || by_host) url.path += "/" + uri_encode(call.key, Slash::keep);

  http::Request request;
  request.method = call.method;
  request.headers = call.headers;
  request.body = call.body;
  request.accept = call.accept;
  if (!credentials.access_key.empty()) {
    SignedParts parts{call.method, url.path, call.query, call.headers, call.payload};
    parts.headers.emplace_back("host", url.authority());
    const Pairs added = sign_headers(parts, {credentials, clock_.now(), bucket_.region}, keys_);
    request.headers.insert(request.headers.end(), added.begin(), added.end());
  }
  request.url = url.origin() + url.path;
  if (!call.query.empty()) request.url += "?" + canonical_query(call.query);
  return request;
}

Error Client::refused(const Call& call, const http::Response& response, const Credentials& credentials) {
  const std::string what = describe(call);
  Error error =
      error_of({what, response.status, parse_error(response.body_start), response, clock_.now(), is_conditional(call)});
  error.message = without_secrets(std::move(error.message), credentials);
  // The answer to a HEAD has no document to say so, and a token that ran out is the likeliest cause of a 400.
  const bool head_of_session = call.method == "HEAD" && response.status == 400 && !credentials.session_token.empty();
  if (error.code != Code::expired && !head_of_session) return error;
  credentials_->invalidate();
  const std::lock_guard lock(mutex_);
  if (expired_identity_ == identity_of(credentials)) return error;
  expired_identity_ = identity_of(credentials);
  error.code = Code::unavailable;
  return error;
}

Result<http::Response> Client::call(const Op& op, const Call& call, Sink& sink, std::uint64_t max_body_bytes) {
  DL_ASSIGN(const Credentials credentials, credentials_->get(op));
  DL_ASSIGN(auto response, transport_.send(op, request_for(call, credentials), sink, max_body_bytes));
  if (response.status < 200 || response.status >= 300) return refused(call, response, credentials);
  return response;
}

Result<std::string> Client::call_for_text(const Op& op, const Call& call, std::uint64_t max_body_bytes) {
  std::string text;
  TextSink sink(text);
  DL_TRY(this->call(op, call, sink, max_body_bytes));
  return text;
}

Error Client::hidden_error(const Call& call, const std::string& body) const {
  const std::string what = describe(call);
  const http::Response none;
  return error_of({what, 200, parse_error(body), none, clock_.now(), is_conditional(call)});
}

Error Client::failed_delete(const std::string& key, const ErrorDocument& document) const {
  const std::string what = describe({.method = "DELETE", .key = key});
  const http::Response none;
  return error_of({what, 200, document, none, clock_.now(), false});
}

}  // namespace duskline::s3
