// A line for each request, in the form of Amazon S3's server access logs.
#pragma once

#include <memory>
#include <string>

#include "gateway/log_file.h"
#include "gateway/observer.h"
#include "objects/objects.h"

namespace duskline::gateway {

// Without a line end. `bucket_owner` may be empty. Pure.
[[nodiscard]] std::string access_line(const Finished& finished, std::string_view bucket_owner);

class AccessLog final : public Observer {
 public:
  AccessLog(LogFile& file, objects::Objects& objects) : file_(file), objects_(objects) {}
  void finished(const Finished& request) override;

 private:
  LogFile& file_;
  objects::Objects& objects_;
};

}  // namespace duskline::gateway
