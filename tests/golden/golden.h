// Compares what is encoded today with what was stored.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/bytes.h"

namespace duskline::golden {

inline std::string path_of(const std::string& name) { return std::string(GOLDEN_DATA) + "/" + name; }

inline Bytes stored(const std::string& name) {
  std::ifstream file(path_of(name), std::ios::binary);
  EXPECT_TRUE(file) << "no golden file " << path_of(name) << "; DUSKLINE_REGENERATE_GOLDEN=1 writes it";
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return {text.begin(), text.end()};
}

// `encoded` must be what the file holds, or becomes it where regeneration was asked for.
inline void expect_stored(const std::string& name, ByteView encoded) {
  if (std::getenv("DUSKLINE_REGENERATE_GOLDEN") != nullptr) {
    std::ofstream file(path_of(name), std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(encoded.data()), static_cast<std::streamsize>(encoded.size()));
    ASSERT_TRUE(file.flush()) << "cannot write " << path_of(name);
  }
  EXPECT_EQ(to_hex(stored(name)), to_hex(encoded)) << name << ": the stored format has changed; old releases, targets "
                                                   << "and publishers must still be read";
}

}  // namespace duskline::golden
