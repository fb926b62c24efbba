#include "gateway/body_decoder.h"

#include <algorithm>
#include <charconv>

#include "s3/sigv4.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_line_bytes = 4096;
constexpr std::size_t max_trailers_bytes = 16 << 10;
constexpr std::string_view signature_extension = "chunk-signature=";
constexpr std::string_view signature_trailer = "x-amz-trailer-signature";

S3Error incomplete() { return ErrorCode::incomplete_body; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Expected<std::uint64_t> decoded_length(const http::RequestHead& head) {
  const std::string* const text = head.header("x-amz-decoded-content-length");
  if (text == nullptr) return ErrorCode::missing_content_length;
  std::uint64_t length = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), length);
  if (failed != std::errc{} || end != text->data() + text->size()) {
    return invalid_argument("x-amz-decoded-content-length must be a number", "x-amz-decoded-content-length", *text);
  }
  return length;
}

// The text that a chunk's or the trailers' signature signs.
std::string text_to_sign(std::string_view kind, const ChunkSigning& signing, std::string_view hashes) {
  std::string text(s3::signing_algorithm);
  text.append(kind).append("\n").append(signing.date).append("\n").append(signing.scope).append("\n");
  text.append(signing.seed).append("\n").append(hashes);
  return text;
}

}  // namespace

Expected<BodyRules> body_rules(std::string_view content_sha256, const http::RequestHead& head) {
  BodyRules rules;
  if (content_sha256 == s3::unsigned_payload) return rules;
  if (content_sha256.starts_with("STREAMING-")) {
    rules.framing = BodyRules::Framing::chunks;
    rules.trailer = content_sha256.ends_with("-TRAILER");
    const bool is_signed = content_sha256.starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    if (is_signed) rules.signing.emplace();  // the caller fills it in
    if (!is_signed && content_sha256 != "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
      return S3Error(ErrorCode::not_implemented).with("Header", "x-amz-content-sha256");
    }
    DL_ASSIGN(rules.decoded_bytes, decoded_length(head));
    return rules;
  }
  rules.sha256 = Hash256::from_hex(content_sha256);
  if (!rules.sha256) {
    return invalid_argument(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        "x-amz-content-sha256", std::string(content_sha256));
  }
  return rules;
}

Done BodyDecoder::write(ByteView raw, const Sink& sink) {
  if (rules_.framing == BodyRules::Framing::plain) return pass(raw, sink);
  while (!raw.empty()) {
    if (state_ == State::end) return incomplete();  // something after the end
    if (state_ == State::data) {
      const ByteView piece = raw.first(std::min<std::uint64_t>(raw.size(), chunk_left_));
      raw = raw.subspan(piece.size());
      chunk_left_ -= piece.size();
      DL_TRY(pass(piece, sink));
      if (chunk_left_ == 0) state_ = State::data_end;
      continue;
    }
    const auto newline = std::find(raw.begin(), raw.end(), '\n');
    const auto length = static_cast<std::size_t>(newline - raw.begin());
    line_ += text_of(raw.first(length));
    if (line_.size() > max_line_bytes) return incomplete();
    if (newline == raw.end()) return {};
    raw = raw.subspan(length + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    DL_TRY(take_line());
    line_.clear();
  }
  return {};
}

Done BodyDecoder::pass(ByteView bytes, const Sink& sink) {
  decoded_ += bytes.size();
  if (rules_.decoded_bytes && decoded_ > *rules_.decoded_bytes) return incomplete();
  if (rules_.sha256 || rules_.signing) hash_.update(bytes);
  return sink(bytes);
}

Done BodyDecoder::take_line() {
  if (state_ == State::size) return begin_chunk();
  if (state_ == State::trailer) return take_trailer();
  // After a chunk's data.
  if (!line_.empty()) return incomplete();
  return end_chunk();
}

Done BodyDecoder::begin_chunk() {
  const auto semicolon = std::min(line_.find(';'), line_.size());
  const std::string_view digits = std::string_view(line_).substr(0, semicolon);
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), chunk_left_, 16);
  if (failed != std::errc{} || end != digits.data() + digits.size()) return incomplete();
  if (rules_.decoded_bytes && chunk_left_ > *rules_.decoded_bytes - decoded_) return incomplete();
  if (rules_.signing) {
    const std::string_view extension = std::string_view(line_).substr(std::min(semicolon + 1, line_.size()));
    DL_ASSIGN(chunk_signature_, take_signature(trimmed(extension)));
  }
  last_chunk_ = chunk_left_ == 0;
  if (!last_chunk_) {
    state_ = State::data;
    return {};
  }
  return end_chunk();
}

Expected<std::string> BodyDecoder::take_signature(std::string_view extension) {
  if (!extension.starts_with(signature_extension)) return incomplete();
  return std::string(extension.substr(signature_extension.size()));
}

Done BodyDecoder::end_chunk() {
  if (rules_.signing) {
    ChunkSigning& signing = *rules_.signing;
    const std::string hashes = std::string(s3::empty_payload) + "\n" + hash_.finish().hex();
    const std::string expected = s3::signature(signing.key, text_to_sign("-PAYLOAD", signing, hashes));
    if (expected != chunk_signature_) return ErrorCode::signature_does_not_match;
    signing.seed = expected;
  }
  state_ = last_chunk_ ? State::trailer : State::size;
  return {};
}

Done BodyDecoder::take_trailer() {
  // Trailers end with an empty line. Some clients leave out the one that ends the whole; finish() sees to that.
  if (line_.empty()) {
    if (rules_.trailer && rules_.signing && trailer_signature_.empty() && !trailers_.empty()) return {};
    state_ = State::end;
    return {};
  }
  const auto colon = line_.find(':');
  if (colon == std::string::npos || !rules_.trailer) return ErrorCode::malformed_trailer;
  std::string name = line_.substr(0, colon);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string value(trimmed(std::string_view(line_).substr(colon + 1)));
  if (name == signature_trailer) {
    trailer_signature_ = std::move(value);
    return {};
  }
  trailer_text_.append(name).append(":").append(value).append("\n");
  if (trailer_text_.size() > max_trailers_bytes) return ErrorCode::malformed_trailer;
  trailers_.emplace_back(std::move(name), std::move(value));
  return {};
}

Done BodyDecoder::end_trailers() {
  if (!rules_.trailer || !rules_.signing) return {};
  if (trailers_.empty() && trailer_signature_.empty()) return ErrorCode::malformed_trailer;
  const ChunkSigning& signing = *rules_.signing;
  const std::string text = text_to_sign("-TRAILER", signing, sha256(trailer_text_).hex());
  if (s3::signature(signing.key, text) != trailer_signature_) return ErrorCode::signature_does_not_match;
  return {};
}

Done BodyDecoder::finish() {
  if (rules_.framing == BodyRules::Framing::plain) {
    if (!rules_.sha256) return {};
    const Hash256 computed = hash_.finish();
    if (computed == *rules_.sha256) return {};
    return S3Error(ErrorCode::content_sha256_mismatch)
        .with("ClientComputedContentSHA256", rules_.sha256->hex())
        .with("S3ComputedContentSHA256", computed.hex());
  }
  if (state_ == State::trailer && !line_.empty()) {  // the last line lacks its end
    if (line_.ends_with('\r')) line_.pop_back();
    DL_TRY(take_line());
  }
  if (state_ != State::trailer && state_ != State::end) return incomplete();
  if (decoded_ != rules_.decoded_bytes.value_or(decoded_)) return incomplete();
  return end_trailers();
}

}  // namespace duskline::gateway
