#include "gateway/audit_log.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace duskline::gateway {

std::string audit_line(const AuditRecord& record) {
  boost::json::object line{{"time", format_time(record.time)}, {"act", record.act}};
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) line[name] = value;
  };
  add("who", record.who);
  add("name", record.name);
  add("access_key", record.access_key);
  add("from", record.from);
  add("bucket", record.bucket);
  add("key", record.key);
  add("about", record.about);
  if (record.status != 0) line["status"] = record.status;
  add("error", record.error);
  add("request", record.request_id);
  return boost::json::serialize(line);
}

bool is_administrative(const Operation& operation, const Request& request) {
  const bool changes = operation.method == "PUT" || operation.method == "DELETE";
  if (operation.target == Target::bucket && changes) return true;
  static constexpr std::array settings = {"acl", "retention", "legal-hold"};
  const bool sets = std::find(settings.begin(), settings.end(), operation.subresource) != settings.end();
  if (operation.target == Target::object && changes && sets) return true;
  const bool removes = operation.method == "DELETE" || operation.subresource == "delete";
  return removes && request.header("x-amz-bypass-governance-retention") != nullptr;
}

void AuditLog::finished(const Finished& request) {
  if (request.operation == nullptr || !is_administrative(*request.operation, request.request)) return;
  AuditRecord record;
  record.time = request.request.now;
  record.who = request.caller.anonymous() ? "anonymous" : request.caller.user;
  record.name = request.caller.display_name;
  record.access_key = request.caller.access_key;
  record.from = request.request.head->peer;
  record.act = request.operation->name;
  record.bucket = request.request.bucket;
  record.key = request.request.key;
  if (const std::string* const version = request.request.parameter("versionId")) record.about = *version;
  record.request_id = request.request.request_id;
  record.status = request.status;
  record.error = request.error;
  file_.append(audit_line(record));
}

}  // namespace duskline::gateway
