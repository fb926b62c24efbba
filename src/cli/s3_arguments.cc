#include "cli/s3_arguments.h"

#include <fstream>

#include "s3/bucket.h"

namespace duskline::cli {
namespace {

struct BucketAndPrefix {
  std::string bucket, prefix;
};

std::string without_slashes(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

Result<BucketAndPrefix> parse_s3_url(const std::string& url) {
  const std::string rest = url.substr(std::string_view("s3://").size());
  const auto slash = rest.find('/');
  BucketAndPrefix result{rest.substr(0, slash), slash == std::string::npos ? "" : without_slashes(rest.substr(slash))};
  if (result.bucket.empty())
    return Error{Code::usage, "\"" + printable(url) + "\" names no bucket: write s3://bucket/prefix"};
  return result;
}

Result<store::S3Options::Addressing> parse_addressing(const std::string& text) {
  if (text == "auto") return store::S3Options::Addressing::automatic;
  if (text == "path") return store::S3Options::Addressing::path;
  if (text == "host") return store::S3Options::Addressing::virtual_host;
  return Error{Code::usage, "--addressing: \"" + printable(text) + "\" is none of auto, path, host"};
}

Result<std::string> read_key_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string key(33, '\0');
  file.read(key.data(), 33);
  key.resize(static_cast<std::size_t>(file.gcount()));
  if (key.size() != 32) {
    return Error{Code::usage, "--sse-c-key-file: " + printable(path) + " must hold exactly 32 bytes"};
  }
  return key;
}

std::string first_of(std::initializer_list<std::optional<std::string>> values) {
  for (const auto& value : values) {
    if (value && !value->empty()) return *value;
  }
  return "";
}

}  // namespace

Result<store::S3Options> s3_options(const StoreArguments& arguments, const Environment& environment) {
  DL_ASSIGN(const auto place, parse_s3_url(arguments.url));
  const auto credentials = credential_options(arguments, environment);
  store::S3Options options{.bucket = place.bucket, .prefix = place.prefix};
  options.endpoint = first_of({arguments.endpoint, environment("AWS_ENDPOINT_URL_S3"), environment("AWS_ENDPOINT_URL"),
                               s3::shared_config_value(credentials, "endpoint_url")});
  options.region = first_of({arguments.region, environment("AWS_REGION"), environment("AWS_DEFAULT_REGION"),
                             s3::shared_config_value(credentials, "region"), "us-east-1"});
  DL_ASSIGN(options.addressing, parse_addressing(arguments.addressing));
  options.encryption = arguments.encryption;
  options.kms_key_id = arguments.kms_key_id;
  if (!arguments.customer_key_file.empty()) {
    DL_ASSIGN(options.customer_key, read_key_file(arguments.customer_key_file));
  }
  return options;
}

Result<s3::Bucket> bucket_of(const store::S3Options& options) {
  using Style = s3::BucketAddress::Style;
  using enum store::S3Options::Addressing;
  const Style style = options.addressing == path           ? Style::path
                      : options.addressing == virtual_host ? Style::virtual_host
                                                           : Style::automatic;
  return s3::resolve_bucket({options.bucket, options.endpoint, options.region, style});
}

http::TransportOptions transport_options(const StoreArguments& arguments, const Environment& environment) {
  http::TransportOptions options;
  options.ca_file = first_of({arguments.ca_file, environment("AWS_CA_BUNDLE")});
  options.stall_limit = std::chrono::ceil<std::chrono::milliseconds>(arguments.stall_limit);
  return options;
}

s3::CredentialOptions credential_options(const StoreArguments& arguments, const Environment& environment) {
  return {.profile = arguments.profile, .environment = environment};
}

}  // namespace duskline::cli
