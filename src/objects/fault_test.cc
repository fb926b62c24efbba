// Full disks, failing reads, writes and syncs: nothing is acknowledged that failed, nothing acknowledged is lost, and
// the engine goes on when the disk does. And rot: bytes that changed on the disk are not sent, and are found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "objects/data_file.h"
#include "objects/engine_kit.h"
#include "objects/log.h"

namespace duskline::objects {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

enum class Call : std::uint8_t { create, read, write, sync, truncate, sync_directory, remove };

// Fails calls as the test says, by kind and path.
struct Faults {
  std::function<std::optional<Code>(Call, const std::string&)> fails = [](Call, const std::string&) {
    return std::nullopt;
  };
  std::uint64_t free_bytes = std::uint64_t{1} << 40;
};

class FaultyFiles final : public Files {
 public:
  explicit FaultyFiles(std::shared_ptr<Faults> faults) : faults_(std::move(faults)) {}
  Result<disk::UniqueFd> open(const std::string& path, int flags) override {
    if ((flags & O_CREAT) != 0) DL_TRY(ask(Call::create, path));
    return Files::open(path, flags);
  }
  Result<std::size_t> read_at(int fd, const std::string& path, std::uint64_t offset, ByteSpan into) override {
    DL_TRY(ask(Call::read, path));
    return Files::read_at(fd, path, offset, into);
  }
  Status write_at(int fd, const std::string& path, std::uint64_t offset, ByteView bytes) override {
    if (Status allowed = ask(Call::write, path); !allowed) {
      (void)Files::write_at(fd, path, offset, bytes.first(bytes.size() / 2));  // as a disk that becomes full does
      return allowed;
    }
    return Files::write_at(fd, path, offset, bytes);
  }
  Status sync(int, const std::string& path) override { return ask(Call::sync, path); }
  Status truncate(int fd, const std::string& path, std::uint64_t size) override {
    DL_TRY(ask(Call::truncate, path));
    return Files::truncate(fd, path, size);
  }
  Status sync_directory(const std::string& path) override { return ask(Call::sync_directory, path); }
  Status remove(const std::string& path) override {
    DL_TRY(ask(Call::remove, path));
    return Files::remove(path);
  }
  Result<std::uint64_t> free_bytes(const std::string&) override { return faults_->free_bytes; }

 private:
  Status ask(Call call, const std::string& path) {
    if (const auto code = faults_->fails(call, path)) return Error(*code, "a fault of the test, " + path);
    return {};
  }
  std::shared_ptr<Faults> faults_;
};

class FaultyWorld : public World {
 public:
  FaultyWorld() { open_with_faults(); }
  void open_with_faults() { open(std::make_unique<FaultyFiles>(faults)); }
  void fail(Call call, std::string part_of_path, Code code) {
    faults->fails = [=](Call what, const std::string& path) {
      const bool meant = what == call && path.find(part_of_path) != std::string::npos;
      return meant ? std::optional(code) : std::nullopt;
    };
  }
  void heal() { *faults = {}; }
  void reopen_without_index() {
    close();
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(options.directory + "/index.sqlite" + suffix);
    open_with_faults();
  }
  std::shared_ptr<Faults> faults = std::make_shared<Faults>();
};

// What was put before, during and after a fault, and what is found in the end, with the index and without.
void expect_only_acknowledged(FaultyWorld& world) {
  world.heal();
  world.put("b", "k", "after");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world.get("b", "k"), "after");
    EXPECT_EQ(world.get("b", "before"), "before");
    EXPECT_EQ(world.get("b", "never"), "(nothing)");
    ListRequest request;
    request.bucket = "b";
    request.versions = true;
    EXPECT_EQ(must(world.engine->list(world.op, request)).entries.size(), 2U);
    world.reopen_without_index();
  }
}

struct LogFault {
  const char* name;
  Call call;
  const char* path;
  Code code;
};
class LogFaults : public ::testing::TestWithParam<LogFault> {};

TEST_P(LogFaults, AcknowledgeNothingAndHeal) {
  FaultyWorld world;
  world.make_bucket("b");
  world.put("b", "before", "before");
  world.put("b", "k", "old");
  world.fail(GetParam().call, GetParam().path, GetParam().code);
  EXPECT_EQ(must_fail(world.try_put("b", "k", "failed")), GetParam().code);
  EXPECT_EQ(must_fail(world.try_put("b", "never", "failed")), GetParam().code);
  EXPECT_EQ(world.get("b", "k"), "old");
  expect_only_acknowledged(world);
}

INSTANTIATE_TEST_SUITE_P(Each, LogFaults,
                         ::testing::Values(LogFault{"full", Call::write, "/log/", Code::no_space},
                                           LogFault{"write", Call::write, "/log/", Code::io},
                                           LogFault{"sync", Call::sync, "/log/", Code::io}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Faults, AFailedSyncWhoseBytesCannotBeCutOff) {
  FaultyWorld world;
  world.make_bucket("b");
  world.put("b", "before", "before");
  world.put("b", "k", "old");
  world.faults->fails = [](Call call, const std::string& path) -> std::optional<Code> {
    if (path.find("/log/") == std::string::npos) return std::nullopt;
    return call == Call::sync || call == Call::truncate ? std::optional(Code::io) : std::nullopt;
  };
  EXPECT_EQ(must_fail(world.try_put("b", "k", "failed")), Code::io);
  EXPECT_EQ(must_fail(world.try_put("b", "never", "failed")), Code::io);
  EXPECT_EQ(must(list_segments(world.options.directory)).size(), 1U) << "segments of failed attempts are left";
  // The bytes are still in the first segment, whole. The second says that they do not count.
  expect_only_acknowledged(world);
  EXPECT_EQ(must(list_segments(world.options.directory)), (std::vector<std::uint64_t>{1, 2}));
}

TEST(Faults, AWriteThatCannotBeCutOff) {
  FaultyWorld world;
  world.make_bucket("b");
  world.put("b", "before", "before");
  world.faults->fails = [](Call call, const std::string&) -> std::optional<Code> {
    return call == Call::write || call == Call::truncate ? std::optional(Code::no_space) : std::nullopt;
  };
  EXPECT_EQ(must_fail(world.try_put("b", "never", "failed")), Code::no_space);
  expect_only_acknowledged(world);
}

TEST(Faults, DataFilesThatCannotBeWritten) {
  for (const Call call : {Call::create, Call::write, Call::sync, Call::sync_directory}) {
    FaultyWorld world;
    world.make_bucket("b");
    world.put("b", "before", "before");
    world.fail(call, "/data", Code::no_space);
    EXPECT_EQ(must_fail(world.try_put("b", "never", std::string(100'000, 'x'))), Code::no_space);
    expect_only_acknowledged(world);
    must(world.engine->tidy());
    int left = 0;
    must(visit_data_files(world.options.directory, [&](std::uint64_t) -> Status {
      ++left;
      return {};
    }));
    EXPECT_EQ(left, 0);
  }
}

TEST(Faults, AFullDiskTakesDeletes) {
  FaultyWorld world;
  world.make_bucket("b");
  world.put("b", "k", "x");
  world.faults->free_bytes = 1000;
  EXPECT_EQ(must_fail(world.engine->receive(10)), Code::no_space);
  EXPECT_TRUE(world.remove("b", "k").version);
}

TEST(Faults, AnIndexThatCannotBeWritten) {
  FaultyWorld world;
  world.make_bucket("b");
  world.put("b", "before", "before");
  const auto limit = [&](const std::string& pages) {
    must(world.engine->on_index(
        [&](Index& index) { return index.database().execute("PRAGMA max_page_count=" + pages); }));
  };
  limit("1");  // as many as there are
  const std::string key(1000, 'k');
  Code code = Code::internal;
  int put = 0;
  for (; put < 100; ++put) {
    const auto done = world.try_put("b", key + std::to_string(put), "x");
    if (done) continue;
    code = done.error().code;
    break;
  }
  EXPECT_EQ(code, Code::no_space);
  EXPECT_EQ(world.get("b", "before"), "before");
  limit("1000000");
  world.put("b", "k", "after");
  world.reopen_without_index();
  ListRequest request;
  request.bucket = "b";
  EXPECT_EQ(must(world.engine->list(world.op, request)).entries.size(), static_cast<std::size_t>(put) + 2);
}

TEST(Faults, BytesThatCannotBeRead) {
  FaultyWorld world;
  world.make_bucket("b");
  world.put("b", "small", "small");
  world.put("b", "large", std::string(300'000, 'x'));
  for (const char* key : {"small", "large"}) {
    const auto version = world.find("b", key);
    world.fail(Call::read, "", Code::io);
    EXPECT_EQ(must_fail(world.engine->open(*version, 0, version->size_bytes, Objects::Wait::yes)), Code::io);
    world.heal();
    EXPECT_EQ(world.read(*version).size(), version->size_bytes);
  }
}

// --- rot

void flip(const std::string& path, std::uint64_t offset) {
  const disk::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  char byte = 0;
  ASSERT_EQ(pread(fd.get(), &byte, 1, static_cast<off_t>(offset)), 1);
  byte = static_cast<char>(byte ^ 0x10);
  ASSERT_EQ(pwrite(fd.get(), &byte, 1, static_cast<off_t>(offset)), 1);
}

std::string file_of(const World& world, const Extent& extent) {
  return in_log(extent) ? segment_path(world.options.directory, segment_of(extent))
                        : data_path(world.options.directory, extent.file);
}

std::vector<std::string> rotten_keys(World& world) {
  std::vector<std::string> keys;
  for (const Version& version : must(world.engine->scrub(world.op, 0)).rotten) keys.push_back(version.key);
  return keys;
}

TEST(Rot, IsNotSentAndIsFound) {
  World world;
  world.open();
  world.make_bucket("b");
  const std::string large(500'000, 'x');
  for (const char* key : {"large", "large too"}) world.put("b", key, large);
  for (const char* key : {"small", "small too"}) world.put("b", key, "small");
  EXPECT_THAT(rotten_keys(world), IsEmpty());
  world.reopen();  // what was checked once is remembered as long as the file is open
  const auto small = world.find("b", "small"), rotten_large = world.find("b", "large");
  flip(file_of(world, small->extents[0]), small->extents[0].offset_bytes + 2);
  flip(file_of(world, rotten_large->extents[0]), 400'000);
  EXPECT_EQ(must_fail(world.engine->open(*small, 0, 5, Objects::Wait::yes)), Code::corrupt);
  EXPECT_EQ(must_fail(world.engine->open(*rotten_large, 0, large.size(), Objects::Wait::yes)), Code::corrupt);
  // A run that does not touch the block is good.
  EXPECT_EQ(World::send(*must(world.engine->open(*rotten_large, 1000, 2000, Objects::Wait::yes))),
            large.substr(0, 2000));
  EXPECT_EQ(world.get("b", "small too"), "small");
  EXPECT_EQ(world.get("b", "large too"), large);
  const ScrubReport seen = must(world.engine->scrub(world.op, 0));
  EXPECT_THAT(rotten_keys(world), ElementsAre("large", "small"));
  EXPECT_EQ(seen.versions, 4U);
  EXPECT_THAT(seen.other_rot, ElementsAre(HasSubstr("of the log is damaged at offset")));
  // Mended by putting it again.
  world.put("b", "small", "small");
  EXPECT_EQ(world.get("b", "small"), "small");
}

TEST(Rot, OfPartsOfUploadsIsFound) {
  World world;
  world.open();
  world.make_bucket("b");
  Upload wanted;
  wanted.bucket = "b";
  wanted.key = "k";
  const Upload upload = must(world.engine->create_upload(world.op, wanted));
  const Part part = must(world.engine->put_part(world.op, upload, 1, world.bytes("part"), "etag", {}));
  EXPECT_THAT(must(world.engine->scrub(world.op, 0)).other_rot, IsEmpty());
  flip(file_of(world, part.extents[0]), 1);
  EXPECT_THAT(must(world.engine->scrub(world.op, 0)).other_rot, ElementsAre(HasSubstr("part 1 of an upload of 'k'")));
}

TEST(Rot, AScrubKeepsItsPaceAndCanBeStopped) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "k", std::string(1'000'000, 'x'));
  const auto before = world.clock.slept();
  must(world.engine->scrub(world.op, 100'000));
  EXPECT_GE(world.clock.slept() - before, std::chrono::seconds(9));
  std::stop_source stop;
  stop.request_stop();
  Op stopped;
  stopped.stop = stop.get_token();
  EXPECT_EQ(must_fail(world.engine->scrub(stopped, 0)), Code::cancelled);
}

TEST(Rot, OfHashesAndFootersIsRotOfTheirBytes) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "a", std::string(200'000, 'x'));
  world.put("b", "c", std::string(200'000, 'x'));
  world.reopen();
  flip(file_of(world, world.find("b", "a")->extents[0]), 200'003);
  const std::string footer = file_of(world, world.find("b", "c")->extents[0]);
  flip(footer, fs::file_size(footer) - 20);
  for (const char* key : {"a", "c"}) {
    EXPECT_EQ(must_fail(world.engine->open(*world.find("b", key), 0, 1000, Objects::Wait::yes)), Code::corrupt);
  }
  EXPECT_THAT(rotten_keys(world), ElementsAre("a", "c"));
}

TEST(Rot, BytesOfAnotherFileDoNotPass) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "a", std::string(200'000, 'x'));
  world.put("b", "c", std::string(200'000, 'y'));
  world.reopen();
  const std::string a = file_of(world, world.find("b", "a")->extents[0]);
  fs::copy_file(file_of(world, world.find("b", "c")->extents[0]), a, fs::copy_options::overwrite_existing);
  EXPECT_EQ(must_fail(world.engine->open(*world.find("b", "a"), 0, 1000, Objects::Wait::yes)), Code::corrupt);
}

CheckReport check(World& world, CheckMode mode) {
  world.close();
  return must(check_objects(world.op, world.options, world.clock, mode));
}

TEST(Rot, InTheLogIsReportedAndTheRestKept) {
  World world;
  world.open();
  world.make_bucket("b");
  for (int i = 0; i < 20; ++i) world.put("b", "k" + std::to_string(i), std::string(500, 'x'));
  const auto middle = world.find("b", "k10");
  const std::string segment = file_of(world, middle->extents[0]);
  flip(segment, middle->extents[0].offset_bytes + 100);
  const CheckReport seen = check(world, CheckMode::report);
  EXPECT_EQ(seen.problems, 2U);
  EXPECT_THAT(seen.messages[0], HasSubstr("damaged between offset"));
  EXPECT_THAT(seen.messages[1], HasSubstr("k10"));
  // Without the index the damage is in the way, and is not passed over in silence.
  fs::remove(world.options.directory + "/index.sqlite");
  const auto opened = Engine::open(world.options, world.clock, std::make_unique<Files>(), world.tuning);
  EXPECT_EQ(must_fail(opened), Code::corrupt);
  EXPECT_THAT(opened.error().message, HasSubstr("check --rebuild"));
  EXPECT_EQ(check(world, CheckMode::rebuild).versions, 19U);
  world.open();
  EXPECT_EQ(world.get("b", "k9").size(), 500U);
  EXPECT_EQ(world.get("b", "k10"), "(nothing)");
  EXPECT_EQ(world.get("b", "k11").size(), 500U);
  world.put("b", "k10", "again");
  world.reopen();
  EXPECT_EQ(world.get("b", "k10"), "again");
}

TEST(Rot, OfABucketsRecordKeepsItsVersions) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "k", "x");
  flip(segment_path(world.options.directory, 1), segment_header_bytes + record_head_bytes + 3);
  const CheckReport made = check(world, CheckMode::rebuild);
  EXPECT_EQ(made.problems, 2U);
  EXPECT_EQ(made.buckets, 1U);
  world.open();
  const auto buckets = must(world.engine->buckets());
  ASSERT_EQ(buckets.size(), 1U);
  EXPECT_THAT(buckets[0].name, HasSubstr("lost-bucket-"));
  EXPECT_EQ(world.get(buckets[0].name, "k"), "x");
}

TEST(Rot, MissingFilesAreReported) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "k", std::string(100'000, 'x'));
  const std::string data = file_of(world, world.find("b", "k")->extents[0]);
  world.close();
  fs::rename(data, data + ".away");
  EXPECT_THAT(check(world, CheckMode::report).messages, ElementsAre(HasSubstr("is needed and cannot be opened")));
  fs::rename(data + ".away", data);
  EXPECT_THAT(check(world, CheckMode::report).messages, IsEmpty());
  fs::remove(segment_path(world.options.directory, 1));
  const auto opened = Engine::open(world.options, world.clock, std::make_unique<Files>(), world.tuning);
  EXPECT_EQ(must_fail(opened), Code::corrupt);
}

TEST(Rot, ADamagedIndexIsMadeAnew) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "k", "x");
  world.close();
  fs::resize_file(world.options.directory + "/index.sqlite", 3000);
  EXPECT_EQ(must_fail(Engine::open(world.options, world.clock, std::make_unique<Files>(), world.tuning)),
            Code::corrupt);
  EXPECT_EQ(check(world, CheckMode::report).problems, 1U);
  EXPECT_EQ(check(world, CheckMode::rebuild).problems, 0U);
  world.open();
  EXPECT_EQ(world.get("b", "k"), "x");
}

TEST(Rot, AnIndexThatCouldNotBeSyncedIsMadeAnew) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "k", "x");
  world.close();
  // As if the disk had kept none of it.
  fs::remove(world.options.directory + "/index.sqlite");
  Files files;
  mark_suspect(files, Home{.directory = world.options.directory});
  world.open();
  EXPECT_THAT(world.reporter.take_notes(), ElementsAre(HasSubstr("made anew")));
  EXPECT_EQ(world.get("b", "k"), "x");
  world.reopen();
  EXPECT_THAT(world.reporter.take_notes(), IsEmpty());
}

TEST(Rot, CheckOfWhatIsNoStore) {
  World world;
  EXPECT_EQ(must_fail(check_objects(world.op, world.options, world.clock, CheckMode::report)), Code::not_found);
  EXPECT_FALSE(fs::exists(world.options.directory));
}

}  // namespace
}  // namespace duskline::objects
