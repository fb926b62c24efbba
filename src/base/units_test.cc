#include "base/units.h"

#include <gtest/gtest.h>

namespace duskline {
namespace {

using namespace std::chrono_literals;

TEST(ParseBytes, takes_units_of_1000_and_1024) {
  EXPECT_EQ(parse_bytes("512B").value(), 512U);
  EXPECT_EQ(parse_bytes("64KiB").value(), 65536U);
  EXPECT_EQ(parse_bytes("20MB").value(), 20'000'000U);
  EXPECT_EQ(parse_bytes("1.5 GiB").value(), 1610612736U);
  EXPECT_EQ(parse_bytes("0B").value(), 0U);
}

TEST(ParseBytes, refuses_bare_numbers_signs_and_nonsense) {
  for (const std::string_view bad :
       {"", "512", "-1B", "B", "1kib", "1 000B", "infB", "nanB", "1e30B", "1MiB/s", "0x10B"}) {
    const auto value = parse_bytes(bad);
    ASSERT_FALSE(value) << bad;
    EXPECT_EQ(value.error().code, Code::usage);
  }
}

TEST(ParseRate, takes_bytes_and_bits) {
  EXPECT_EQ(parse_rate("20MiB/s").value(), 20U << 20);
  EXPECT_EQ(parse_rate("512kbit/s").value(), 64000U);
  EXPECT_EQ(parse_rate("1Gbit/s").value(), 125'000'000U);
  for (const std::string_view bad : {"20MiB", "20", "0B/s", "1bit/s", "/s"}) EXPECT_FALSE(parse_rate(bad)) << bad;
}

TEST(ParseDuration, takes_each_unit) {
  EXPECT_EQ(parse_duration("500ms").value(), 500ms);
  EXPECT_EQ(parse_duration("10m").value(), 10min);
  EXPECT_EQ(parse_duration("30d").value(), 720h);
  EXPECT_EQ(parse_duration("2w").value(), 336h);
  for (const std::string_view bad : {"10", "10min", "-1s", "1h30m", "9999999w"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Format, is_short_and_has_units) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(format_rate(1.5 * 1024 * 1024), "1.5 MiB/s");
  EXPECT_EQ(format_duration(12ms), "12 ms");
  EXPECT_EQ(format_duration(999'900us), "1.0 s");
  EXPECT_EQ(format_duration(192s), "3 m 12 s");
  EXPECT_EQ(format_duration(2h + 5min), "2 h 05 m");
  EXPECT_EQ(format_duration(49h), "2 d 01 h");
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1234567), "1,234,567");
}

TEST(Printable, escapes_what_could_fool_a_terminal_or_a_reader) {
  EXPECT_EQ(printable("plain \xc3\xa4"), "plain \xc3\xa4");
  EXPECT_EQ(printable("a\nb"), "a\\x0ab");
  EXPECT_EQ(printable("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(printable("\\"), "\\x5c");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // a control character of ISO 8859
  EXPECT_EQ(printable("\xff"), "\\xff");                    // never UTF-8
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // over-long '/'
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");           // cut short
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

}  // namespace
}  // namespace duskline
