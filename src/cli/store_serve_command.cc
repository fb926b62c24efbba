#include <boost/json.hpp>
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/service_manager.h"
#include "cli/store_server.h"

namespace duskline::cli {
namespace {

class ServeCommand final : public Command {
 public:
  Spec spec() override;
  Result<int> run(const Op& op, Context& context) override;

 private:
  ServeOptions options_;
};

Spec ServeCommand::spec() {
  return {
      .path = "store serve",
      .summary = "serve a directory as an S3-compatible store",
      .details =
          "Any S3 tool can use it, with keys from: duskline store key add. SIGTERM and SIGINT let requests that run "
          "end first, a second one does not wait for them; nothing that was acknowledged is lost either way. SIGHUP "
          "reads the TLS certificate again and opens log files anew. A TLS certificate and keys that change are "
          "noticed without it.",
      .arguments = {{"DIR", "where buckets and objects lie; made where it is missing", to_text(options_.directory)}},
      .flags = {
          {"--listen", "ADDRESS", "host and port (default: 127.0.0.1:9000); port 0 takes any",
           to_text(options_.listen)},
          {"--region", "NAME", "what clients sign for (default: us-east-1)", to_text(options_.region)},
          {"--domain", "NAME", "buckets are also at BUCKET.NAME", to_text(options_.domain)},
          {"--anonymous", "", "let requests without a signature do what policies and ACLs allow to everyone",
           to_choice(options_.anonymous, true)},
          {"--tls-cert", "FILE", "PEM: the server's certificate, then those that lead to its authority",
           to_text(options_.tls_certificate)},
          {"--tls-key", "FILE", "PEM: its key", to_text(options_.tls_key)},
          {"--customer-keys-need-tls", "", "refuse keys for encryption (SSE-C) that come in the clear",
           to_choice(options_.customer_keys_need_tls, true)},
          {"--named-key", "NAME",
           "a key for encryption that requests can name (aws:kms); the first serves where none is named",
           to_list(options_.named_keys), Repeats::yes},
          {"--access-log", "FILE", "a line for each request, in the form of S3's server access logs",
           to_text(options_.access_log)},
          {"--bucket-log-every", "TIME", "how often access logs go into the buckets that want them (default: 10m)",
           to_parsed(options_.bucket_log_every, parse_duration)},
          {"--drain", "TIME", "how long requests may take to end when it stops (default: 30s)",
           to_parsed(options_.drain, parse_duration)},
          {"--workers", "N", "threads for requests that wait for the disk (default: 32)",
           to_number(options_.workers, 1U, 1024U)},
          {"--max-connections", "N", "beyond, connections are turned away (default: 20000)",
           to_number(options_.max_connections, 1U, 1'000'000U)},
          {"--index-cache", "SIZE", "memory for the index (default: 24MiB)",
           to_parsed(options_.index_cache_bytes, parse_bytes)},
          {"--scrub-every", "TIME", "read everything in the background so often (default: 30d; 0s: never)",
           to_parsed(options_.scrub.every, parse_duration)},
          {"--scrub-limit", "RATE", "and no faster than this (default: 4MiB/s)",
           to_parsed(options_.scrub.bytes_per_second, parse_rate)},
          {"--lifecycle-day", "TIME", "how long a day of lifecycle rules lasts, for tests (default: 24h)",
           to_parsed(options_.lifecycle_day, parse_duration)},
      }};
}

void wait_for_stop(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
}

Result<int> ServeCommand::run(const Op& op, Context& context) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // whoever waits for a line reads it when it is written
  const ServiceManager manager(context.environment("NOTIFY_SOCKET"));
  DL_ASSIGN(const auto server, StoreServer::start(context, options_));
  const std::string where = "serving " + printable(options_.directory) + " at " + server->url();
  context.on_hangup([&] {
    manager.reloading();
    server->reload();
    context.console.note(Severity::info, "read certificates and opened log files again");
    manager.ready(where);
  });
  context.console.text(where);
  context.console.object({{"event", "listening"}, {"url", server->url()}, {"directory", options_.directory}});
  if (!server->has_keys()) {
    context.console.note(Severity::info, "there are no keys yet; make one with: duskline store key add NAME --dir " +
                                             printable(options_.directory));
  }
  manager.ready(where);
  wait_for_stop(op.stop);
  manager.stopping();
  context.on_hangup({});
  context.console.note(Severity::info, "stopping: requests that run have " + format_duration(options_.drain));
  server->stop(options_.drain);
  context.console.object({{"event", "stopped"}});
  return 0;
}

}  // namespace

std::unique_ptr<Command> store_serve_command() { return std::make_unique<ServeCommand>(); }

}  // namespace duskline::cli
