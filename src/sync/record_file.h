// Files of records in order of their paths: the plan of a run, and what the last runs know of each pair of files.
//
// Written and read once from start to end. Every block carries a checksum, so that what a killed run has written can be
// used up to the block that was torn. A file that is lost or damaged costs time, never correctness.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "disk/filesystem.h"
#include "sync/stamp.h"

namespace duskline::sync {

enum class Action : std::uint8_t {
  keep,     // both sides were found to be the same
  add,      // only in the source
  change,   // differ for certain
  compare,  // nothing says whether they differ: the content must
  remove,   // only in the destination
};

// A path that ends with '/' is that of an empty directory.
struct Record {
  std::string path;
  Action action = Action::keep;
  bool source_settled = false, destination_settled = false;
  std::int64_t seen_ns = 0;  // when these stamps were first seen together, where one of them is not settled
  Stamp source, destination;
  [[nodiscard]] bool is_directory() const { return path.ends_with('/'); }
  bool operator==(const Record&) const = default;
};

class RecordWriter {
 public:
  // A new file, in place of one of this name. `pair` names what the records are about, for RecordReader.
  [[nodiscard]] static Result<std::unique_ptr<RecordWriter>> create(disk::Directory& folder, const std::string& name,
                                                                    std::string_view pair);
  // Paths must rise.
  Status append(const Record& record);
  // Writes out what is held, so that a kill does not lose it.
  Status flush();
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  explicit RecordWriter(std::unique_ptr<disk::File> file) : file_(std::move(file)) {}
  std::unique_ptr<disk::File> file_;
  std::uint64_t at_ = 0, count_ = 0;
  Bytes block_;
  std::string last_path_;
};

class RecordReader {
 public:
  // Nothing where the file is absent, of another pair, or not of this format.
  [[nodiscard]] static std::unique_ptr<RecordReader> open(disk::Directory& folder, const std::string& name,
                                                          std::string_view pair);
  // nullptr at the end, or where the file is torn or damaged. Valid until the next call.
  [[nodiscard]] const Record* next();

 private:
  explicit RecordReader(std::unique_ptr<disk::File> file) : file_(std::move(file)) {}
  bool load_block();
  std::unique_ptr<disk::File> file_;
  std::uint64_t at_ = 0;
  Bytes block_;
  ByteReader reader_{ByteView()};
  Record record_;
  bool ended_ = false;
};

// Several files of records read as one: where more than one knows a path, the first in the list counts.
class MergedRecords {
 public:
  explicit MergedRecords(std::vector<std::unique_ptr<RecordReader>> files);
  // The record of `path`, which must rise from call to call; nullptr where there is none. Valid until the next call.
  [[nodiscard]] const Record* find(std::string_view path);

 private:
  struct Run {
    std::unique_ptr<RecordReader> reader;
    const Record* now = nullptr;
  };
  std::vector<Run> runs_;
};

}  // namespace duskline::sync
