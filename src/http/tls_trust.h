// Which certificate authorities are trusted: one store for all connections of a transport.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"

struct x509_store_st;

namespace duskline::http {

// Loading a whole bundle costs some 20 ms of CPU, and libcurl would do it for each of our connections. So it is loaded
// once, at the first https request; the system's authorities are looked up one by one, by OpenSSL's hashed directory.
class TlsTrust {
 public:
  explicit TlsTrust(std::string ca_file) : ca_file_(std::move(ca_file)) {}
  ~TlsTrust();
  TlsTrust(const TlsTrust&) = delete;
  TlsTrust& operator=(const TlsTrust&) = delete;
  // The store, owned by this object. Any thread. Code::usage names a --ca-file that cannot be read.
  Result<x509_store_st*> store();

 private:
  std::string ca_file_;
  std::mutex mutex_;
  x509_store_st* store_ = nullptr;
};

}  // namespace duskline::http
