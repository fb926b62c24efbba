// What a well-behaved S3 server does, in memory: the part of BadS3Server without sockets.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "s3/sigv4_check.h"

namespace duskline::testing {

// Ways of being an S3 server that clients meet in the wild.
enum class S3Trait : std::uint8_t {
  ignores_conditions,    // 200 to a PUT whose If-Match or If-None-Match does not hold
  refuses_conditions,    // 501 to any conditional PUT
  ignores_checksums,     // does not look at x-amz-checksum-sha256
  refuses_checksums,     // 501 to x-amz-checksum-sha256
  refuses_multi_delete,  // 501 to DeleteObjects
  ignores_ranges,        // 200 and the whole object
  bare_etags,            // compares the If-Match of a PUT without quotes
  empty_complete_etag,   // leaves the ETag of CompleteMultipartUpload empty
  pages_of_two,          // lists at most two keys at a time, whatever is asked
  unsorted_lists,
  md5_etags,  // made from the content as S3 does; else they are opaque and new at each write
};

struct S3Reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
[[nodiscard]] S3Reply s3_error(int status, const std::string& code, const std::string& message = "");

struct S3Object {
  std::string body, etag;
  std::map<std::string, std::string> headers;  // those that describe content, metadata, x-amz-server-side-encryption*
};

class S3Objects {
 public:
  S3Objects(std::string bucket, std::set<S3Trait> traits) : bucket_(std::move(bucket)), traits_(std::move(traits)) {}
  [[nodiscard]] S3Reply answer(const s3::ReceivedRequest& request, const std::string& path, const std::string& body);

  std::map<std::string, S3Object> objects;
  [[nodiscard]] std::size_t open_uploads() const { return uploads_.size(); }
  [[nodiscard]] std::string etag_of(const std::string& body) const;  // of a part, or of an object put from outside

 private:
  struct Upload {
    std::map<std::string, std::string> headers;
    std::map<unsigned, std::string> parts;
  };

  [[nodiscard]] bool has(S3Trait trait) const { return traits_.contains(trait); }
  [[nodiscard]] S3Reply list(const s3::ReceivedRequest& request) const;
  S3Reply delete_many(const std::string& body);
  [[nodiscard]] S3Reply get(const s3::ReceivedRequest& request, const std::string& key) const;
  S3Reply put(const s3::ReceivedRequest& request, const std::string& key, const std::string& body);
  S3Reply copy(const s3::ReceivedRequest& request, const std::string& key);
  S3Reply store(const s3::ReceivedRequest& request, const std::string& key, S3Object object);
  S3Reply start_upload(const s3::ReceivedRequest& request);
  S3Reply change_upload(const s3::ReceivedRequest& request, const std::string& key, const std::string& body);
  [[nodiscard]] S3Reply list_parts(const Upload& upload) const;
  S3Reply complete(const s3::ReceivedRequest& request, const std::string& key, const std::string& id,
                   const std::string& body);
  [[nodiscard]] std::string put_condition_failure(const s3::ReceivedRequest& request, const std::string& key) const;

  const std::string bucket_;
  const std::set<S3Trait> traits_;
  std::map<std::string, Upload> uploads_;
  unsigned next_upload_ = 1, next_version_ = 1;
};

}  // namespace duskline::testing
