// The program's version, from CMake's project().
#pragma once

namespace duskline::cli {

extern const char* const version;

}  // namespace duskline::cli
