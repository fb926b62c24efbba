#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace duskline {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::usage:
      return "usage";
    case Code::invalid:
      return "invalid";
    case Code::corrupt:
      return "corrupt";
    case Code::not_found:
      return "not_found";
    case Code::already_exists:
      return "already_exists";
    case Code::not_modified:
      return "not_modified";
    case Code::precondition:
      return "precondition";
    case Code::denied:
      return "denied";
    case Code::expired:
      return "expired";
    case Code::untrusted:
      return "untrusted";
    case Code::stale:
      return "stale";
    case Code::replayed:
      return "replayed";
    case Code::refused:
      return "refused";
    case Code::locked:
      return "locked";
    case Code::difference:
      return "difference";
    case Code::cancelled:
      return "cancelled";
    case Code::timeout:
      return "timeout";
    case Code::unavailable:
      return "unavailable";
    case Code::throttled:
      return "throttled";
    case Code::unsupported:
      return "unsupported";
    case Code::too_large:
      return "too_large";
    case Code::changing:
      return "changing";
    case Code::no_space:
      return "no_space";
    case Code::read_only:
      return "read_only";
    case Code::io:
      return "io";
    case Code::internal:
      return "internal";
  }
  return "internal";
}

bool is_retryable(Code code) { return code == Code::unavailable || code == Code::throttled; }

int exit_code_of(Code code) {
  switch (code) {
    case Code::usage:
      return 2;
    case Code::difference:
      return 3;
    case Code::untrusted:
    case Code::stale:
    case Code::replayed:
    case Code::refused:
      return 5;
    case Code::locked:
      return 6;
    case Code::cancelled:
      return 130;
    default:
      return 1;
  }
}

std::string Error::describe() const {
  constexpr int max_levels = 16;
  std::string text = message;
  const Error* below = cause.get();
  for (int level = 0; below != nullptr && level < max_levels; ++level, below = below->cause.get()) {
    text += ": ";
    text += below->message;
  }
  return text;
}

Error wrap(Error cause, std::string context) {
  const Code code = cause.code;
  const auto retry_after = cause.retry_after;
  Error error{code, std::move(context), std::move(cause)};
  error.retry_after = retry_after;
  return error;
}

namespace {

Code code_of_errno(int err) {
  switch (err) {
    case ENOENT:
      return Code::not_found;
    case EEXIST:
    case ENOTEMPTY:
      return Code::already_exists;
    case EACCES:
    case EPERM:
      return Code::denied;
    case ENOSPC:
    case EDQUOT:
      return Code::no_space;
    case EROFS:
      return Code::read_only;
    case EOPNOTSUPP:
    case ENOSYS:
      return Code::unsupported;
    case ELOOP:
      return Code::refused;
    default:
      return Code::io;
  }
}

}  // namespace

Error errno_error(std::string what, int err) {
  what += ": ";
  what += std::strerror(err);
  return {code_of_errno(err), std::move(what)};
}

}  // namespace duskline
