// Signed requests to one bucket, and errors that say what happened.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "http/transport.h"
#include "http/url.h"
#include "s3/credentials.h"
#include "s3/sigv4.h"
#include "s3/xml.h"

namespace duskline::s3 {

enum class Addressing : std::uint8_t { path, virtual_host };

struct Bucket {
  http::Url endpoint;  // its path is a base that every request's path begins with
  std::string name;
  std::string region;
  Addressing addressing = Addressing::path;
};

struct Call {
  std::string method;
  std::string key;  // empty: the bucket itself
  Pairs query;
  Pairs headers;
  Source* body = nullptr;
  std::string payload{empty_payload};  // hash of the body
  std::function<Status(const http::Response&)> accept;
};

// Any thread.
class Client {
 public:
  Client(Bucket bucket, http::Transport& transport, std::unique_ptr<CredentialSource> credentials, Clock& clock);

  // The answer of a 2xx; anything else is an Error (see errors.h). Credentials that the server calls expired are
  // dropped and give Code::unavailable, so that another try gets fresh ones; if those are the same, Code::expired.
  Result<http::Response> call(const Op&, const Call&, Sink&, std::uint64_t max_body_bytes);
  // For answers that are small documents: the body, at most `max_body_bytes`.
  Result<std::string> call_for_text(const Op&, const Call&, std::uint64_t max_body_bytes);

  // A 200 whose body turned out to be an error document.
  [[nodiscard]] Error hidden_error(const Call&, const std::string& body) const;
  // One key's entry in the answer to DeleteObjects.
  [[nodiscard]] Error failed_delete(const std::string& key, const ErrorDocument& document) const;
  [[nodiscard]] const Bucket& bucket() const { return bucket_; }
  [[nodiscard]] WallTime now() const { return clock_.now(); }

 private:
  [[nodiscard]] http::Request request_for(const Call&, const Credentials&);
  [[nodiscard]] std::string describe(const Call&) const;
  Error refused(const Call&, const http::Response&, const Credentials&);

  const Bucket bucket_;
  http::Transport& transport_;
  const std::unique_ptr<CredentialSource> credentials_;
  Clock& clock_;
  SigningKeys keys_;
  std::mutex mutex_;
  std::string expired_identity_;  // access key and token that the server last called expired
};

// Replaces every occurrence of the secret parts by "***".
[[nodiscard]] std::string without_secrets(std::string text, const Credentials& credentials);

}  // namespace duskline::s3
