// The XML documents of the S3 protocol. What is parsed comes from a server and is hostile: documents are bounded in
// size (by the transport), depth and count, and entities are never expanded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace duskline::s3 {

// All empty where the text is no error document.
struct ErrorDocument {
  std::string code, message, region, request_time, server_time;
};
[[nodiscard]] ErrorDocument parse_error(std::string_view xml);

struct ListedKey {
  std::string key;
  std::uint64_t size_bytes = 0;
  std::string etag;
  WallTime modified{};
};
struct ListPage {
  std::vector<ListedKey> keys;
  bool truncated = false;
  std::string next_token;  // not empty where truncated
};
// ListBucketResult of list-type=2; keys are decoded where the document says encoding-type url.
[[nodiscard]] Result<ListPage> parse_list(std::string_view xml);

struct DeleteFailure {
  std::string key, code, message;
};
[[nodiscard]] Result<std::vector<DeleteFailure>> parse_delete_result(std::string_view xml);
[[nodiscard]] std::string delete_document(const std::vector<std::string>& keys);

[[nodiscard]] Result<std::string> parse_upload_id(std::string_view xml);
[[nodiscard]] std::string complete_document(const std::vector<std::string>& part_etags);
// The ETag, which some servers leave empty. A body that is an error document, or neither, is Code::unavailable: with a
// status of 200 it must not be taken for a success.
[[nodiscard]] Result<std::string> parse_complete_result(std::string_view xml);

}  // namespace duskline::s3
