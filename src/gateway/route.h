// From a request's line and Host header to bucket, key and operation.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/context.h"
#include "gateway/error.h"
#include "gateway/operation.h"
#include "gateway/request.h"

namespace duskline::gateway {

inline constexpr std::size_t max_key_bytes = 1024;

// Fills in bucket, key and query from `request.head`, by path or by virtual host. InvalidURI where the target cannot be
// read, or is no UTF-8; KeyTooLongError.
[[nodiscard]] Done locate(Request& request, const ServiceOptions& options);

// MethodNotAllowed where S3 knows the method nowhere there; NotImplemented for parts of S3 that this server has not.
[[nodiscard]] Expected<const Operation*> find_operation(const Request& request);

// 3 to 63 of a-z 0-9 . -, no address, no reserved prefix or suffix.
[[nodiscard]] bool is_bucket_name(std::string_view name);
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace duskline::gateway
