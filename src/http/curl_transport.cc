// A pool of connections. No thread of its own: whoever sends drives the transfer, so a body is handed to its sink where
// it was read. Idle connections are taken last in, first out, so that few are kept warm.
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "base/units.h"
#include "http/curl_connection.h"
#include "http/url.h"

namespace duskline::http {
namespace {

constexpr std::size_t max_idle = 64;

void initialise_libcurl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// Name lookups and TLS sessions known to one connection serve all others.
class Share {
 public:
  Share() : handle_(curl_share_init()) {
    if (handle_ == nullptr) return;  // each connection then finds out for itself
    curl_share_setopt(handle_, CURLSHOPT_LOCKFUNC, &lock);
    curl_share_setopt(handle_, CURLSHOPT_UNLOCKFUNC, &unlock);
    curl_share_setopt(handle_, CURLSHOPT_USERDATA, this);
    curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  ~Share() {
    if (handle_ != nullptr) curl_share_cleanup(handle_);
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  [[nodiscard]] CURLSH* handle() const { return handle_; }

 private:
  static void lock(CURL*, curl_lock_data data, curl_lock_access, void* self) {
    static_cast<Share*>(self)->mutexes_[data].lock();
  }
  static void unlock(CURL*, curl_lock_data data, void* self) { static_cast<Share*>(self)->mutexes_[data].unlock(); }

  std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
  CURLSH* handle_;
};

// A line break in a header would begin another header.
Status check_headers(const Request& request) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
  for (const auto& [name, value] : request.headers) {
    const bool bad =
        std::any_of(value.begin(), value.end(), is_control) || name.empty() ||
        std::any_of(name.begin(), name.end(), [&](char c) { return is_control(c) || c == ':' || c == ' '; });
    if (bad) return Error{Code::invalid, "the header \"" + printable(name) + "\" would hold control characters"};
  }
  return {};
}

struct Idle {
  std::string origin;
  std::unique_ptr<CurlConnection> connection;
};

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(const TransportOptions& options) : options_(options), trust_(options.ca_file) {}

  Result<Response> send(const Op& op, const Request& request, Sink& sink, std::uint64_t max_body_bytes) override {
    DL_ASSIGN(const Url url, parse_url(request.url));
    DL_TRY(check_headers(request));
    DL_TRY(op.check());
    const std::string origin = url.origin();
    DL_ASSIGN(auto connection, take(origin));
    auto response = connection->run(op, request, sink, max_body_bytes, options_, trust_);
    give_back({origin, std::move(connection)});
    if (!response && response.error().code != Code::cancelled) {
      return wrap(std::move(response).error(), request.method + " " + loggable_url(request.url));
    }
    return response;
  }

 private:
  Result<std::unique_ptr<CurlConnection>> take(const std::string& origin) {
    {
      const std::lock_guard lock(mutex_);
      if (!share_) {
        initialise_libcurl();
        share_.emplace();
      }
      const auto found =
          std::find_if(idle_.rbegin(), idle_.rend(), [&](const Idle& idle) { return idle.origin == origin; });
      if (found != idle_.rend()) {
        auto connection = std::move(found->connection);
        idle_.erase(std::next(found).base());
        return connection;
      }
    }
    return CurlConnection::open(share_->handle());
  }

  void give_back(Idle idle) {
    std::unique_ptr<CurlConnection> surplus;  // closed outside the lock
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(idle));
    if (idle_.size() > max_idle) {
      surplus = std::move(idle_.front().connection);
      idle_.erase(idle_.begin());
    }
  }

  const TransportOptions options_;
  TlsTrust trust_;
  std::mutex mutex_;
  std::optional<Share> share_;  // outlives the connections
  std::vector<Idle> idle_;
};

}  // namespace

std::unique_ptr<Transport> open_curl_transport(const TransportOptions& options) {
  return std::make_unique<CurlTransport>(options);
}

}  // namespace duskline::http
