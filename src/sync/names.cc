#include "sync/names.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace duskline::sync {
namespace {

constexpr std::size_t max_key_bytes = 1024;       // a rule of S3
constexpr std::size_t max_name_bytes = 255;       // of the file systems that there are
constexpr std::size_t max_path_bytes = 32 << 10;  // ours

struct TypeOf {
  std::string_view extension, type;
};
constexpr std::array types = {
    TypeOf{"7z", "application/x-7z-compressed"},
    TypeOf{"aac", "audio/aac"},
    TypeOf{"avif", "image/avif"},
    TypeOf{"bmp", "image/bmp"},
    TypeOf{"bz2", "application/x-bzip2"},
    TypeOf{"css", "text/css"},
    TypeOf{"csv", "text/csv"},
    TypeOf{"deb", "application/vnd.debian.binary-package"},
    TypeOf{"eot", "application/vnd.ms-fontobject"},
    TypeOf{"flac", "audio/flac"},
    TypeOf{"gif", "image/gif"},
    TypeOf{"gz", "application/gzip"},
    TypeOf{"htm", "text/html"},
    TypeOf{"html", "text/html"},
    TypeOf{"ico", "image/vnd.microsoft.icon"},
    TypeOf{"iso", "application/x-iso9660-image"},
    TypeOf{"jar", "application/java-archive"},
    TypeOf{"jpeg", "image/jpeg"},
    TypeOf{"jpg", "image/jpeg"},
    TypeOf{"js", "text/javascript"},
    TypeOf{"json", "application/json"},
    TypeOf{"m3u8", "application/vnd.apple.mpegurl"},
    TypeOf{"md", "text/markdown"},
    TypeOf{"mjs", "text/javascript"},
    TypeOf{"mov", "video/quicktime"},
    TypeOf{"mp3", "audio/mpeg"},
    TypeOf{"mp4", "video/mp4"},
    TypeOf{"mpd", "application/dash+xml"},
    TypeOf{"ogg", "audio/ogg"},
    TypeOf{"otf", "font/otf"},
    TypeOf{"pdf", "application/pdf"},
    TypeOf{"png", "image/png"},
    TypeOf{"rpm", "application/x-rpm"},
    TypeOf{"rtf", "application/rtf"},
    TypeOf{"svg", "image/svg+xml"},
    TypeOf{"tar", "application/x-tar"},
    TypeOf{"tif", "image/tiff"},
    TypeOf{"tiff", "image/tiff"},
    TypeOf{"ts", "video/mp2t"},
    TypeOf{"ttf", "font/ttf"},
    TypeOf{"txt", "text/plain"},
    TypeOf{"wasm", "application/wasm"},
    TypeOf{"wav", "audio/wav"},
    TypeOf{"webm", "video/webm"},
    TypeOf{"webmanifest", "application/manifest+json"},
    TypeOf{"webp", "image/webp"},
    TypeOf{"woff", "font/woff"},
    TypeOf{"woff2", "font/woff2"},
    TypeOf{"xhtml", "application/xhtml+xml"},
    TypeOf{"xml", "application/xml"},
    TypeOf{"xz", "application/x-xz"},
    TypeOf{"zip", "application/zip"},
    TypeOf{"zst", "application/zstd"},
};
static_assert(std::ranges::is_sorted(types, {}, &TypeOf::extension));

// How many bytes the character at the beginning has; 0 where it is none (overlong forms and surrogates included).
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  const auto follows = [&](std::size_t at) { return (byte(at) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0, surrogate = first == 0xED && byte(1) >= 0xA0;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90, beyond = first == 0xF4 && byte(1) >= 0x90;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  constexpr std::uint64_t high_bits = 0x8080808080808080U;
  while (text.size() >= sizeof high_bits) {  // ASCII, nearly always
    std::uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    if ((word & high_bits) != 0) break;
    text.remove_prefix(sizeof word);
  }
  while (!text.empty()) {
    const std::size_t length = character_bytes(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::optional<std::string> why_not_a_key(std::string_view key) {
  if (key.empty()) return "an object needs a name";
  if (key.size() > max_key_bytes) return "its key would be longer than the 1,024 bytes that S3 allows";
  if (!is_utf8(key)) return "its name is not UTF-8, which keys of objects must be";
  return std::nullopt;
}

std::optional<std::string> why_not_a_path(std::string_view path) {
  if (path.size() > max_path_bytes) return "it is longer than 32,768 bytes";
  if (path.find('\0') != std::string_view::npos) return "it holds a NUL";
  if (path.starts_with('/')) return "it begins with '/', and would lead out of the directory";
  if (path.ends_with('/')) path.remove_suffix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (name.empty()) return "it has an empty name between two '/', which no file can have";
    if (name == "." || name == "..") return "it holds \"" + std::string(name) + "\", which would lead elsewhere";
    if (name.size() > max_name_bytes) return "one of its names is longer than the 255 bytes that a file's may have";
    if (name.starts_with(reserved_prefix))
      return "names that begin with \"" + std::string(reserved_prefix) + "\" are for unfinished files";
    if (slash == std::string_view::npos) return std::nullopt;
    path.remove_prefix(slash + 1);
  }
}

std::optional<std::string> Clashes::find(std::string_view path) {
  // In byte order nothing can follow a file's path P that begins with it once something not beginning with it came.
  while (!files_.empty() && !path.starts_with(files_.back())) files_.pop_back();
  for (const std::string& file : files_) {
    if (path.size() > file.size() && path[file.size()] == '/') return file;
  }
  if (!path.ends_with('/')) files_.emplace_back(path);
  return std::nullopt;
}

std::string_view content_type_of(std::string_view path) {
  constexpr std::string_view unknown = "application/octet-stream";
  constexpr std::size_t longest_extension = 16;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || name.size() - dot - 1 > longest_extension) return unknown;
  std::string extension(name.substr(dot + 1));
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto found = std::ranges::lower_bound(types, extension, {}, &TypeOf::extension);
  return found != types.end() && found->extension == extension ? found->type : unknown;
}

}  // namespace duskline::sync
