#include "http/tls_trust.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <array>

namespace duskline::http {
namespace {

std::string openssl_reason() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

}  // namespace

TlsTrust::~TlsTrust() { X509_STORE_free(store_); }

Result<x509_store_st*> TlsTrust::store() {
  const std::lock_guard lock(mutex_);
  if (store_ != nullptr) return store_;
  X509_STORE* fresh = X509_STORE_new();
  if (fresh == nullptr) return Error{Code::internal, "OpenSSL gave no certificate store: " + openssl_reason()};
  const int loaded =
      ca_file_.empty() ? X509_STORE_set_default_paths(fresh) : X509_STORE_load_file(fresh, ca_file_.c_str());
  if (loaded != 1) {
    X509_STORE_free(fresh);
    if (ca_file_.empty()) {
      return Error{Code::io, "the system's certificate authorities cannot be loaded (" + openssl_reason() +
                                 "); install ca-certificates or name a PEM file with --ca-file"};
    }
    return Error{Code::usage,
                 "no certificates can be read from the --ca-file \"" + ca_file_ + "\": " + openssl_reason()};
  }
  store_ = fresh;
  return store_;
}

}  // namespace duskline::http
