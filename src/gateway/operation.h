// The table of operations: what a method on a service, bucket or object, with a subresource, is called, which IAM
// action it needs, and who answers it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "gateway/context.h"
#include "gateway/error.h"
#include "http/server.h"

namespace duskline::gateway {

enum class Target : std::uint8_t { service, bucket, object };

// A body that is taken in pieces (PutObject, UploadPart, POST form). Made on a worker, before the first piece.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual Done write(ByteView piece) = 0;
  // Everything has come and agrees with what was signed. `trailers` came after a chunked body.
  virtual Expected<http::Answer> finish(const http::Headers& trailers) = 0;
};

using Operate = Expected<http::Answer> (*)(Context&);
// May keep the Context: it outlives the Receiver.
using Receive = Expected<std::unique_ptr<Receiver>> (*)(Context&);

struct Operation {
  std::string_view name;  // "GetBucketPolicy": metrics, audit
  std::string_view log;   // "REST.GET.BUCKETPOLICY": server access log
  std::string_view method;
  Target target;
  std::string_view subresource;  // "policy"; empty: none
  // Asked of authorize() before the operation runs, with the bucket alone (Target::bucket) or the key. Empty: the
  // operation asks itself, because it must look first (which version, which source).
  std::string_view action;
  Operate run = nullptr;  // one of these two
  Receive receive = nullptr;
  std::size_t body_limit = 0;  // of a document; 0: a body is not looked at
};

// Sorted out by route.cc; a subresource that no row names is MethodNotAllowed or NotImplemented.
[[nodiscard]] std::span<const Operation> core_operations();
// Policy, ACL, CORS, lifecycle, tagging, object lock, public access block, ownership, encryption, POST forms,
// preflight.
[[nodiscard]] std::span<const Operation> configuration_operations();

inline constexpr std::size_t max_document_bytes = 1 << 20;

}  // namespace duskline::gateway
