#include "site/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <optional>

#include "base/units.h"

namespace duskline::site {
namespace {

using std::chrono::steady_clock;

constexpr auto grace = std::chrono::seconds(5);
constexpr std::size_t max_line_bytes = 4096;
constexpr std::size_t max_output_bytes = 1 << 20;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ != -1) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

// Cuts output into lines for the reporter, within bounds.
class Lines {
 public:
  Lines(const std::string& name, Reporter& reporter) : prefix_(name + ": "), reporter_(reporter) {}

  void add(std::string_view text) {
    for (const char c : text) {
      if (c == '\n') {
        end_line();
      } else if (line_.size() < max_line_bytes) {
        line_ += c;
      } else {
        is_cut_ = true;
      }
    }
  }
  void end() {
    if (!line_.empty()) end_line();
    if (dropped_ > 0) {
      reporter_.note(Severity::warning, prefix_ + "(" + format_bytes(dropped_) + " more of output were dropped)");
    }
  }
  [[nodiscard]] const std::string& last() const { return last_; }

 private:
  void end_line() {
    std::string text = printable(line_) + (is_cut_ ? " (cut)" : "");
    shown_ += line_.size() + 1;
    if (shown_ <= max_output_bytes) {
      reporter_.note(Severity::info, prefix_ + text);
    } else {
      dropped_ += line_.size() + 1;
    }
    if (!line_.empty()) last_ = std::move(text);
    line_.clear();
    is_cut_ = false;
  }

  const std::string prefix_;
  Reporter& reporter_;
  std::string line_, last_;
  bool is_cut_ = false;
  std::uint64_t shown_ = 0, dropped_ = 0;
};

// A command in a process group of its own. Reaped by wait() or, at the latest, killed and reaped by the destructor.
class Child {
 public:
  ~Child() {
    if (pid_ == -1) return;
    (void)::kill(-pid_, SIGKILL);
    (void)wait();
  }
  Status start(const std::string& command, const std::vector<std::pair<std::string, std::string>>& environment,
               const std::string& directory);
  [[nodiscard]] int output() const { return output_.get(); }
  [[nodiscard]] int ended() const { return pidfd_.get(); }
  // SIGTERM, and SIGKILL for what is left after the grace.
  void end_group(Lines& lines);
  int wait() {  // the status as waitpid gives it
    while (pid_ != -1 && ::waitpid(pid_, &status_, 0) == -1 && errno == EINTR) continue;
    pid_ = -1;
    return status_;
  }

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  Fd output_, pidfd_;
};

Status check_spawn(int error, const char* what) {
  if (error == 0) return {};
  return errno_error(what, error);
}

Status Child::start(const std::string& command, const std::vector<std::pair<std::string, std::string>>& environment,
                    const std::string& directory) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("make a pipe for a command's output", errno);
  output_.reset(ends[0]);
  const Fd input(ends[1]);
  (void)::fcntl(output_.get(), F_SETFL, O_NONBLOCK);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int error = posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  if (error == 0) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, input.get(), 1);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, input.get(), 2);
  if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &none);
  if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &all);
  if (error == 0) error = posix_spawnattr_setpgroup(&attributes, 0);
  constexpr short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (error == 0) error = posix_spawnattr_setflags(&attributes, flags);

  std::vector<std::string> texts;
  texts.reserve(environment.size());
  for (const auto& [name, value] : environment) texts.push_back(name + "=" + value);
  std::vector<char*> variables;
  for (std::string& text : texts) variables.push_back(text.data());
  variables.push_back(nullptr);
  std::string shell = "sh", flag = "-c", text = command;
  char* const arguments[] = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t pid = -1;
  if (error == 0) error = posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments, variables.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  DL_TRY(check_spawn(error, "start a command with /bin/sh"));
  pid_ = pid;
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return pidfd_.get() == -1 ? Status(errno_error("watch a command", errno)) : Status();
}

enum class End : std::uint8_t { by_itself, time_limit, stopped };

int milliseconds_until(steady_clock::time_point when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

// Passes on what the pipe holds now. False once it has been closed.
bool drain(int fd, Lines& lines) {
  char buffer[16 << 10];
  // A flood must not keep us from looking at the clock.
  for (int rounds = 0; rounds < 16; ++rounds) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got > 0) lines.add({buffer, static_cast<std::size_t>(got)});
    if (got == 0) return false;
    if (got == -1 && errno != EINTR) return errno == EAGAIN;
  }
  return true;
}

// Until the command has ended, `until` has come, or `stop` can be read.
End watch(const Child& child, int stop, steady_clock::time_point until, Lines& lines) {
  bool has_output = true;
  for (;;) {
    pollfd fds[] = {{child.ended(), POLLIN, 0}, {stop, POLLIN, 0}, {has_output ? child.output() : -1, POLLIN, 0}};
    (void)::poll(fds, std::size(fds), milliseconds_until(until));
    if (fds[2].revents != 0) has_output = drain(child.output(), lines);
    if (fds[0].revents != 0) return End::by_itself;
    if (fds[1].revents != 0) return End::stopped;
    if (steady_clock::now() >= until) return End::time_limit;
  }
}

void Child::end_group(Lines& lines) {
  const pid_t group = pid_;
  const auto until = steady_clock::now() + grace;
  (void)::kill(-group, SIGTERM);
  const Fd never(::eventfd(0, EFD_CLOEXEC));
  if (watch(*this, never.get(), until, lines) == End::by_itself) {
    (void)wait();  // from now on the group is only those that it left behind
    constexpr int look_again_ms = 20;
    while (steady_clock::now() < until && ::kill(-group, 0) == 0) (void)::poll(nullptr, 0, look_again_ms);
  }
  if (::kill(-group, 0) == 0) (void)::kill(-group, SIGKILL);
}

Status outcome(const std::string& name, int status, const Lines& lines) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string message = "the command \"" + name + "\" ";
  if (WIFEXITED(status)) {
    message += "ended with status " + std::to_string(WEXITSTATUS(status));
  } else {
    message += "was ended by signal " + std::to_string(WTERMSIG(status));
  }
  if (!lines.last().empty()) message += "; it said last: " + lines.last();
  return Error{Code::io, message};
}

}  // namespace

std::vector<std::pair<std::string, std::string>> base_environment() {
  const auto variable = [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
  std::string home = "/";
  passwd entry{}, *found = nullptr;
  char buffer[4096];
  if (::getpwuid_r(::geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) home = found->pw_dir;
  return {{"PATH", variable("PATH").value_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")},
          {"HOME", variable("HOME").value_or(home)},
          {"LANG", variable("LANG").value_or("C.UTF-8")}};
}

Status run_hook(const Op& op, const std::string& name, const std::string& command, std::chrono::nanoseconds limit,
                const std::vector<std::pair<std::string, std::string>>& environment, const std::string& directory,
                Reporter& reporter) {
  DL_TRY(op.check());
  const Fd stop(::eventfd(0, EFD_CLOEXEC));
  if (stop.get() == -1) return errno_error("make an event for stopping a command", errno);
  const std::stop_callback wake(op.stop, [&] {
    const std::uint64_t one = 1;
    (void)!::write(stop.get(), &one, sizeof one);
  });
  Child child;
  DL_TRY(child.start(command, environment, directory));
  Lines lines(name, reporter);
  const auto now = steady_clock::now();
  const auto left = steady_clock::time_point::max() - now;
  const auto until = std::min(op.deadline, limit < left ? now + limit : steady_clock::time_point::max());
  const End end = watch(child, stop.get(), until, lines);
  if (end != End::by_itself) child.end_group(lines);
  const int status = child.wait();
  (void)drain(child.output(), lines);
  lines.end();
  if (end == End::stopped) return Error{Code::cancelled, "the command \"" + name + "\" was stopped, as asked"};
  if (end == End::time_limit) {
    return Error{Code::timeout,
                 "the command \"" + name + "\" was ended, since it took longer than " + format_duration(limit)};
  }
  return outcome(name, status, lines);
}

}  // namespace duskline::site
