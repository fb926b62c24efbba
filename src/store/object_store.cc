#include "store/object_store.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/units.h"

namespace duskline::store {
namespace {

constexpr std::size_t max_key_bytes = 900;
constexpr std::uint32_t page_objects = 10'000;  // backends with smaller pages give what they can

bool is_allowed_component(std::string_view part) { return !part.empty() && part != "." && part != ".."; }

// Why `text` is no key, or nullptr.
const char* why_not_a_key(std::string_view text) {
  if (text.empty()) return "it is empty";
  if (text.size() > max_key_bytes) return "it is longer than 900 bytes";
  for (const char c : text) {
    if (c < ' ' || c > '~') return "it has a byte that is not printable ASCII";
    if (c == '\\') return "it has a backslash";
  }
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t slash = std::min(text.find('/', at), text.size());
    if (!is_allowed_component(text.substr(at, slash - at))) return "it has a component that is empty, \".\" or \"..\"";
    at = slash + 1;
  }
  return nullptr;
}

}  // namespace

Result<Key> Key::parse(std::string_view text) {
  if (const char* why = why_not_a_key(text)) {
    return Error{Code::invalid, "\"" + printable(text.substr(0, max_key_bytes)) + "\" is no object key: " + why};
  }
  return Key(std::string(text));
}

Key::Key(std::string text) : text_(std::move(text)) {
  if (const char* why = why_not_a_key(text_)) {
    std::fprintf(stderr, "duskline: bug: made the object key \"%s\": %s\n", printable(text_).c_str(), why);
    std::abort();
  }
}

Result<Bytes> get_all(ObjectStore& store, const Op& op, const Key& key, std::uint64_t limit_bytes,
                      const GetOptions& options, ObjectInfo* info) {
  Bytes body;
  BufferSink sink(body, limit_bytes);
  DL_ASSIGN(ObjectInfo got, store.get(op, key, options, sink));
  if (info != nullptr) *info = std::move(got);
  return body;
}

Result<ObjectInfo> put_all(ObjectStore& store, const Op& op, const Key& key, ByteView body, PutOptions options) {
  BufferSource source(body);
  if (!options.sha256) options.sha256 = sha256(body);
  return store.put(op, key, source, options);
}

Status for_each_object(ObjectStore& store, const Op& op, const std::string& prefix,
                       const std::function<Status(const ListedObject&)>& fn) {
  ListQuery query{.prefix = prefix, .start_after = {}, .limit = page_objects};
  for (;;) {
    DL_TRY(op.check());
    DL_ASSIGN(const Listing page, store.list(op, query));
    for (const ListedObject& object : page.objects) DL_TRY(fn(object));
    if (!page.truncated) return {};
    if (page.objects.empty() || page.objects.back().key.text() <= query.start_after) {
      return Error{Code::invalid,
                   store.describe() + ": the list of \"" + prefix + "\" says that more follows, but does not go on"};
    }
    query.start_after = page.objects.back().key.text();
  }
}

}  // namespace duskline::store
