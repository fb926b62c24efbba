// The rules for paths below a Directory, shared by every kind of disk.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace duskline::disk {

inline constexpr std::size_t max_component_bytes = 255;

// A path of one or more names with single '/' between them. Code::refused for what could lead out (a leading '/',
// ".."), Code::invalid for empty names, ".", NUL and names beyond 255 bytes. `display` is the directory, for messages.
[[nodiscard]] Status check_path(std::string_view path, std::string_view display);

// Code::invalid for what cannot be the target of a symbolic link at `display`.
[[nodiscard]] Status check_link_target(std::string_view target, const std::string& display);

// "DIRECTORY/path" as people may read it on a terminal.
[[nodiscard]] std::string display_of(std::string_view display, std::string_view path);

}  // namespace duskline::disk
