#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <mutex>
#include <utility>

#include "base/workers.h"
#include "release/heads.h"
#include "release/small_json.h"

namespace duskline::release {
namespace {

constexpr unsigned max_tries = 1000;
constexpr model::ReleaseNumber max_number = 999'999'999'999;  // twelve digits; what lies beyond is not ours
constexpr unsigned listing_threads = 8;
constexpr std::size_t listing_queue = 64;

std::string number_prefix(const model::SetName& set) { return set.text() + "/number/"; }

std::optional<model::ReleaseNumber> number_of(const store::Key& key, const std::string& prefix) {
  const std::string_view digits = std::string_view(key.text()).substr(prefix.size());
  model::ReleaseNumber number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failed != std::errc{} || end != digits.data() + digits.size() || number > max_number) return std::nullopt;
  return number;
}

// The highest number taken that is above `at_least`, or `at_least`.
Result<model::ReleaseNumber> last_number(store::ObjectStore& store, const Op& op, const model::SetName& set,
                                         model::ReleaseNumber at_least) {
  const std::string prefix = number_prefix(set);
  store::ListQuery query;
  query.prefix = prefix;
  query.start_after = model::number_key(set, at_least);
  model::ReleaseNumber last = at_least;
  while (true) {
    auto page = store.list(op, query);
    // Credentials that may write but not list find a free number by trying.
    if (!page && (page.error().code == Code::denied || page.error().code == Code::unsupported)) return last;
    if (!page) return wrap(std::move(page).error(), "list the release numbers of set \"" + set.text() + "\"");
    for (const store::ListedObject& object : page->objects) {
      last = std::max(last, number_of(object.key, prefix).value_or(0));
    }
    if (!page->truncated || page->objects.empty()) return last;
    query.start_after = page->objects.back().key.text();
  }
}

// Whether the number's object is the one that we wrote.
Result<bool> is_ours(store::ObjectStore& store, const Op& op, const store::Key& key, const std::string& token) {
  DL_ASSIGN(const std::optional<boost::json::object> object, read_small_json(store, op, key));
  return object && text_member(*object, "taken") == token;
}

// True if it is ours now; false if another has it.
Result<bool> try_number(store::ObjectStore& store, const Op& op, const store::Key& key, const std::string& token,
                        const Conditions& conditions) {
  store::PutOptions options;
  options.caching = store::Caching::forbidden;
  if (conditions.if_none_match) {
    options.existing = store::PutOptions::Existing::refuse;
  } else {
    DL_ASSIGN(const std::optional<store::ObjectInfo> taken, store.head(op, key));
    if (taken) return false;
  }
  const std::string body = boost::json::serialize(boost::json::object{{"taken", token}});
  const auto put = store::put_all(store, op, key, bytes_of(body), options);
  if (put && conditions.if_none_match) return true;
  // An answer that was lost, a condition that failed on our own first try, or a store that takes every write.
  auto ours = is_ours(store, op, key, token);
  if (ours && *ours) return true;
  if (!put && put.error().code != Code::precondition) return put.error();
  return ours;
}

}  // namespace

Result<model::ReleaseNumber> take_number(store::ObjectStore& store, const Op& op, const model::SetName& set,
                                         model::ReleaseNumber at_least, const Conditions& conditions) {
  DL_ASSIGN(const model::ReleaseNumber last, last_number(store, op, set, at_least));
  DL_ASSIGN(const Bytes random, random_bytes(16));
  const std::string token = to_hex(random);
  for (model::ReleaseNumber number = last + 1; number <= last + max_tries; ++number) {
    DL_TRY(op.check());
    auto taken = try_number(store, op, store::Key(model::number_key(set, number)), token, conditions);
    if (!taken) return wrap(std::move(taken).error(), "take a release number of set \"" + set.text() + "\"");
    if (*taken) return number;
  }
  return Error{Code::precondition, "the release numbers " + std::to_string(last + 1) + " to " +
                                       std::to_string(last + max_tries) + " of set \"" + set.text() +
                                       "\" are all taken; let the publisher list objects, so that it finds the last"};
}

Status name_number(store::ObjectStore& store, const Op& op, const model::SetName& set, model::ReleaseNumber number,
                   const model::ReleaseId& id, WallTime published) {
  const boost::json::object body{{"release", id.hex()}, {"published", format_time(published)}};
  store::PutOptions options;
  options.caching = store::Caching::forbidden;
  const auto put = store::put_all(store, op, store::Key(model::number_key(set, number)),
                                  bytes_of(boost::json::serialize(body)), options);
  if (!put) return wrap(put.error(), "name the release of number " + std::to_string(number));
  return {};
}

Result<std::vector<ListedRelease>> list_releases(store::ObjectStore& store, const Op& op, const model::SetName& set) {
  const std::string prefix = number_prefix(set);
  std::mutex mutex;
  std::vector<ListedRelease> releases;
  WorkerPool workers(op, listing_threads, listing_queue);
  const auto read = [&](const Op& task, const store::Key& key, model::ReleaseNumber number) -> Status {
    DL_ASSIGN(const std::optional<boost::json::object> object, read_small_json(store, task, key));
    if (!object) return {};
    const auto id = model::ReleaseId::parse(text_member(*object, "release").value_or(""));
    const auto published = parse_time(text_member(*object, "published").value_or(""));
    if (!id || !published) return {};
    const std::lock_guard lock(mutex);
    releases.push_back({number, *id, *published});
    return {};
  };
  const Status listed = store::for_each_object(store, op, prefix, [&](const store::ListedObject& object) -> Status {
    const auto number = number_of(object.key, prefix);
    if (!number) return {};
    workers.submit([&read, key = object.key, number = *number](const Op& task) { return read(task, key, number); });
    return {};
  });
  const Status done = workers.finish();
  DL_TRY(listed);
  DL_TRY(done);
  std::sort(releases.begin(), releases.end(),
            [](const ListedRelease& a, const ListedRelease& b) { return a.number < b.number; });
  return releases;
}

}  // namespace duskline::release
