#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace duskline {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return Error{Code::invalid, "odd"};
  return value / 2;
}

Result<int> quarter(int value) {
  DL_ASSIGN(const int once, half(value));
  DL_ASSIGN(const int twice, half(once));
  return twice;
}

Status check(int value) {
  DL_TRY(quarter(value));
  return {};
}

TEST(Result, macros_hand_the_error_up) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_TRUE(check(4));
  EXPECT_EQ(check(3).error().code, Code::invalid);
}

TEST(Error, describe_joins_the_causes_and_wrap_keeps_the_code) {
  const Error error = wrap(wrap(Error{Code::denied, "c"}, "b"), "a");
  EXPECT_EQ(error.code, Code::denied);
  EXPECT_EQ(error.describe(), "a: b: c");
}

TEST(Error, describe_ends_in_a_deep_chain) {
  Error error{Code::io, "x"};
  for (int i = 0; i < 100; ++i) error = wrap(std::move(error), "x");
  EXPECT_EQ(error.describe().size(), 17 + 16 * 2U);  // 17 times "x", ": " between
}

TEST(Error, errno_values_become_codes) {
  EXPECT_EQ(errno_error("open x", ENOENT).code, Code::not_found);
  EXPECT_EQ(errno_error("open x", EEXIST).code, Code::already_exists);
  EXPECT_EQ(errno_error("open x", EACCES).code, Code::denied);
  EXPECT_EQ(errno_error("write x", ENOSPC).code, Code::no_space);
  EXPECT_EQ(errno_error("write x", EDQUOT).code, Code::no_space);
  EXPECT_EQ(errno_error("write x", EROFS).code, Code::read_only);
  EXPECT_EQ(errno_error("open x", ELOOP).code, Code::refused);
  EXPECT_EQ(errno_error("read x", EIO).code, Code::io);
  EXPECT_EQ(errno_error("read x", EIO).message, "read x: Input/output error");
}

TEST(Code, only_trouble_that_passes_by_itself_is_retryable) {
  EXPECT_TRUE(is_retryable(Code::unavailable));
  EXPECT_TRUE(is_retryable(Code::throttled));
  EXPECT_FALSE(is_retryable(Code::denied));
  EXPECT_FALSE(is_retryable(Code::corrupt));
  EXPECT_FALSE(is_retryable(Code::precondition));
}

TEST(Code, exit_codes_are_those_of_the_manual) {
  EXPECT_EQ(exit_code_of(Code::io), 1);
  EXPECT_EQ(exit_code_of(Code::usage), 2);
  EXPECT_EQ(exit_code_of(Code::difference), 3);
  for (const Code code : {Code::untrusted, Code::stale, Code::replayed, Code::refused}) {
    EXPECT_EQ(exit_code_of(code), 5) << name_of(code);
  }
  EXPECT_EQ(exit_code_of(Code::locked), 6);
  EXPECT_EQ(exit_code_of(Code::cancelled), 130);
}

}  // namespace
}  // namespace duskline
