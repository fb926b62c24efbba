// Extended attributes as a target gives them to files and directories, and looks for them.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "disk/filesystem.h"
#include "model/tree.h"

namespace duskline::site {

// Exactly these, or, where absent, whatever is there.
using WantedAttributes = std::optional<std::vector<model::Attribute>>;

// Whether what is made in a directory of these attributes gets some of them: a default ACL.
[[nodiscard]] bool hands_down(const std::vector<model::Attribute>& attributes);

// What a directory of a release shall have. `before` is what it had in the release that is installed there, null where
// it had none. `is_new` with `above` handing down: it got what only its parent should have.
struct DirectoryAttributes {
  const std::vector<model::Attribute>& now;
  const std::vector<model::Attribute>* before = nullptr;
  enum class Made : std::uint8_t { no, yes, below_default_acl } made = Made::no;
};
[[nodiscard]] WantedAttributes wanted_attributes(const DirectoryAttributes& of);

// What verify compares: not what one who is not root could not have set, nor an ACL if the mode was masked, which is a
// part of it.
enum class ModeIs : std::uint8_t { as_released, masked };
[[nodiscard]] std::vector<model::Attribute> comparable(std::vector<model::Attribute> attributes, ModeIs mode);

// Gives attributes, and goes on without those that this user may not set (security.*, trusted.*) or the file system
// cannot hold. Any thread.
class AttributeGiver {
 public:
  Status give(disk::File& to, const std::vector<model::Attribute>& wanted, const std::string& path);
  Status give(disk::Directory& to, const std::vector<model::Attribute>& wanted, const std::string& path);
  // Warns once of all that was left out since the last time, if anything was.
  void tell(Reporter& reporter);

 private:
  template <typename To>
  Status give_to(To& to, const std::vector<model::Attribute>& wanted, const std::string& path);
  void leave_out(std::uint64_t attributes, const Error& why, const std::string& path);

  std::mutex mutex_;
  std::uint64_t attributes_ = 0, entries_ = 0;
  std::string first_;  // path
  std::string why_;
};

}  // namespace duskline::site
