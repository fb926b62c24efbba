#include "gateway/route.h"

#include <algorithm>
#include <array>

#include "s3/sigv4_check.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

// Query parameters that name a part of a bucket or object which no operation here serves.
constexpr std::array unserved = {"accelerate",
                                 "analytics",
                                 "intelligent-tiering",
                                 "inventory",
                                 "metadataConfiguration",
                                 "metadataInventoryTable",
                                 "metadataJournalTable",
                                 "metadataTable",
                                 "metrics",
                                 "renameObject",
                                 "restore",
                                 "select",
                                 "session",
                                 "torrent",
                                 "logging",
                                 "notification",
                                 "replication",
                                 "requestPayment",
                                 "website"};

// What a form sends back with a space, as '+'.
std::string spaces_for_plus(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '+', ' ');
  return out;
}

// "http://host/path" counts as "/path".
std::string_view without_authority(std::string_view target) {
  if (target.starts_with('/')) return target;
  const auto scheme = target.find("://");
  if (scheme == std::string_view::npos) return target;
  const auto slash = target.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

std::string_view host_without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// "bucket" of "bucket.s3.example.com"; empty where the host is not under the domain.
std::string_view bucket_of_host(const Request& request, std::string_view domain) {
  const std::string* const header = request.header("host");
  if (domain.empty() || header == nullptr) return {};
  const std::string_view host = host_without_port(*header);
  if (host.size() < domain.size() + 2 || !same_letters(host.substr(host.size() - domain.size()), domain)) return {};
  const std::string_view front = host.substr(0, host.size() - domain.size());
  return front.ends_with('.') ? front.substr(0, front.size() - 1) : std::string_view();
}

Target target_of(const Request& request) {
  if (request.bucket.empty()) return Target::service;
  return request.key.empty() ? Target::bucket : Target::object;
}

// Whether the row's subresource ("uploadId", or "partNumber&uploadId") is in the query, and "copy" where it is a copy.
bool matches(const Operation& operation, const Request& request, Target target) {
  if (operation.target != target || operation.method != request.method()) return false;
  std::string_view wanted = operation.subresource;
  while (!wanted.empty()) {
    const auto end = std::min(wanted.find('&'), wanted.size());
    const std::string_view name = wanted.substr(0, end);
    wanted.remove_prefix(std::min(end + 1, wanted.size()));
    const bool there =
        name == "@copy" ? request.header("x-amz-copy-source") != nullptr : request.parameter(name) != nullptr;
    if (!there) return false;
  }
  return true;
}

std::size_t terms_of(const Operation& operation) {
  if (operation.subresource.empty()) return 0;
  return 1 + static_cast<std::size_t>(std::count(operation.subresource.begin(), operation.subresource.end(), '&'));
}

S3Error method_not_allowed(const Request& request, Target target) {
  constexpr std::array<std::string_view, 3> kinds = {"SERVICE", "BUCKET", "OBJECT"};
  return S3Error(ErrorCode::method_not_allowed)
      .with("Method", request.method())
      .with("ResourceType", std::string(kinds[static_cast<std::size_t>(target)]));
}

bool names_subresource(const Request& request) {
  const auto named = [&](std::span<const Operation> rows) {
    return std::any_of(rows.begin(), rows.end(), [&](const Operation& row) {
      return !row.subresource.empty() && row.subresource.find_first_of("&@") == std::string_view::npos &&
             row.subresource != "list-type" && request.parameter(row.subresource) != nullptr;
    });
  };
  return named(core_operations()) || named(configuration_operations());
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned first = byte(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    const unsigned second = byte(i + 1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
        (first == 0xF4 && second > 0x8F)) {
      return false;  // overlong, a surrogate, or beyond U+10FFFF
    }
    i += more + 1;
  }
  return true;
}

bool is_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!letter(name.front()) || !letter(name.back())) return false;
  if (!std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '.' || c == '-'; })) return false;
  // Its labels shall be those of a host name.
  for (const std::string_view joint : {"..", ".-", "-."}) {
    if (name.find(joint) != std::string_view::npos) return false;
  }
  const bool digits_and_dots =
      std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (digits_and_dots && std::count(name.begin(), name.end(), '.') == 3) return false;  // an IPv4 address
  for (const std::string_view prefix : {"xn--", "sthree-"}) {
    if (name.starts_with(prefix)) return false;
  }
  for (const std::string_view suffix : {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}) {
    if (name.ends_with(suffix)) return false;
  }
  return true;
}

Done locate(Request& request, const ServiceOptions& options) {
  const std::string_view target = without_authority(request.head->target);
  if (!target.starts_with('/')) return ErrorCode::invalid_uri;
  const auto question = std::min(target.find('?'), target.size());
  if (question < target.size()) {
    auto query = s3::parse_query(spaces_for_plus(target.substr(question + 1)));
    if (!query) return ErrorCode::invalid_uri;
    request.query = std::move(*query);
  }
  auto path = s3::uri_decode(target.substr(1, question - 1));
  if (!path || !is_utf8(*path)) return ErrorCode::invalid_uri;
  if (const auto bucket = bucket_of_host(request, options.domain); !bucket.empty()) {
    request.virtual_host = true;
    request.bucket = bucket;
    request.key = std::move(*path);
  } else {
    const auto slash = std::min(path->find('/'), path->size());
    request.bucket = path->substr(0, slash);
    if (slash < path->size()) request.key = path->substr(slash + 1);
  }
  if (request.bucket.empty() && !request.key.empty()) return ErrorCode::invalid_bucket_name;
  if (request.key.size() > max_key_bytes) {
    return S3Error(ErrorCode::key_too_long)
        .with("Size", std::to_string(request.key.size()))
        .with("MaxSizeAllowed", std::to_string(max_key_bytes));
  }
  return {};
}

Expected<const Operation*> find_operation(const Request& request) {
  const Target target = target_of(request);
  const Operation* best = nullptr;
  for (const auto rows : {core_operations(), configuration_operations()}) {
    for (const Operation& row : rows) {
      if (matches(row, request, target) && (best == nullptr || terms_of(row) > terms_of(*best))) best = &row;
    }
  }
  const bool plain = best == nullptr || best->subresource.empty() || best->subresource == "list-type";
  if (plain && !request.query.empty()) {
    for (const std::string_view name : unserved) {
      if (request.parameter(name) != nullptr) return ErrorCode::not_implemented;
    }
    if (names_subresource(request)) return method_not_allowed(request, target);
  }
  if (best == nullptr) return method_not_allowed(request, target);
  return best;
}

}  // namespace duskline::gateway
