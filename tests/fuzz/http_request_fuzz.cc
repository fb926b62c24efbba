// Heads of requests and chunked bodies, in one run and in pieces.
#include <algorithm>

#include "fuzz.h"
#include "http/server_chunks.h"
#include "http/server_head.h"

namespace {

using namespace duskline;

bool is_clean(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t'; });
}

void check(const http::ParsedHead& parsed) {
  fuzz::require((parsed.status == 0) == (parsed.head != nullptr), "a head or a refusal");
  if (parsed.head == nullptr) return;
  const http::RequestHead& head = *parsed.head;
  fuzz::require(head.target == "*" || head.target.starts_with('/'), "a target is a path");
  fuzz::require(is_clean(head.target) && is_clean(head.method), "no control character gets in");
  std::size_t lengths = 0, encodings = 0;
  for (const auto& [name, value] : head.headers) {
    fuzz::require(!name.empty() && is_clean(name) && is_clean(value), "no control character gets in");
    lengths += name == "content-length" ? 1 : 0;
    encodings += name == "transfer-encoding" ? 1 : 0;
  }
  fuzz::require(lengths + encodings <= 1, "one framing and no other");
  fuzz::require(head.content_length.has_value() == (lengths == 1) && head.chunked == (encodings == 1),
                "the framing is what the headers say");
}

struct Unwrapped {
  std::string body;
  std::size_t consumed = 0;
  bool done = false, malformed = false;
  bool operator==(const Unwrapped&) const = default;
};

Unwrapped unwrap(ByteView in, std::size_t in_step, std::size_t out_step) {
  http::ChunkReader reader;
  Unwrapped result;
  Bytes out(out_step);
  while (result.consumed < in.size() && !reader.done() && !reader.malformed()) {
    const auto step = reader.read(in.subspan(result.consumed, std::min(in_step, in.size() - result.consumed)), out);
    fuzz::require(step.consumed > 0, "it goes on");
    result.consumed += step.consumed;
    result.body.append(text_of(ByteView(out).first(step.produced)));
  }
  result.done = reader.done();
  result.malformed = reader.malformed();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(fuzz::view(data, size));
  http::HeadFinder at_once, bit_by_bit;
  const auto length = at_once.find(text);
  std::optional<std::size_t> found;
  for (std::size_t have = 0; have <= text.size() && !found; ++have) found = bit_by_bit.find(text.substr(0, have));
  fuzz::require(found == length, "a head ends where it ends, however it comes");
  const bool bad = http::begins_badly(text);
  if (length) {
    const auto parsed = http::parse_head(text.substr(0, *length));
    check(parsed);
    fuzz::require(!bad || parsed.status != 0, "what begins badly is no request");
  }
  const ByteView bytes = fuzz::view(data, std::min<std::size_t>(size, 4096));
  const Unwrapped whole = unwrap(bytes, bytes.size() + 1, bytes.size() + 1);
  fuzz::require(unwrap(bytes, 1, 1) == whole, "a body is the same, however it comes");
  fuzz::require(unwrap(bytes, 7, 3) == whole, "a body is the same, however it comes");
  return 0;
}
