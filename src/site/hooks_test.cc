#include "site/hooks.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "site/test_support.h"
#include "testing/scratch.h"

namespace duskline::site {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::Scratch;

class Hook : public ::testing::Test {
 protected:
  Status run(const std::string& command, std::chrono::nanoseconds limit = minutes(2), const Op& op = {}) {
    auto environment = base_environment();
    environment.emplace_back("DUSKLINE_SET", "packages");
    return run_hook(op, "check", command, limit, environment, scratch_.path(), reporter_);
  }
  // Blocks until the file has a line; the limit of the command under test ends the wait should it never come.
  pid_t read_pid(const std::string& fifo) {
    std::ifstream in(scratch_.path(fifo));
    pid_t pid = 0;
    in >> pid;
    return pid;
  }
  void make_fifo(const std::string& name) { ASSERT_EQ(::mkfifo(scratch_.path(name).c_str(), 0600), 0); }
  // A process that was killed may be a zombie until somebody reaps it, but it runs no more.
  static bool runs(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    return static_cast<bool>(in >> number >> name >> state) && state != "Z" && state != "X";
  }

  Scratch scratch_;
  TestReporter reporter_;
};

TEST_F(Hook, RunsInTheTargetWithABuiltEnvironment) {
  ::setenv("AWS_SECRET_ACCESS_KEY", "not for children", 1);
  must(run("pwd; env; echo done >made"));
  ::unsetenv("AWS_SECRET_ACCESS_KEY");
  EXPECT_TRUE(reporter_.said("check: " + scratch_.path()));
  EXPECT_TRUE(reporter_.said("check: DUSKLINE_SET=packages"));
  EXPECT_TRUE(reporter_.said("check: PATH="));
  EXPECT_TRUE(reporter_.said("check: HOME="));
  EXPECT_FALSE(reporter_.said("not for children"));
  EXPECT_EQ(::access(scratch_.path("made").c_str(), F_OK), 0);
}

TEST_F(Hook, TellsHowItEnded) {
  const Status failed = run("echo nothing works >&2; echo; exit 3");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::io);
  EXPECT_NE(failed.error().message.find("status 3"), std::string::npos);
  EXPECT_NE(failed.error().message.find("nothing works"), std::string::npos);
  const Status killed = run("kill -9 $$");
  ASSERT_FALSE(killed);
  EXPECT_NE(killed.error().message.find("signal 9"), std::string::npos);
  EXPECT_EQ(must_fail(run("no-such-command-anywhere")), Code::io);
}

TEST_F(Hook, KeepsOutputWithinBounds) {
  must(run("head -c 10000 /dev/zero | tr '\\0' x; echo; printf 'a\\033[31m\\377b\\n'; printf 'no newline'"));
  EXPECT_TRUE(reporter_.said(std::string(4096, 'x') + " (cut)"));
  EXPECT_FALSE(reporter_.said(std::string(4097, 'x')));
  EXPECT_TRUE(reporter_.said("a\\x1b[31m\\xffb"));
  EXPECT_TRUE(reporter_.said("check: no newline"));
  TestReporter many;
  must(run_hook({}, "after", "yes | head -c 3000000", minutes(2), base_environment(), scratch_.path(), many));
  EXPECT_TRUE(many.said("more of output were dropped"));
  EXPECT_LT(many.notes().size(), std::size_t{8} << 20);
}

TEST_F(Hook, IsEndedWithItsWholeGroupAtTheTimeLimit) {
  make_fifo("pid");
  std::jthread later;
  pid_t grandchild = 0;
  later = std::jthread([&] { grandchild = read_pid("pid"); });
  const Status ended = run("sleep 1000 & echo $! >pid; wait", milliseconds(500));
  // Where the limit came before the command had written its number, somebody must open the other end.
  std::ofstream(scratch_.path("pid"), std::ios::app | std::ios::in) << "0\n";
  later.join();
  EXPECT_EQ(must_fail(ended), Code::timeout);
  EXPECT_NE(ended.error().message.find("longer than"), std::string::npos);
  if (grandchild > 0) {
    EXPECT_FALSE(runs(grandchild));
  }
}

TEST_F(Hook, IsEndedWhenTheRunIsStopped) {
  make_fifo("ready");
  std::stop_source stop;
  const std::jthread stopper([&] {
    (void)read_pid("ready");
    stop.request_stop();
  });
  EXPECT_EQ(must_fail(run("echo 1 >ready; sleep 1000", minutes(5), {.stop = stop.get_token()})), Code::cancelled);
  EXPECT_EQ(must_fail(run("touch never", minutes(5), {.stop = stop.get_token()})), Code::cancelled);
  EXPECT_NE(::access(scratch_.path("never").c_str(), F_OK), 0);
}

TEST_F(Hook, DoesNotWaitForWhatItLeavesInTheBackground) {
  make_fifo("pid");
  pid_t left = 0;
  std::jthread reader([&] { left = read_pid("pid"); });
  must(run("sleep 1000 & echo $! >pid; echo started"));  // it still holds the pipe for output
  reader.join();
  EXPECT_TRUE(reporter_.said("check: started"));
  ASSERT_GT(left, 0);
  EXPECT_TRUE(runs(left));
  ::kill(left, SIGKILL);
}

TEST_F(Hook, SaysWhereItCannotRun) {
  EXPECT_EQ(must_fail(run_hook({}, "before", "true", minutes(1), {}, scratch_.path("nowhere"), reporter_)),
            Code::not_found);
}

}  // namespace
}  // namespace duskline::site
