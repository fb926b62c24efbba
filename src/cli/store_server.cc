#include "cli/store_server.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>

#include "cli/console.h"
#include "cli/store_place.h"
#include "gateway/access_log.h"
#include "gateway/audit_log.h"
#include "gateway/lifecycle_runner.h"
#include "gateway/log_delivery.h"
#include "gateway/metrics.h"
#include "gateway/pages.h"
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
  RunningStore(Reporter& reporter, const SealingKey& sealing, std::unique_ptr<gateway::UserStore> users,
               std::unique_ptr<objects::Objects> objects)
      : reporter_(reporter), sealing_(sealing), users_(std::move(users)), objects_(std::move(objects)) {}
  ~RunningStore() override {
    if (pages_) pages_->watch(nullptr);
  }
  RunningStore(const RunningStore&) = delete;
  RunningStore& operator=(const RunningStore&) = delete;

  Status open_logs(const ServeOptions& options);
  Status begin(Clock& clock, const ServeOptions& options, const http::ServerOptions& server);
  [[nodiscard]] std::string url() const override { return (secure_ ? "https://" : "http://") + server_->address(); }
  [[nodiscard]] bool has_keys() const override { return !users_->users()->keys().empty(); }
  void reload() override;
  void stop(std::chrono::nanoseconds drain) override;

 private:
  [[nodiscard]] std::uint64_t lost_lines() const {
    return audit_file_->dropped() + (access_file_ ? access_file_->dropped() : 0);
  }
  Reporter& reporter_;
  bool secure_ = false;
  const SealingKey sealing_;
  // Each uses those before it.
  std::unique_ptr<gateway::UserStore> users_;
  std::unique_ptr<objects::Objects> objects_;
  std::unique_ptr<gateway::LogFile> audit_file_, access_file_;
  std::unique_ptr<gateway::AuditLog> audit_;
  std::unique_ptr<gateway::AccessLog> access_;
  std::unique_ptr<gateway::LogDelivery> bucket_logs_;
  gateway::Metrics metrics_;
  std::unique_ptr<gateway::ServerPages> pages_;
  std::unique_ptr<gateway::Service> service_;
  std::unique_ptr<gateway::LifecycleRunner> lifecycle_;
  std::unique_ptr<BackgroundScrub> scrub_;
  std::unique_ptr<http::Server> server_;
};

Status RunningStore::open_logs(const ServeOptions& options) {
  using gateway::LogFile;
  using gateway::LogSync;
  const std::string audit_path = options.directory + "/" + gateway::audit_file_name;
  DL_ASSIGN(audit_file_, LogFile::open(audit_path, LogSync::each_batch, reporter_));
  audit_ = std::make_unique<gateway::AuditLog>(*audit_file_);
  if (options.access_log.empty()) return {};
  DL_ASSIGN(access_file_, LogFile::open(options.access_log, LogSync::left_to_system, reporter_));
  access_ = std::make_unique<gateway::AccessLog>(*access_file_, *objects_);
  return {};
}

Status RunningStore::begin(Clock& clock, const ServeOptions& options, const http::ServerOptions& server) {
  secure_ = server.tls.has_value();
  pages_ = std::make_unique<gateway::ServerPages>(metrics_, *objects_, options.domain, [this] { return lost_lines(); });
  bucket_logs_ = std::make_unique<gateway::LogDelivery>(
      gateway::LogDeliveryParts{*objects_, *users_, clock, reporter_, &sealing_, options.region},
      options.bucket_log_every);
  gateway::ServiceParts parts{.objects = *objects_,
                              .keys = *users_,
                              .clock = clock,
                              .reporter = reporter_,
                              .observers = {&metrics_, audit_.get(), bucket_logs_.get()},
                              .pages = pages_.get(),
                              .sealing = &sealing_};
  if (access_) parts.observers.push_back(access_.get());
  DL_ASSIGN(service_,
            gateway::Service::make(std::move(parts), {.region = options.region,
                                                      .domain = options.domain,
                                                      .anonymous = options.anonymous,
                                                      .named_keys = options.named_keys,
                                                      .customer_keys_need_tls = options.customer_keys_need_tls}));
  DL_ASSIGN(server_, http::Server::start(server, *service_, clock));
  pages_->watch(server_.get());
  lifecycle_ = std::make_unique<gateway::LifecycleRunner>(*objects_, clock,
                                                          gateway::LifecycleDay{options.lifecycle_day}, reporter_);
  scrub_ = std::make_unique<BackgroundScrub>(*objects_, clock, options.scrub, reporter_);
  pages_->set_ready(true);
  return {};
}

void RunningStore::reload() {
  if (const Status status = server_->reload(); !status) {
    reporter_.note(Severity::error, status.error().describe() + "; the old certificate stays in use");
  }
  audit_file_->reopen();
  if (access_file_) access_file_->reopen();
}

void RunningStore::stop(std::chrono::nanoseconds drain) {
  pages_->set_ready(false);
  lifecycle_.reset();
  scrub_.reset();
  server_->stop(std::chrono::steady_clock::now() + drain);
  bucket_logs_->finish();
}

}  // namespace

Result<std::unique_ptr<StoreServer>> StoreServer::start(Context& context, const ServeOptions& options) {
  ::mallopt(M_ARENA_MAX, most_arenas);
  DL_ASSIGN(const auto server, server_options(options, context.console));
  DL_ASSIGN(auto users, open_users(context, options.directory));
  DL_ASSIGN(const auto sealing, gateway::sealing_key_at(context.disk, sealing_key_path()));
  DL_ASSIGN(auto objects, objects::open_objects({.directory = options.directory,
                                                 .index_cache_bytes = options.index_cache_bytes,
                                                 .reporter = &context.console},
                                                context.clock));
  auto running = std::make_unique<RunningStore>(context.console, sealing, std::move(users), std::move(objects));
  DL_TRY(running->open_logs(options));
  DL_TRY(running->begin(context.clock, options, server));
  return std::unique_ptr<StoreServer>(std::move(running));
}

}  // namespace duskline::cli
