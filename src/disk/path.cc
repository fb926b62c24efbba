#include "disk/path.h"

#include "base/units.h"

namespace duskline::disk {
namespace {

Error bad_path(Code code, std::string_view path, std::string_view display, std::string_view why) {
  std::string message = "path \"" + printable(path) + "\" below " + std::string(display) + " ";
  return {code, message.append(why)};
}

}  // namespace

Status check_path(std::string_view path, std::string_view display) {
  if (path.empty()) return bad_path(Code::invalid, path, display, "is empty");
  if (path.front() == '/') return bad_path(Code::refused, path, display, "is absolute and could lead out of it");
  if (path.find('\0') != std::string_view::npos) return bad_path(Code::invalid, path, display, "holds a NUL byte");
  for (std::string_view rest = path;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    if (name.empty()) return bad_path(Code::invalid, path, display, "holds an empty name");
    if (name == "..") return bad_path(Code::refused, path, display, "holds \"..\" and could lead out of it");
    if (name == ".") return bad_path(Code::invalid, path, display, "holds the name \".\"");
    if (name.size() > max_component_bytes) {
      return bad_path(Code::invalid, path, display, "holds a name longer than 255 bytes");
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Status check_link_target(std::string_view target, const std::string& display) {
  constexpr std::size_t max_target_bytes = 4095;
  if (!target.empty() && target.size() <= max_target_bytes && target.find('\0') == std::string_view::npos) return {};
  return Error{Code::invalid,
               "create the symbolic link " + display + ": its target must be 1 to 4095 bytes long, without a NUL byte"};
}

std::string display_of(std::string_view display, std::string_view path) {
  std::string text(display);
  if (path.empty()) return text;
  if (!text.ends_with('/')) text += '/';
  return text += printable(path);
}

}  // namespace duskline::disk
