// How an engine tells what it does. The CLI shows it on a terminal, as lines, or as JSON; tests collect it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace duskline {

enum class Severity { debug, info, warning, error };

// Running totals of one run; `*_total` is 0 while unknown.
struct Progress {
  std::string_view phase;  // "scan", "upload", "fetch", "activate", ...
  std::uint64_t files = 0, files_total = 0;
  std::uint64_t bytes = 0, bytes_total = 0;
};

// One per file that was transferred, kept on purpose, repaired, refused, skipped or removed.
struct FileRecord {
  std::string_view path;
  std::string_view action;  // "add" "change" "remove" "keep" "repair" "skip" "refuse" "patch" ...
  std::uint64_t bytes = 0;
  std::string_view source;  // "pack" "delta" "local" "seed" ""
  std::string_view reason;  // why skipped or refused; empty otherwise
};

// Methods may be called from several threads at once and must not block for long.
class Reporter {
 public:
  virtual ~Reporter() = default;
  virtual void note(Severity severity, std::string_view message) = 0;
  virtual void progress(const Progress& progress) = 0;
  virtual void record(const FileRecord& record) = 0;
};

// Says nothing.
class NullReporter final : public Reporter {
 public:
  void note(Severity, std::string_view) override {}
  void progress(const Progress&) override {}
  void record(const FileRecord&) override {}
};

}  // namespace duskline
