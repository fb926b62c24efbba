#include "gateway/metrics.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace duskline::gateway {
namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ");
  out.append(type).append("\n");
}

void sample(std::string& out, std::string_view name, std::string_view labels, std::string_view value) {
  out.append(name);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.append(" ").append(value).append("\n");
}

void single(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            std::uint64_t value) {
  head(out, name, type, help);
  sample(out, name, "", std::to_string(value));
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.9g", value);
  return text.data();
}

std::string label(std::string_view name, std::string_view value) {
  return std::string(name) + "=\"" + std::string(value) + "\"";
}

}  // namespace

Metrics::Metrics() {
  const auto entry = [&](std::string_view name) {
    const auto known = std::find_if(operations_.begin(), operations_.end(),
                                    [&](const auto& operation) { return operation->name == name; });
    if (known != operations_.end()) return known->get();
    operations_.push_back(std::make_unique<PerOperation>());
    operations_.back()->name = name;
    return operations_.back().get();
  };
  for (const auto rows : {core_operations(), configuration_operations()}) {
    for (const Operation& row : rows) index_[&row] = entry(row.name);
  }
  unknown_ = entry("Unknown");
  std::sort(operations_.begin(), operations_.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
}

void Metrics::finished(const Finished& request) {
  constexpr auto order = std::memory_order_relaxed;
  const auto found = index_.find(request.operation);
  PerOperation& counts = found == index_.end() ? *unknown_ : *found->second;
  const int hundreds = std::clamp(request.status / 100, 0, 5);
  counts.by_class.at(static_cast<std::size_t>(hundreds)).fetch_add(1, order);
  const double seconds = std::chrono::duration<double>(request.outcome.total).count();
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
  counts.latencies.at(static_cast<std::size_t>(bucket)).fetch_add(1, order);
  counts.nanoseconds.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, request.outcome.total.count())),
                               order);
  counts.received_bytes.fetch_add(request.outcome.body_bytes_received, order);
  counts.sent_bytes.fetch_add(request.outcome.body_bytes_sent, order);
  if (!request.outcome.complete) counts.broken_off.fetch_add(1, order);
  if (request.error.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto known = errors_.find(request.error);
  if (known != errors_.end()) {
    ++known->second;
  } else {
    errors_.emplace(request.error, 1);
  }
}

void Metrics::write_requests(std::string& out) const {
  head(out, "duskline_requests_total", "counter", "Requests that were answered, by operation and class of status.");
  for (const auto& counts : operations_) {
    for (std::size_t hundreds = 0; hundreds < counts->by_class.size(); ++hundreds) {
      const std::uint64_t count = counts->by_class.at(hundreds).load();
      if (count == 0) continue;
      const std::string status = hundreds == 0 ? "none" : std::to_string(hundreds) + "xx";
      sample(out, "duskline_requests_total", label("operation", counts->name) + "," + label("status", status),
             std::to_string(count));
    }
  }
  const auto each = [&](std::string_view name, std::string_view help, auto member) {
    head(out, name, "counter", help);
    for (const auto& counts : operations_) {
      const std::uint64_t value = ((*counts).*member).load();
      if (value > 0) sample(out, name, label("operation", counts->name), std::to_string(value));
    }
  };
  each("duskline_received_bytes_total", "Bytes of bodies that clients sent.", &PerOperation::received_bytes);
  each("duskline_sent_bytes_total", "Bytes of bodies that clients got.", &PerOperation::sent_bytes);
  each("duskline_broken_off_total", "Answers that did not reach the client whole.", &PerOperation::broken_off);
}

void Metrics::write_latencies(std::string& out) const {
  constexpr std::string_view name = "duskline_request_seconds";
  head(out, name, "histogram", "Time from a request's head to the last byte of its answer.");
  for (const auto& counts : operations_) {
    std::uint64_t sum = 0;
    std::string lines;
    for (std::size_t i = 0; i <= bounds.size(); ++i) {
      sum += counts->latencies.at(i).load();
      const std::string bound = i < bounds.size() ? number(bounds.at(i)) : "+Inf";
      sample(lines, std::string(name) + "_bucket", label("operation", counts->name) + "," + label("le", bound),
             std::to_string(sum));
    }
    if (sum == 0) continue;
    out += lines;
    sample(out, std::string(name) + "_sum", label("operation", counts->name),
           number(static_cast<double>(counts->nanoseconds.load()) / 1e9));
    sample(out, std::string(name) + "_count", label("operation", counts->name), std::to_string(sum));
  }
}

void Metrics::write_errors(std::string& out) const {
  head(out, "duskline_errors_total", "counter", "Requests that were refused or failed, by S3's name of the error.");
  const std::lock_guard lock(mutex_);
  for (const auto& [code, count] : errors_) {
    sample(out, "duskline_errors_total", label("code", code), std::to_string(count));
  }
}

std::string Metrics::text(const objects::Counts& objects, const http::ServerCounts& server,
                          std::uint64_t lost_lines) const {
  std::string out;
  write_requests(out);
  write_errors(out);
  write_latencies(out);
  single(out, "duskline_buckets", "gauge", "Buckets.", objects.buckets);
  single(out, "duskline_object_versions", "gauge", "Versions of objects, delete markers among them.", objects.versions);
  single(out, "duskline_live_bytes", "gauge", "Bytes of all versions of objects.", objects.live_bytes);
  single(out, "duskline_stored_bytes", "gauge", "Bytes in the store's directory.", objects.stored_bytes);
  single(out, "duskline_fsyncs_total", "counter", "Flushes of files to the disk.", objects.flushes);
  single(out, "duskline_commits_total", "counter", "Groups of writes that shared a flush.", objects.batches);
  single(out, "duskline_writes_total", "counter", "Changes that were made durable.", objects.writes);
  single(out, "duskline_connections", "gauge", "Open connections.", server.connections);
  single(out, "duskline_connections_accepted_total", "counter", "Connections that were accepted.", server.accepted);
  single(out, "duskline_connections_refused_total", "counter", "Connections beyond the limit.", server.refused);
  single(out, "duskline_workers_busy", "gauge", "Threads that work on a request.", server.workers_busy);
  single(out, "duskline_steps_waiting", "gauge", "Steps of requests that wait for a thread.", server.steps_waiting);
  single(out, "duskline_log_lines_lost_total", "counter", "Lines of logs that were dropped.", lost_lines);
  return out;
}

}  // namespace duskline::gateway
