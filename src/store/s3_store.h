// Any S3-compatible service.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "http/transport.h"
#include "s3/credentials.h"
#include "store/object_store.h"

namespace duskline::store {

struct S3Options {
  std::string bucket, prefix;  // prefix without leading or trailing '/'
  std::string endpoint;        // "https://host[:port][/base]"; "" is AWS in `region`
  std::string region = "us-east-1";
  enum class Addressing : std::uint8_t {
    automatic,
    path,
    virtual_host
  } addressing = Addressing::automatic;  // automatic: virtual_host on AWS
  std::string encryption;                // "", "AES256", "aws:kms", "aws:kms:dsse", or "sse-c"
  std::string kms_key_id;
  std::string customer_key;  // sse-c: 32 bytes; only over https
  std::uint64_t multipart_from_bytes = 128 << 20;
  std::uint64_t part_bytes = 64 << 20;
};
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_s3_store(const S3Options&, http::Transport&,
                                                                 std::unique_ptr<s3::CredentialSource>, Clock&);

}  // namespace duskline::store
