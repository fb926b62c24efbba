// The value of a Result in a test; an error ends the test with its message.
#pragma once

#include <stdexcept>
#include <utility>

#include "base/result.h"

namespace duskline::testing {

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(std::string(name_of(result.error().code)) + ": " + result.error().describe());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// The code of an error that is expected; a success ends the test.
template <typename T>
Code must_fail(const Result<T>& result) {
  if (result) throw std::runtime_error("this was expected to fail, and did not");
  return result.error().code;
}

}  // namespace duskline::testing
