// The only place where parts are put together.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/report.h"
#include "cli/command.h"
#include "disk/filesystem.h"
#include "store/object_store.h"

namespace duskline {

// The value of an environment variable, if it is set and not empty.
[[nodiscard]] std::optional<std::string> environment_value(const std::string& name);

// The store that the arguments name, with retries and limits around it. Code::usage for a wrong URL or flag.
[[nodiscard]] Result<std::unique_ptr<store::ObjectStore>> open_store(const cli::StoreArguments& arguments,
                                                                     disk::Filesystem& disk, Clock& clock,
                                                                     Reporter& reporter);

}  // namespace duskline
