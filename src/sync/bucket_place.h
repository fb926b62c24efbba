// A bucket's objects below a prefix as one side of a sync.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "http/transport.h"
#include "s3/client.h"
#include "store/s3_store_requests.h"
#include "sync/bucket_headers.h"
#include "sync/place.h"
#include "sync/rules.h"

namespace duskline::sync {

struct BucketOptions {
  s3::Bucket bucket;
  std::string prefix;   // "" or "some/path/"
  std::string service;  // the same for places between which the service itself can copy: endpoint and credentials
  store::EncryptionHeaders encryption;
  EtagKind etags = EtagKind::md5_if_unencrypted;
  enum class EmptyFolders : std::uint8_t { skip, keep } empty_folders = EmptyFolders::keep;
  std::string backup_bucket, backup_prefix;               // for what is replaced or removed; "": none
  std::uint64_t max_copy_bytes = std::uint64_t{5} << 30;  // of a single copy; a rule of S3
};

// `rules` and `transport` must outlive the place.
[[nodiscard]] std::unique_ptr<Place> open_bucket(BucketOptions options, http::Transport& transport,
                                                 std::unique_ptr<s3::CredentialSource> credentials, Clock& clock,
                                                 const Rules& rules);

}  // namespace duskline::sync
