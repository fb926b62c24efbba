// From the bytes of a request's body to what was meant to be sent: plain, or in S3's chunks ("aws-chunked"), each
// signed or not, with trailers; checked against what the request's signature covers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "gateway/error.h"
#include "http/server.h"

namespace duskline::gateway {

// Each chunk's signature covers the one before it; the first covers the request's.
struct ChunkSigning {
  Hash256 key;
  std::string date;   // "20130524T000000Z"
  std::string scope;  // "20130524/us-east-1/s3/aws4_request"
  std::string seed;   // the request's signature
};

struct BodyRules {
  enum class Framing : std::uint8_t { plain, chunks };
  Framing framing = Framing::plain;
  bool trailer = false;                        // chunks end with trailers
  std::optional<Hash256> sha256;               // of a plain body, where the client signed it
  std::optional<ChunkSigning> signing;         // of chunks that are signed
  std::optional<std::uint64_t> decoded_bytes;  // x-amz-decoded-content-length
};
// What x-amz-content-sha256 asks for. InvalidArgument, InvalidRequest, MissingContentLength.
[[nodiscard]] Expected<BodyRules> body_rules(std::string_view content_sha256, const http::RequestHead& head);

class BodyDecoder {
 public:
  using Sink = std::function<Done(ByteView)>;
  explicit BodyDecoder(BodyRules rules) : rules_(std::move(rules)) {}

  // `sink` gets what was meant; pieces of a signed chunk before the chunk's signature is known to be right.
  Done write(ByteView raw, const Sink& sink);
  // Whether all came, and everything that is signed agrees.
  Done finish();
  [[nodiscard]] const BodyRules& rules() const { return rules_; }
  [[nodiscard]] const http::Headers& trailers() const { return trailers_; }

 private:
  enum class State : std::uint8_t { size, data, data_end, trailer, end };
  Done pass(ByteView bytes, const Sink& sink);
  Done take_line();
  Done begin_chunk();
  Done end_chunk();
  Done take_trailer();
  Done end_trailers();
  Expected<std::string> take_signature(std::string_view extension);

  BodyRules rules_;
  State state_ = State::size;
  Sha256 hash_;  // of a plain body, or of the chunk
  std::string line_;
  std::uint64_t chunk_left_ = 0, decoded_ = 0;
  bool last_chunk_ = false;
  std::string chunk_signature_;
  std::string trailer_text_, trailer_signature_;
  http::Headers trailers_;
};

}  // namespace duskline::gateway
