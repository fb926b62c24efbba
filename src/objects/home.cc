#include "objects/home.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>

#include <array>
#include <charconv>
#include <cstdio>

namespace duskline::objects {
namespace {

constexpr std::string_view mark_start = "duskline-objects-1\nstore ";
constexpr std::size_t mark_bytes = mark_start.size() + 16 + 1;

Result<disk::UniqueFd> take_lock(Files& files, const std::string& directory) {
  const std::string path = directory + "/lock";
  DL_ASSIGN(disk::UniqueFd fd, files.open(path, O_RDWR | O_CREAT));
  const int error = disk::error_of([&] { return flock(fd.get(), LOCK_EX | LOCK_NB); });
  if (error == EWOULDBLOCK) {
    return Error(Code::locked, "store " + directory + " is open in another process, which holds " + path +
                                   "; a store is served by one process at a time");
  }
  if (error != 0) return disk::path_error("lock", path, error);
  return fd;
}

std::string parent_of(const std::string& directory) {
  const auto slash = directory.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : directory.substr(0, slash);
}

Result<std::uint64_t> random_number() {
  std::uint64_t number = 0;
  if (disk::retry([&] { return getrandom(&number, sizeof number, 0); }) != sizeof number) {
    return errno_error("draw a random number", errno);
  }
  return number;
}

Result<std::uint64_t> read_mark(Files& files, const std::string& path) {
  DL_ASSIGN(const disk::UniqueFd fd, files.open(path, O_RDONLY));
  Bytes bytes(mark_bytes + 1);
  DL_ASSIGN(const std::size_t got, files.read_at(fd.get(), path, 0, bytes));
  const std::string_view text = text_of(ByteView(bytes).first(got));
  std::uint64_t store = 0;
  if (got == mark_bytes && text.starts_with(mark_start) && text.back() == '\n') {
    const char* const end = text.data() + mark_bytes - 1;
    const auto [parsed, error] = std::from_chars(text.data() + mark_start.size(), end, store, 16);
    if (error == std::errc() && parsed == end) return store;
  }
  return Error(Code::unsupported, path + " is not the mark of a store that this version can read");
}

Result<std::uint64_t> write_mark(Files& files, const std::string& directory, const std::string& path) {
  for (const char* name : {"/log", "/data", "/index.sqlite"}) {
    if (files.open(directory + name, O_RDONLY)) {
      return Error(Code::refused, "directory " + directory + " holds " + (name + 1) + ", but not the mark " + path +
                                      ": it is no store, or was not copied whole");
    }
  }
  DL_ASSIGN(const std::uint64_t store, random_number());
  std::array<char, 17> hex{};
  std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(store));
  const std::string text = std::string(mark_start) + hex.data() + "\n";
  const std::string draft = path + ".new";
  {
    DL_ASSIGN(const disk::UniqueFd fd, files.open(draft, O_RDWR | O_CREAT | O_TRUNC));
    DL_TRY(files.write_at(fd.get(), draft, 0, bytes_of(text)));
    DL_TRY(files.sync(fd.get(), draft));
  }
  DL_TRY(files.rename(draft, path));
  DL_TRY(files.sync_directory(directory));
  return store;
}

}  // namespace

Result<Home> open_home(Files& files, const std::string& directory) {
  Home home;
  home.directory = directory;
  while (home.directory.size() > 1 && home.directory.back() == '/') home.directory.pop_back();
  DL_TRY(files.make_directory(home.directory));
  DL_TRY(files.sync_directory(parent_of(home.directory)));
  DL_ASSIGN(home.lock, take_lock(files, home.directory));
  const std::string mark = home.directory + "/store";
  auto store = read_mark(files, mark);
  if (!store && store.error().code == Code::not_found) store = write_mark(files, home.directory, mark);
  if (!store) return store.error();
  home.store = *store;
  DL_TRY(files.make_directory(home.directory + "/log"));
  DL_TRY(files.make_directory(home.directory + "/data"));
  DL_TRY(files.sync_directory(home.directory));
  return home;
}

void mark_suspect(Files& files, const Home& home) {
  (void)files.open(home.suspect_path(), O_RDWR | O_CREAT);
  (void)files.sync_directory(home.directory);
}

Status remove_index(Files& files, const std::string& index_path) {
  for (const char* suffix : {"-wal", "-shm", ""}) {
    const Status removed = files.remove(index_path + suffix);
    if (!removed && removed.error().code != Code::not_found) return removed;
  }
  return {};
}

}  // namespace duskline::objects
