#include "objects/database.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <mutex>

#include "disk/system.h"

namespace duskline::objects {
namespace {

Code code_of(int result) {
  switch (result & 0xFF) {
    case SQLITE_FULL:
      return Code::no_space;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::locked;
    case SQLITE_READONLY:
      return Code::read_only;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return Code::io;
    default:
      return Code::internal;
  }
}

Error index_error(sqlite3* database, int result, std::string_view doing) {
  std::string message = "index: ";
  message += doing;
  message += ": ";
  message += database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(result);
  const Code code = code_of(result);
  if (code == Code::corrupt) message += "; 'duskline store check --rebuild' makes it anew from the data files";
  return {code, message};
}

// Statistics of memory take a lock at each allocation.
void configure_once() {
  static std::once_flag once;
  std::call_once(once, [] { (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

int note_wal_pages(void* to, sqlite3*, const char*, int pages) {
  *static_cast<std::uint64_t*>(to) = static_cast<std::uint64_t>(pages);
  return SQLITE_OK;
}

}  // namespace

void Statement::Closer::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::bind(int position, std::uint64_t value) {
  return bind_signed(position, static_cast<std::int64_t>(value));
}
Statement& Statement::bind_signed(int position, std::int64_t value) {
  (void)sqlite3_bind_int64(statement_.get(), position, value);
  return *this;
}
Statement& Statement::bind(int position, ByteView bytes) {
  // A null pointer would bind NULL, which equals nothing.
  static const std::uint8_t nothing = 0;
  (void)sqlite3_bind_blob64(statement_.get(), position, bytes.empty() ? &nothing : bytes.data(), bytes.size(),
                            SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  sqlite3* const database = sqlite3_db_handle(statement_.get());
  Error error = index_error(database, sqlite3_extended_errcode(database), "run a statement");
  reset();
  return error;
}

Status Statement::run() {
  for (;;) {
    DL_ASSIGN(const bool more, step());
    if (!more) break;
  }
  reset();
  return {};
}

void Statement::reset() { (void)sqlite3_reset(statement_.get()); }

std::uint64_t Statement::number(int column) const { return static_cast<std::uint64_t>(signed_number(column)); }
std::int64_t Statement::signed_number(int column) const { return sqlite3_column_int64(statement_.get(), column); }
ByteView Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
}

void Database::Closer::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Result<Database> Database::open(const std::string& path, OpenMode mode, std::uint64_t cache_bytes, IndexSync sync) {
  configure_once();
  if (mode == OpenMode::create) {
    // SQLite would make it for everybody to read, and gives its other files the same mode.
    const disk::UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (made.get() == -1) return disk::path_error("open", path, errno);
  }
  const int flags = (mode == OpenMode::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE) |
                    SQLITE_OPEN_NOMUTEX;
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database;
  database.path_ = path;
  database.sync_ = sync;
  database.database_.reset(raw);
  if (result != SQLITE_OK) return index_error(raw, result, "open " + path);
  (void)sqlite3_extended_result_codes(raw, 1);
  (void)sqlite3_busy_timeout(raw, 10'000);
  if (mode == OpenMode::create) {
    DL_TRY(database.execute(sync == IndexSync::never ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=NORMAL"));
    DL_TRY(database.execute("PRAGMA page_size=4096"));
    DL_TRY(database.execute("PRAGMA journal_mode=WAL"));
    DL_TRY(database.execute("PRAGMA wal_autocheckpoint=0"));  // the engine chooses the moment
    DL_TRY(database.execute("PRAGMA journal_size_limit=67108864"));
    (void)sqlite3_wal_hook(raw, note_wal_pages, database.wal_pages_.get());
  } else {
    DL_TRY(database.execute("PRAGMA query_only=1"));
  }
  DL_TRY(database.execute("PRAGMA temp_store=MEMORY"));
  DL_TRY(database.execute("PRAGMA cache_size=-" + std::to_string(std::max<std::uint64_t>(cache_bytes >> 10, 64))));
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  Statement statement;
  sqlite3_stmt* raw = nullptr;
  const int result = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (result != SQLITE_OK) return index_error(database_.get(), result, "prepare '" + std::string(sql) + "'");
  statement.statement_.reset(raw);
  return statement;
}

Status Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) {
    return index_error(database_.get(), sqlite3_extended_errcode(database_.get()), sql + " in " + path_);
  }
  return {};
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

std::uint64_t Database::changed_rows() const { return static_cast<std::uint64_t>(sqlite3_changes64(database_.get())); }

Result<Database::Checkpoint> Database::checkpoint() {
  int log = 0, done = 0;
  const int result = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &log, &done);
  if (result != SQLITE_OK && (result & 0xFF) != SQLITE_BUSY) {
    return index_error(database_.get(), sqlite3_extended_errcode(database_.get()), "checkpoint " + path_);
  }
  if (log < 0) return Checkpoint{};
  return Checkpoint{static_cast<std::uint64_t>(log), static_cast<std::uint64_t>(log - done)};
}

Status Database::sync() {
  if (sync_ == IndexSync::never) return {};
  DL_TRY(execute("PRAGMA synchronous=FULL"));
  // A commit that changes nothing writes, and syncs, nothing.
  const Status done = execute("BEGIN IMMEDIATE; UPDATE meta SET syncs=syncs+1; COMMIT");
  if (!done && in_transaction()) (void)execute("ROLLBACK");
  const Status back = execute("PRAGMA synchronous=NORMAL");
  return done ? back : done;
}

}  // namespace duskline::objects
