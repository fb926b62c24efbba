#include "sync/bucket_list.h"

#include "base/units.h"
#include "s3/xml.h"

namespace duskline::sync {
namespace {

constexpr std::uint64_t max_page_bytes = 32 << 20;
constexpr unsigned max_empty_pages = 1000;  // in a row
constexpr std::uint64_t max_objects = 1'000'000'000;
constexpr std::size_t pages_ahead = 2;
constexpr std::size_t max_key_bytes = 4096;  // some services allow more than S3's 1,024

std::int64_t whole_seconds(WallTime time) {
  // An object's time has milliseconds in a listing and none elsewhere.
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()))
      .count();
}

}  // namespace

BucketList::BucketList(const Op& op, s3::Client& client, Reporter& reporter, const Rules& rules, ListSettings settings)
    : op_(op),
      link_(op.stop, [this] { stop_.request_stop(); }),
      client_(client),
      reporter_(reporter),
      settings_(std::move(settings)),
      gate_(rules),
      pages_(pages_ahead) {
  op_.stop = stop_.get_token();
  thread_ = std::jthread([this] { fetch_pages(); });
}

BucketList::~BucketList() {
  stop_.request_stop();
  pages_.abandon();
}

void BucketList::fetch_pages() {
  if (auto all = fetch_all(); !all) pages_.push(std::move(all).error());
  pages_.close();
}

Status BucketList::fetch_all() {
  std::string token;
  unsigned empty = 0;
  for (;;) {
    DL_ASSIGN(s3::ListPage page, fetch_page(token));
    const bool more = page.truncated;
    const bool goes_on = page.next_token != token;
    token = page.next_token;
    empty = page.keys.empty() ? empty + 1 : 0;
    if (!pages_.push(std::move(page)) || !more) return {};
    if (!goes_on || empty > max_empty_pages) {
      return Error{Code::unsupported, "the listing of s3://" + client_.bucket().name + " at " +
                                          client_.bucket().endpoint.origin() + " does not come to an end"};
    }
  }
}

Result<s3::ListPage> BucketList::fetch_page(const std::string& token) {
  s3::Call call{.method = "GET", .query = {{"list-type", "2"}, {"encoding-type", "url"}}};
  call.query.emplace_back("prefix", settings_.prefix);
  call.query.emplace_back("max-keys", "1000");
  if (!token.empty()) {
    call.query.emplace_back("continuation-token", token);
  } else if (!settings_.after.empty()) {
    call.query.emplace_back("start-after", settings_.prefix + settings_.after);
  }
  DL_ASSIGN(const std::string text, client_.call_for_text(op_, call, max_page_bytes));
  return s3::parse_list(text);
}

void BucketList::record(std::string_view action, std::string_view path, std::string_view reason) {
  reporter_.record({.path = path, .action = action, .reason = reason});
}

Result<bool> BucketList::take(s3::ListedKey& listed) {
  const std::string& key = listed.key;
  const bool in_order = last_.empty() || key > last_;
  if (!key.starts_with(settings_.prefix) || !in_order || key.size() > max_key_bytes || ++seen_ > max_objects) {
    return Error{Code::unsupported, "the listing of s3://" + client_.bucket().name + " is not in order: \"" +
                                        printable(key.substr(0, max_key_bytes)) + "\" comes after \"" +
                                        printable(last_) + "\", so what is missing cannot be known"};
  }
  last_ = key;
  const std::string_view path = std::string_view(key).substr(settings_.prefix.size());
  if (path.empty() || path <= settings_.after) return false;  // the prefix itself, as some programs mark it
  const bool is_folder = path.ends_with('/');
  if (is_folder && !settings_.empty_folders) return false;
  if (gate_.excludes(path)) return false;
  if (is_folder && listed.size_bytes > 0) {
    record("refuse", path, "its key ends with '/', as an empty directory's does, and yet it has content");
    return false;
  }
  entry_.path = path;
  entry_.stamp.size_bytes = listed.size_bytes;
  entry_.stamp.etag = without_quotes(listed.etag);
  entry_.stamp.modified_ns = whole_seconds(listed.modified);
  return true;
}

// The marker of a directory that turns out to hold something (as consoles make them) is none of an empty one.
Result<const Entry*> BucketList::next() {
  if (has_next_) {
    has_next_ = false;
    std::swap(entry_, next_entry_);
  } else {
    DL_ASSIGN(const bool found, find());
    if (!found) return nullptr;
  }
  while (entry_.path.ends_with('/')) {
    std::swap(entry_, next_entry_);
    DL_ASSIGN(const bool found, find());
    std::swap(entry_, next_entry_);
    if (!found) break;
    has_next_ = !next_entry_.path.starts_with(entry_.path);
    if (has_next_) break;
    std::swap(entry_, next_entry_);
  }
  return &entry_;
}

// Whether there is another entry; it is then in entry_.
Result<bool> BucketList::find() {
  while (!ended_) {
    while (at_ < page_.keys.size()) {
      DL_ASSIGN(const bool found, take(page_.keys[at_++]));
      if (found) return true;
    }
    auto page = pages_.pop();
    if (!page) {
      ended_ = true;
      DL_TRY(op_.check());
      break;
    }
    if (!*page) return std::move(*page).error();
    page_ = std::move(**page);
    at_ = 0;
  }
  return false;
}

}  // namespace duskline::sync
