// SQLite, as far as the index needs it: errors as values, statements that are prepared once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace duskline::objects {

// One prepared statement. Bind, step until false, reset; the views of columns hold until the next call.
class Statement {
 public:
  Statement() = default;
  Statement& bind(int position, std::uint64_t value);  // below 2^63
  Statement& bind_signed(int position, std::int64_t value);
  Statement& bind(int position, ByteView bytes);  // must live until reset()
  Statement& bind(int position, std::string_view text) { return bind(position, bytes_of(text)); }  // as a blob
  Result<bool> step();  // whether there is a row
  Status run();         // to its end, and reset
  void reset();
  [[nodiscard]] std::uint64_t number(int column) const;
  [[nodiscard]] std::int64_t signed_number(int column) const;
  [[nodiscard]] ByteView blob(int column) const;

 private:
  friend class Database;
  struct Closer {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Closer> statement_;
};

// Resets at the end of a scope, so that no read transaction stays open.
class Using {
 public:
  explicit Using(Statement& statement) : statement_(statement) {}
  ~Using() { statement_.reset(); }
  Using(const Using&) = delete;
  Using& operator=(const Using&) = delete;
  Statement* operator->() const { return &statement_; }

 private:
  Statement& statement_;
};

enum class OpenMode : std::uint8_t { create, read };
// `never`: for tests of meaning, which would wait for the disk most of the time.
enum class IndexSync : std::uint8_t { at_checkpoints, never };

// A connection, for one thread at a time.
class Database {
 public:
  // WAL, synchronous=NORMAL: consistent after a power cut, but perhaps of a moment before.
  static Result<Database> open(const std::string& path, OpenMode mode, std::uint64_t cache_bytes,
                               IndexSync sync = IndexSync::at_checkpoints);
  Result<Statement> prepare(std::string_view sql);
  Status execute(const std::string& sql);
  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] std::uint64_t changed_rows() const;
  // Copies what was committed from the WAL into the file and syncs both. `left`: pages that had to stay.
  struct Checkpoint {
    std::uint64_t pages = 0, left = 0;
  };
  Result<Checkpoint> checkpoint();
  Status sync();                                                         // all that was committed survives a power cut
  [[nodiscard]] std::uint64_t wal_pages() const { return *wal_pages_; }  // after this connection's last commit

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
  };
  std::string path_;
  IndexSync sync_ = IndexSync::at_checkpoints;
  std::unique_ptr<std::uint64_t> wal_pages_ = std::make_unique<std::uint64_t>(0);
  std::unique_ptr<sqlite3, Closer> database_;
};

}  // namespace duskline::objects
