// What only the real disk has: permissions, mounts, ACLs, special files of the kernel.
#include "disk/real_disk.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>

#include "disk/real_file.h"
#include "disk/system.h"
#include "testing/must.h"
#include "testing/scratch.h"

namespace {
std::atomic<int> calls_to_sync;
}  // namespace

// These stand before the C library's, so that calls can be counted.
extern "C" int fsync(int fd) {
  ++calls_to_sync;
  return static_cast<int>(syscall(SYS_fsync, fd));
}
extern "C" int syncfs(int fd) noexcept {
  ++calls_to_sync;
  return static_cast<int>(syscall(SYS_syncfs, fd));
}

namespace duskline::disk {
namespace {

using ::testing::HasSubstr;
using testing::must;
using testing::must_fail;

class RealDisk : public ::testing::Test {
 protected:
  RealDisk() : disk(open_real_disk()), root(must(disk->open(scratch.path()))) {}

  testing::Scratch scratch;
  std::unique_ptr<Filesystem> disk;
  std::unique_ptr<Directory> root;
};

constexpr unsigned nobody = 65534;

// Runs `body` in a child process, as an ordinary user where this one is root. An exception or failed check there is
// a failure here. The child uses only what was opened before, and no other threads exist.
void in_child(const std::function<void()>& body) {
  const pid_t child = fork();
  ASSERT_NE(child, -1);
  if (child == 0) {
    int code = 3;
    try {
      if (geteuid() != 0 || (setgid(nobody) == 0 && setuid(nobody) == 0)) {
        body();
        code = ::testing::Test::HasFailure() ? 1 : 0;
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      code = 2;
    }
    _exit(code);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "child ended with status " << status;
}

// A directory that belongs to the user that in_child() becomes.
std::unique_ptr<Directory> make_own_directory(Directory& root) {
  must(root.set_mode("", 0755));
  must(root.make_directory("own", 0755));
  if (geteuid() == 0) must(root.set_owner("own", {nobody, nobody}));
  return must(root.open_directory("own"));
}

TEST_F(RealDisk, FilesOfModeZeroAreDeniedByName) {
  const auto own = make_own_directory(*root);
  in_child([&] {
    must(own->create("secret", 0));
    const auto read = own->open_read("secret");
    ASSERT_EQ(must_fail(read), Code::denied);
    EXPECT_THAT(read.error().message, HasSubstr("own/secret"));
    EXPECT_EQ(must_fail(own->open_write("secret")), Code::denied);
    EXPECT_EQ(must(own->stat("secret"))->mode, 0U);
    must(own->set_mode("secret", 0600));
    must(own->open_read("secret"));
  });
}

TEST_F(RealDisk, WhatBelongsToOthersIsDenied) {
  const auto own = make_own_directory(*root);
  must(root->create("theirs", 0600));
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to have a file that belongs to somebody else";
  in_child([&] {
    EXPECT_EQ(must_fail(root->open_read("theirs")), Code::denied);
    EXPECT_EQ(must_fail(root->create("new", 0600)), Code::denied);
    EXPECT_EQ(must_fail(root->remove_file("theirs", Missing::is_absent)), Code::denied);
    EXPECT_EQ(must_fail(root->set_mode("theirs", 0777)), Code::denied);
    EXPECT_EQ(must_fail(root->remove_tree("own", Missing::is_error)), Code::denied);
  });
}

TEST_F(RealDisk, RemovesTreesWhoseModesForbidIt) {
  const auto own = make_own_directory(*root);
  in_child([&] {
    must(own->make_directory("tree", 0755));
    must(own->make_directory("tree/a", 0755));
    must(own->make_directory("tree/a/b", 0755));
    must(own->make_directory("tree/c", 0755));
    must(own->create("tree/a/b/file", 0));
    must(own->create("tree/a/file", 0));
    must(own->create("tree/c/file", 0));
    must(own->set_mode("tree/a/b", 0));
    must(own->set_mode("tree/a", 0500));
    must(own->set_mode("tree/c", 0400));
    must(own->set_mode("tree", 0));
    must(own->remove_tree("tree", Missing::is_error));
    EXPECT_TRUE(must(own->list()).empty());
  });
}

TEST_F(RealDisk, RemovesDeepTreesWithFewOpenFilesWhateverTheirModes) {
  const auto own = make_own_directory(*root);
  in_child([&] {
    constexpr int depth = 300;
    std::vector<std::unique_ptr<Directory>> levels;
    levels.push_back(must(own->open_directory("")));
    for (int i = 0; i < depth; ++i) {
      must(levels.back()->make_directory("d", 0755));
      levels.push_back(must(levels.back()->open_directory("d")));
    }
    for (auto level = levels.rbegin(); level + 1 != levels.rend(); ++level) must((*level)->set_mode("", 0));
    levels.clear();
    const rlimit few{64, 64};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    must(own->remove_tree("d", Missing::is_error));
    EXPECT_TRUE(must(own->list()).empty());
  });
}

TEST_F(RealDisk, SaysWhenTooManyFilesAreOpen) {
  must(root->open_directory(""));  // once before: a sanitizer needs open files of its own at a first call
  in_child([&] {
    rlimit usual{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
    const rlimit none{0, usual.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto failed = root->open_directory("");
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
    ASSERT_FALSE(failed.has_value());
    EXPECT_THAT(failed.error().message, HasSubstr("ulimit"));
  });
}

TEST_F(RealDisk, NeverRemovesThroughAMountPoint) {
  must(root->make_directory("tree", 0755));
  must(root->make_directory("tree/mounted", 0755));
  must(root->create("precious", 0644));
  const std::string at = scratch.path("tree/mounted");
  if (mount("none", at.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "mounting is not permitted here";
  const std::unique_ptr<const std::string, void (*)(const std::string*)> unmount(
      &at, [](const std::string* path) { umount2(path->c_str(), MNT_DETACH); });
  must(root->create("tree/mounted/precious", 0644));
  EXPECT_EQ(must_fail(root->remove_tree("tree", Missing::is_error)), Code::refused);
  EXPECT_EQ(must_fail(root->remove_tree("tree/mounted", Missing::is_error)), Code::refused);
  EXPECT_TRUE(must(root->stat("tree/mounted/precious")).has_value());
  EXPECT_EQ(must_fail(root->rename("precious", *root, "tree/mounted/moved")), Code::unsupported);
  EXPECT_EQ(must_fail(root->make_hard_link("precious", *root, "tree/mounted/linked")), Code::unsupported);

  const auto mounted = must(root->open_directory("tree/mounted"));
  EXPECT_TRUE(must(disk->volume(*mounted)).is_mount_point);
  EXPECT_FALSE(must(disk->volume(*root)).is_mount_point);
  EXPECT_NE(must(disk->volume(*mounted)).filesystem_id, must(disk->volume(*root)).filesystem_id);
  for (const DirectoryEntry& entry : must(must(root->open_directory("tree"))->list())) {
    EXPECT_NE(entry.stat.mount, must(root->stat()).mount) << entry.name;
  }
  const Bytes too_much(2 << 20, 1);
  EXPECT_EQ(must_fail(must(mounted->create("big", 0644))->write_at(0, too_much)), Code::no_space);
}

TEST_F(RealDisk, ABindMountOfTheSameDiskIsNotCrossedEither) {
  must(root->make_directory("tree", 0755));
  must(root->make_directory("tree/bound", 0755));
  must(root->make_directory("source", 0755));
  must(root->create("source/precious", 0644));
  const std::string at = scratch.path("tree/bound");
  if (mount(scratch.path("source").c_str(), at.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    GTEST_SKIP() << "mounting is not permitted here";
  }
  const Status removed = root->remove_tree("tree", Missing::is_error);
  umount2(at.c_str(), MNT_DETACH);
  EXPECT_EQ(must_fail(removed), Code::refused);
  EXPECT_TRUE(must(root->stat("source/precious")).has_value());
}

TEST_F(RealDisk, SaysReadOnly) {
  must(root->make_directory("mounted", 0755));
  const std::string at = scratch.path("mounted");
  if (mount("none", at.c_str(), "tmpfs", MS_RDONLY, "size=1m") != 0) GTEST_SKIP() << "mounting is not permitted here";
  const Status made = root->make_directory("mounted/d", 0755);
  umount2(at.c_str(), MNT_DETACH);
  EXPECT_EQ(must_fail(made), Code::read_only);
}

// The value of system.posix_acl_default: version 2, then (tag, permissions, id) each.
Bytes default_acl() {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.u32_fixed(2);
  for (const auto& [tag, permissions] : {std::pair(0x01U, 7U), std::pair(0x04U, 5U), std::pair(0x20U, 0U)}) {
    writer.u32_fixed(tag | permissions << 16);
    writer.u32_fixed(~0U);
  }
  return bytes;
}

TEST_F(RealDisk, ModesAreExactDespiteADefaultAcl) {
  must(root->make_directory("d", 0755));
  const Bytes acl = default_acl();
  if (setxattr(scratch.path("d").c_str(), "system.posix_acl_default", acl.data(), acl.size(), 0) != 0) {
    GTEST_SKIP() << "no POSIX ACLs on this file system";
  }
  const auto d = must(root->open_directory("d"));
  must(d->create("file", 0644));
  must(root->create("d/other", 0644));
  must(d->make_directory("below", 0755));
  EXPECT_EQ(must(d->stat("file"))->mode, 0644U);
  EXPECT_EQ(must(d->stat("other"))->mode, 0644U);
  EXPECT_EQ(must(d->stat("below"))->mode, 0755U);
}

TEST_F(RealDisk, ModesAreExactBelowASetGroupIdDirectory) {
  must(root->make_directory("d", 02775));
  must(root->make_directory("d/below", 0755));
  must(root->make_directory("d/kept", 02755));
  EXPECT_EQ(must(root->stat("d/below"))->mode, 0755U);
  EXPECT_EQ(must(root->stat("d/kept"))->mode, 02755U);
}

TEST_F(RealDisk, SocketsAndDevicesAreRefusedAsFiles) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  scratch.path("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(fd);
  EXPECT_EQ(must(root->stat("socket"))->kind, FileKind::socket);
  EXPECT_EQ(must_fail(root->open_read("socket")), Code::refused);
  EXPECT_EQ(must_fail(root->open_write("socket")), Code::refused);
  const auto devices = must(disk->open("/dev"));
  EXPECT_EQ(must(devices->stat("null"))->kind, FileKind::character_device);
  const auto opened = devices->open_read("null");
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().message, HasSubstr("/dev/null: it is a character device"));
}

TEST_F(RealDisk, ReadsFilesWhoseSizeTheKernelDoesNotSay) {
  const auto process = must(disk->open("/proc/self"));
  constexpr std::uint64_t limit = 1 << 16;
  EXPECT_THAT(std::string(text_of(must(process->read_all("status", limit)).value())), HasSubstr("Umask:"));
  EXPECT_EQ(must_fail(process->read_all("status", 100)), Code::too_large);
}

TEST_F(RealDisk, OpensRootsThatNoSingleCallCanName) {
  const std::string name(200, 'r');
  std::string path;
  for (int i = 0; i < 30; ++i) {
    path += (i == 0 ? "" : "/") + name;
    must(root->make_directory(path, 0755));
  }
  const auto deep = must(disk->open(scratch.path(path)));
  must(deep->create("file", 0644));
  EXPECT_TRUE(must(root->stat(path + "/file")).has_value());
  must(disk->open_or_create(scratch.path(path + "/new/below"), 0755));
  EXPECT_TRUE(must(root->stat(path + "/new/below")).has_value());
}

int leased_fd = -1;

void give_lease_back(int) { fcntl(leased_fd, F_SETLEASE, F_UNLCK); }

TEST_F(RealDisk, WaitsForAFileServerToGiveItsLeaseBack) {
  must(must(root->create("leased", 0644))->write_at(0, bytes_of("content")));
  leased_fd = open(scratch.path("leased").c_str(), O_RDWR | O_CLOEXEC);
  const auto previous = std::signal(SIGIO, give_lease_back);
  if (fcntl(leased_fd, F_SETLEASE, F_WRLCK) != 0) {
    close(leased_fd);
    std::signal(SIGIO, previous);
    GTEST_SKIP() << "no leases on this file system";
  }
  const auto bytes = root->read_all("leased", 100);
  close(leased_fd);
  std::signal(SIGIO, previous);
  EXPECT_EQ(text_of(must(bytes).value()), "content");
}

TEST_F(RealDisk, TimesBeyondRangeAreClamped) {
  struct statx raw{};
  Stat stat;
  raw.stx_mtime.tv_sec = std::numeric_limits<std::int64_t>::max();
  raw.stx_ctime.tv_sec = std::numeric_limits<std::int64_t>::min();
  fill_stat(raw, stat);
  EXPECT_EQ(stat.mtime_ns, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(stat.ctime_ns, std::numeric_limits<std::int64_t>::min());
  const timespec early = timespec_of(-1);
  EXPECT_EQ(early.tv_sec, -1);
  EXPECT_EQ(early.tv_nsec, 999'999'999);
}

TEST_F(RealDisk, DescriptorsAreNotInherited) {
  const auto file = must(root->create("file", 0644));
  const auto lock = must(root->try_lock("lock"));
  const auto open = must(must(disk->open("/proc/self/fd"))->list());
  for (const DirectoryEntry& entry : open) {
    const int fd = std::stoi(entry.name);
    const int flags = fcntl(fd, F_GETFD);
    char target[512] = {};
    (void)readlink(("/proc/self/fd/" + entry.name).c_str(), target, sizeof target - 1);
    if (std::string_view(target).find(scratch.path()) == std::string_view::npos) continue;
    EXPECT_TRUE((flags & FD_CLOEXEC) != 0) << target;
  }
}

TEST_F(RealDisk, WaitsForTheDeviceUnlessThatIsLeftToTheSystem) {
  const auto calls_of = [&](Filesystem& on) {
    const auto directory = must(on.open(scratch.path()));
    const int before = calls_to_sync;
    must(directory->remove_file("f", Missing::is_absent));
    must(must(directory->create("f", 0600))->sync());
    must(directory->sync());
    must(directory->sync_filesystem());
    must(directory->replace("g", bytes_of("whole"), 0600));
    return calls_to_sync - before;
  };
  EXPECT_EQ(calls_of(*disk), 5);
  EXPECT_EQ(calls_of(*open_real_disk(PathResolution::automatic, Durability::left_to_system)), 0);
}

TEST_F(RealDisk, ErrorsOfLaterClosesReachTheNextSync) {
  DiskState state(PathResolution::automatic);
  EXPECT_TRUE(state.take_late_error().has_value());
  state.keep_late_error({Code::io, "first"});
  state.keep_late_error({Code::io, "second"});
  const Status late = state.take_late_error();
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().message, "first");
  EXPECT_TRUE(state.take_late_error().has_value());
}

}  // namespace
}  // namespace duskline::disk
