#include "sync/record_file.h"

#include <gtest/gtest.h>

#include "disk/real_disk.h"
#include "sync/results.h"
#include "testing/must.h"
#include "testing/scratch.h"
#include "testing/sim_clock.h"

namespace duskline::sync {
namespace {

using testing::must;

class RecordFile : public ::testing::Test {
 protected:
  static Record record(const std::string& path, std::uint64_t number) {
    Record record{.path = path, .action = Action::keep, .source_settled = true, .seen_ns = -5};
    record.source = {.size_bytes = number, .mtime_ns = -1, .ctime_ns = INT64_MAX, .inode = 1ULL << 60, .mode = 07777};
    record.destination = {.size_bytes = number, .etag = "0123456789abcdef0123456789abcdef", .modified_ns = 1};
    return record;
  }
  std::vector<Record> many(std::size_t count) {
    std::vector<Record> records;
    for (std::size_t i = 0; i < count; ++i) {
      records.push_back(record("directory/" + std::to_string(1'000'000 + i), i));
    }
    return records;
  }
  void write(const std::string& name, const std::vector<Record>& records) {
    const auto writer = must(RecordWriter::create(*folder, name, "pair"));
    for (const Record& one : records) must(writer->append(one));
    must(writer->flush());
  }
  std::vector<Record> read(const std::string& name, std::string_view pair = "pair") {
    std::vector<Record> records;
    const auto reader = RecordReader::open(*folder, name, pair);
    while (const Record* one = reader == nullptr ? nullptr : reader->next()) records.push_back(*one);
    return records;
  }

  testing::Scratch scratch;
  std::unique_ptr<disk::Filesystem> disk = disk::open_real_disk();
  std::unique_ptr<disk::Directory> folder = must(disk->open(scratch.path()));
};

TEST_F(RecordFile, gives_back_what_was_written) {
  std::vector<Record> records = many(5000);
  Record other{.path = "e", .action = Action::add, .destination_settled = true};
  other.source.size_bytes = 3;
  records.push_back(other);
  other.path = "f/";
  other.action = Action::remove;
  other.source = {};
  other.destination = {.size_bytes = 1, .etag = "odd \"tag\"", .modified_ns = 7};
  records.push_back(other);
  write("records", records);
  EXPECT_EQ(read("records"), records);
}

TEST_F(RecordFile, of_another_pair_or_format_is_as_if_it_were_not_there) {
  write("records", many(3));
  EXPECT_TRUE(read("records", "other").empty());
  EXPECT_TRUE(read("absent").empty());
  must(folder->replace("records", bytes_of("rubbish"), 0600));
  EXPECT_TRUE(read("records").empty());
}

TEST_F(RecordFile, is_good_up_to_where_it_was_torn_or_spoiled) {
  const auto records = many(5000);
  write("records", records);
  const Bytes whole = *must(folder->read_all("records", 1 << 30));
  for (const std::size_t cut : {whole.size() - 1, whole.size() / 2, std::size_t{100}}) {
    must(folder->replace("records", ByteView(whole).first(cut), 0600));
    const auto found = read("records");
    EXPECT_LT(found.size(), records.size());
    EXPECT_TRUE(std::equal(found.begin(), found.end(), records.begin()));
  }
  Bytes spoiled = whole;
  spoiled[spoiled.size() / 2] ^= 1U;
  must(folder->replace("records", spoiled, 0600));
  const auto found = read("records");
  EXPECT_LT(found.size(), records.size());
  EXPECT_TRUE(std::equal(found.begin(), found.end(), records.begin()));
}

TEST_F(RecordFile, merged_with_another_gives_the_first_one_that_knows_a_path) {
  write("new", {record("a", 1), record("c", 1)});
  write("old", {record("a", 2), record("b", 2), record("d", 2)});
  std::vector<std::unique_ptr<RecordReader>> files;
  files.push_back(RecordReader::open(*folder, "new", "pair"));
  files.push_back(nullptr);
  files.push_back(RecordReader::open(*folder, "old", "pair"));
  MergedRecords merged(std::move(files));
  EXPECT_EQ(merged.find("a")->source.size_bytes, 1U);
  EXPECT_EQ(merged.find("b")->source.size_bytes, 2U);
  EXPECT_EQ(merged.find("bb"), nullptr);
  EXPECT_EQ(merged.find("c")->source.size_bytes, 1U);
  EXPECT_EQ(merged.find("d")->source.size_bytes, 2U);
  EXPECT_EQ(merged.find("e"), nullptr);
}

TEST_F(RecordFile, of_results_is_in_order_whatever_ends_first) {
  testing::SimClock clock;
  Results results(must(RecordWriter::create(*folder, "records", "pair")), clock);
  const auto first = results.reserve(), second = results.reserve(), third = results.reserve();
  results.keep(record("d", 0));
  const auto fifth = results.reserve();
  results.resolve(third, record("c", 0));
  results.resolve(first, record("a", 0));
  results.resolve(second, std::nullopt);
  EXPECT_EQ(read("records").size(), 0U);  // nothing is flushed at every record
  clock.advance(std::chrono::seconds(2));
  static_cast<void>(fifth);  // never comes to its end
  EXPECT_TRUE(must(results.finish()).empty());
  const auto found = read("records");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].path + found[1].path + found[2].path, "acd");
}

TEST_F(RecordFile, of_results_does_not_wait_for_a_file_that_takes_long) {
  testing::SimClock clock;
  Results results(must(RecordWriter::create(*folder, "records", "pair")), clock);
  const auto large = results.reserve();
  constexpr int others = 30'000;
  for (int i = 0; i < others; ++i) results.resolve(results.reserve(), record(std::to_string(100'000 + i), 0));
  results.resolve(large, record("0", 0));
  const auto late = must(results.finish());
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late.front().path, "0");
  EXPECT_EQ(read("records").size(), static_cast<std::size_t>(others));
}

}  // namespace
}  // namespace duskline::sync
