#include "s3/profiles.h"

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/units.h"

namespace duskline::s3 {
namespace {

constexpr std::size_t max_file_bytes = 1 << 20;
constexpr std::string_view spaces = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

// The profile that a section's header names; empty for a section of another kind.
std::string section_name(std::string_view line, ProfileFile kind) {
  constexpr std::string_view keyword = "profile";
  const auto end = line.find(']');
  if (end == std::string_view::npos) return {};
  const std::string_view name = trimmed(line.substr(1, end - 1));
  if (kind == ProfileFile::credentials || name == "default") return std::string(name);
  if (!name.starts_with(keyword) || name.size() == keyword.size()) return {};
  if (spaces.find(name[keyword.size()]) == std::string_view::npos) return {};
  return std::string(trimmed(name.substr(keyword.size())));
}

// A comment after a value begins with a space and '#' or ';'.
std::string_view without_comment(std::string_view value) {
  for (const std::string_view mark : {" #", " ;", "\t#", "\t;"}) value = value.substr(0, value.find(mark));
  return trimmed(value);
}

std::string default_path(const Environment& environment, const std::string& variable, const std::string& name) {
  const std::string path = value_or_empty(environment, variable);
  const std::string home = value_or_empty(environment, "HOME");
  if (path.empty()) return home.empty() ? "" : home + "/.aws/" + name;
  return path.starts_with("~/") ? home + path.substr(1) : path;
}

Result<ProfileMap> read_profiles(const std::string& path, ProfileFile kind) {
  if (path.empty()) return ProfileMap();
  auto text = read_small_file(path);
  if (!text && text.error().code == Code::not_found) return ProfileMap();
  if (!text) return Error{Code::denied, "the AWS settings file cannot be read", std::move(text).error()};
  return parse_profiles(*text, kind);
}

}  // namespace

ProfileMap parse_profiles(std::string_view text, ProfileFile kind) {
  ProfileMap profiles;
  std::string current;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool nested = line.starts_with(' ') || line.starts_with('\t');
    const std::string_view content = trimmed(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (content.front() == '[' && !nested) {
      current = section_name(content, kind);
      if (!current.empty()) profiles[current];
      continue;
    }
    const auto equals = content.find('=');
    if (nested || current.empty() || equals == std::string_view::npos) continue;
    profiles[current][lower_case(trimmed(content.substr(0, equals)))] = without_comment(content.substr(equals + 1));
  }
  return profiles;
}

Result<Profiles> Profiles::read(const Environment& environment) {
  const std::string config = default_path(environment, "AWS_CONFIG_FILE", "config");
  const std::string credentials = default_path(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  Profiles result;
  result.files_ = printable(credentials) + " and " + printable(config);
  DL_ASSIGN(result.profiles_, read_profiles(config, ProfileFile::config));
  DL_ASSIGN(const ProfileMap stronger, read_profiles(credentials, ProfileFile::credentials));
  for (const auto& [name, values] : stronger) {
    for (const auto& [key, value] : values) result.profiles_[name][key] = value;
  }
  return result;
}

const Profile* Profiles::find(const std::string& name) const {
  const auto found = profiles_.find(name);
  return found == profiles_.end() ? nullptr : &found->second;
}

std::string profile_name(const CredentialOptions& options) {
  if (!options.profile.empty()) return options.profile;
  const std::string name = value_or_empty(options.environment, "AWS_PROFILE");
  return name.empty() ? "default" : name;
}

std::string value_or_empty(const Profile& profile, const std::string& key) {
  const auto found = profile.find(key);
  return found == profile.end() ? "" : found->second;
}

std::string value_or_empty(const Environment& environment, const std::string& name) {
  return environment ? environment(name).value_or("") : "";
}

Result<std::string> read_small_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!file) return errno_error("open " + printable(path), errno);
  std::string text(max_file_bytes + 1, '\0');
  errno = 0;
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return errno_error("read " + printable(path), errno);
  if (text.size() > max_file_bytes) return Error{Code::too_large, printable(path) + " is larger than 1 MiB"};
  return text;
}

std::optional<std::string> shared_config_value(const CredentialOptions& options, const std::string& key) {
  const auto profiles = Profiles::read(options.environment);
  const Profile* profile = profiles ? profiles->find(profile_name(options)) : nullptr;
  if (profile == nullptr || profile->count(key) == 0) return std::nullopt;
  return profile->at(key);
}

}  // namespace duskline::s3
