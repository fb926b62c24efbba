// If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since: of reads, of copy sources, of writes. RFC 9110
// section 13 in the order that S3 documents. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/error.h"
#include "http/server.h"
#include "objects/objects.h"
#include "objects/types.h"

namespace duskline::gateway {

// Empty where they are not given.
struct Conditions {
  std::string match, none_match;
  std::optional<WallTime> modified_since, unmodified_since;
  [[nodiscard]] bool any() const { return !match.empty() || !none_match.empty() || modified_since || unmodified_since; }
};
// Of the headers "if-match" etc., or "x-amz-copy-source-if-match" etc. Dates that cannot be read count as not given.
[[nodiscard]] Conditions read_conditions(const http::RequestHead& head);
[[nodiscard]] Conditions copy_source_conditions(const http::RequestHead& head);

enum class Judgement : std::uint8_t { proceed, not_modified, failed };
[[nodiscard]] Judgement judge_read(const Conditions& conditions, const std::string& etag, WallTime modified);

// "W/" and quotes do not count; a list of them, or "*".
[[nodiscard]] bool etag_matches(std::string_view condition, std::string_view etag);

// Of a put, a complete, or a delete: what must be true of the object that is there.
struct WriteConditions {
  std::optional<std::string> match, none_match;
  std::optional<WallTime> modified;         // x-amz-if-match-last-modified-time
  std::optional<std::uint64_t> size_bytes;  // x-amz-if-match-size
  [[nodiscard]] bool any() const { return match || none_match || modified || size_bytes; }
};
[[nodiscard]] Expected<WriteConditions> write_conditions(const http::Headers& headers);
// `current`: null or a delete marker where there is no object.
[[nodiscard]] std::optional<S3Error> judge_write(const WriteConditions& conditions, const objects::Version* current);

// A Gate whose refusal is S3's: asks `judge` and keeps its answer for refusal_or().
class S3Gate {
 public:
  template <typename Judge>
  objects::Gate gate(Judge judge) {
    return [this, judge = std::move(judge)](const objects::Version* current) -> Status {
      refusal_ = judge(current);
      if (refusal_) return Error{Code::precondition, "refused by the gateway"};
      return {};
    };
  }
  // The gate's refusal where there was one, or what the engine's failure means.
  [[nodiscard]] S3Error refusal_or(const Error& error) const { return refusal_ ? *refusal_ : from_engine(error); }

 private:
  std::optional<S3Error> refusal_;
};

}  // namespace duskline::gateway
