// Questions to the index about single things, on any connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "objects/codec.h"
#include "objects/database.h"

namespace duskline::objects {

inline constexpr const char* index_schema = R"(
CREATE TABLE IF NOT EXISTS meta(id INTEGER PRIMARY KEY, state BLOB, syncs INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS buckets(id INTEGER PRIMARY KEY, row BLOB);
CREATE TABLE IF NOT EXISTS objects(bucket INTEGER, key BLOB, row BLOB, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS older(bucket INTEGER, key BLOB, rank INTEGER, is_null INTEGER, row BLOB,
                                 PRIMARY KEY(bucket, key, rank)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS older_null ON older(bucket, key) WHERE is_null = 1;
CREATE TABLE IF NOT EXISTS details(sequence INTEGER PRIMARY KEY, row BLOB);
CREATE TABLE IF NOT EXISTS uploads(bucket INTEGER, key BLOB, sequence INTEGER, row BLOB,
                                   PRIMARY KEY(bucket, key, sequence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts(upload INTEGER, number INTEGER, row BLOB, PRIMARY KEY(upload, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files(number INTEGER PRIMARY KEY, refs INTEGER, bytes INTEGER);
CREATE TABLE IF NOT EXISTS segments(number INTEGER PRIMARY KEY, bytes INTEGER, live INTEGER);
CREATE TABLE IF NOT EXISTS gones(segment INTEGER, first INTEGER, bytes INTEGER,
                                 PRIMARY KEY(segment, first)) WITHOUT ROWID;
)";

// Versions of a key, newest first: the row in `objects`, if the newest is no delete marker, then those in `older`.
[[nodiscard]] inline std::int64_t rank_of(std::uint64_t sequence) { return -static_cast<std::int64_t>(sequence); }

struct Found {
  Row row;  // `latest` and `key` filled in; the bucket's name not
  bool in_objects = false;
};

class Lookups {
 public:
  static Result<Lookups> prepare(Database& database);

  // Each looks at one snapshot; not inside a transaction.
  Result<std::optional<Found>> find_latest(std::uint64_t bucket, std::string_view key);
  Result<std::optional<Found>> find_version(std::uint64_t bucket, std::string_view key, std::string_view id);
  // Inside a transaction.
  Result<std::optional<Found>> latest(std::uint64_t bucket, std::string_view key);
  Result<std::optional<Found>> version(std::uint64_t bucket, std::string_view key, std::string_view id);
  Result<std::optional<Found>> by_sequence(std::uint64_t bucket, std::string_view key, std::uint64_t sequence);
  Result<std::optional<Found>> null_version_of(std::uint64_t bucket, std::string_view key);

  Result<std::optional<UploadRow>> upload(std::uint64_t bucket, std::string_view key, std::uint64_t sequence);
  Result<std::optional<PartRow>> part(std::uint64_t upload, std::uint32_t number);
  // Of numbers above `after`, ascending, at most `limit`.
  Result<std::vector<PartRow>> parts(std::uint64_t upload, std::uint32_t after, std::uint32_t limit);
  Result<bool> holds_versions(std::uint64_t bucket);
  Result<std::optional<std::uint64_t>> file_references(std::uint64_t number);

  // A row's whole content, its details fetched where they lie apart.
  Result<Row> whole(ByteView head, std::string_view key);

  Status begin_read();
  void end_read();

 private:
  template <typename Wanted>
  Result<std::optional<Found>> object_if(std::uint64_t bucket, std::string_view key, const Wanted& wanted);
  Result<Found> found_in_older(Statement& at, std::uint64_t bucket, std::string_view key);

  Statement object_, older_top_, older_one_, older_null_, details_, upload_, part_, parts_, any_object_, any_older_,
      file_, begin_, end_;
};

}  // namespace duskline::objects
