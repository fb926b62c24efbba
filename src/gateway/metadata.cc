#include "gateway/metadata.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "gateway/digests.h"
#include "gateway/properties.h"
#include "gateway/route.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_user_metadata_bytes = 2048;
constexpr std::string_view user_prefix = "x-amz-meta-";
// Kept under their own names.
constexpr std::array<std::string_view, 6> system_headers = {
    "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"};
constexpr std::array<std::string_view, 11> storage_classes = {
    "STANDARD",     "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER",
    "DEEP_ARCHIVE", "GLACIER_IR",         "OUTPOSTS",    "SNOW",       "EXPRESS_ONEZONE"};
constexpr std::string_view default_type = "binary/octet-stream";

// "gzip" of "aws-chunked,gzip": what S3's framing adds is not the object's.
std::string without_framing(std::string_view encodings) {
  if (encodings.find("aws-chunked") == std::string_view::npos) return std::string(encodings);
  std::string kept;
  while (!encodings.empty()) {
    const auto comma = std::min(encodings.find(','), encodings.size());
    std::string_view one = encodings.substr(0, comma);
    encodings.remove_prefix(std::min(comma + 1, encodings.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one == "aws-chunked" || one.empty()) continue;
    if (!kept.empty()) kept += ", ";
    kept += one;
  }
  return kept;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::string> decode_quoted(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out += ' ';
    } else if (text[i] != '=') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

// The inside of "=?UTF-8?B?...?=".
std::optional<std::string> decode_word(std::string_view word) {
  const auto first = word.find('?');
  if (first == std::string_view::npos || first + 2 >= word.size() || word[first + 2] != '?') return std::nullopt;
  std::string charset(word.substr(0, first));
  std::transform(charset.begin(), charset.end(), charset.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  if (charset != "UTF-8" && charset != "US-ASCII") return std::nullopt;
  const char encoding = word[first + 1];
  const std::string_view text = word.substr(first + 3);
  std::optional<std::string> out;
  if (encoding == 'B' || encoding == 'b') {
    if (const auto bytes = from_base64(text)) out = std::string(text_of(*bytes));
  }
  if (encoding == 'Q' || encoding == 'q') out = decode_quoted(text);
  // Control characters would not survive in a header.
  if (!out || !is_utf8(*out) || std::any_of(out->begin(), out->end(), [](char c) { return c >= 0 && c < 32; })) {
    return std::nullopt;
  }
  return out;
}

bool is_header_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string_view::npos;
  });
}

Done take_user_metadata(const http::Headers& headers, objects::Properties& properties) {
  std::size_t size = 0;
  for (const auto& [name, value] : headers) {
    if (!name.starts_with(user_prefix)) continue;
    // The fields of a form may have any names.
    if (!is_header_name(name)) return invalid_argument("This cannot be the name of a header.", "name", name);
    const std::string short_name = name.substr(user_prefix.size());
    const std::string decoded = decode_words(value);
    size += short_name.size() + decoded.size();
    std::string& kept = properties[std::string(property::user_metadata) + short_name];
    kept = kept.empty() ? decoded : kept + "," + decoded;
  }
  if (size <= max_user_metadata_bytes) return {};
  return S3Error(ErrorCode::metadata_too_large)
      .with("Size", std::to_string(size))
      .with("MaxSizeAllowed", std::to_string(max_user_metadata_bytes));
}

void set_header(http::Headers& headers, std::string_view name, const std::string& value) {
  for (auto& header : headers) {
    if (header.first == name) {
      header.second = value;
      return;
    }
  }
  headers.emplace_back(name, value);
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 32) || c == 127; });
}

}  // namespace

Done take_metadata(const http::Headers& headers, objects::Properties& properties) {
  for (const std::string_view name : system_headers) {
    const std::string* const value = find_header(headers, name);
    if (value == nullptr) continue;
    std::string kept = name == "content-encoding" ? without_framing(*value) : *value;
    if (!kept.empty()) properties[std::string(name)] = std::move(kept);
  }
  if (const std::string* const redirect = find_header(headers, "x-amz-website-redirect-location")) {
    if (!redirect->starts_with('/') && !redirect->starts_with("http://") && !redirect->starts_with("https://")) {
      return S3Error(ErrorCode::invalid_redirect_location);
    }
    properties[std::string(property::website_redirect)] = *redirect;
  }
  return take_user_metadata(headers, properties);
}

Done take_storage_class(const http::Headers& headers, objects::Properties& properties) {
  const std::string* const name = find_header(headers, "x-amz-storage-class");
  if (name == nullptr) return {};
  if (std::find(storage_classes.begin(), storage_classes.end(), *name) == storage_classes.end()) {
    return S3Error(ErrorCode::invalid_storage_class).with("StorageClassRequested", *name);
  }
  if (*name != "STANDARD") properties[std::string(property::storage_class)] = *name;
  return {};
}

std::string storage_class_of(const objects::Properties& properties) {
  const std::string* const kept = find(properties, property::storage_class);
  return kept == nullptr ? "STANDARD" : *kept;
}

void give_metadata(const objects::Properties& properties, http::Headers& headers) {
  bool typed = false;
  for (const auto& [name, value] : properties) {
    if (name.starts_with(property::user_metadata)) {
      std::string header(user_prefix);
      header.append(name, property::user_metadata.size());
      headers.emplace_back(std::move(header), encode_words(value));
    } else if (std::find(system_headers.begin(), system_headers.end(), name) != system_headers.end()) {
      headers.emplace_back(name, value);
      typed = typed || name == property::content_type;
    } else if (name == property::website_redirect) {
      headers.emplace_back("x-amz-website-redirect-location", value);
    } else if (name == property::storage_class) {
      headers.emplace_back("x-amz-storage-class", value);
    }
  }
  if (!typed) headers.emplace_back("content-type", default_type);
}

Done override_headers(const Request& request, const Caller& caller, http::Headers& headers) {
  if (request.query.empty()) return {};
  for (const std::string_view name : system_headers) {
    const std::string* const value = request.parameter("response-" + std::string(name));
    if (value == nullptr) continue;
    if (caller.anonymous()) {
      return S3Error(ErrorCode::invalid_request,
                     "Request specific response headers cannot be used for anonymous GET requests.");
    }
    if (has_control_characters(*value)) {
      return invalid_argument("Header value cannot be represented using ISO-8859-1.", "response-" + std::string(name),
                              *value);
    }
    set_header(headers, name, *value);
  }
  return {};
}

std::string encode_words(const std::string& value) {
  if (is_ascii(value) || !is_utf8(value)) return value;
  return "=?UTF-8?B?" + to_base64(bytes_of(value)) + "?=";
}

std::string decode_words(const std::string& value) {
  std::string out;
  std::string_view rest = value;
  bool after_word = false;
  while (!rest.empty()) {
    const auto begin = rest.find("=?");
    if (begin == std::string_view::npos) break;
    // "?=" that ends the word comes after charset and encoding.
    const auto charset_end = rest.find('?', begin + 2);
    const auto text = charset_end == std::string_view::npos ? charset_end : rest.find('?', charset_end + 1);
    const auto end = text == std::string_view::npos ? text : rest.find("?=", text + 1);
    if (end == std::string_view::npos) break;
    const auto word = decode_word(rest.substr(begin + 2, end - begin - 2));
    if (!word) return value;  // not ours to read: as it came
    const std::string_view between = rest.substr(0, begin);
    // White space between two encoded words belongs to neither.
    if (!after_word || between.find_first_not_of(" \t") != std::string_view::npos) out += between;
    out += *word;
    rest.remove_prefix(end + 2);
    after_word = true;
  }
  out += rest;
  return out;
}

}  // namespace duskline::gateway
