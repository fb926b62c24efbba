// Reads everything and compares it with its hashes: the log, segment by segment; then what the index names in data
// files.
#pragma once

#include "base/clock.h"
#include "objects/committer.h"
#include "objects/home.h"
#include "objects/objects.h"
#include "objects/open_files.h"

namespace duskline::objects {

// What a scrub asks of the engine.
struct ScrubContext {
  Objects& objects;
  Files& files;
  const Home& home;
  OpenFiles& open_files;
  Committer& committer;
  Clock& clock;
};

[[nodiscard]] Result<ScrubReport> scrub_objects(const Op& op, ScrubContext context, std::uint64_t bytes_per_second);

}  // namespace duskline::objects
