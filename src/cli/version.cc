#include "cli/version.h"

namespace duskline::cli {

const char* const version = DUSKLINE_VERSION;

}  // namespace duskline::cli
