#include "gateway/pages.h"

#include <algorithm>

namespace duskline::gateway {
namespace {

http::Answer text_answer(int status, std::string_view type, std::string text) {
  http::Answer answer;
  answer.status = status;
  answer.headers = {{"content-type", std::string(type)}, {"cache-control", "no-store"}};
  answer.body = std::move(text);
  return answer;
}

bool is_page(std::string_view path) { return path == "/healthz" || path == "/readyz" || path == "/metrics"; }

bool is_below(std::string_view host, std::string_view domain) {
  host = host.substr(0, host.find(':'));
  if (domain.empty() || host.size() <= domain.size() + 1 || host[host.size() - domain.size() - 1] != '.') return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(domain.begin(), domain.end(), host.end() - static_cast<std::ptrdiff_t>(domain.size()),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

std::optional<http::Answer> ServerPages::page(const http::RequestHead& head) {
  if (!is_page(head.target) || (head.method != "GET" && head.method != "HEAD")) return std::nullopt;
  if (head.header("authorization") != nullptr) return std::nullopt;
  if (const std::string* const host = head.header("host"); host != nullptr && is_below(*host, domain_)) {
    return std::nullopt;
  }
  http::Answer answer = answer_for(head.target);
  if (head.method == "HEAD") {
    answer.head_length = answer.body.size();
    answer.body.clear();
  }
  return answer;
}

http::Answer ServerPages::answer_for(std::string_view path) {
  if (path == "/healthz") return text_answer(200, "text/plain; charset=utf-8", "ok\n");
  if (path == "/readyz") {
    return ready_ ? text_answer(200, "text/plain; charset=utf-8", "ready\n")
                  : text_answer(503, "text/plain; charset=utf-8", "starting or stopping\n");
  }
  http::Server* const server = server_;
  return text_answer(200, "text/plain; version=0.0.4; charset=utf-8",
                     metrics_.text(objects_.counts(), server == nullptr ? http::ServerCounts() : server->counts(),
                                   lost_lines_ ? lost_lines_() : 0));
}

}  // namespace duskline::gateway
