// Reading a file that others may be writing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/op.h"
#include "disk/filesystem.h"

namespace duskline::publish {

// Where a file is opened, and what its directory said of it.
struct SourceFile {
  std::shared_ptr<disk::Directory> directory;
  std::string name;
  std::string path;  // from the top
  disk::Stat listed;
};

inline constexpr int max_read_tries = 3;

// Reads the file's content, all of it, given what it looks like now. Code::changing where it finds more or less than
// that.
using ReadContent = std::function<Status(disk::File& file, const disk::Stat& before)>;

// Opens the file and calls `read` until the file looks the same before and after, and returns how it looks.
// Code::changing after max_read_tries, Code::refused where the file may not be read; both name it.
[[nodiscard]] Result<disk::Stat> read_stable(const Op&, const SourceFile& file, Clock& clock, const ReadContent& read);

// Everything from `offset` on up to the size that `before` promises. Code::changing where it is less.
[[nodiscard]] Status read_exactly(disk::File& file, std::uint64_t offset, ByteSpan into, std::string_view path);

[[nodiscard]] Error changed_while_read(std::string_view path, std::string_view how);

}  // namespace duskline::publish
