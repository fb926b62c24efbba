// One libcurl handle with its own multi handle: at most one request at a time, driven by the thread that sends.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "http/header_reader.h"
#include "http/tls_trust.h"
#include "http/transport.h"

namespace duskline::http {

class CurlConnection {
 public:
  static Result<std::unique_ptr<CurlConnection>> open(CURLSH* share);  // `share` may be null
  ~CurlConnection();
  CurlConnection(const CurlConnection&) = delete;
  CurlConnection& operator=(const CurlConnection&) = delete;

  // Blocks until the answer is complete.
  Result<Response> run(const Op&, const Request&, Sink&, std::uint64_t max_body_bytes, const TransportOptions&,
                       TlsTrust&);

 private:
  struct Exchange;
  CurlConnection(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {}
  Status configure(Exchange&, const TransportOptions&, TlsTrust&);
  void set_headers(const Exchange&, const TransportOptions&);
  void set_body(Exchange&);
  void set_proxy(const Request&);
  Result<CURLcode> perform(Exchange&, const TransportOptions&, TlsTrust&);
  Status drive(Exchange&, const TransportOptions&);
  [[nodiscard]] bool found_closed(const Exchange&, CURLcode code) const;
  [[nodiscard]] bool send_queue_moved(Exchange&) const;
  [[nodiscard]] Error failure(const Exchange&, CURLcode code) const;

  CURLM* multi_;
  CURL* easy_;
  curl_slist* header_list_ = nullptr;
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace duskline::http
