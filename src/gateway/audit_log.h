// A record of every administrative act: who changed what a store allows and keeps, when, from where, with which result.
#pragma once

#include <string>
#include <string_view>

#include "gateway/log_file.h"
#include "gateway/observer.h"

namespace duskline::gateway {

inline constexpr const char* audit_file_name = "audit.log";  // in the store's directory

struct AuditRecord {
  WallTime time{};
  std::string who;         // user id, or the system's name of who ran a command
  std::string name;        // for people
  std::string access_key;  // of requests
  std::string from;        // address, or "command line"
  std::string act;         // "PutBucketPolicy", "key add"
  std::string bucket, key;
  std::string about;  // more: a version, a key's name
  std::string request_id;
  int status = 0;     // of requests
  std::string error;  // S3's name of it
};
// One line of JSON, without a line end; members that say nothing are left out. Pure.
[[nodiscard]] std::string audit_line(const AuditRecord& record);

// Buckets made and removed, every change of their settings, ACLs, retention and holds of objects, removals that bypass
// a retention. Those that were refused too.
[[nodiscard]] bool is_administrative(const Operation& operation, const Request& request);

class AuditLog final : public Observer {
 public:
  explicit AuditLog(LogFile& file) : file_(file) {}
  void finished(const Finished& request) override;

 private:
  LogFile& file_;
};

}  // namespace duskline::gateway
