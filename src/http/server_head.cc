#include "http/server_head.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace duskline::http {
namespace {

// A flood of tiny headers would take many times its own size in memory.
constexpr std::size_t max_header_lines = 256;
constexpr std::size_t max_method_length = 32;

bool is_token_char(char c) {
  static constexpr auto table = [] {
    std::array<bool, 256> is{};
    for (char letter = 'a'; letter <= 'z'; ++letter) is[static_cast<unsigned char>(letter)] = true;
    for (char letter = 'A'; letter <= 'Z'; ++letter) is[static_cast<unsigned char>(letter)] = true;
    for (char digit = '0'; digit <= '9'; ++digit) is[static_cast<unsigned char>(digit)] = true;
    for (const char mark : std::string_view("!#$%&'*+-.^_`|~")) is[static_cast<unsigned char>(mark)] = true;
    return is;
  }();
  return table[static_cast<unsigned char>(c)];
}
bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char); }

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same_word(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return to_lower(a) == b; });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

// "http://host:port/path" is what a client sends that takes us for a proxy.
void split_absolute_target(std::string& target, std::optional<std::string>& authority) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!same_word(std::string_view(target).substr(0, scheme.size()), scheme)) continue;
    const auto slash = target.find_first_of("/?", scheme.size());
    authority = target.substr(scheme.size(), slash == std::string::npos ? slash : slash - scheme.size());
    target = slash == std::string::npos ? "/" : target.substr(slash);
    if (target.front() == '?') target.insert(target.begin(), '/');
    return;
  }
}

class HeadParser {
 public:
  int parse(std::string_view text) {
    while (text.starts_with("\r\n")) text.remove_prefix(2);
    if (const int status = request_line(take_line(text)); status != 0) return status;
    head_->headers.reserve(16);
    for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
      if (head_->headers.size() == max_header_lines) return 431;
      if (const int status = header_line(line); status != 0) return status;
    }
    return conclude();
  }
  std::shared_ptr<RequestHead> head_ = std::make_shared<RequestHead>();
  bool keep_alive_ = false, expects_continue_ = false;

 private:
  int request_line(std::string_view line) {
    const auto first = line.find(' '), last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return 400;
    const std::string_view method = line.substr(0, first), version = line.substr(last + 1);
    if (!is_token(method) || method.size() > max_method_length) return 400;
    if (const int status = protocol(version); status != 0) return status;
    head_->method = method;
    head_->target = line.substr(first + 1, last - first - 1);
    const std::string& target = head_->target;
    if (target.empty() || std::any_of(target.begin(), target.end(), [](char c) { return c == ' ' || is_control(c); })) {
      return 400;
    }
    split_absolute_target(head_->target, authority_);
    return target.front() == '/' || target == "*" ? 0 : 400;
  }

  int protocol(std::string_view version) {
    const bool form = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' &&
                      std::isdigit(static_cast<unsigned char>(version[5])) != 0 &&
                      std::isdigit(static_cast<unsigned char>(version[7])) != 0;
    if (!form) return 400;
    if (version[5] != '1') return 505;
    head_->http_1_0 = version[7] == '0';
    keep_alive_ = !head_->http_1_0;
    return 0;
  }

  int header_line(std::string_view line) {
    const auto colon = line.find(':');
    // Also refuses folded lines and spaces before the colon.
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return 400;
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (std::any_of(value.begin(), value.end(), [](char c) { return c != '\t' && is_control(c); })) return 400;
    auto& [name, kept] = head_->headers.emplace_back(line.substr(0, colon), value);
    std::transform(name.begin(), name.end(), name.begin(), to_lower);
    return known_header(name, kept);
  }

  int known_header(const std::string& name, const std::string& value) {
    switch (name.size()) {
      case 4:
        if (name == "host" && std::exchange(has_host_, true)) return 400;
        break;
      case 6:
        if (name == "expect") expects_continue_ = expects_continue_ || same_word(value, "100-continue");
        break;
      case 10:
        if (name == "connection") connection(value);
        break;
      case 14:
        if (name == "content-length") return content_length(value);
        break;
      case 17:
        if (name == "transfer-encoding") return transfer_encoding(value);
        break;
      default:
        break;
    }
    return 0;
  }

  void connection(std::string_view value) {
    while (!value.empty()) {
      const auto comma = value.find(',');
      const std::string_view word = trimmed(value.substr(0, comma));
      if (same_word(word, "close")) says_close_ = true;
      if (same_word(word, "keep-alive")) keep_alive_ = true;
      value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
    }
  }

  // Twice, even with the same number, is refused: whoever stands before us may have believed another one.
  int content_length(const std::string& value) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool right = failed == std::errc{} && end == value.data() + value.size() && number <= INT64_MAX;
    if (!right || head_->content_length) return 400;
    head_->content_length = number;
    return 0;
  }

  int transfer_encoding(const std::string& value) {
    if (head_->chunked) return 400;
    if (!same_word(value, "chunked")) return 501;
    head_->chunked = true;
    return 0;
  }

  int conclude() {
    if (head_->chunked && (head_->content_length || head_->http_1_0)) return 400;
    if (!has_host_ && !head_->http_1_0) return 400;
    if (says_close_) keep_alive_ = false;
    if (head_->http_1_0) expects_continue_ = false;
    if (authority_) {
      for (auto& [name, value] : head_->headers) {
        if (name == "host") value = *authority_;
      }
    }
    return 0;
  }

  bool has_host_ = false, says_close_ = false;
  std::optional<std::string> authority_;
};

}  // namespace

const std::string* RequestHead::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return &value;
  }
  return nullptr;
}

std::optional<std::size_t> HeadFinder::find(std::string_view bytes) {
  // Empty lines before a request line are passed over (RFC 9112 section 2.2).
  std::size_t begin = 0;
  while (bytes.substr(begin).starts_with("\r\n")) begin += 2;
  const std::size_t from = std::max(begin, searched_ > 3 ? searched_ - 3 : 0);
  const auto end = bytes.find("\r\n\r\n", from);
  searched_ = bytes.size();
  if (end == std::string_view::npos) return std::nullopt;
  searched_ = 0;
  return end + 4;
}

bool begins_badly(std::string_view bytes) {
  while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  if (bytes.empty() || bytes == "\r") return false;
  const std::string_view word = bytes.substr(0, bytes.find(' '));
  return word.size() > max_method_length || !is_token(word);
}

ParsedHead parse_head(std::string_view text) {
  HeadParser parser;
  ParsedHead parsed;
  parsed.status = parser.parse(text);
  if (parsed.status != 0) return parsed;
  parsed.head = std::move(parser.head_);
  parsed.keep_alive = parser.keep_alive_;
  parsed.expects_continue = parser.expects_continue_;
  return parsed;
}

}  // namespace duskline::http
