// What is known of a version of a file without reading it, and when that may be believed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace duskline::sync {

// Of a file in a directory, or of an object in a bucket; the fields of the other kind stay empty.
struct Stamp {
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0, ctime_ns = 0;
  std::uint64_t inode = 0;
  std::uint32_t mode = 0;        // 07777
  std::string etag;              // without its quotes
  std::int64_t modified_ns = 0;  // an object's LastModified; 0: not known, since a PUT does not tell
  bool operator==(const Stamp&) const = default;
};

// Whether `now` is certainly the version that `then` describes, as far as stamps can tell.
[[nodiscard]] bool is_same_version(const Stamp& then, const Stamp& now);

// Whose clock the times of a file system come from.
enum class FileClock : std::uint8_t { ours, another };

// A file may change twice within one tick of its file system's clock; who reads it in between sees a stamp that never
// shows the second change. So a stamp is settled only if the content that belongs to it was read when that tick had
// certainly passed. Until then the content is compared again.
struct Reading {
  std::int64_t began_ns = 0;       // by our clock, before the content was read
  std::int64_t first_seen_ns = 0;  // when this very stamp was seen for the first time; 0: never before
  FileClock clock = FileClock::ours;
};
[[nodiscard]] bool is_settled(const Stamp& stamp, const Reading& reading);

// The same of a file that this program wrote itself and that nobody else is meant to write at that moment: what counts
// is that later changes show, which they do on a clock of fine ticks. The run ends no sooner than `finest_tick_ns`
// after the last such file.
[[nodiscard]] bool is_settled_after_writing(const Stamp& stamp);

inline constexpr std::int64_t finest_tick_ns = 20'000'000;

// "0123...cdef" as the MD5 of a whole object, or "...-7" of its parts; 0 parts: an MD5 of the whole. Nothing in
// `md5` where the tag has neither form.
struct EtagForm {
  bool is_md5 = false;
  std::uint32_t parts = 0;
};
[[nodiscard]] EtagForm form_of(std::string_view etag);
[[nodiscard]] std::string without_quotes(std::string_view etag);

}  // namespace duskline::sync
