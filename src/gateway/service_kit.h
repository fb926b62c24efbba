// For tests: the whole gateway over a real engine, asked without sockets.
#pragma once

#include <memory>
#include <regex>
#include <string>

#include "gateway/digests.h"
#include "gateway/service.h"
#include "objects/engine_kit.h"
#include "s3/sigv4.h"
#include "s3/sigv4_check.h"

namespace duskline::gateway {

class TwoUsers final : public KeySource {
 public:
  std::shared_ptr<const AccessKey> find(std::string_view id) override {
    for (const char* name : {"anna", "ben"}) {
      if (id == name) return std::make_shared<AccessKey>(AccessKey{name, secret_of(name), id_of(name), name, {}});
    }
    return nullptr;
  }
  std::optional<std::string> display_name(std::string_view user) override {
    if (user == id_of("anna")) return "anna";
    return user == id_of("ben") ? std::optional<std::string>("ben") : std::nullopt;
  }
  std::optional<std::string> user_by_email(std::string_view) override { return std::nullopt; }
  static std::string secret_of(const std::string& name) { return name + "'s secret"; }
  static std::string id_of(const std::string& name) { return std::string(64, name.front()); }
};

struct Ask {
  std::string method = "GET", target = "/";
  http::Headers headers;
  std::string body;
  std::string user = "anna";  // empty: nobody
};

class Gateway {
 public:
  Gateway() {
    world_.open(std::make_unique<objects::QuickFiles>());
    service = *Service::make({*world_.engine, keys_, world_.clock, world_.reporter, {}, nullptr, &sealing_}, {});
  }

  http::Answer ask(const Ask& asked) { return run(signed_head(asked), asked.body); }

  // As the server would drive an exchange, in pieces of `piece_bytes`.
  http::Answer run(std::shared_ptr<const http::RequestHead> head, std::string_view body,
                   std::size_t piece_bytes = SIZE_MAX) {
    const auto exchange = service->begin(std::move(head));
    std::optional<http::Answer> answer;
    if (exchange->wants() == http::Exchange::Wants::body) {
      for (; !body.empty() && !answer; body.remove_prefix(std::min(piece_bytes, body.size()))) {
        answer = exchange->body(bytes_of(body.substr(0, piece_bytes)));
      }
    }
    if (!answer) answer = exchange->finish();
    exchange->sent({.status = answer->status, .complete = true});
    return std::move(*answer);
  }

  std::shared_ptr<const http::RequestHead> signed_head(const Ask& asked) {
    auto head = std::make_shared<http::RequestHead>();
    head->method = asked.method;
    head->target = asked.target;
    head->headers = asked.headers;
    head->headers.emplace_back("host", "store.example");
    head->peer = "203.0.113.7";
    head->content_length = asked.body.size();
    if (asked.user.empty()) return head;
    const auto question = std::min(asked.target.find('?'), asked.target.size());
    const std::string query = asked.target.substr(std::min(question + 1, asked.target.size()));
    const s3::Credentials credentials{asked.user, TwoUsers::secret_of(asked.user), "", {}};
    std::string payload = sha256(asked.body).hex();
    std::erase_if(head->headers, [&](auto& header) {
      if (header.first != "x-amz-content-sha256") return false;
      payload = std::move(header.second);
      return true;
    });
    const s3::SignedParts parts{asked.method, asked.target.substr(0, question), *s3::parse_query(query), head->headers,
                                payload};
    s3::SigningKeys signing_keys;
    for (const auto& header : s3::sign_headers(parts, {credentials, world_.clock.now(), "us-east-1"}, signing_keys)) {
      head->headers.push_back(header);
    }
    return head;
  }

  // The body with what differs from run to run replaced.
  static std::string masked(std::string text) {
    static const std::regex ids("<(RequestId|UploadId|VersionId|UploadIdMarker|NextUploadIdMarker)>[^<]+<");
    text = std::regex_replace(text, ids, "<$1>*<");
    const std::string start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    return text.starts_with(start) ? text.substr(start.size()) : "no XML: " + text;
  }
  static std::string between(const std::string& text, const std::string& element) {
    const auto begin = text.find("<" + element + ">");
    if (begin == std::string::npos) return "";
    const auto from = begin + element.size() + 2;
    return text.substr(from, text.find('<', from) - from);
  }

  testing::SimClock& clock() { return world_.clock; }
  objects::CollectingReporter& reporter() { return world_.reporter; }
  std::unique_ptr<Service> service;

 private:
  objects::World world_;
  TwoUsers keys_;
  const SealingKey sealing_ = *SealingKey::generate();
};

}  // namespace duskline::gateway
