// From what a user says about a service and a bucket to how requests reach it.
#pragma once

#include <string>

#include "s3/client.h"

namespace duskline::s3 {

struct BucketAddress {
  std::string bucket;
  std::string endpoint;  // "https://host[:port][/base]"; "" is AWS in `region`
  std::string region = "us-east-1";
  enum class Style : std::uint8_t { automatic, path, virtual_host } style = Style::automatic;  // automatic: host on AWS
};

// Code::usage for what cannot be a bucket's name, a region or an endpoint.
[[nodiscard]] Result<Bucket> resolve_bucket(const BucketAddress& address);

[[nodiscard]] bool is_aws(const http::Url& endpoint);

}  // namespace duskline::s3
