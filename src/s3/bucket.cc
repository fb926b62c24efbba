#include "s3/bucket.h"

#include "base/units.h"

namespace duskline::s3 {
namespace {

bool is_bucket_name(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !name.empty() && name.size() <= 255 && name.find_first_not_of(allowed) == std::string_view::npos &&
         name != "." && name != "..";
}

bool is_region(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
             std::string_view::npos;
}

}  // namespace

bool is_aws(const http::Url& endpoint) {
  return endpoint.host.ends_with(".amazonaws.com") || endpoint.host.ends_with(".amazonaws.com.cn");
}

Result<Bucket> resolve_bucket(const BucketAddress& address) {
  if (!is_bucket_name(address.bucket)) {
    return Error{Code::usage, "\"" + printable(address.bucket) + "\" cannot be a bucket's name"};
  }
  if (!is_region(address.region)) return Error{Code::usage, "\"" + printable(address.region) + "\" is no region"};
  std::string endpoint = address.endpoint;
  if (endpoint.empty()) {
    const std::string_view domain = address.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
    endpoint = "https://s3." + address.region + std::string(domain);
  }
  auto url = http::parse_url(endpoint);
  if (!url) return wrap(std::move(url).error(), "the endpoint of the S3 service");
  if (!url->query.empty())
    return Error{Code::usage, "the endpoint " + http::loggable_url(endpoint) + " has a query (?)"};
  while (url->path.ends_with('/')) url->path.pop_back();
  using enum BucketAddress::Style;
  // A wildcard certificate does not cover a name with dots before the service's.
  const bool by_host = address.style == virtual_host ||
                       (address.style == automatic && is_aws(*url) && address.bucket.find('.') == std::string::npos);
  return Bucket{std::move(*url), address.bucket, address.region, by_host ? Addressing::virtual_host : Addressing::path};
}

}  // namespace duskline::s3
