// Directories: names, renames, removals, locks, hostile paths.
#include <functional>
#include <thread>

#include "filesystem_world.h"

namespace duskline::disk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using NamesContract = FilesystemContract;
INSTANTIATE_TEST_SUITE_P(Disks, NamesContract, ::testing::ValuesIn(world_kinds), name_of_world);

TEST_P(NamesContract, ListsEveryKindWithItsStat) {
  write("file", "12345", 0640);
  must(root->make_directory("directory", 0751));
  must(root->make_symlink("some/where", "link"));
  world->make_fifo("fifo");
  auto entries = must(root->list());
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].name, "directory");
  EXPECT_EQ(entries[0].stat.kind, FileKind::directory);
  EXPECT_EQ(entries[0].stat.mode, 0751U);
  EXPECT_EQ(entries[1].stat.kind, FileKind::fifo);
  EXPECT_EQ(entries[2].stat.kind, FileKind::file);
  EXPECT_EQ(entries[2].stat.size_bytes, 5U);
  EXPECT_EQ(entries[2].stat.mode, 0640U);
  EXPECT_EQ(entries[3].stat.kind, FileKind::symlink);
  EXPECT_EQ(entries[3].stat.size_bytes, 10U);
  const Stat own = must(root->stat());
  for (const DirectoryEntry& entry : entries) {
    const Stat again = stat(entry.name);
    EXPECT_EQ(entry.stat.inode, again.inode);
    EXPECT_EQ(entry.stat.mtime_ns, again.mtime_ns);
    EXPECT_EQ(entry.stat.ctime_ns, again.ctime_ns);
    EXPECT_EQ(entry.stat.device, own.device);
    EXPECT_EQ(entry.stat.mount, own.mount);
  }
}

TEST_P(NamesContract, KeepsNamesOfAnyBytes) {
  const std::vector<std::string> hostile = {std::string("\x01\x02"),
                                            "-rf",
                                            "...",
                                            ".hidden",
                                            "back\\slash",
                                            "line\nbreak",
                                            "space ",
                                            "\xc3\xa9",
                                            "\xff\xfe\x80",
                                            "\x7f\x1b",
                                            "~",
                                            std::string(255, 'x'),
                                            "*?[",
                                            "a\tb"};
  for (const std::string& name : hostile) write(name, name);
  auto expected = hostile;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(names(*root), expected);
  for (const std::string& name : hostile) EXPECT_EQ(read(name), name);
}

TEST_P(NamesContract, ListsManyEntriesEachTimeAnew) {
  constexpr int count = 800;
  const std::string prefix(200, 'n');  // so that the kernel needs more than one call to list them
  EXPECT_THAT(names(*root), IsEmpty());
  for (int i = 0; i < count; ++i) must(root->create(prefix + std::to_string(i), 0644));
  EXPECT_EQ(names(*root).size(), static_cast<std::size_t>(count));
  must(root->remove_file(prefix + "7", Missing::is_error));
  const auto left = names(*root);
  EXPECT_EQ(left.size(), static_cast<std::size_t>(count - 1));
  EXPECT_EQ(std::adjacent_find(left.begin(), left.end()), left.end());
}

TEST_P(NamesContract, VisitsUntilTold) {
  for (const char* name : {"a", "b", "c"}) write(name, name);
  std::vector<std::string> seen;
  must(root->visit([&](std::string_view name, const Stat& stat) -> Status {
    EXPECT_EQ(stat.size_bytes, 1U);
    EXPECT_EQ(read(name), name);  // the directory can be used meanwhile
    seen.emplace_back(name);
    return {};
  }));
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("a", "b", "c"));
  int calls = 0;
  const Status stopped = root->visit([&](std::string_view, const Stat&) -> Status {
    ++calls;
    return Error{Code::cancelled, "enough"};
  });
  EXPECT_EQ(must_fail(stopped), Code::cancelled);
  EXPECT_EQ(calls, 1);
}

TEST_P(NamesContract, AbsenceIsAValue) {
  write("file", "");
  EXPECT_FALSE(must(root->stat("absent")).has_value());
  EXPECT_FALSE(must(root->stat("absent/below")).has_value());
  EXPECT_FALSE(must(root->stat("file/below")).has_value());
  EXPECT_TRUE(must(root->stat("")).has_value());
}

TEST_P(NamesContract, OpensDirectories) {
  must(root->make_directory("a", 0755));
  must(root->make_directory("a/b", 0755));
  write("file", "");
  must(root->open_directory("a/b"))->create("c", 0644).value();
  EXPECT_TRUE(exists("a/b/c"));
  EXPECT_THAT(names(*must(root->open_directory(""))), ElementsAre("a", "file"));
  EXPECT_EQ(must_fail(root->open_directory("absent")), Code::not_found);
  EXPECT_EQ(must_fail(root->open_directory("file")), Code::refused);
  EXPECT_EQ(must_fail(root->open_directory("a/absent/c")), Code::not_found);
}

TEST_P(NamesContract, MakesDirectoriesWithExactModes) {
  for (const std::uint32_t mode : {0700U, 0755U, 0777U, 01777U, 0111U, 0U}) {
    const std::string name = "d" + std::to_string(mode);
    must(root->make_directory(name, mode));
    EXPECT_EQ(stat(name).mode, mode);
  }
  write("file", "");
  must(root->make_symlink("nowhere", "link"));
  EXPECT_EQ(must_fail(root->make_directory("file", 0755)), Code::already_exists);
  EXPECT_EQ(must_fail(root->make_directory("link", 0755)), Code::already_exists);
  EXPECT_EQ(must_fail(root->make_directory("d448", 0755)), Code::already_exists);
  EXPECT_EQ(must_fail(root->make_directory("absent/d", 0755)), Code::not_found);
}

TEST_P(NamesContract, OnlyRegularFilesOpenAsFiles) {
  must(root->make_directory("d", 0755));
  world->make_fifo("fifo");
  for (const char* name : {"d", "fifo"}) {
    EXPECT_EQ(must_fail(root->open_read(name)), Code::refused) << name;
    EXPECT_EQ(must_fail(root->open_write(name)), Code::refused) << name;
    EXPECT_EQ(must_fail(root->read_all(name, 10)), Code::refused) << name;
    EXPECT_EQ(must_fail(root->try_lock(name)), Code::refused) << name;
  }
}

TEST_P(NamesContract, MakesAndReadsSymlinks) {
  const std::string longest(4095, 't');
  for (const std::string& target : {std::string("x"), std::string("../../etc"), std::string("/"), longest}) {
    const Status made = root->make_symlink(target, "link");
    if (target == longest && !made && made.error().code == Code::unsupported) continue;  // XFS takes 1023 bytes
    must(made);
    EXPECT_EQ(must(root->read_link("link")), target);
    EXPECT_EQ(must_fail(root->make_symlink("other", "link")), Code::already_exists);
    must(root->remove_file("link", Missing::is_error));
  }
  write("file", "");
  EXPECT_EQ(must_fail(root->read_link("file")), Code::refused);
  EXPECT_EQ(must_fail(root->read_link("absent")), Code::not_found);
  EXPECT_EQ(must_fail(root->make_symlink("", "link")), Code::invalid);
  EXPECT_EQ(must_fail(root->make_symlink(longest + "t", "link")), Code::invalid);
  EXPECT_EQ(must_fail(root->make_symlink(std::string_view("a\0b", 3), "link")), Code::invalid);
}

TEST_P(NamesContract, RenameReplacesFilesAndSymlinks) {
  must(root->make_directory("d", 0755));
  const auto d = must(root->open_directory("d"));
  write("a", "A");
  write("d/b", "B");
  must(root->make_symlink("a", "d/l"));
  must(root->rename("a", *d, "b"));
  EXPECT_FALSE(exists("a"));
  EXPECT_EQ(read("d/b"), "A");
  must(d->rename("b", *d, "l"));
  EXPECT_EQ(read("d/l"), "A");
  must(root->rename("d/l", *root, "d/new"));
  EXPECT_THAT(names(*d), ElementsAre("new"));
  EXPECT_EQ(must_fail(root->rename("absent", *root, "x")), Code::not_found);
  EXPECT_EQ(must_fail(root->rename("d/new", *root, "absent/x")), Code::not_found);
}

TEST_P(NamesContract, RenameOfTwoNamesOfOneFileKeepsBoth) {
  write("a", "A");
  must(root->make_hard_link("a", *root, "b"));
  must(root->rename("a", *root, "b"));
  EXPECT_EQ(read("a"), "A");
  EXPECT_EQ(read("b"), "A");
  must(root->rename("a", *root, "a"));
  EXPECT_EQ(read("a"), "A");
}

TEST_P(NamesContract, RenameOfDirectories) {
  must(root->make_directory("a", 0755));
  write("a/file", "content");
  must(root->make_directory("empty", 0755));
  must(root->make_directory("full", 0755));
  write("full/x", "");
  write("file", "");
  EXPECT_EQ(must_fail(root->rename("a", *root, "full")), Code::already_exists);
  EXPECT_EQ(must_fail(root->rename("a", *root, "file")), Code::refused);
  EXPECT_EQ(must_fail(root->rename("file", *root, "empty")), Code::refused);
  must(root->make_directory("a/inner", 0755));
  EXPECT_EQ(must_fail(root->rename("a", *root, "a/inner/a")), Code::invalid);
  const auto handle = must(root->open_directory("a"));
  must(root->rename("a", *root, "empty"));
  EXPECT_EQ(read("empty/file"), "content");
  EXPECT_FALSE(exists("a"));
  EXPECT_TRUE(must(handle->stat("file")).has_value());  // a handle follows its directory
  must(root->rename("empty", *must(root->open_directory("full")), "moved"));
  must(handle->create("late", 0644));
  EXPECT_TRUE(exists("full/moved/late"));
}

TEST_P(NamesContract, RemovesFiles) {
  write("file", "");
  must(root->make_symlink("file", "link"));
  world->make_fifo("fifo");
  must(root->make_directory("d", 0755));
  must(root->remove_file("link", Missing::is_error));
  EXPECT_TRUE(exists("file"));
  must(root->remove_file("file", Missing::is_absent));
  must(root->remove_file("fifo", Missing::is_error));
  EXPECT_THAT(names(*root), ElementsAre("d"));
  EXPECT_EQ(must_fail(root->remove_file("file", Missing::is_error)), Code::not_found);
  EXPECT_EQ(must_fail(root->remove_file("absent/file", Missing::is_error)), Code::not_found);
  must(root->remove_file("file", Missing::is_absent));
  must(root->remove_file("absent/file", Missing::is_absent));
  EXPECT_EQ(must_fail(root->remove_file("d", Missing::is_absent)), Code::refused);
}

TEST_P(NamesContract, RemovesEmptyDirectories) {
  must(root->make_directory("d", 0755));
  write("d/file", "");
  must(root->make_symlink("d", "link"));
  EXPECT_EQ(must_fail(root->remove_directory("d", Missing::is_error)), Code::already_exists);
  EXPECT_EQ(must_fail(root->remove_directory("d/file", Missing::is_error)), Code::refused);
  EXPECT_EQ(must_fail(root->remove_directory("link", Missing::is_error)), Code::refused);
  must(root->remove_file("d/file", Missing::is_error));
  must(root->remove_directory("d", Missing::is_error));
  EXPECT_EQ(must_fail(root->remove_directory("d", Missing::is_error)), Code::not_found);
  must(root->remove_directory("d", Missing::is_absent));
}

TEST_P(NamesContract, RemovesTreesWithoutFollowingLinks) {
  must(root->make_directory("precious", 0755));
  write("precious/file", "kept");
  must(root->make_directory("tree", 0755));
  must(root->make_symlink("../precious", "tree/link"));
  must(root->make_symlink(world->root() + "/precious", "tree/absolute"));
  must(root->make_directory("tree/a", 0555));
  must(root->make_directory("tree/a/b", 0));
  write("tree/a/b/file", "");
  world->make_fifo("tree/fifo");
  for (int i = 0; i < 100; ++i) write("tree/" + std::to_string(i), "");
  must(root->remove_tree("tree", Missing::is_error));
  EXPECT_THAT(names(*root), ElementsAre("precious"));
  EXPECT_EQ(read("precious/file"), "kept");
  EXPECT_EQ(must_fail(root->remove_tree("tree", Missing::is_error)), Code::not_found);
  must(root->remove_tree("tree", Missing::is_absent));
  must(root->remove_tree("tree/below", Missing::is_absent));
  must(root->make_symlink("precious", "link"));
  must(root->remove_tree("link", Missing::is_error));
  must(root->remove_tree("precious/file", Missing::is_error));
  EXPECT_THAT(names(*root), ElementsAre("precious"));
  EXPECT_EQ(must_fail(root->remove_tree("", Missing::is_error)), Code::invalid);
}

TEST_P(NamesContract, RemovesTreesDeeperThanAnyPath) {
  constexpr int depth = 300;
  auto directory = must(root->open_directory(""));
  for (int i = 0; i < depth; ++i) {
    must(directory->create("file", 0644));
    must(directory->make_directory("deeper-and-deeper", 0755));
    directory = must(directory->open_directory("deeper-and-deeper"));
  }
  must(root->remove_tree("deeper-and-deeper", Missing::is_error));
  EXPECT_THAT(names(*root), ElementsAre("file"));
}

TEST_P(NamesContract, PathsLongerThanTheKernelTakes) {
  const std::string name(200, 'p');
  std::string path = name;
  for (int i = 0; i < 45; ++i) {
    must(root->make_directory(path, 0755));
    path += "/" + name;
  }
  ASSERT_GT(path.size(), 9000U);
  const std::string parent(split_path(path).first);
  write(path, "deep");
  EXPECT_EQ(read(path), "deep");
  EXPECT_EQ(stat(path).size_bytes, 4U);
  must(root->set_mode(path, 0600));
  must(root->set_mtime(path, 12345));
  EXPECT_EQ(stat(path).mode, 0600U);
  must(root->make_hard_link(path, *root, parent + "/linked"));
  must(root->rename(parent + "/linked", *root, parent + "/renamed"));
  must(root->make_symlink("target", parent + "/link"));
  EXPECT_EQ(must(root->read_link(parent + "/link")), "target");
  EXPECT_EQ(must_fail(root->open_read(parent + "/link/x")), Code::refused);
  must(root->replace(parent + "/replaced", bytes_of("r"), 0644));
  EXPECT_THAT(names(*must(root->open_directory(parent))), ElementsAre("link", name, "renamed", "replaced"));
  must(must(root->open_write(path))->write_at(0, bytes_of("D")));
  must(root->remove_file(path, Missing::is_error));
  EXPECT_FALSE(exists(path));
  must(root->remove_tree(name, Missing::is_error));
}

TEST_P(NamesContract, LocksExcludeEachOther) {
  auto lock = must(root->try_lock("lock"));
  EXPECT_EQ(must_fail(root->try_lock("lock")), Code::locked);
  EXPECT_EQ(must_fail(must(world->disk().open(world->root()))->try_lock("lock")), Code::locked);
  const auto other = must(root->try_lock("other"));
  lock.reset();
  lock = must(root->try_lock("lock"));
  // Whoever holds a lock on a file that is gone excludes nobody; the name decides.
  must(root->remove_file("lock", Missing::is_error));
  const auto again = must(root->try_lock("lock"));
  EXPECT_EQ(must_fail(root->try_lock("lock")), Code::locked);
}

TEST_P(NamesContract, DescribesItsVolume) {
  write("file", "");
  must(root->make_directory("d", 0755));
  const auto d = must(root->open_directory("d"));
  const VolumeInfo one = must(world->disk().volume(*root)), two = must(world->disk().volume(*d));
  EXPECT_FALSE(one.filesystem_id.empty());
  EXPECT_EQ(one.filesystem_id, two.filesystem_id);
  EXPECT_FALSE(two.is_mount_point);
  EXPECT_GT(one.free_bytes, 0U);
  const VolumeInfo probed = must(world->disk().probe(*d));
  EXPECT_EQ(probed.filesystem_id, one.filesystem_id);
  EXPECT_THAT(names(*d), IsEmpty());
  write("d/Name", "");
  EXPECT_EQ(exists("d/nAME"), probed.folds_case);
}

TEST_P(NamesContract, OpensAndCreatesRoots) {
  Filesystem& disk = world->disk();
  const std::string base = world->root();
  write("file", "");
  EXPECT_EQ(must_fail(disk.open(base + "/absent")), Code::not_found);
  EXPECT_EQ(must_fail(disk.open(base + "/file")), Code::refused);
  EXPECT_EQ(must_fail(disk.open("")), Code::usage);
  EXPECT_EQ(must_fail(disk.open_or_create(base + "/file/below", 0755)), Code::refused);
  const auto made = must(disk.open_or_create(base + "/x/y//z/", 0750));
  EXPECT_EQ(must(made->stat()).mode, 0750U);
  EXPECT_EQ(stat("x/y").mode, 0755U);
  must(made->create("inside", 0644));
  EXPECT_TRUE(must(must(disk.open_or_create(base + "/x/y/z", 0700))->stat("inside")).has_value());
  EXPECT_EQ(must(root->stat("x/y/z"))->mode, 0750U);
  must(root->make_symlink("x/y", "shortcut"));
  EXPECT_THAT(names(*must(disk.open(base + "/shortcut"))), ElementsAre("z"));
  EXPECT_EQ(must(disk.open(base + "/x"))->display_path(), base + "/x");
}

TEST_P(NamesContract, ThreadsShareADirectory) {
  constexpr int threads = 4, files = 50;
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int i = 0; i < files; ++i) {
        const std::string name = std::to_string(t) + "-" + std::to_string(i);
        must(root->create(name, 0644));
        const auto seen = names(*root);
        EXPECT_TRUE(std::binary_search(seen.begin(), seen.end(), name));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(names(*root).size(), static_cast<std::size_t>(threads * files));
}

// Every operation that takes a path, so that a rule can be checked on all of them.
struct PathOperation {
  const char* name;
  std::function<Status(Directory&, std::string_view)> run;
};

template <typename T>
Status plain(const Result<T>& result) {
  if (result) return {};
  return result.error();
}

std::vector<PathOperation> every_operation() {
  return {
      {"stat", [](Directory& d, std::string_view p) { return plain(d.stat(p)); }},
      {"read_link", [](Directory& d, std::string_view p) { return plain(d.read_link(p)); }},
      {"open_directory", [](Directory& d, std::string_view p) { return plain(d.open_directory(p)); }},
      {"open_read", [](Directory& d, std::string_view p) { return plain(d.open_read(p)); }},
      {"open_write", [](Directory& d, std::string_view p) { return plain(d.open_write(p)); }},
      {"create", [](Directory& d, std::string_view p) { return plain(d.create(p, 0644)); }},
      {"make_directory", [](Directory& d, std::string_view p) { return d.make_directory(p, 0755); }},
      {"make_symlink", [](Directory& d, std::string_view p) { return d.make_symlink("t", p); }},
      {"link from", [](Directory& d, std::string_view p) { return d.make_hard_link(p, d, "fresh"); }},
      {"link to", [](Directory& d, std::string_view p) { return d.make_hard_link("file", d, p); }},
      {"rename from", [](Directory& d, std::string_view p) { return d.rename(p, d, "fresh"); }},
      {"rename to", [](Directory& d, std::string_view p) { return d.rename("file", d, p); }},
      {"remove_file", [](Directory& d, std::string_view p) { return d.remove_file(p, Missing::is_absent); }},
      {"remove_directory", [](Directory& d, std::string_view p) { return d.remove_directory(p, Missing::is_absent); }},
      {"remove_tree", [](Directory& d, std::string_view p) { return d.remove_tree(p, Missing::is_absent); }},
      {"set_mode", [](Directory& d, std::string_view p) { return d.set_mode(p, 0700); }},
      {"set_mtime", [](Directory& d, std::string_view p) { return d.set_mtime(p, 1); }},
      {"set_owner", [](Directory& d, std::string_view p) { return d.set_owner(p, {0, 0}); }},
      {"try_lock", [](Directory& d, std::string_view p) { return plain(d.try_lock(p)); }},
      {"replace", [](Directory& d, std::string_view p) { return d.replace(p, {}, 0644); }},
      {"read_all", [](Directory& d, std::string_view p) { return plain(d.read_all(p, 100)); }},
  };
}

TEST_P(NamesContract, NoOperationTakesAPathThatCouldLeadOut) {
  must(root->make_directory("d", 0755));
  write("file", "kept");
  const std::vector<std::string> refused = {"..", "../x", "d/..", "d/../x", "d/../../x", "/", "/etc/passwd", "//x"};
  const std::vector<std::string> invalid = {".",
                                            "./x",
                                            "d/.",
                                            "d/./x",
                                            "d//x",
                                            "d/",
                                            "x//",
                                            std::string("a\0b", 3),
                                            std::string(256, 'n'),
                                            "d/" + std::string(256, 'n') + "/x"};
  for (const PathOperation& operation : every_operation()) {
    for (const std::string& path : refused) {
      EXPECT_EQ(must_fail(operation.run(*root, path)), Code::refused) << operation.name << " " << path;
    }
    for (const std::string& path : invalid) {
      EXPECT_EQ(must_fail(operation.run(*root, path)), Code::invalid) << operation.name << " " << path;
    }
  }
  EXPECT_THAT(names(*root), ElementsAre("d", "file"));
}

TEST_P(NamesContract, NoOperationGoesThroughASymlink) {
  must(root->make_directory("outside", 0755));
  must(root->make_directory("outside/d", 0755));
  write("outside/file", "kept");
  write("outside/d/file", "kept");
  must(root->make_directory("in", 0755));
  const auto in = must(root->open_directory("in"));
  must(in->create("file", 0644));
  must(in->make_symlink("../outside", "relative"));
  must(in->make_symlink(world->root() + "/outside", "absolute"));
  must(in->make_symlink(".", "self"));
  must(in->make_symlink("nowhere", "dangling"));
  const auto before = must(in->stat("file"))->inode;
  for (const PathOperation& operation : every_operation()) {
    for (const char* path : {"relative/file", "absolute/file", "relative/d/file", "self/file", "absolute/new",
                             "self/self/file", "dangling/file"}) {
      EXPECT_EQ(must_fail(operation.run(*in, path)), Code::refused) << operation.name << " " << path;
    }
  }
  EXPECT_EQ(read("outside/file"), "kept");
  EXPECT_EQ(read("outside/d/file"), "kept");
  EXPECT_THAT(names(*must(root->open_directory("outside"))), ElementsAre("d", "file"));
  EXPECT_EQ(must(in->stat("file"))->inode, before);
}

TEST_P(NamesContract, ASymlinkAsLastNameIsNeverFollowed) {
  write("target", "kept", 0640);
  must(root->make_directory("directory", 0750));
  write("directory/file", "kept");
  const Stat before = stat("target");
  for (const char* target : {"target", "directory"}) {
    const auto fresh = [&] {
      must(root->remove_file("link", Missing::is_absent));
      must(root->make_symlink(target, "link"));
    };
    fresh();
    EXPECT_EQ(stat("link").kind, FileKind::symlink);
    EXPECT_EQ(must(root->read_link("link")), target);
    EXPECT_EQ(must_fail(root->open_directory("link")), Code::refused);
    EXPECT_EQ(must_fail(root->open_read("link")), Code::refused);
    EXPECT_EQ(must_fail(root->open_write("link")), Code::refused);
    EXPECT_EQ(must_fail(root->read_all("link", 100)), Code::refused);
    EXPECT_EQ(must_fail(root->try_lock("link")), Code::refused);
    EXPECT_EQ(must_fail(root->create("link", 0644)), Code::already_exists);
    EXPECT_EQ(must_fail(root->make_directory("link", 0755)), Code::already_exists);
    EXPECT_EQ(must_fail(root->set_mode("link", 0777)), Code::refused);
    must(root->set_mtime("link", 99));
    must(root->make_hard_link("link", *root, "second"));
    EXPECT_EQ(must(root->read_link("second")), target);
    must(root->rename("second", *root, "third"));
    must(root->remove_tree("third", Missing::is_error));
    must(root->replace("link", bytes_of("plain"), 0644));
    EXPECT_EQ(stat("link").kind, FileKind::file);
    fresh();
    must(root->remove_tree("link", Missing::is_error));
    fresh();
    must(root->remove_file("link", Missing::is_error));
  }
  EXPECT_EQ(read("target"), "kept");
  EXPECT_EQ(read("directory/file"), "kept");
  EXPECT_EQ(stat("target").mode, before.mode);
  EXPECT_EQ(stat("target").mtime_ns, before.mtime_ns);
  EXPECT_EQ(stat("directory").mode, 0750U);
}

}  // namespace
}  // namespace duskline::disk
