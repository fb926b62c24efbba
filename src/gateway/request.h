// A request as S3 sees it, and who asks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/error.h"
#include "http/server.h"
#include "s3/sigv4.h"

namespace duskline::gateway {

struct Request {
  std::shared_ptr<const http::RequestHead> head;
  std::string bucket, key;  // decoded; empty where the request names none
  s3::Pairs query;          // decoded, in the order given
  bool virtual_host = false;
  std::string request_id;
  WallTime now{};

  // The first header of that name (lower case), or null.
  [[nodiscard]] const std::string* header(std::string_view lower_case_name) const {
    return head->header(lower_case_name);
  }
  [[nodiscard]] const std::string* parameter(std::string_view name) const;  // of the query; null where it is missing
  [[nodiscard]] const std::string& method() const { return head->method; }
  [[nodiscard]] RequestName name() const;
};

// What a restricted key may do, whoever owns the bucket.
struct Restriction {
  bool read = false, list = false, write = false, remove = false;
  std::string prefix;  // of keys; empty: any
  std::string bucket;  // empty: any
};

enum class SignedBy : std::uint8_t { nobody, header, query, form };

struct Caller {
  std::string user;  // id; empty: anonymous
  std::string display_name;
  std::string access_key;
  std::optional<Restriction> restriction;
  SignedBy signed_by = SignedBy::nobody;
  WallTime signed_at{};  // for policies that limit the age of signatures
  enum class Signature : std::uint8_t { version_4, version_2 };
  Signature signature = Signature::version_4;  // for policies that allow no old ones
  // Of an anonymous caller: whether buckets that say nothing of public access are open to them where ACL or policy
  // allow it. A bucket's own public access block goes before.
  bool public_by_default = false;
  [[nodiscard]] bool anonymous() const { return user.empty(); }
};

}  // namespace duskline::gateway
