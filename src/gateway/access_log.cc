#include "gateway/access_log.h"

#include <array>
#include <cstdio>

#include "gateway/error.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

// "[06/Feb/2019:00:00:38 +0000]"
std::string bracketed(WallTime time) {
  static constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "[%02u/%s/%04d:%02d:%02d:%02d +0000]", static_cast<unsigned>(date.day()),
                months.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string or_dash(std::string_view text) { return text.empty() ? "-" : std::string(text); }

// What a client wrote must not look like another field or line. `least`: the first byte that stays.
std::string harmless(std::string_view text, unsigned char least) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < least || byte == 0x7f || c == '"' || c == '\\') {
      out.append("%").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    } else {
      out += c;
    }
  }
  return out;
}

std::string in_quotes(std::string_view text) { return text.empty() ? "\"-\"" : "\"" + harmless(text, ' ') + "\""; }

std::string_view header_of(const Request& request, std::string_view name) {
  const std::string* const value = request.head ? request.header(name) : nullptr;
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

std::string_view authentication(SignedBy how) {
  switch (how) {
    case SignedBy::header:
      return "AuthHeader";
    case SignedBy::query:
      return "QueryString";
    case SignedBy::form:
      return "POST";
    case SignedBy::nobody:
      break;
  }
  return "-";
}

std::string milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

std::string word(std::string_view text) { return or_dash(s3::uri_encode(text, s3::Slash::keep)); }

}  // namespace

std::string access_line(const Finished& finished, std::string_view bucket_owner) {
  const Request& request = finished.request;
  const http::RequestHead empty;
  const http::RequestHead& head = request.head ? *request.head : empty;
  const std::string* const version = request.parameter("versionId");
  std::string line;
  const auto add = [&](std::string_view field) {
    if (!line.empty()) line += ' ';
    line += field;
  };
  add(or_dash(bucket_owner));
  add(word(request.bucket));
  add(bracketed(request.now));
  add(or_dash(head.peer));
  add(or_dash(finished.caller.user));
  add(or_dash(request.request_id));
  add(finished.operation == nullptr ? "REST." + head.method + ".UNKNOWN" : std::string(finished.operation->log));
  add(word(request.key));
  add(in_quotes(head.method + " " + head.target + (head.http_1_0 ? " HTTP/1.0" : " HTTP/1.1")));
  add(std::to_string(finished.status));
  add(or_dash(finished.error));
  add(finished.outcome.body_bytes_sent == 0 ? "-" : std::to_string(finished.outcome.body_bytes_sent));
  add(finished.object_bytes == 0 ? "-" : std::to_string(finished.object_bytes));
  add(milliseconds(finished.outcome.total));
  add(milliseconds(finished.outcome.turnaround));
  add(in_quotes(header_of(request, "referer")));
  add(in_quotes(header_of(request, "user-agent")));
  add(version == nullptr ? "-" : word(*version));
  add(host_id);
  const bool old = finished.caller.signature == Caller::Signature::version_2;
  add(finished.caller.signed_by == SignedBy::nobody ? "-" : old ? "SigV2" : "SigV4");
  add("-");  // the cipher of TLS
  add(authentication(finished.caller.signed_by));
  add(or_dash(harmless(header_of(request, "host"), '!')));
  add(head.secure ? "TLS" : "-");
  add("-");  // no access points
  add("-");  // whether an ACL was needed is not told,
  add("-");  // nor where the request came from
  return line;
}

void AccessLog::finished(const Finished& request) {
  std::string owner;
  if (!request.request.bucket.empty()) {
    const auto bucket = objects_.bucket(request.request.bucket);
    if (bucket && *bucket) owner = (*bucket)->owner;
  }
  file_.append(access_line(request, owner));
}

}  // namespace duskline::gateway
