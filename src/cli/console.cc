#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>

#include "base/units.h"

namespace duskline::cli {
namespace {

constexpr auto bar_interval = std::chrono::milliseconds(200);
constexpr auto line_interval = std::chrono::seconds(10);
constexpr auto json_interval = std::chrono::seconds(1);

unsigned terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::debug:
      return "debug";
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "info";
}

boost::json::object to_json(const FileRecord& record) {
  boost::json::object object{
      {"event", "file"}, {"path", printable(record.path)}, {"action", record.action}, {"bytes", record.bytes}};
  if (!record.source.empty()) object["source"] = record.source;
  if (!record.reason.empty()) object["reason"] = record.reason;
  return object;
}

bool looks_like_number(const std::string& cell) { return !cell.empty() && cell.front() >= '0' && cell.front() <= '9'; }

}  // namespace

Console::Console(ConsoleSettings settings, Clock& clock)
    : settings_(settings), clock_(clock), terminal_(isatty(STDERR_FILENO) == 1) {}

Console::~Console() { clear_bar(); }

void Console::configure(const ConsoleSettings& settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
}

void Console::text(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (settings_.json) return;
  clear_bar();
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

void Console::outcome(std::string_view line) {
  if (!quiet()) text(line);
}

void Console::object(const boost::json::object& object) {
  const std::lock_guard lock(mutex_);
  if (settings_.json) print_event(object);
}

void Console::table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(header.size());
  for (const std::string& cell : header) widths.push_back(cell.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  const auto line = [&](const std::vector<std::string>& row, const std::vector<std::string>& like) {
    std::string out;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      const bool to_the_right = i > 0 && looks_like_number(like[i]);
      if (i > 0) out += "  ";
      out += to_the_right ? padding + row[i] : row[i] + padding;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text(out);
  };
  line(header, rows.empty() ? header : rows.front());
  for (const auto& row : rows) line(row, row);
}

Status Console::raw(ByteView bytes) {
  const std::lock_guard lock(mutex_);
  clear_bar();
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) return errno_error("write to stdout", errno);
  return {};
}

void Console::error(const Error& error) {
  const std::lock_guard lock(mutex_);
  clear_bar();
  if (settings_.json) {
    print_event({{"event", "error"},
                 {"code", duskline::name_of(error.code)},
                 {"exit_code", exit_code_of(error.code)},
                 {"message", error.describe()}});
  }
  std::fprintf(stderr, "duskline: %s\n", error.describe().c_str());
}

Status Console::log_records_to(const std::string& path) {
  const std::lock_guard lock(mutex_);
  records_.reset(std::fopen(path.c_str(), "ae"));
  if (!records_) return errno_error("open the log file " + printable(path), errno);
  return {};
}

Status Console::end_records() {
  const std::lock_guard lock(mutex_);
  if (!records_) return {};
  errno = 0;
  const bool written = std::fflush(records_.get()) == 0 && std::ferror(records_.get()) == 0;
  const int reason = errno;
  records_.reset();
  if (written) return {};
  const std::string why = reason == 0 ? "" : ": " + errno_error("write", reason).message;
  return Error{Code::io, "the log file does not name all that was done: it could not be written to the end" + why};
}

void Console::note(Severity severity, std::string_view message) {
  const std::lock_guard lock(mutex_);
  if (records_) {
    const boost::json::object event{
        {"event", "note"}, {"time", format_time(clock_.now())}, {"severity", name_of(severity)}, {"message", message}};
    const std::string line = boost::json::serialize(event);
    std::fprintf(records_.get(), "%s\n", line.c_str());
  }
  if (severity == Severity::debug && settings_.verbosity != Verbosity::verbose) return;
  if (severity == Severity::info && settings_.verbosity == Verbosity::quiet) return;
  clear_bar();
  if (settings_.json) {
    print_event({{"event", "note"}, {"severity", name_of(severity)}, {"message", message}});
    return;
  }
  const char* const label = severity == Severity::warning ? "warning: " : severity == Severity::error ? "error: " : "";
  std::fprintf(stderr, "duskline: %s%.*s\n", label, static_cast<int>(message.size()), message.data());
}

void Console::progress(const Progress& progress) {
  const std::lock_guard lock(mutex_);
  if (!settings_.progress || settings_.verbosity == Verbosity::quiet) return;
  const SteadyTime now = clock_.steady();
  if (now < next_progress_) return;
  const bool bar = terminal_ && !settings_.json;
  const bool first = next_progress_ == SteadyTime{};
  next_progress_ = now + (settings_.json ? json_interval : bar ? bar_interval : line_interval);
  rate_.update(progress, now);
  if (first && !bar) return;  // a run shorter than the interval leaves no line in a log
  if (settings_.json) {
    boost::json::object event{{"event", "progress"},
                              {"phase", progress.phase},
                              {"files", progress.files},
                              {"files_total", progress.files_total},
                              {"bytes", progress.bytes},
                              {"bytes_total", progress.bytes_total},
                              {"bytes_per_second", static_cast<std::uint64_t>(rate_.bytes_per_second())}};
    if (const auto left = rate_.left(progress)) event["seconds_left"] = static_cast<double>(left->count()) / 1e9;
    print_event(event);
  } else if (bar) {
    std::fprintf(stderr, "\r\x1b[K%s", progress_bar(progress, rate_, terminal_columns()).c_str());
    bar_shown_ = true;
  } else {
    std::fprintf(stderr, "duskline: %s\n", progress_line(progress, rate_).c_str());
  }
}

void Console::record(const FileRecord& record) {
  const std::lock_guard lock(mutex_);
  const bool show = settings_.verbosity == Verbosity::verbose || record.action == "refuse";
  if (!records_ && !show) return;
  boost::json::object object = to_json(record);
  if (records_) {
    object["time"] = format_time(clock_.now());
    const std::string line = boost::json::serialize(object);
    std::fprintf(records_.get(), "%s\n", line.c_str());
  }
  if (!show) return;
  clear_bar();
  if (settings_.json) {
    print_event(object);
    return;
  }
  std::string line(record.action);
  line += "  " + printable(record.path);
  if (record.bytes > 0) line += "  " + format_bytes(record.bytes);
  if (!record.source.empty()) line += "  from " + std::string(record.source);
  if (!record.reason.empty()) line += "  (" + std::string(record.reason) + ")";
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Console::clear_bar() {
  if (!bar_shown_) return;
  std::fputs("\r\x1b[K", stderr);
  bar_shown_ = false;
}

void Console::print_event(const boost::json::object& object) {
  const std::string line = boost::json::serialize(object);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

}  // namespace duskline::cli
