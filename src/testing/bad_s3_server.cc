#include "testing/bad_s3_server.h"

#include <algorithm>

#include "http/date.h"
#include "s3/uri.h"

namespace duskline::testing {
namespace {

std::string head_of(const S3Reply& reply, std::optional<std::size_t> length) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " Status\r\n";
  for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
  if (length) text += "Content-Length: " + std::to_string(*length) + "\r\n";
  return text;
}

bool has_body(const HttpRequest& request, const S3Reply& reply) {
  return request.method != "HEAD" && reply.status != 204 && reply.status != 304;
}

bool send(Peer& peer, const HttpRequest& request, const S3Reply& reply) {
  if (!has_body(request, reply)) {
    const bool length = reply.status != 204 && reply.status != 304;
    return peer.write(head_of(reply, length ? std::optional(reply.body.size()) : std::nullopt) + "\r\n");
  }
  return peer.write(head_of(reply, reply.body.size()) + "\r\n" + reply.body);
}

void send_endless(Peer& peer, const S3Reply& reply) {
  peer.write(head_of(reply, std::nullopt) + "Transfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "400\r\n" + std::string(0x400, 'e') + "\r\n";
  while (peer.write(chunk)) {
  }
}

void send_endless_headers(Peer& peer, const S3Reply& reply) {
  peer.write(head_of(reply, std::nullopt));
  while (peer.write("X-More: " + std::string(1000, 'h') + "\r\n")) {
  }
}

void replace_header(S3Reply& reply, const std::string& name, const std::string& value) {
  for (auto& header : reply.headers) {
    if (header.first == name) header.second = value;
  }
}

// False: the connection is over.
bool misbehave(Peer& peer, const HttpRequest& request, Misdeed::Kind kind, S3Reply reply) {
  using enum Misdeed::Kind;
  const std::string half = reply.body.substr(0, reply.body.size() / 2);
  const std::string head = head_of(reply, reply.body.size()) + "\r\n";
  switch (kind) {
    case answer:
      return send(peer, request, reply);
    case error_in_200:
      reply.status = 200;
      return send(peer, request, reply);
    case lost_answer:
    case reset:
      peer.reset();
      return false;
    case reset_in_body:
      peer.write(head + half);
      peer.reset();
      return false;
    case stall:
      peer.wait_until_closed();
      return false;
    case stall_in_body:
      peer.write(head + half);
      peer.wait_until_closed();
      return false;
    case short_body:
      peer.write(head + half);
      return false;
    case long_body:
      return peer.write(head + reply.body + "and more");
    case wrong_bytes:
      if (!reply.body.empty()) reply.body[reply.body.size() / 2] ^= 1;
      return send(peer, request, reply);
    case wrong_length:
      reply.body = half;
      return send(peer, request, reply);
    case wrong_range:
      replace_header(reply, "Content-Range", "bytes 1-" + std::to_string(reply.body.size()) + "/1000000");
      return send(peer, request, reply);
    case endless_body:
      send_endless(peer, reply);
      return false;
    case endless_headers:
      send_endless_headers(peer, reply);
      return false;
    case garbage:
      peer.write("\x16\x03\x01 this is not HTTP\r\n\r\n");
      return false;
  }
  return false;
}

}  // namespace

BadS3Server::BadS3Server(BadS3Settings settings)
    : settings_(std::move(settings)),
      objects_(bucket, settings_.traits),
      server_(std::make_unique<LoopbackServer>([this](Peer& peer) { serve(peer); })) {}

void BadS3Server::serve(Peer& peer) {
  while (const auto request = peer.read_request()) {
    if (!respond(peer, *request)) return;
  }
}

bool BadS3Server::respond(Peer& peer, const HttpRequest& request) {
  const auto misdeed = take_order(request);
  if (!misdeed) return send(peer, request, reply_to(request));
  using enum Misdeed::Kind;
  const bool from_order = misdeed->kind == answer || misdeed->kind == error_in_200;
  const bool happens = !from_order && misdeed->kind != reset && misdeed->kind != stall;
  return misbehave(peer, request, misdeed->kind, happens ? reply_to(request) : misdeed->reply);
}

std::optional<Misdeed> BadS3Server::take_order(const HttpRequest& request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back({request.method, request.target, request.headers, ""});
  const auto fits = [&](const Order& order) {
    return (order.method.empty() || order.method == request.method) &&
           request.target.find(order.target_part) != std::string::npos;
  };
  const auto found = std::find_if(orders_.begin(), orders_.end(), fits);
  if (found == orders_.end()) return std::nullopt;
  Misdeed misdeed = std::move(found->misdeed);
  orders_.erase(found);
  return misdeed;
}

// Nothing where the request is signed as it should be.
std::optional<S3Reply> BadS3Server::refusal(const s3::ReceivedRequest& request, const std::string& body) const {
  const auto claim = s3::parse_claim(request);
  if (!claim) return s3_error(403, "AccessDenied", "no usable signature");
  if (expired_tokens_.contains(claim->session_token)) return s3_error(400, "ExpiredToken");
  if (claim->access_key != settings_.credentials.access_key) return s3_error(403, "InvalidAccessKeyId");
  if (claim->session_token != settings_.credentials.session_token) return s3_error(400, "InvalidToken");
  if (claim->scope.region != settings_.region || claim->scope.service != "s3") {
    return s3_error(400, "AuthorizationHeaderMalformed", "the region is wrong");
  }
  switch (s3::check_claim(*claim, request, settings_.credentials.secret_key, settings_.now())) {
    case s3::Verdict::valid:
      break;
    case s3::Verdict::wrong:
      return s3_error(403, "SignatureDoesNotMatch", "string to sign of " + settings_.credentials.secret_key);
    case s3::Verdict::skewed:
      return S3Reply{403,
                     {},
                     "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>" + format_time(settings_.now()) +
                         "</ServerTime></Error>"};
    case s3::Verdict::expired:
      return s3_error(403, "AccessDenied", "Request has expired");
  }
  if (claim->payload != s3::unsigned_payload && claim->payload != sha256(body).hex()) {
    return s3_error(400, "XAmzContentSHA256Mismatch");
  }
  return std::nullopt;
}

S3Reply BadS3Server::reply_to(const HttpRequest& request) {
  const auto question = std::min(request.target.find('?'), request.target.size());
  s3::ReceivedRequest received{request.method, request.target.substr(0, question), {}, {}};
  const std::string query = request.target.substr(std::min(question + 1, request.target.size()));
  received.query = s3::parse_query(query).value_or(s3::Pairs());
  received.headers.assign(request.headers.begin(), request.headers.end());
  const std::lock_guard lock(mutex_);
  S3Reply reply;
  if (auto refused = refusal(received, request.body)) {
    reply = std::move(*refused);
  } else {
    std::string path = s3::uri_decode(received.path).value_or("");
    const std::string by_host = std::string(bucket) + ".";
    if (request.header("host").starts_with(by_host)) path = "/" + std::string(bucket) + path;
    reply = objects_.answer(received, path, request.body);
  }
  reply.headers.emplace_back("Date", http::format_http_date(settings_.now()));
  return reply;
}

void BadS3Server::order(Misdeed misdeed, std::string method, std::string target_part) {
  const std::lock_guard lock(mutex_);
  orders_.push_back({std::move(misdeed), std::move(method), std::move(target_part)});
}

void BadS3Server::accept_only(s3::Credentials credentials) {
  const std::lock_guard lock(mutex_);
  settings_.credentials = std::move(credentials);
}

void BadS3Server::expire(std::string session_token) {
  const std::lock_guard lock(mutex_);
  expired_tokens_.insert(std::move(session_token));
}

std::vector<HttpRequest> BadS3Server::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::map<std::string, S3Object> BadS3Server::objects() const {
  const std::lock_guard lock(mutex_);
  return objects_.objects;
}

void BadS3Server::put(const std::string& key, std::string body) {
  const std::lock_guard lock(mutex_);
  const std::string etag = objects_.etag_of(body);
  objects_.objects[key] = {std::move(body), etag, {}};
}

std::size_t BadS3Server::open_uploads() const {
  const std::lock_guard lock(mutex_);
  return objects_.open_uploads();
}

}  // namespace duskline::testing
