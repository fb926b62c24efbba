#include "gateway/service.h"

#include <algorithm>

#include "gateway/exchange.h"

namespace duskline::gateway {
namespace {

bool is_host_name(std::string_view text) {
  return text.size() <= 253 && !text.starts_with('.') && !text.ends_with('.') &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
}

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// Requests may name a key by what follows the last '/' of an ARN or an alias.
bool is_key_name(std::string_view text) {
  constexpr std::size_t longest = 256;
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '/'; });
}

// Scatters numbers so that ids do not look like a count (SplitMix64's finalizer).
std::uint64_t scattered(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

ErrorCode code_of(int status) {
  switch (status) {
    case 408:
      return ErrorCode::request_timeout;
    case 413:
      return ErrorCode::entity_too_large;
    case 414:
      return ErrorCode::invalid_uri;
    case 431:
      return ErrorCode::request_header_section_too_large;
    case 501:
      return ErrorCode::not_implemented;
    case 503:
      return ErrorCode::slow_down;
    default:
      return ErrorCode::invalid_request;
  }
}

}  // namespace

Result<std::unique_ptr<Service>> Service::make(ServiceParts parts, ServiceOptions options) {
  if (!is_region(options.region)) {
    return Error{Code::usage, "the region \"" + options.region + "\" is none: use letters, digits and '-'"};
  }
  if (!options.domain.empty() && !is_host_name(options.domain)) {
    return Error{Code::usage, "the domain \"" + options.domain + "\" is no host name in lower case"};
  }
  for (const std::string& name : options.named_keys) {
    if (!is_key_name(name)) {
      return Error{Code::usage, "\"" + name + "\" is no name for a key: use printable ASCII without spaces and '/'"};
    }
  }
  return std::unique_ptr<Service>(new Service(std::move(parts), std::move(options)));
}

Service::Service(ServiceParts parts, ServiceOptions options)
    : parts_(std::move(parts)),
      authenticator_(parts_.keys),
      services_{parts_.objects, parts_.keys, parts_.clock, authenticator_, parts_.sealing, std::move(options)},
      id_seed_(scattered(static_cast<std::uint64_t>(parts_.clock.now().time_since_epoch().count()))) {}

std::string Service::next_request_id() {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::uint64_t value = scattered(id_seed_ + requests_.fetch_add(1, std::memory_order_relaxed));
  std::string id(16, '0');
  for (char& c : id) {
    c = digits[value >> 60];
    value <<= 4;
  }
  return id;
}

bool Service::take_document_room(const Caller& caller, std::size_t bytes) {
  const std::size_t most =
      caller.anonymous() ? max_strangers_documents_bytes : max_documents_bytes - max_strangers_documents_bytes;
  if (documents_of(caller).fetch_add(bytes) + bytes <= most) return true;
  documents_of(caller) -= bytes;
  return false;
}

std::unique_ptr<http::Exchange> Service::begin(std::shared_ptr<const http::RequestHead> head) {
  if (parts_.pages != nullptr) {
    if (auto page = parts_.pages->page(*head)) return page_exchange(std::move(*page));
  }
  return s3_exchange(*this, std::move(head), next_request_id());
}

http::Answer Service::malformed(int status) {
  http::Answer answer = error_answer(code_of(status), {next_request_id(), ""});
  answer.status = status;
  return answer;
}

}  // namespace duskline::gateway
