// What an operation works with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/op.h"
#include "base/sealing.h"
#include "gateway/access.h"
#include "gateway/error.h"
#include "gateway/request.h"
#include "objects/objects.h"

namespace duskline::gateway {

struct ServiceOptions {
  std::string region = "us-east-1";
  std::string domain;      // "s3.example.com": buckets are also at BUCKET.s3.example.com; empty: path style only
  bool anonymous = false;  // whether requests without a signature are looked at at all
  std::vector<std::string> named_keys;  // for SSE-KMS; the first is used where a request names none
  bool customer_keys_need_tls = false;  // whether clients' keys for encryption are refused in the clear
};

class Authenticator;

// Outlives every Context.
struct Services {
  objects::Objects& objects;
  KeySource& keys;
  Clock& clock;
  Authenticator& authenticator;  // of forms
  const SealingKey* sealing;     // of objects' keys; null: nothing is encrypted but under clients' keys
  ServiceOptions options;
};

struct Operation;

struct Context {
  Services& services;
  const Request& request;
  const Operation& operation;
  Caller caller;
  // The request's bucket as it was when the operation began. Always there for operations on buckets and objects,
  // CreateBucket excepted.
  std::optional<objects::Bucket> bucket;
  // How many bytes a body that comes in pieces is to have, once unwrapped; nothing where the client does not say.
  std::optional<std::uint64_t> body_bytes;
  std::string body;  // of operations that take a document: whole, verified against what was signed
  Op op;

  // On an event loop only what waits for nothing may run: an operation that would have to wait says so in
  // `needs_worker`, and is run again on a worker.
  objects::Objects::Wait wait = objects::Objects::Wait::yes;
  bool needs_worker = false;
  std::uint64_t object_bytes = 0;  // of the object that it was about: for the access log

  // authorize() with this request; AccessDenied and the like as an error.
  [[nodiscard]] Done allow(std::string_view action, const objects::Version* version = nullptr) const;
  // About another key, or another bucket.
  [[nodiscard]] Done allow_on(std::string_view action, const objects::Bucket& on, std::string_view key,
                              const objects::Version* version = nullptr) const;
  // x-amz-version-id belongs to the answers of buckets that were ever versioned.
  [[nodiscard]] bool versioned() const { return bucket && bucket->versioning != objects::Versioning::never; }
};

}  // namespace duskline::gateway
