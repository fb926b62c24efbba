#include "http/header_reader.h"

#include <algorithm>
#include <charconv>

namespace duskline::http {
namespace {

constexpr std::size_t max_header_count = 256;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

Error malformed(std::string why) {
  return {Code::unavailable, "the answer's headers cannot be used: " + std::move(why)};
}

}  // namespace

const std::string* Response::header(std::string_view lower_case_name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const auto& entry) { return entry.first == lower_case_name; });
  return found == headers.end() ? nullptr : &found->second;
}

std::optional<std::uint64_t> Response::content_length() const {
  std::optional<std::uint64_t> length;
  for (const auto& [name, value] : headers) {
    if (name != "content-length") continue;
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (length || failed != std::errc{} || end != value.data() + value.size()) return std::nullopt;
    length = number;
  }
  return length;
}

Status HeaderReader::status_line(std::string_view text) {
  const auto space = text.find(' ');
  const std::string_view code = space == std::string_view::npos ? "" : text.substr(space + 1, 3);
  int status = 0;
  const auto [end, failed] = std::from_chars(code.data(), code.data() + code.size(), status);
  if (failed != std::errc{} || end != code.data() + 3 || status < 100) return malformed("no status in the first line");
  response_ = Response{};
  response_.status = status;
  complete_ = false;
  return {};
}

Status HeaderReader::line(std::string_view text) {
  if (text.size() > left_bytes_) return malformed("they are longer than the limit");
  left_bytes_ -= text.size();
  if (text.starts_with("HTTP/") && (response_.status == 0 || complete_)) return status_line(text);
  if (complete_) return {};
  const std::string_view content = trimmed(text);
  if (content.empty()) {
    complete_ = true;
    return {};
  }
  const auto colon = content.find(':');
  if (colon == std::string_view::npos || colon == 0) return malformed("a line without a name");
  if (response_.headers.size() >= max_header_count) return malformed("there are too many");
  response_.headers.emplace_back(lower_case(trimmed(content.substr(0, colon))), trimmed(content.substr(colon + 1)));
  return {};
}

}  // namespace duskline::http
