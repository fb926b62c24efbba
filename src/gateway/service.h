// The S3 protocol over an http::Server: give this to Server::start().
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "gateway/access.h"
#include "gateway/authenticate.h"
#include "gateway/context.h"
#include "gateway/observer.h"
#include "http/server.h"
#include "objects/objects.h"

namespace duskline::gateway {

// Pages beside S3: /healthz, /readyz, /metrics.
class Pages {
 public:
  virtual ~Pages() = default;
  // Nothing where the request is none of its own. On an event loop: must not wait. Any thread.
  virtual std::optional<http::Answer> page(const http::RequestHead& head) = 0;
};

// All outlive the Service.
struct ServiceParts {
  objects::Objects& objects;
  KeySource& keys;
  Clock& clock;
  Reporter& reporter;  // failures of ours, that clients only know as InternalError
  std::vector<Observer*> observers;
  Pages* pages = nullptr;
  const SealingKey* sealing = nullptr;  // of objects' keys; null: only clients' keys encrypt
};

// Of these, callers who did not say who they are have a room of their own: they take none from the others.
inline constexpr std::size_t max_documents_bytes = 64 << 20, max_strangers_documents_bytes = 8 << 20;

class Service final : public http::Handler {
 public:
  // Code::usage for a region or domain that cannot be one.
  static Result<std::unique_ptr<Service>> make(ServiceParts parts, ServiceOptions options);
  std::unique_ptr<http::Exchange> begin(std::shared_ptr<const http::RequestHead> head) override;
  http::Answer malformed(int status) override;

  // For exchanges.
  [[nodiscard]] Services& services() { return services_; }
  [[nodiscard]] Authenticator& authenticator() { return authenticator_; }
  [[nodiscard]] const ServiceParts& parts() const { return parts_; }
  // All documents that are being received share a room. False: it is full now.
  [[nodiscard]] bool take_document_room(const Caller& caller, std::size_t bytes);
  void give_back_document_room(const Caller& caller, std::size_t bytes) { documents_of(caller) -= bytes; }

 private:
  Service(ServiceParts parts, ServiceOptions options);
  std::string next_request_id();

  ServiceParts parts_;
  Authenticator authenticator_;
  Services services_;
  const std::uint64_t id_seed_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::size_t>& documents_of(const Caller& caller) {
    return caller.anonymous() ? strangers_documents_bytes_ : documents_bytes_;
  }
  std::atomic<std::size_t> documents_bytes_{0}, strangers_documents_bytes_{0};
};

}  // namespace duskline::gateway
