// What a command is: its name, arguments and flags as data, from which parsing, help, the man page and shell completion
// are made; and what it does.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/op.h"
#include "base/units.h"
#include "disk/filesystem.h"
#include "store/object_store.h"

namespace duskline::cli {

class Console;

enum class Repeats : std::uint8_t { no, yes };
enum class Needed : std::uint8_t { optional, required };

// A flag. One without a `value` name is a switch, and `set` is called with "".
struct Flag {
  std::string name;   // "--from"
  std::string value;  // "DIR"
  std::string help;
  std::function<Status(const std::string&)> set;
  Repeats repeats = Repeats::no;
  Needed needed = Needed::optional;
};

struct Argument {
  std::string name;  // "SET"
  std::string help;
  std::function<Status(const std::string&)> set;
  Needed needed = Needed::required;
};

struct Spec {
  std::string path;     // "publish", "key trust"
  std::string summary;  // one line
  std::string details;  // more, for the man page; may be empty
  std::vector<Argument> arguments;
  std::vector<Flag> flags;
};

// Where a store is and how to talk to it. Filled by store_flags().
struct StoreArguments {
  std::string url;
  std::string endpoint, region, profile, addressing = "auto", ca_file;
  std::string encryption, kms_key_id, customer_key_file;
  std::uint64_t limit_bytes_per_second = 0;
  unsigned max_requests = 32;
  std::chrono::nanoseconds stall_limit = std::chrono::seconds(30);
  unsigned max_tries = 8;
  enum class Absent : std::uint8_t { is_error, is_made } absent = Absent::is_error;  // of a directory
};

// What the program gives to a command. The parts are wired together in src/bin.
struct Context {
  Console& console;
  disk::Filesystem& disk;
  disk::Filesystem& unsynced_disk;  // the same, but when data reaches the device is left to the system
  Clock& clock;
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::function<Result<std::unique_ptr<store::ObjectStore>>(const StoreArguments&)> open_store;
  // From now on SIGHUP calls this, on a thread of its own, instead of ending the command. An empty function: no longer;
  // what was set before is not running any more when this returns.
  std::function<void(std::function<void()>)> on_hangup = [](const std::function<void()>&) {};
};

class Command {
 public:
  virtual ~Command() = default;
  [[nodiscard]] virtual Spec spec() = 0;  // its setters fill this object's members
  // The exit code, or what went wrong.
  virtual Result<int> run(const Op& op, Context& context) = 0;
};

// Setters for flags.
[[nodiscard]] inline auto to_text(std::string& target) {
  return [&target](const std::string& value) -> Status {
    target = value;
    return {};
  };
}
[[nodiscard]] inline auto to_list(std::vector<std::string>& target) {
  return [&target](const std::string& value) -> Status {
    target.push_back(value);
    return {};
  };
}
template <typename T>
[[nodiscard]] auto to_choice(T& target, T value) {
  return [&target, value](const std::string&) -> Status {
    target = value;
    return {};
  };
}
// Through a parser: `parse` is Result<T>(std::string_view).
template <typename T, typename Parse>
[[nodiscard]] auto to_parsed(T& target, Parse parse) {
  return [&target, parse](const std::string& value) -> Status {
    DL_ASSIGN(target, parse(value));
    return {};
  };
}
// A whole number from `least` to `most`.
template <typename T>
[[nodiscard]] auto to_number(T& target, T least, T most) {
  return [&target, least, most](const std::string& value) -> Status {
    std::size_t used = 0;
    unsigned long long number = 0;
    const bool digits =
        !value.empty() && value.find_first_not_of("0123456789") == std::string::npos && value.size() < 19;
    if (digits) number = std::stoull(value, &used);
    if (!digits || number < least || number > most) {
      return Error{Code::usage, "\"" + printable(value) + "\" is not a whole number from " + std::to_string(least) +
                                    " to " + std::to_string(most)};
    }
    target = static_cast<T>(number);
    return {};
  };
}

}  // namespace duskline::cli
