// What fuzz targets share.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "base/bytes.h"

namespace duskline::fuzz {

// Ends the run with a finding.
inline void require(bool holds, const char* rule) {
  if (holds) return;
  std::cerr << "broken: " << rule << '\n';
  std::abort();
}

inline ByteView view(const std::uint8_t* data, std::size_t size) { return {data, size}; }

}  // namespace duskline::fuzz
