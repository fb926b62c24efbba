#include "gateway/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace duskline::gateway {
namespace {

constexpr std::size_t max_pending_bytes = 16 << 20;

int open_to_append(const std::string& path) {
  constexpr mode_t mode = 0640;
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, mode);
}

}  // namespace

Result<std::unique_ptr<LogFile>> LogFile::open(const std::string& path, LogSync sync, Reporter& reporter) {
  const int descriptor = open_to_append(path);
  if (descriptor < 0) return errno_error("open the log " + path, errno);
  return std::unique_ptr<LogFile>(new LogFile(path, sync, reporter, descriptor));
}

LogFile::LogFile(std::string path, LogSync sync, Reporter& reporter, int descriptor)
    : path_(std::move(path)), sync_(sync), reporter_(reporter), descriptor_(descriptor) {
  thread_ = std::thread([this] { run(); });
}

LogFile::~LogFile() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
  ::close(descriptor_);
}

void LogFile::append(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    if (pending_.size() + line.size() > max_pending_bytes) {
      ++dropped_;
      return;
    }
    pending_.append(line).push_back('\n');
    ++appended_;
    if (pending_.size() != line.size() + 1) return;  // the thread knows already
  }
  changed_.notify_all();
}

void LogFile::reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopen_ = true;
  }
  changed_.notify_all();
}

void LogFile::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = appended_;
  changed_.wait(lock, [&] { return written_ >= wanted && !reopen_; });
}

std::uint64_t LogFile::dropped() {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void LogFile::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !pending_.empty() || reopen_ || ending_; });
    const std::string text = std::exchange(pending_, {});
    const std::uint64_t up_to = appended_;
    const bool anew = reopen_;
    const bool last = ending_;
    lock.unlock();
    if (!text.empty()) write_out(text);
    if (anew) open_anew();
    lock.lock();
    written_ = up_to;
    if (anew) reopen_ = false;
    changed_.notify_all();
    if (last && pending_.empty()) return;
  }
}

// One failure is reported, not each line's; the next success ends the trouble.
void LogFile::write_out(const std::string& text) {
  int failed = 0;
  for (std::size_t done = 0; done < text.size() && failed == 0;) {
    const ssize_t put = ::write(descriptor_, text.data() + done, text.size() - done);
    if (put >= 0) {
      done += static_cast<std::size_t>(put);
    } else if (errno != EINTR) {
      failed = errno;
    }
  }
  if (failed == 0 && sync_ == LogSync::each_batch && ::fdatasync(descriptor_) != 0 && errno != EINVAL) failed = errno;
  if (failed != 0 && !failing_) {
    reporter_.note(Severity::error, errno_error("write the log " + path_, failed).message + "; lines are lost");
  }
  failing_ = failed != 0;
}

void LogFile::open_anew() {
  const int descriptor = open_to_append(path_);
  if (descriptor < 0) {
    reporter_.note(Severity::error,
                   errno_error("open the log " + path_, errno).message + "; the old file stays in use");
    return;
  }
  ::close(std::exchange(descriptor_, descriptor));
}

}  // namespace duskline::gateway
