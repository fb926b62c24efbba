#include "objects/listing.h"

#include <limits>
#include <utility>

#include "objects/lookups.h"

namespace duskline::objects {
namespace {

constexpr std::int64_t behind_all_ranks = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t before_all_ranks = std::numeric_limits<std::int64_t>::min();

// Walks the rows of one statement whose columns are key, rank, row, ordered by (key, rank).
class Cursor {
 public:
  Cursor(Statement& statement, std::uint64_t bucket) : statement_(statement), bucket_(bucket) {}
  ~Cursor() { statement_.reset(); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // To the first row greater than (key, rank).
  Status seek_behind(std::string_view key, std::int64_t rank) {
    statement_.reset();
    at_ = key;
    statement_.bind(1, bucket_).bind(2, at_).bind_signed(3, rank);
    return next();
  }
  // To the first row of `key` or a later one; of a statement without ranks.
  Status seek_to(std::string key) {
    statement_.reset();
    at_ = std::move(key);
    statement_.bind(1, bucket_).bind(2, at_);
    return next();
  }
  Status next() {
    DL_ASSIGN(valid_, statement_.step());
    return {};
  }
  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] std::string_view key() const { return text_of(statement_.blob(0)); }
  [[nodiscard]] std::int64_t rank() const { return statement_.signed_number(1); }
  [[nodiscard]] ByteView row() const { return statement_.blob(2); }

 private:
  Statement& statement_;
  const std::uint64_t bucket_;
  std::string at_;
  bool valid_ = false;
};

// One ordered walk over `objects` and, for versions, `older`. The row of a key in `objects` is its newest.
class Walk {
 public:
  Walk(Statement& objects, Statement* older, std::uint64_t bucket) : objects_(objects, bucket) {
    if (older != nullptr) older_.emplace(*older, bucket);
  }
  // To the first version behind `rank` in `key`, or of a later key.
  Status seek(std::string_view key, std::int64_t rank) {
    DL_TRY(objects_.seek_to(rank == behind_all_ranks ? std::string(key) + '\0' : std::string(key)));
    if (objects_.valid() && objects_.key() == key) {
      DL_ASSIGN(const RowHead head, peek_row(objects_.row()));
      if (rank_of(head.sequence) <= rank) DL_TRY(objects_.next());
    }
    return older_ ? older_->seek_behind(key, rank) : Status();
  }
  Status next() { return from_objects() ? objects_.next() : older_->next(); }
  [[nodiscard]] bool valid() const { return objects_.valid() || (older_ && older_->valid()); }
  [[nodiscard]] std::string_view key() const { return from_objects() ? objects_.key() : older_->key(); }
  [[nodiscard]] ByteView row() const { return from_objects() ? objects_.row() : older_->row(); }
  [[nodiscard]] bool from_objects() const {
    if (!older_ || !older_->valid()) return true;
    return objects_.valid() && objects_.key() <= older_->key();
  }

 private:
  Cursor objects_;
  std::optional<Cursor> older_;
};

// What a listing has in common, of versions and of uploads: where to begin, what to roll up.
struct Scope {
  const std::string& prefix;
  const std::string& delimiter;

  // The common prefix that `key` rolls up into; nothing where it stands for itself.
  [[nodiscard]] std::optional<std::string> group_of(std::string_view key) const {
    if (delimiter.empty() || !key.starts_with(prefix)) return std::nullopt;
    const auto at = key.find(delimiter, prefix.size());
    if (at == std::string_view::npos) return std::nullopt;
    return std::string(key.substr(0, at + delimiter.size()));
  }
};

struct Start {
  bool at_end = false;
  std::string key;
  std::int64_t rank = before_all_ranks;
};

// `behind`: the rank within `after` to begin behind, where the listing goes on in the middle of a key.
Start start_of(const Scope& scope, const std::string& after, std::optional<std::int64_t> behind) {
  if (after < scope.prefix) return {false, scope.prefix, before_all_ranks};
  if (after.empty()) return {false, "", before_all_ranks};
  // All of a group that `after` lies in, or is, was returned as one common prefix.
  if (const auto group = scope.group_of(after)) {
    const auto next = after_all_with_prefix(*group);
    if (!next) return {true, "", 0};
    return {false, *next, before_all_ranks};
  }
  return {false, after, behind.value_or(behind_all_ranks)};
}

Status seek_behind_group(Walk& walk, const std::string& group, bool* at_end) {
  const auto next = after_all_with_prefix(group);
  *at_end = !next;
  return next ? walk.seek(*next, before_all_ranks) : Status();
}

}  // namespace

std::optional<std::string> after_all_with_prefix(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) == 0xFF) text.pop_back();
  if (text.empty()) return std::nullopt;
  text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
  return text;
}

Result<Lister> Lister::prepare(Database& database) {
  Lister made;
  DL_ASSIGN(made.objects_,
            database.prepare("SELECT key, 0, row FROM objects WHERE bucket=?1 AND key>=?2 ORDER BY key"));
  DL_ASSIGN(made.older_, database.prepare("SELECT key, rank, row FROM older WHERE bucket=?1 AND (key, rank)>(?2, ?3) "
                                          "ORDER BY key, rank"));
  DL_ASSIGN(made.uploads_, database.prepare("SELECT key, sequence, row FROM uploads WHERE bucket=?1 AND "
                                            "(key, sequence)>(?2, ?3) ORDER BY key, sequence"));
  DL_ASSIGN(made.object_, database.prepare("SELECT row FROM objects WHERE bucket=?1 AND key=?2"));
  DL_ASSIGN(made.older_null_,
            database.prepare("SELECT rank FROM older INDEXED BY older_null WHERE bucket=?1 AND key=?2 AND is_null=1"));
  return made;
}

Result<std::optional<std::uint64_t>> Lister::sequence_of(std::uint64_t bucket, const std::string& key,
                                                         const std::string& id) {
  if (id != null_version) {
    const auto parsed = parse_id(id);
    return parsed ? std::optional(parsed->sequence) : std::nullopt;
  }
  Using object(object_);
  object_.bind(1, bucket).bind(2, key);
  DL_ASSIGN(const bool there, object->step());
  if (there) {
    DL_ASSIGN(const RowHead head, peek_row(object->blob(0)));
    if (head.is_null) return std::optional(head.sequence);
  }
  Using null(older_null_);
  older_null_.bind(1, bucket).bind(2, key);
  DL_ASSIGN(const bool older, null->step());
  if (!older) return std::optional<std::uint64_t>();
  return std::optional(static_cast<std::uint64_t>(-null->signed_number(0)));
}

Result<ListResult> Lister::list(std::uint64_t bucket, const ListRequest& request) {
  ListResult result;
  const Scope scope{request.prefix, request.delimiter};
  std::optional<std::int64_t> behind;
  if (request.versions && !request.after_version.empty()) {
    DL_ASSIGN(const auto sequence, sequence_of(bucket, request.after, request.after_version));
    if (sequence) behind = rank_of(*sequence);
  }
  const Start start = start_of(scope, request.after, behind);
  if (start.at_end || request.limit == 0) return result;
  Walk walk(objects_, request.versions ? &older_ : nullptr, bucket);
  DL_TRY(walk.seek(start.key, start.rank));
  // Within a key the first that the walk comes to is the latest, unless it began in the middle.
  std::string last_key = start.rank == before_all_ranks ? std::string() : start.key;
  bool at_end = false;
  while (!at_end && walk.valid() && walk.key().starts_with(request.prefix)) {
    if (result.entries.size() + result.prefixes.size() == request.limit) {
      result.truncated = true;
      return result;
    }
    if (auto group = scope.group_of(walk.key())) {
      result.next = *group;
      result.next_version.clear();
      DL_TRY(seek_behind_group(walk, *group, &at_end));
      result.prefixes.push_back(std::move(*group));
      continue;
    }
    DL_ASSIGN(Row row, decode_row(walk.row(), {}, Detail::none));
    Version& version = row.version;
    version.bucket = request.bucket;
    version.key = walk.key();
    version.latest = version.key != last_key;
    last_key = version.key;
    result.next = version.key;
    result.next_version = version.id;
    result.entries.push_back(std::move(version));
    DL_TRY(walk.next());
  }
  return result;
}

Result<UploadList> Lister::uploads(std::uint64_t bucket, const UploadListRequest& request) {
  UploadList result;
  const Scope scope{request.prefix, request.delimiter};
  std::optional<std::int64_t> behind;
  if (!request.after_upload.empty()) {
    if (const auto parsed = parse_id(request.after_upload)) behind = static_cast<std::int64_t>(parsed->sequence);
  }
  const Start start = start_of(scope, request.after_key, behind);
  if (start.at_end || request.limit == 0) return result;
  Cursor cursor(uploads_, bucket);
  DL_TRY(cursor.seek_behind(start.key, start.rank));
  while (cursor.valid() && cursor.key().starts_with(request.prefix)) {
    if (result.uploads.size() + result.prefixes.size() == request.limit) {
      result.truncated = true;
      return result;
    }
    if (auto group = scope.group_of(cursor.key())) {
      result.next_key = *group;
      result.next_upload.clear();
      const auto next = after_all_with_prefix(*group);
      result.prefixes.push_back(std::move(*group));
      if (!next) return result;
      DL_TRY(cursor.seek_behind(*next, before_all_ranks));
      continue;
    }
    DL_ASSIGN(UploadRow row, decode_upload(cursor.row()));
    row.upload.bucket = request.bucket;
    result.next_key = row.upload.key;
    result.next_upload = row.upload.id;
    result.uploads.push_back(std::move(row.upload));
    DL_TRY(cursor.next());
  }
  return result;
}

}  // namespace duskline::objects
