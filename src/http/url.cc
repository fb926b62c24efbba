#include "http/url.h"

#include <algorithm>
#include <charconv>

#include "base/units.h"

namespace duskline::http {
namespace {

constexpr std::size_t max_url_bytes = 16 << 10;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
  return out;
}

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return host.find_first_not_of("0123456789abcdef:.", 1) == host.size() - 1;
  }
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), is_host_char);
}

Error bad_url(std::string_view text, std::string_view why) {
  return {Code::usage, "\"" + loggable_url(text) + "\" is not a URL that can be used: " + std::string(why)};
}

}  // namespace

std::string Url::authority() const {
  const bool default_port = port == 0 || (scheme == "http" && port == 80) || (scheme == "https" && port == 443);
  return default_port ? host : host + ":" + std::to_string(port);
}

Result<Url> parse_url(std::string_view text) {
  if (text.size() > max_url_bytes) return bad_url(text.substr(0, 100), "it is too long");
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    return bad_url(text, "it holds a space, a control character or one that is not ASCII");
  }
  Url url;
  const auto colon = text.find("://");
  if (colon != std::string_view::npos) url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return bad_url(text, "it must begin with http:// or https://");
  std::string_view rest = text.substr(colon + 3);
  if (rest.find('#') != std::string_view::npos) return bad_url(text, "it has a fragment (#)");

  const auto end_of_host = std::min(rest.find_first_of("/?"), rest.size());
  std::string host = lower(rest.substr(0, end_of_host));
  rest.remove_prefix(end_of_host);
  if (host.find('@') != std::string::npos) return bad_url(text, "user names and passwords do not belong into it");
  const auto port_at = host.rfind(':');
  if (port_at != std::string::npos && host.find(']', port_at) == std::string::npos) {
    const std::string_view digits = std::string_view(host).substr(port_at + 1);
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (failed != std::errc{} || end != digits.data() + digits.size() || url.port == 0) {
      return bad_url(text, "its port is not a number from 1 to 65535");
    }
    host.erase(port_at);
  }
  if (!is_host(host)) return bad_url(text, "its host is empty or has characters that no host has");
  url.host = std::move(host);

  const auto question = std::min(rest.find('?'), rest.size());
  url.path = rest.substr(0, question);
  if (question < rest.size()) url.query = rest.substr(question + 1);
  return url;
}

std::string loggable_url(std::string_view url) {
  constexpr std::size_t enough = 1024;
  std::string_view shown = url.substr(0, std::min(url.find_first_of("?#"), url.size()));
  std::string out;
  if (const auto colon = shown.find("://"); colon != std::string_view::npos) {
    out = shown.substr(0, colon + 3);
    shown.remove_prefix(colon + 3);
  }
  const auto end_of_host = std::min(shown.find('/'), shown.size());
  if (const auto at = shown.rfind('@', end_of_host); at != std::string_view::npos && at < end_of_host) {
    shown.remove_prefix(at + 1);
  }
  out += shown.substr(0, enough);
  return printable(out);
}

}  // namespace duskline::http
