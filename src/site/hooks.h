// The user's commands around an activation.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/op.h"
#include "base/report.h"

namespace duskline::site {

// Run by /bin/sh -c with a built environment (PATH, HOME, LANG, and DUSKLINE_SET, DUSKLINE_CHANNEL, DUSKLINE_RELEASE,
// DUSKLINE_NUMBER, DUSKLINE_PREVIOUS, DUSKLINE_TARGET; no credentials), in the target, their output passed to the
// reporter line by line, their whole process group ended at the time limit or stop.
struct Hooks {
  std::string before, after, check;
  std::chrono::nanoseconds limit = std::chrono::minutes(5);
};

// PATH, HOME and LANG for a child, from this process's environment or usual values.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> base_environment();

// Waits for the command. `name` ("check") is for messages; the command's text is not shown, as it may hold secrets.
// Success: it ended with status 0. Code::io with the status or signal and the last line of output in the message;
// Code::timeout, Code::cancelled: the group got SIGTERM, and SIGKILL after a grace of 5 s. What a command leaves
// running in the background after success is its own affair. Lines beyond 4 KiB are cut, output beyond 1 MiB is
// dropped, and both are said.
[[nodiscard]] Status run_hook(const Op&, const std::string& name, const std::string& command,
                              std::chrono::nanoseconds limit,
                              const std::vector<std::pair<std::string, std::string>>& environment,
                              const std::string& directory, Reporter&);

}  // namespace duskline::site
