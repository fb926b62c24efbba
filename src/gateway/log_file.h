// A log that event loops write to: lines are taken from memory by a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/report.h"
#include "base/result.h"

namespace duskline::gateway {

enum class LogSync : std::uint8_t { left_to_system, each_batch };

// Any thread. Lines that several processes append do not mix.
class LogFile {
 public:
  // Appends to `path`, which is made with mode 0640 where it is missing. Code::denied, Code::io.
  static Result<std::unique_ptr<LogFile>> open(const std::string& path, LogSync sync, Reporter& reporter);
  ~LogFile();  // writes what is left
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Never waits for the disk. With more than 16 MiB unwritten, lines are dropped, counted and reported.
  void append(std::string_view line);
  // The file is opened anew by its name, after what was appended before went to the old one.
  void reopen();
  void flush();  // waits until everything appended before is written
  [[nodiscard]] std::uint64_t dropped();

 private:
  LogFile(std::string path, LogSync sync, Reporter& reporter, int descriptor);
  void run();
  void write_out(const std::string& text);
  void open_anew();

  const std::string path_;
  const LogSync sync_;
  Reporter& reporter_;
  int descriptor_;  // of the thread alone
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string pending_;
  std::uint64_t appended_ = 0, written_ = 0, dropped_ = 0;  // lines
  bool reopen_ = false, ending_ = false, failing_ = false;
  std::thread thread_;
};

}  // namespace duskline::gateway
