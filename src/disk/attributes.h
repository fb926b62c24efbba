// Extended attributes of an open file.
#pragma once

#include <string>
#include <vector>

#include "disk/real_file.h"

namespace duskline::disk {

// Those that are content: user.*, trusted.*, POSIX ACLs, and of security.* what is not a label that this machine's own
// policy gives (SELinux, Smack, AppArmor, IMA, EVM). Sorted by name.
[[nodiscard]] Result<std::vector<model::Attribute>> read_attributes(int fd, const FileName& name);

// Whether a directory has any, by its path as shown: good enough to warn of them, and no more.
[[nodiscard]] bool has_attributes(const std::string& directory);

// Makes them exactly `wanted`; attributes that are not content stay as they are.
[[nodiscard]] Status write_attributes(int fd, const FileName& name, const std::vector<model::Attribute>& wanted);

}  // namespace duskline::disk
