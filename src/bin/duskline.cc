// The program: parses the command line, wires the parts, runs the command, says how it ended.
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <mutex>
#include <thread>

#include "bin/wiring.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "disk/real_disk.h"
#include "release/keys.h"

namespace duskline {
namespace {

// Turns the first SIGINT, SIGTERM or SIGHUP into a stop request, so that a command ends in order; a second one ends the
// process at once. Signals are taken by one waiting thread, which leaves handlers, and what is unsafe in them, out.
class SignalWatch {
 public:
  explicit SignalWatch(std::stop_source& stop) : stop_(stop) {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file may not grow (ulimit -f): the write says so
    thread_ = std::thread([this] { watch(); });
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  // See cli::Context.
  void on_hangup(std::function<void()> reload) {
    const std::lock_guard lock(mutex_);
    reload_ = std::move(reload);
  }
  ~SignalWatch() {
    done_ = true;
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }

 private:
  void watch() {
    for (int seen = 0;;) {
      int signal = 0;
      sigwait(&signals_, &signal);
      if (done_) return;
      if (signal == SIGUSR1 || (signal == SIGHUP && reloaded())) continue;
      if (seen++ > 0) _exit(130);
      stop_.request_stop();
    }
  }

  bool reloaded() {
    const std::lock_guard lock(mutex_);
    if (reload_) reload_();
    return static_cast<bool>(reload_);
  }

  std::stop_source& stop_;
  std::mutex mutex_;
  std::function<void()> reload_;
  sigset_t signals_{};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

int run(int argc, const char* const* argv) {
  RealClock clock;
  cli::Console console({}, clock);
  const auto commands = cli::all_commands();
  const auto parsed =
      cli::parse_command_line(argc, argv, commands, environment_value, release::default_key_folder() + "/config.toml");
  if (!parsed) {
    console.error(parsed.error());
    return exit_code_of(parsed.error().code);
  }
  if (parsed->command == nullptr) {
    std::fputs(parsed->output.c_str(), stdout);
    return 0;
  }
  console.configure(parsed->console);
  std::stop_source stop;
  SignalWatch watch(stop);
  const auto disk = disk::open_real_disk();
  const auto unsynced_disk = disk::open_real_disk(disk::PathResolution::automatic, disk::Durability::left_to_system);
  cli::Context context{
      console,
      *disk,
      *unsynced_disk,
      clock,
      environment_value,
      [&](const cli::StoreArguments& arguments) { return open_store(arguments, *disk, clock, console); },
      [&](std::function<void()> reload) { watch.on_hangup(std::move(reload)); }};
  const Op op{.stop = stop.get_token()};
  const auto code = parsed->command->run(op, context);
  const Status logged = console.end_records();
  if (!logged) console.error(logged.error());
  if (!code) {
    console.error(code.error());
    return exit_code_of(code.error().code);
  }
  if (!logged) return exit_code_of(logged.error().code);
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    if (errno == EPIPE) return 1;  // who read it has what they wanted
    console.error({Code::io, "stdout could not be written to the end"});
    return 1;
  }
  return *code;
}

}  // namespace
}  // namespace duskline

int main(int argc, char** argv) {
  // Large buffers go back to the system when they are freed. Left to itself, malloc would soon keep them, and with them
  // what an earlier phase of a run needed: a fifth more memory for a publish with deltas.
  constexpr int large_bytes = 4 << 20;
  mallopt(M_MMAP_THRESHOLD, large_bytes);
  return duskline::run(argc, argv);
}
