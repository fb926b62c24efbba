// What the user sees: data on stdout, talk on stderr; a bar on a terminal, plain lines in a log, JSON on request.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"
#include "cli/progress.h"

namespace duskline::cli {

enum class Verbosity : std::uint8_t { quiet, normal, verbose };

struct ConsoleSettings {
  Verbosity verbosity = Verbosity::normal;
  bool json = false;
  bool progress = true;
};

class Console final : public Reporter {
 public:
  Console(ConsoleSettings settings, Clock& clock);
  ~Console() override;
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  void configure(const ConsoleSettings& settings);
  [[nodiscard]] bool json() const { return settings_.json; }
  [[nodiscard]] bool quiet() const { return settings_.verbosity == Verbosity::quiet; }
  [[nodiscard]] bool verbose() const { return settings_.verbosity == Verbosity::verbose; }

  // A line of data, or the object when JSON is asked for. With JSON, plain text is dropped.
  void text(std::string_view line);
  // The line that says how a command ended: data that --quiet drops too.
  void outcome(std::string_view line);
  void object(const boost::json::object& object);
  // Columns padded to one width; numbers (second and later columns that look so) to the right.
  void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
  // Bytes as they are (`duskline cat`).
  Status raw(ByteView bytes);
  void error(const Error& error);

  // File records also go to this file as JSON lines.
  Status log_records_to(const std::string& path);
  // Whether all of them could be written. Ends the log.
  Status end_records();

  void note(Severity severity, std::string_view message) override;
  void progress(const Progress& progress) override;
  void record(const FileRecord& record) override;

 private:
  void clear_bar();
  void print_event(const boost::json::object& object);

  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::mutex mutex_;
  ConsoleSettings settings_;
  Clock& clock_;
  const bool terminal_;
  bool bar_shown_ = false;
  SteadyTime next_progress_{};
  ProgressRate rate_;
  std::unique_ptr<std::FILE, CloseFile> records_;
};

}  // namespace duskline::cli
