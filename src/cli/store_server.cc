#include "cli/store_server.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>

#include "cli/console.h"
#include "cli/store_place.h"
#include "gateway/service.h"
#include "http/server.h"
#include "objects/objects.h"

namespace duskline::cli {
namespace {

// Descriptors for everything but connections: files that are being sent, the index, logs.
constexpr std::size_t own_descriptors = 1024;
// Each thread that allocates would get an arena of its own, and keep what it frees there.
constexpr int most_arenas = 4;

// As many as the system lets us have; returns how many that are.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return own_descriptors;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

Result<http::ServerOptions> server_options(const ServeOptions& options, Reporter& reporter) {
  http::ServerOptions server;
  server.listen = options.listen;
  server.workers = options.workers;
  server.max_connections = options.max_connections;
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return Error{Code::usage, "--tls-cert and --tls-key are given together or not at all"};
  }
  if (!options.tls_certificate.empty()) server.tls = {options.tls_certificate, options.tls_key};
  const std::size_t descriptors = raise_descriptor_limit();
  if (descriptors < server.max_connections + own_descriptors) {
    server.max_connections = std::max(descriptors, own_descriptors + own_descriptors / 8) - own_descriptors;
    reporter.note(Severity::info, "the limit of open files (" + format_count(descriptors) + ") leaves room for " +
                                      format_count(server.max_connections) + " connections");
  }
  return server;
}

class RunningStore final : public StoreServer {
 public:
  RunningStore(std::unique_ptr<gateway::UserStore> users, std::unique_ptr<objects::Objects> objects, bool secure)
      : secure_(secure), users_(std::move(users)), objects_(std::move(objects)) {}
  Status begin(Context& context, const ServeOptions& options, const http::ServerOptions& server) {
    reporter_ = &context.console;
    gateway::ServiceParts parts{.objects = *objects_,
                                .keys = *users_,
                                .clock = context.clock,
                                .reporter = context.console,
                                .observers = {},
                                .pages = nullptr};
    DL_ASSIGN(service_, gateway::Service::make(
                            std::move(parts),
                            {.region = options.region, .domain = options.domain, .anonymous = options.anonymous}));
    DL_ASSIGN(server_, http::Server::start(server, *service_, context.clock));
    return {};
  }
  [[nodiscard]] std::string url() const override { return (secure_ ? "https://" : "http://") + server_->address(); }
  [[nodiscard]] bool has_keys() const override { return !users_->users()->keys().empty(); }
  void reload() override {
    if (const Status status = server_->reload(); !status) {
      reporter_->note(Severity::error, status.error().describe() + "; the old certificate stays in use");
    }
  }
  void stop(std::chrono::nanoseconds drain) override { server_->stop(std::chrono::steady_clock::now() + drain); }

 private:
  const bool secure_;
  Reporter* reporter_ = nullptr;
  std::unique_ptr<gateway::UserStore> users_;
  std::unique_ptr<objects::Objects> objects_;
  std::unique_ptr<gateway::Service> service_;
  std::unique_ptr<http::Server> server_;  // goes first
};

}  // namespace

Result<std::unique_ptr<StoreServer>> StoreServer::start(Context& context, const ServeOptions& options) {
  ::mallopt(M_ARENA_MAX, most_arenas);
  DL_ASSIGN(const auto server, server_options(options, context.console));
  DL_ASSIGN(auto users, open_users(context, options.directory));
  DL_ASSIGN(auto objects, objects::open_objects({.directory = options.directory,
                                                 .index_cache_bytes = options.index_cache_bytes,
                                                 .reporter = &context.console},
                                                context.clock));
  auto running = std::make_unique<RunningStore>(std::move(users), std::move(objects), server.tls.has_value());
  DL_TRY(running->begin(context, options, server));
  return std::unique_ptr<StoreServer>(std::move(running));
}

}  // namespace duskline::cli
