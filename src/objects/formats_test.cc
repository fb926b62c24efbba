// The stored formats, byte for byte and both ways, and what their readers do with bytes that nobody wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "objects/codec.h"
#include "objects/data_file.h"
#include "objects/ids.h"
#include "objects/listing.h"
#include "objects/record.h"
#include "testing/must.h"
#include "testing/scratch.h"

namespace duskline::objects {
namespace {

using testing::must;

TEST(Ids, CarryTheirSequence) {
  const IdSalt salt{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  const std::string id = make_id(123'456'789, salt);
  EXPECT_EQ(id, "65RA5CTJ6CS020G30G2GC1R81450P30D");
  EXPECT_EQ(parse_id(id)->sequence, 123'456'789U);
  EXPECT_EQ(parse_id(id)->salt, salt);
  EXPECT_EQ(parse_id(make_id((std::uint64_t{1} << 56) - 1, salt))->sequence, (std::uint64_t{1} << 56) - 1);
  EXPECT_FALSE(parse_id("null"));
  EXPECT_FALSE(parse_id(id.substr(1)));
  EXPECT_FALSE(parse_id("U" + id.substr(1)));
  EXPECT_NE(random_salt(), random_salt());
}

Version sample_version() {
  Version version;
  version.key = "a/key";
  version.id = make_id(77, IdSalt{9, 8, 7});
  version.size_bytes = 300;
  version.etag = "0123456789abcdef0123456789abcdef-2";
  version.modified = WallTime(std::chrono::nanoseconds(1'700'000'000'123'456'789));
  version.owner = "me";
  version.properties = {{"content-type", "text/plain"}};
  Part part;
  part.number = 1;
  part.size_bytes = 300;
  part.etag = "odd";
  part.modified = version.modified;
  part.extents = {{5, 100, 200}, {segment_bit | 3, 64, 100}};
  version.parts = {part};
  return version;
}

std::vector<std::pair<Entry, std::string>> samples() {
  BucketState bucket;
  bucket.id = 300;
  bucket.first = 2;
  bucket.bucket = {"name", "owner", WallTime(std::chrono::nanoseconds(-5)), Versioning::suspended, {{"policy", "{}"}}};
  VersionState version;
  version.bucket = 300;
  version.sequence = 77;
  version.version = sample_version();
  VersionState own;
  own.bucket = 1;
  own.sequence = 2;
  own.version.key = "k";
  own.version.etag = "d41d8cd98f00b204e9800998ecf8427e";
  own.version.size_bytes = 5;
  own.version.extents = {{own_body, 0, 5}};
  UploadState upload;
  upload.bucket = 300;
  upload.sequence = 400;
  upload.upload.key = "k";
  upload.upload.id = "an id";
  PartState part;
  part.upload = 400;
  part.part = sample_version().parts[0];
  return {
      {bucket, "1c01ac0202046e616d65056f776e657209020106706f6c696379027b7d"},
      {BucketGone{300, 2}, "0402ac0202"},
      {version,
       "6d03ac020005612f6b65790c4d09080700000000000000000000aab4aed8c7bfce972fac020123456789abcdef0123456789abcdef02"
       "026d65010c636f6e74656e742d747970650a746578742f706c61696e010100ac02036f6464aab4aed8c7bfce972f00020a64c80107"
       "406400"},
      {own, "20030100016b06020005d41d8cd98f00b204e9800998ecf8427e00000001000005"},
      {VersionGone{300, 77, 1, "k"}, "0704ac024d01016b"},
      {upload, "1105ac02900300016b05616e206964000000"},
      {UploadGone{300, 400, 1, "k"}, "0806ac02900301016b"},
      {part, "1d0790030100ac02036f6464aab4aed8c7bfce972f00020a64c801074064"},
  };
}

TEST(Codec, EntriesAreWrittenAsEver) {
  for (const auto& [entry, hex] : samples()) {
    Bytes bytes;
    std::size_t length = encode_entry(entry, bytes);
    EXPECT_EQ(length, bytes.size());
    EXPECT_EQ(to_hex(bytes), hex);
    ByteReader in(bytes);
    const Entry again = must(decode_entry(in, &length));
    EXPECT_EQ(length, bytes.size());
    Bytes twice;
    encode_entry(again, twice);
    EXPECT_EQ(twice, bytes);
  }
}

TEST(Codec, RowsKeepEverything) {
  Row row;
  row.version = sample_version();
  row.sequence = 77;
  row.first = 1;
  row.home = 4;
  row.home_bytes = 99;
  for (int parts = 1; parts < 100; parts += 49) {
    row.version.parts.resize(static_cast<std::size_t>(parts), row.version.parts[0]);
    Bytes head, details;
    encode_row(row, head, details);
    EXPECT_EQ(details.empty(), parts == 1);
    EXPECT_EQ(must(peek_row(head)).sequence, 77U);
    EXPECT_EQ(must(peek_row(head)).has_details, parts > 1);
    const Row again = must(decode_row(head, details, Detail::all));
    EXPECT_EQ(again.version.id, row.version.id);
    EXPECT_EQ(again.version.etag, row.version.etag);
    EXPECT_EQ(again.version.parts.size(), row.version.parts.size());
    EXPECT_EQ(again.version.parts[0].extents[1].file, segment_bit | 3);
    EXPECT_EQ(again.home, 4U);
    EXPECT_TRUE(must(decode_row(head, details, Detail::none)).version.parts.empty());
  }
}

TEST(Codec, DecodersRefuseWhatNobodyWrote) {
  std::mt19937_64 random(1);
  for (const auto& [entry, hex] : samples()) {
    Bytes bytes;
    encode_entry(entry, bytes);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      ByteReader in(ByteView(bytes).first(cut));
      std::size_t length = 0;
      EXPECT_FALSE(decode_entry(in, &length)) << cut;
    }
    for (int i = 0; i < 2000; ++i) {
      Bytes changed = bytes;
      changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
      ByteReader in(changed);
      std::size_t length = 0;
      (void)decode_entry(in, &length);
      (void)decode_row(changed, changed, Detail::all);
      (void)decode_part(changed);
      (void)decode_bucket(changed);
      (void)decode_upload(changed);
    }
  }
}

TEST(Codec, ETagsOfAnyForm) {
  for (const char* etag : {"", "x", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789abcdef",
                           "0123456789abcdef0123456789abcdef-", "0123456789abcdef0123456789abcdef-0",
                           "0123456789abcdef0123456789abcdef-10000", "0123456789abcdef0123456789abcdef-1x"}) {
    PartState part;
    part.part.etag = etag;
    Bytes bytes;
    encode_entry(part, bytes);
    ByteReader in(bytes);
    std::size_t length = 0;
    EXPECT_EQ(std::get<PartState>(must(decode_entry(in, &length))).part.etag, etag);
  }
}

// --- segments

class Segment : public ::testing::Test {
 protected:
  void write(const Bytes& bytes) {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  SegmentReader reader(std::uint64_t number = 9) { return must(SegmentReader::open(files_, path_, 1234, number)); }
  static Bytes header() { return encode_segment_header({1234, 9, 5000, 17, 3}); }

  testing::Scratch scratch_;
  const std::string path_ = scratch_.path("segment");
  Files files_;
};

TEST_F(Segment, IsWrittenAsEver) {
  Bytes bytes = header();
  append_record(bytes, 1234, {9, 0}, bytes_of("body"), bytes_of("meta"));
  EXPECT_EQ(to_hex(bytes),
            "6475736b6c696e652d6c6f672d310a00d2040000000000000900000000000000881300000000000011000000000000000300000000"
            "000000614acbc1b2606adf444c72310400000004000000000000000000000000000000f337715cd37cbb32c044d0aed8fb4796993f"
            "b8cdb4d9e68a626f64796d657461");
  write(bytes);
  SegmentReader in = reader();
  ASSERT_TRUE(in.header());
  EXPECT_EQ(in.header()->previous_end, 5000U);
  EXPECT_EQ(in.header()->next_data, 3U);
  EXPECT_FALSE(reader(8).header()) << "of another number";
}

TEST_F(Segment, FindsItsWayPastDamage) {
  Bytes bytes = header();
  std::vector<std::uint64_t> offsets;
  for (int batch = 0; batch < 3; ++batch) {
    Bytes records;
    const Position start{9, bytes.size()};
    for (int i = 0; i < 3; ++i) {
      offsets.push_back(bytes.size() + records.size());
      append_record(records, 1234, start, Bytes(100, 7), bytes_of("meta"));
    }
    bytes.insert(bytes.end(), records.begin(), records.end());
  }
  const auto count = [&](std::uint64_t* stop) {
    SegmentReader in = reader();
    int seen = 0;
    *stop = must(in.scan(segment_header_bytes, [&](const RecordView& record) -> Status {
      EXPECT_EQ(record.offset, offsets[static_cast<std::size_t>(seen++)]);
      EXPECT_EQ(record.body.size(), 100U);
      return {};
    }));
    return seen;
  };
  write(bytes);
  std::uint64_t stop = 0;
  EXPECT_EQ(count(&stop), 9);
  EXPECT_EQ(stop, bytes.size());
  for (std::size_t which = 0; which < offsets.size(); ++which) {
    for (const std::uint64_t at : {0, 4, 17, 30, 40, 60, 149}) {  // in magic, lengths, hashes, body, meta
      Bytes damaged = bytes;
      damaged[offsets[which] + at] ^= 1;
      write(damaged);
      EXPECT_EQ(count(&stop), static_cast<int>(which)) << at;
      EXPECT_EQ(stop, offsets[which]);
      SegmentReader in = reader();
      // Of the last batch it may be the torn tail: nothing was synced behind it.
      EXPECT_EQ(must(in.was_synced(stop)), which < 6);
      const auto next = must(in.search(stop + 8));
      EXPECT_EQ(next.has_value(), which < 8);
      if (next) {
        EXPECT_EQ(next->offset, offsets[which + 1]);
      }
    }
  }
  // A record elsewhere than it was written is none.
  Bytes moved = header();
  moved.insert(moved.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offsets[1]), bytes.end());
  write(moved);
  EXPECT_EQ(count(&stop), 0);
}

TEST(Listing, WhatComesAfterAPrefix) {
  EXPECT_EQ(after_all_with_prefix("a/"), "a0");
  EXPECT_EQ(after_all_with_prefix("a\xFF\xFF"), "b");
  EXPECT_FALSE(after_all_with_prefix("\xFF"));
  EXPECT_FALSE(after_all_with_prefix(""));
}

TEST(DataFiles, AreFoundByTheirNumbers) {
  EXPECT_EQ(data_path("/d", 1), "/d/data/000000000/000000000001.data");
  EXPECT_EQ(data_path("/d", 4096 * 12 + 5), "/d/data/000000012/000000049157.data");
}

TEST(DataFiles, AreWrittenAsEver) {
  testing::Scratch scratch;
  Files files;
  must(files.make_directory(scratch.path("data")));
  {
    auto writer = must(DataWriter::create(files, scratch.path(), 1234, 7));
    must(writer->write(bytes_of("some ")));
    must(writer->write(bytes_of("bytes")));
    must(writer->finish());
    writer->keep();
  }
  std::ifstream in(data_path(scratch.path(), 7), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_EQ(to_hex(bytes_of(whole)),
            "736f6d6520627974657362c41f9702b9c0836e0c57eba0aacfad6475736b6c696e652d646174612d310a07000000000000000a0000"
            "000000000000000200000000007f03c0adbbb60383");
}

}  // namespace
}  // namespace duskline::objects
