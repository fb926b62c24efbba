#include "cli/background_scrub.h"

#include <algorithm>
#include <string>

#include "base/op.h"
#include "base/units.h"

namespace duskline::cli {
namespace {

// What has just started has better things to do.
constexpr std::chrono::nanoseconds most_delay = std::chrono::minutes(10);

}  // namespace

BackgroundScrub::BackgroundScrub(objects::Objects& objects, Clock& clock, ScrubPace pace, Reporter& reporter)
    : objects_(objects), clock_(clock), pace_(pace), reporter_(reporter) {
  if (pace_.every.count() > 0) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void BackgroundScrub::run(const std::stop_token& stop) {
  SteadyTime next = clock_.steady() + std::min(pace_.every, most_delay);
  while (clock_.sleep_until(next, stop)) {
    next += pace_.every;
    pass(stop);
    next = std::max(next, clock_.steady());
  }
}

void BackgroundScrub::pass(const std::stop_token& stop) {
  const auto report = objects_.scrub({.stop = stop}, pace_.bytes_per_second);
  if (!report) {
    if (report.error().code != Code::cancelled) {
      reporter_.note(Severity::error, "the store could not be read through: " + report.error().describe());
    }
    return;
  }
  for (const objects::Version& version : report->rotten) {
    reporter_.note(Severity::error, "rotten: " + printable(version.bucket + "/" + version.key) + " version " +
                                        version.id + ": put it again from where it came, or remove it");
  }
  for (const std::string& message : report->other_rot) {
    reporter_.note(Severity::error, "rotten: " + printable(message));
  }
  reporter_.note(Severity::debug, "read the store through: " + format_count(report->versions) + " versions, " +
                                      format_bytes(report->bytes) +
                                      ", rotten: " + format_count(report->rotten.size() + report->other_rot.size()));
}

}  // namespace duskline::cli
