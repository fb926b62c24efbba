// What an operation works with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/op.h"
#include "gateway/access.h"
#include "gateway/error.h"
#include "gateway/request.h"
#include "objects/objects.h"

namespace duskline::gateway {

struct ServiceOptions {
  std::string region = "us-east-1";
  std::string domain;      // "s3.example.com": buckets are also at BUCKET.s3.example.com; empty: path style only
  bool anonymous = false;  // whether requests without a signature are looked at at all
};

// Outlives every Context.
struct Services {
  objects::Objects& objects;
  KeySource& keys;
  Clock& clock;
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
  std::string body;  // of operations that take a document: whole, verified against what was signed
  Op op;

  // authorize() with this request; AccessDenied and the like as an error.
  [[nodiscard]] Done allow(std::string_view action, const objects::Version* version = nullptr) const;
};

}  // namespace duskline::gateway
