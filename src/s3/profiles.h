// The shared files of the AWS tools: ~/.aws/credentials and ~/.aws/config.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "s3/credentials.h"

namespace duskline::s3 {

using Profile = std::map<std::string, std::string>;  // keys in lower case
using ProfileMap = std::map<std::string, Profile>;

enum class ProfileFile : std::uint8_t { credentials, config };
// In a config file a section is called "profile NAME" (but "default"), in a credentials file "NAME". Sections of other
// kinds and nested values are passed over; what is not understood is ignored, as the AWS tools do.
[[nodiscard]] ProfileMap parse_profiles(std::string_view text, ProfileFile kind);

// Both files read; where they disagree, the credentials file wins. Missing files count as empty.
class Profiles {
 public:
  // Code::denied for a file that is there and cannot be read.
  static Result<Profiles> read(const Environment& environment);
  [[nodiscard]] const Profile* find(const std::string& name) const;
  [[nodiscard]] const std::string& files() const { return files_; }  // for messages: "/home/a/.aws/credentials and ..."

 private:
  ProfileMap profiles_;
  std::string files_;
};

// The profile's name by option, AWS_PROFILE, or "default".
[[nodiscard]] std::string profile_name(const CredentialOptions& options);
[[nodiscard]] std::string value_or_empty(const Profile& profile, const std::string& key);
[[nodiscard]] std::string value_or_empty(const Environment& environment, const std::string& name);

// A small file (a token, a profile file) whole. Code::not_found, denied, or too_large beyond 1 MiB.
[[nodiscard]] Result<std::string> read_small_file(const std::string& path);

}  // namespace duskline::s3
