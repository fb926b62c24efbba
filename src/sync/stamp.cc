#include "sync/stamp.h"

#include <algorithm>
#include <charconv>

namespace duskline::sync {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
// The kernel's clock for files ticks every 10 ms or faster; FAT counts steps of two seconds.
constexpr std::int64_t fine_window_ns = 100 * ns_per_ms, coarse_window_ns = 2'100 * ns_per_ms;
// How long a stamp must have been known before a reading of the content settles it, whatever clock made it.
constexpr std::int64_t sightings_apart_ns = 4'000 * ns_per_ms;

// Nobody can set a ctime, so its digits tell how finely the clock ticks.
bool is_fine(const Stamp& stamp) { return stamp.ctime_ns % ns_per_ms != 0; }

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

bool is_same_version(const Stamp& then, const Stamp& now) {
  const bool is_object = !then.etag.empty() || !now.etag.empty();
  if (is_object) {
    const bool same_time = then.modified_ns == 0 || now.modified_ns == 0 || then.modified_ns == now.modified_ns;
    return then.etag == now.etag && then.size_bytes == now.size_bytes && same_time;
  }
  return then == now;
}

bool is_settled(const Stamp& stamp, const Reading& reading) {
  if (!stamp.etag.empty()) return true;  // an ETag changes with the content
  if (reading.first_seen_ns != 0 && reading.began_ns - reading.first_seen_ns >= sightings_apart_ns) return true;
  if (reading.clock == FileClock::another) return false;
  const std::int64_t window = is_fine(stamp) ? fine_window_ns : coarse_window_ns;
  return std::max(stamp.mtime_ns, stamp.ctime_ns) < reading.began_ns - window;
}

bool is_settled_after_writing(const Stamp& stamp) {
  // A file system that keeps no ctime of its own (SFTP) shows the mtime instead: waiting would bring nothing to light.
  return !stamp.etag.empty() || is_fine(stamp) || stamp.ctime_ns == stamp.mtime_ns;
}

EtagForm form_of(std::string_view etag) {
  constexpr std::size_t md5_digits = 32;
  constexpr std::uint32_t most_parts = 10'000;
  if (etag.size() < md5_digits || !is_hex(etag.substr(0, md5_digits))) return {};
  std::string_view rest = etag.substr(md5_digits);
  if (rest.empty()) return {true, 0};
  if (!rest.starts_with('-')) return {};
  rest.remove_prefix(1);
  std::uint32_t parts = 0;
  const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), parts);
  if (failed != std::errc{} || end != rest.data() + rest.size() || parts == 0 || parts > most_parts) return {};
  return {true, parts};
}

std::string without_quotes(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

}  // namespace duskline::sync
