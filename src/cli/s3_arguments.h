// From the flags for an S3 service, the environment and the shared AWS files to how it is reached.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cli/command.h"
#include "http/transport.h"
#include "s3/client.h"
#include "s3/credentials.h"
#include "store/s3_store.h"

namespace duskline::cli {

using Environment = std::function<std::optional<std::string>(const std::string&)>;

// Code::usage for a URL that names no bucket, and for wrong flags.
[[nodiscard]] Result<store::S3Options> s3_options(const StoreArguments& arguments, const Environment& environment);
[[nodiscard]] Result<s3::Bucket> bucket_of(const store::S3Options& options);
[[nodiscard]] http::TransportOptions transport_options(const StoreArguments& arguments, const Environment& environment);
[[nodiscard]] s3::CredentialOptions credential_options(const StoreArguments& arguments, const Environment& environment);

}  // namespace duskline::cli
