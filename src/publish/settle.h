// Waiting until those who copy into a source are done.
#pragma once

#include <chrono>

#include "base/clock.h"
#include "base/op.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "publish/filter.h"

namespace duskline::publish {

// Returns once nothing below `top` has changed for `quiet`, by the times that the file system keeps or, where those lie
// in the future, by looking again. Says what it waits for. Code::cancelled when stopped.
[[nodiscard]] Status wait_until_quiet(const Op& op, disk::Directory& top, const Filter& filter,
                                      std::chrono::nanoseconds quiet, Clock& clock, Reporter& reporter);

}  // namespace duskline::publish
