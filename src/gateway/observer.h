// What happened to a request: for the access log, metrics and the audit record.
#pragma once

#include <string>

#include "gateway/operation.h"
#include "gateway/request.h"
#include "http/server.h"

namespace duskline::gateway {

struct Finished {
  const Request& request;  // bucket and key may be empty where the request could not be read
  const Caller& caller;
  const Operation* operation;  // null where none was found
  int status = 0;
  std::string_view error;  // S3's name of it: "NoSuchKey"; empty: none
  const http::Outcome& outcome;
  std::uint64_t object_bytes = 0;           // of the object that it was about, where known
  const objects::Bucket* bucket = nullptr;  // as it was when the request began; null: none
};

class Observer {
 public:
  virtual ~Observer() = default;
  // On an event loop: must not wait. Any thread.
  virtual void finished(const Finished& request) = 0;
};

}  // namespace duskline::gateway
