#include "http/curl_connection.h"

#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/units.h"
#include "http/url.h"

namespace duskline::http {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr long buffer_bytes = 128 << 10;
constexpr std::size_t error_body_limit = 64 << 10;

// libcurl leaves HTTP_PROXY alone, because a CGI program could be given one by a "Proxy:" header.
const char* upper_case_http_proxy() {
  if (std::getenv("http_proxy") != nullptr || std::getenv("REQUEST_METHOD") != nullptr) return nullptr;
  return std::getenv("HTTP_PROXY");
}

CURLcode trust_store_for(CURL*, void* ssl_context, void* store) {
  // set1 takes a reference of its own: the store outlives the connection.
  SSL_CTX_set1_cert_store(static_cast<SSL_CTX*>(ssl_context), static_cast<X509_STORE*>(store));
  return CURLE_OK;
}

bool is_tls_trust_failure(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return true;
    default:
      return false;
  }
}

// A handshake that was cut off may pass later; one that the two sides disagree on will not.
bool is_broken_off(std::string_view reason) {
  return reason.find("SSL_ERROR_SYSCALL") != std::string_view::npos ||
         reason.find("reset by peer") != std::string_view::npos ||
         reason.find("unexpected eof") != std::string_view::npos;
}

}  // namespace

// One request on its way, as libcurl's callbacks see it. They run in the sending thread, inside curl_multi_perform.
struct CurlConnection::Exchange {
  Exchange(const Op& o, const Request& r, Sink& s, std::uint64_t max, std::uint64_t max_headers)
      : op(o), request(r), sink(s), max_body_bytes(max), headers(max_headers) {}

  const Op& op;
  const Request& request;
  Sink& sink;
  const std::uint64_t max_body_bytes;
  HeaderReader headers;
  std::optional<Error> error;  // of ours, which stopped the transfer
  bool accepted = false;
  bool enough = false;  // as much of an error answer as anybody will read
  steady_clock::time_point last_progress = steady_clock::now();
  curl_off_t acknowledged = 0;
  std::uint64_t read_bytes = 0;

  bool stop(Status status) {
    if (status) return false;
    error = std::move(status).error();
    return true;
  }

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Exchange*>(self)->header({data, size * count}) ? size * count : 0;
  }
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Exchange*>(self)->body({data, size * count}) ? size * count : 0;
  }
  static std::size_t on_read(char* into, std::size_t size, std::size_t count, void* self) {
    return static_cast<Exchange*>(self)->read({reinterpret_cast<std::uint8_t*>(into), size * count});
  }
  static int on_seek(void* self, curl_off_t offset, int origin) {
    auto& exchange = *static_cast<Exchange*>(self);
    if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
    exchange.read_bytes = 0;
    exchange.acknowledged = 0;
    return exchange.stop(exchange.request.body->rewind()) ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
  }

  bool header(std::string_view line) {
    last_progress = steady_clock::now();
    return !stop(headers.line(line));
  }

  bool accept_once() {
    if (accepted) return true;
    accepted = true;
    return !request.accept || !stop(request.accept(headers.response()));
  }

  bool body(std::string_view bytes) {
    if (stop(op.check())) return false;
    Response& response = headers.response();
    last_progress = steady_clock::now();
    if (response.status >= 300) {
      const std::size_t room = error_body_limit - response.body_start.size();
      response.body_start.append(bytes.substr(0, room));
      enough = bytes.size() > room;
      return !enough;
    }
    if (!accept_once()) return false;
    if (bytes.size() > max_body_bytes - response.body_bytes) {
      return !stop(Error{Code::too_large, "the answer is longer than the " + std::to_string(max_body_bytes) +
                                              " bytes that can be expected of it"});
    }
    response.body_bytes += bytes.size();
    const bool stopped = stop(sink.write(bytes_of(bytes)));
    last_progress = steady_clock::now();  // time that the sink took is not the server's
    return !stopped;
  }

  std::size_t read(ByteSpan into) {
    if (stop(op.check())) return CURL_READFUNC_ABORT;
    auto count = read_promised(into);
    if (!count) {
      error = std::move(count).error();
      return CURL_READFUNC_ABORT;
    }
    last_progress = steady_clock::now();
    return *count;
  }

  // Never more than was promised, and the last bytes only when nothing follows them: until then the server cannot take
  // the body for complete.
  Result<std::size_t> read_promised(ByteSpan into) {
    const std::uint64_t left = request.body->size_bytes() - read_bytes;
    if (left == 0) return std::size_t{0};
    DL_ASSIGN(const std::size_t count, request.body->read(into.first(std::min<std::uint64_t>(into.size(), left))));
    if (count == 0) return Error{Code::changing, "the body to send ended before its announced length"};
    read_bytes += count;
    if (count < left) return count;
    std::uint8_t surplus = 0;
    DL_ASSIGN(const std::size_t more, request.body->read({&surplus, 1}));
    if (more != 0) return Error{Code::changing, "the body to send is longer than announced"};
    return count;
  }
};

Result<std::unique_ptr<CurlConnection>> CurlConnection::open(CURLSH* share) {
  CURLM* multi = curl_multi_init();
  CURL* easy = multi == nullptr ? nullptr : curl_easy_init();
  if (easy == nullptr) {
    if (multi != nullptr) curl_multi_cleanup(multi);
    return Error{Code::internal, "libcurl gave no handle: out of memory or of file descriptors"};
  }
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 4L);
  curl_easy_setopt(easy, CURLOPT_SHARE, share);  // stays over curl_easy_reset
  return std::unique_ptr<CurlConnection>(new CurlConnection(multi, easy));
}

CurlConnection::~CurlConnection() {
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
  curl_slist_free_all(header_list_);
}

void CurlConnection::set_headers(const Exchange& exchange, const TransportOptions& options) {
  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  const auto add = [this](const std::string& line) { header_list_ = curl_slist_append(header_list_, line.c_str()); };
  add("Expect:");  // no round trip to ask whether a body may come
  add("Accept:");
  for (const auto& [name, value] : exchange.request.headers) add(value.empty() ? name + ";" : name + ": " + value);
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, options.user_agent.c_str());
}

void CurlConnection::set_body(Exchange& exchange) {
  const Request& request = exchange.request;
  if (request.body != nullptr) {
    curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body->size_bytes()));
    curl_easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, buffer_bytes);
    curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &Exchange::on_read);
    curl_easy_setopt(easy_, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(easy_, CURLOPT_SEEKFUNCTION, &Exchange::on_seek);
    curl_easy_setopt(easy_, CURLOPT_SEEKDATA, &exchange);
  }
  if (request.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void CurlConnection::set_proxy(const Request& request) {
  if (request.proxies == Proxies::none) {
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");
    return;
  }
  const char* proxy = upper_case_http_proxy();
  if (proxy != nullptr && request.url.starts_with("http:")) curl_easy_setopt(easy_, CURLOPT_PROXY, proxy);
}

Status CurlConnection::configure(Exchange& exchange, const TransportOptions& options, TlsTrust& trust) {
  curl_easy_reset(easy_);  // keeps open connections
  error_text_[0] = '\0';
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, buffer_bytes);
  curl_easy_setopt(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_limit.count()));
  curl_easy_setopt(easy_, CURLOPT_URL, exchange.request.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &exchange);
  set_headers(exchange, options);
  set_body(exchange);
  set_proxy(exchange.request);
  if (exchange.request.url.starts_with("https:")) {
    DL_ASSIGN(x509_store_st * store, trust.store());
    curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(easy_, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(easy_, CURLOPT_SSL_CTX_FUNCTION, &trust_store_for);
    curl_easy_setopt(easy_, CURLOPT_SSL_CTX_DATA, store);
  }
  return {};
}

// Bytes that the kernel holds back do not pass libcurl, so a slow link looks like a stalled one from here. What the
// other end has acknowledged tells them apart.
bool CurlConnection::send_queue_moved(Exchange& exchange) const {
  curl_off_t handed_over = 0;
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &handed_over);
  curl_easy_getinfo(easy_, CURLINFO_ACTIVESOCKET, &socket);
  int queued = 0;
  if (socket == CURL_SOCKET_BAD || ioctl(socket, SIOCOUTQ, &queued) != 0) return false;
  const curl_off_t acknowledged = handed_over - queued;
  if (acknowledged <= exchange.acknowledged) return false;
  exchange.acknowledged = acknowledged;
  return true;
}

Status CurlConnection::drive(Exchange& exchange, const TransportOptions& options) {
  const Op& op = exchange.op;
  const std::stop_callback wake(op.stop, [this] { curl_multi_wakeup(multi_); });
  for (;;) {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi_, &running); code != CURLM_OK) {
      return Error{Code::internal, std::string("libcurl: ") + curl_multi_strerror(code)};
    }
    if (running == 0) return {};
    DL_TRY(op.check());
    const auto now = steady_clock::now();
    if (now - exchange.last_progress >= options.stall_limit) {
      if (!send_queue_moved(exchange)) {
        return Error{Code::unavailable, "nothing was received or sent for " + format_duration(options.stall_limit)};
      }
      exchange.last_progress = now;
    }
    const auto until = std::min(op.deadline, exchange.last_progress + options.stall_limit);
    const auto wait = std::chrono::ceil<milliseconds>(until - now);
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000)), nullptr);
  }
}

Error CurlConnection::failure(const Exchange& exchange, CURLcode code) const {
  if (exchange.error) return *exchange.error;
  const std::string reason = printable(error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code));
  if (code == CURLE_URL_MALFORMAT) return {Code::usage, "not a URL: " + reason};
  if (code == CURLE_OUT_OF_MEMORY) return {Code::unavailable, "a header line is too long, or memory ran out"};
  const bool handshake = code == CURLE_SSL_CONNECT_ERROR && !is_broken_off(reason);
  if (is_tls_trust_failure(code) || handshake) {
    return {Code::io, "the server cannot be trusted over TLS: " + reason +
                          "; if it has a certificate of its own, name the authority's PEM file with --ca-file"};
  }
  if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY) {
    return {Code::unavailable, "the answer is not HTTP/1.1: " + reason};
  }
  return {Code::unavailable, reason};
}

// What libcurl makes of the transfer once it is over, or why it was broken off.
Result<CURLcode> CurlConnection::perform(Exchange& exchange, const TransportOptions& options, TlsTrust& trust) {
  DL_TRY(configure(exchange, options, trust));
  if (const CURLMcode code = curl_multi_add_handle(multi_, easy_); code != CURLM_OK) {
    return Error{Code::internal, std::string("libcurl: ") + curl_multi_strerror(code)};
  }
  const Status driven = drive(exchange, options);
  CURLcode code = CURLE_OK;
  if (driven) {
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(multi_, &left);
    code = message != nullptr ? message->data.result : CURLE_RECV_ERROR;
  } else {
    curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a name server
  }
  curl_multi_remove_handle(multi_, easy_);
  DL_TRY(driven);
  return code;
}

// libcurl itself sends a request once more when a kept connection turns out to be closed, but not where it notices
// while it sends the body. The server cannot have acted on such a request: it never had the whole of it.
bool CurlConnection::found_closed(const Exchange& exchange, CURLcode code) const {
  long new_connections = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &new_connections);
  return code == CURLE_SEND_ERROR && new_connections == 0 && exchange.headers.response().status == 0;
}

Result<Response> CurlConnection::run(const Op& op, const Request& request, Sink& sink, std::uint64_t max_body_bytes,
                                     const TransportOptions& options, TlsTrust& trust) {
  Exchange exchange(op, request, sink, max_body_bytes, options.max_header_bytes);
  DL_ASSIGN(CURLcode code, perform(exchange, options, trust));
  if (request.body != nullptr && found_closed(exchange, code)) {
    DL_TRY(request.body->rewind());
    exchange.read_bytes = 0;
    exchange.acknowledged = 0;
    DL_ASSIGN(code, perform(exchange, options, trust));  // libcurl has dropped the connection
  }
  if (code != CURLE_OK && !exchange.enough) return failure(exchange, code);
  if (!exchange.headers.complete()) return Error{Code::unavailable, "the answer ended within its headers"};
  if (exchange.headers.response().status < 300 && !exchange.accept_once()) return *exchange.error;
  return std::move(exchange.headers.response());
}

}  // namespace duskline::http
