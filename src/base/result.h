// Errors as values. Every function that can fail returns Result<T>; exceptions cross no interface.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace duskline {

// The closed list of failure kinds. Callers branch on the code; people read the message.
enum class Code {
  usage,           // a flag, argument, URL or config value is wrong
  invalid,         // data that breaks its format's rules (manifest, head, XML, state file)
  corrupt,         // bytes whose hash or length differs from what was promised
  not_found,       // the object, file or name does not exist
  already_exists,  // create-if-absent found something there
  not_modified,    // a conditional read found nothing newer
  precondition,    // a conditional write lost: somebody else wrote meanwhile
  denied,          // permissions or credentials do not allow it
  expired,         // credentials or a token ran out
  untrusted,       // no trusted signature, or a signature that does not verify
  stale,           // a head past its expiry
  replayed,        // a head older than one already seen
  refused,         // a safety rule says no; the message names the flag that overrides it
  locked,          // another run holds the lock
  difference,      // verification found content that differs
  cancelled,       // the stop token fired
  timeout,         // the deadline passed, or no progress was made in time
  unavailable,     // network or server trouble that a later try may not meet
  throttled,       // the server asks for fewer requests
  unsupported,     // the endpoint or file system cannot do this
  too_large,       // a limit of ours would be exceeded
  changing,        // the source changed while it was read
  no_space,        // disk full or quota
  read_only,       // file system mounted read-only
  io,              // any other operating system failure
  internal,        // a bug in Duskline
};

[[nodiscard]] std::string_view name_of(Code code);

// True where the same call may succeed later without anybody acting. The only place that decides.
[[nodiscard]] bool is_retryable(Code code);

// The process exit code for an error (see docs/exit-codes in the man page): 1 failed, 2 usage,
// 3 verification found a difference, 5 refused for safety or trust, 6 locked, 130 interrupted.
[[nodiscard]] int exit_code_of(Code code);

// What failed. `message` says what, where, why and, where there is something to do, what to do next,
// without secrets. `cause` is the error below, shown by describe().
struct Error {
  Code code = Code::internal;
  std::string message;
  std::shared_ptr<const Error> cause;
  std::chrono::milliseconds retry_after{0};  // how long the server asked us to wait; 0: it did not say

  Error() = default;
  Error(Code c, std::string text) : code(c), message(std::move(text)) {}
  Error(Code c, std::string text, Error because)
      : code(c), message(std::move(text)), cause(std::make_shared<const Error>(std::move(because))) {}

  // The message and those of its causes, joined by ": ", at most 16 levels deep.
  [[nodiscard]] std::string describe() const;
};

// The same code with a sentence of context in front: wrap(e, "read head of set \"x\"").
[[nodiscard]] Error wrap(Error cause, std::string context);

// An Error for a failed system call: `what` is a verb and object ("open /a/b"), `err` an errno value.
[[nodiscard]] Error errno_error(std::string what, int err);

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(Error error)
      : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)
};

using Status = Result<void>;

}  // namespace duskline

// Return the error of EXPR from the enclosing function, if it has one.
#define DL_TRY(expr)                                      \
  do {                                                    \
    if (auto dl_status = (expr); !dl_status) [[unlikely]] \
      return std::move(dl_status).error();                \
  } while (false)

// Declare or assign TARGET with the value of EXPR, or return its error: DL_ASSIGN(auto x, f());
#define DL_CONCAT_(a, b) a##b
#define DL_CONCAT(a, b) DL_CONCAT_(a, b)
#define DL_ASSIGN_(tmp, target, expr) \
  auto tmp = (expr);                  \
  if (!tmp) [[unlikely]]              \
    return std::move(tmp).error();    \
  target = std::move(*tmp)
#define DL_ASSIGN(target, expr) DL_ASSIGN_(DL_CONCAT(dl_result_, __LINE__), target, expr)
