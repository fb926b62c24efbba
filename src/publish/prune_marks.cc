#include "publish/prune_marks.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "publish/prune.h"

namespace duskline::publish {
namespace {

namespace json = boost::json;

constexpr std::uint64_t max_object_bytes = 128 << 20;
constexpr int max_races = 16;
constexpr std::string_view type_name = "duskline-tombstones";
constexpr std::array<std::string_view, 3> state_names = {"marked", "condemned", "removed"};

Error broken(const model::SetName& set, const std::string& why) {
  return {Code::invalid, "the tombstones of set \"" + set.text() + "\" (" + model::tombstone_key(set) + "): " + why};
}

std::string_view text_of_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::optional<Mark> decode_mark(const json::object& object) {
  Mark mark;
  const auto* const state = std::ranges::find(state_names, text_of_member(object, "state"));
  const auto since = parse_time(text_of_member(object, "since"));
  const auto modified = parse_time(text_of_member(object, "modified"));
  if (state == state_names.end() || !since || !modified) return std::nullopt;
  mark.state = static_cast<Mark::State>(state - state_names.begin());
  mark.since = *since;
  mark.modified = *modified;
  return mark;
}

std::string pack_prefix(const model::SetName& set) { return set.text() + "/pack/"; }

// Whether the marks found on `keys` allow to go on; those that must come off are taken off `marks`.
enum class Verdict : std::uint8_t { clean, unmarked };
Result<Verdict> judge(store::ObjectStore& store, const Op& op, std::span<const store::Key> keys, Marks& marks) {
  Verdict verdict = Verdict::clean;
  for (const store::Key& key : keys) {
    const auto at = marks.by_key.find(key.text());
    if (at == marks.by_key.end()) continue;
    if (at->second.state == Mark::State::condemned) {
      return Error{
          Code::precondition,
          key.text() + " is being removed by a prune; publish again, after another prune if this one broke off"};
    }
    if (at->second.state == Mark::State::marked) {
      marks.by_key.erase(at);
      verdict = Verdict::unmarked;
      continue;
    }
    DL_ASSIGN(const auto there, store.head(op, key));
    if (!there) return Error{Code::precondition, key.text() + " was removed by a prune meanwhile; publish again"};
  }
  return verdict;
}

}  // namespace

std::string encode_marks(const model::SetName& set, const std::map<std::string, Mark>& marks) {
  json::array list;
  list.reserve(marks.size());
  for (const auto& [key, mark] : marks) {
    list.push_back(json::object{{"key", key},
                                {"state", state_names[static_cast<std::size_t>(mark.state)]},
                                {"since", format_time(mark.since)},
                                {"modified", format_time(mark.modified)}});
  }
  return json::serialize(
      json::object{{"type", type_name}, {"format", 1}, {"set", set.text()}, {"marks", std::move(list)}});
}

Result<std::map<std::string, Mark>> decode_marks(const model::SetName& set, std::string_view text) {
  json::error_code failed;
  const json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) return broken(set, "not a JSON object");
  const json::object& object = value.get_object();
  const json::value* format = object.if_contains("format");
  if (text_of_member(object, "type") != type_name || format == nullptr || *format != 1) {
    return broken(set, "not tombstones of a format that this program knows");
  }
  if (text_of_member(object, "set") != set.text()) return broken(set, "they say that they are another set's");
  const json::value* list = object.if_contains("marks");
  if (list == nullptr || !list->is_array()) return broken(set, "no list of marks");
  std::map<std::string, Mark> marks;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) return broken(set, "a mark is not an object");
    const auto key = store::Key::parse(text_of_member(item.get_object(), "key"));
    if (!key || !key->text().starts_with(set.text() + "/")) return broken(set, "a mark on what is not in the set");
    const auto mark = decode_mark(item.get_object());
    if (!mark) return broken(set, "the mark on " + key->text() + " lacks its state or its times");
    if (!marks.emplace(key->text(), *mark).second) return broken(set, "two marks on " + key->text());
  }
  return marks;
}

Result<Marks> read_marks(store::ObjectStore& store, const Op& op, const model::SetName& set) {
  store::GetOptions options;
  options.freshness = store::Freshness::revalidated;
  store::ObjectInfo info;
  const auto body = store::get_all(store, op, store::Key(model::tombstone_key(set)), max_object_bytes, options, &info);
  if (!body && body.error().code == Code::not_found) return Marks{};
  if (!body) return wrap(body.error(), "read the tombstones of set \"" + set.text() + "\"");
  Marks marks;
  DL_ASSIGN(marks.by_key, decode_marks(set, text_of(*body)));
  marks.etag = info.etag;
  return marks;
}

Status write_marks(store::ObjectStore& store, const Op& op, const model::SetName& set, Marks& marks) {
  const store::Key key(model::tombstone_key(set));
  const std::string text = encode_marks(set, marks.by_key);
  store::PutOptions options;
  options.caching = store::Caching::forbidden;
  store::PutOptions conditional = options;
  conditional.if_match = marks.etag;
  if (marks.etag.empty()) conditional.existing = store::PutOptions::Existing::refuse;
  auto put = store::put_all(store, op, key, bytes_of(text), conditional);
  if (!put && put.error().code == Code::unsupported) put = store::put_all(store, op, key, bytes_of(text), options);
  if (!put) return wrap(std::move(put).error(), "write the tombstones of set \"" + set.text() + "\"");
  marks.etag = put->etag;
  return {};
}

Status check_not_marked(store::ObjectStore& store, const Op& op, const model::SetName& set,
                        std::span<const store::Key> keys) {
  for (int race = 0; race < max_races; ++race) {
    DL_ASSIGN(Marks marks, read_marks(store, op, set));
    DL_ASSIGN(const Verdict verdict, judge(store, op, keys, marks));
    if (verdict == Verdict::clean) return {};
    const Status written = write_marks(store, op, set, marks);
    if (!written && written.error().code != Code::precondition) return written;
    // Read again in any case: a write whose answer was lost counts only if it is seen to have happened.
  }
  return Error{Code::precondition, "the tombstones of set \"" + set.text() + "\" change all the time; publish again"};
}

Result<std::set<Hash256>> marked_packs(store::ObjectStore& store, const Op& op, const model::SetName& set) {
  DL_ASSIGN(const Marks marks, read_marks(store, op, set));
  std::set<Hash256> packs;
  const std::string prefix = pack_prefix(set);
  for (auto at = marks.by_key.lower_bound(prefix); at != marks.by_key.end() && at->first.starts_with(prefix); ++at) {
    if (const auto hash = Hash256::from_hex(std::string_view(at->first).substr(prefix.size()))) packs.insert(*hash);
  }
  return packs;
}

}  // namespace duskline::publish
