#include "publish/settle.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/units.h"
#include "publish/scan.h"
#include "publish/stamps.h"

namespace duskline::publish {
namespace {

// All that a walk sees, and what changed last.
struct Look {
  Hash256 fingerprint;
  std::int64_t newest_ns = INT64_MIN;
  std::string newest_path;
};

Result<Look> look_at(const Op& op, disk::Directory& top, const Filter& filter) {
  NullReporter silent;
  Scanner scanner(op, top, filter, silent);
  Sha256 hasher;
  Look look;
  for (;;) {
    DL_ASSIGN(const Step* step, scanner.next());
    if (step == nullptr) break;
    if (step->kind == Step::Kind::leave) continue;
    const Stamp stamp = stamp_of(step->name, step->depth, *step->stat, 0);
    hasher.update({reinterpret_cast<const std::uint8_t*>(&stamp), sizeof stamp});
    // The change time cannot be set back, and it changes with every write, rename and removal (of the directory).
    if (step->stat->ctime_ns >= look.newest_ns) {  // of equals, the file rather than its directory
      look.newest_ns = step->stat->ctime_ns;
      look.newest_path = step->path;
    }
  }
  look.fingerprint = hasher.finish();
  return look;
}

}  // namespace

Status wait_until_quiet(const Op& op, disk::Directory& top, const Filter& filter, std::chrono::nanoseconds quiet,
                        Clock& clock, Reporter& reporter) {
  std::optional<Hash256> last;
  SteadyTime unchanged_since{};
  for (;;) {
    const SteadyTime looked = clock.steady();
    auto look = look_at(op, top, filter);
    // What vanishes during a walk is a change like any other.
    if (!look && look.error().code != Code::changing) return std::move(look).error();
    if (!look || last != look->fingerprint) {
      last = look ? std::optional(look->fingerprint) : std::nullopt;
      unchanged_since = looked;
    }
    auto seen_quiet = looked - unchanged_since;
    if (look) {
      const std::chrono::nanoseconds age = clock.now().time_since_epoch() - std::chrono::nanoseconds(look->newest_ns);
      seen_quiet = std::max<std::chrono::nanoseconds>(seen_quiet, age);
    }
    if (look && seen_quiet >= quiet) return {};
    const std::chrono::nanoseconds left = quiet - std::max(seen_quiet, SteadyTime::duration(0));
    reporter.note(Severity::info, "waiting " + format_duration(left) + " for the source to settle" +
                                      (look ? ": \"" + printable(look->newest_path) + "\" changed last" : ""));
    if (!clock.sleep_until(clock.steady() + left, op.stop)) return op.check();
  }
}

}  // namespace duskline::publish
