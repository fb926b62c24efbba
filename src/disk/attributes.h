// Extended attributes of an open file or directory.
#pragma once

#include <string>
#include <vector>

#include "disk/real_file.h"

namespace duskline::disk {

// Those that are content: user.*, trusted.*, POSIX ACLs, and of security.* what is not a label that this machine's own
// policy gives (SELinux, Smack, AppArmor, IMA, EVM). Sorted by name.
[[nodiscard]] Result<std::vector<model::Attribute>> read_attributes(int fd, const FileName& name);

// Makes them exactly `wanted`; attributes that are not content stay as they are.
[[nodiscard]] Status write_attributes(int fd, const FileName& name, const std::vector<model::Attribute>& wanted);

}  // namespace duskline::disk
