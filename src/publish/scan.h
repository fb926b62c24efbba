// Walking a source directory in tree order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "publish/filter.h"

namespace duskline::publish {

// Folders and files of this name belong to Duskline itself (a target keeps its state there); they are never content.
inline constexpr std::string_view reserved_name = ".duskline";

// An error about one entry of the source, by name.
[[nodiscard]] Error source_error(Code code, std::string_view path, std::string_view why);

// Code::refused, naming the entry, for more extended attributes than a release holds of one.
[[nodiscard]] Status check_attributes(const std::vector<model::Attribute>& attributes, std::string_view path);

// One step of the walk; what it points to is valid until the next one.
struct Step {
  enum class Kind : std::uint8_t { enter, leave, file, symlink } kind = Kind::enter;
  std::string_view path;  // from the top; "" for the top itself
  std::string_view name;
  const disk::Stat* stat = nullptr;
  std::uint32_t depth = 0;      // directories above it
  bool is_mount_point = false;  // of a directory: another file system is mounted on it
};

// Walks depth first, entries sorted by name as a tree's are, directories listed when they are entered. Leaves out what
// the filter excludes, what bears the reserved name, and what is no file, directory or symlink; the latter two leave a
// record. Other file systems mounted inside the source are walked like the rest.
//
// Code::refused for what may not be read or cannot be kept, Code::changing for a directory that vanished, each naming
// the entry.
class Scanner {
 public:
  Scanner(const Op& op, disk::Directory& top, const Filter& filter, Reporter& reporter);
  ~Scanner();

  // nullptr at the end.
  Result<const Step*> next();
  // The directory that holds the entry of the last step, for opening it.
  [[nodiscard]] const std::shared_ptr<disk::Directory>& parent() const;
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  struct Frame;
  Result<const Step*> enter(Frame frame, const disk::Stat& stat, std::string_view name);
  Result<const Step*> leave();
  Status open(Frame& frame);
  Status list(Frame& frame);
  Status read_rules(Frame& frame, disk::FileKind kind);
  Status check(std::string_view name) const;
  void skip(std::string_view reason);

  const Op& op_;
  disk::Directory& top_;
  Filter filter_;
  Reporter& reporter_;
  std::string path_;
  std::vector<Frame> frames_;
  Step step_;
  disk::Stat entry_;  // of the step
  std::uint64_t skipped_ = 0;
  bool started_ = false;
};

// Why an entry of this kind is left out; nothing for what is content.
[[nodiscard]] std::optional<std::string_view> reason_to_skip(disk::FileKind kind);

}  // namespace duskline::publish
