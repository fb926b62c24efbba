#include "model/release.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>

#include "base/units.h"

namespace duskline::model {
namespace {

namespace json = boost::json;

constexpr std::string_view release_type = "duskline-release-1";
constexpr std::string_view head_type = "duskline-head-1";

// Readers in any language have signed numbers of 64 bits at least.
constexpr std::uint64_t max_number = INT64_MAX;

json::string_view json_view(std::string_view text) { return {text.data(), text.size()}; }

std::string_view std_view(const json::string& text) { return {text.data(), text.size()}; }

std::string octal(std::uint32_t mode) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%04o", mode);
  return digits;
}

// Members of one JSON object. The first failure is kept; later reads give defaults.
class Members {
 public:
  Members(const json::value& value, std::string where) : where_(std::move(where)) {
    object_ = value.if_object();
    if (object_ == nullptr) fail("is not an object");
  }

  std::string text(std::string_view name, std::size_t most) {
    const json::value* value = member(name);
    const json::string* text = value == nullptr ? nullptr : value->if_string();
    if (value != nullptr && text == nullptr) fail(name, "is not a string");
    if (text == nullptr) return {};
    if (text->size() > most) {
      fail(name, "is longer than " + std::to_string(most) + " bytes");
      return {};
    }
    return std::string(std_view(*text));
  }

  std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most) {
    const std::int64_t value = signed_number(name);
    if (!ok()) return 0;
    if (value < 0 || static_cast<std::uint64_t>(value) < least || static_cast<std::uint64_t>(value) > most) {
      fail(name, "is out of range");
      return 0;
    }
    return static_cast<std::uint64_t>(value);
  }

  std::int64_t signed_number(std::string_view name) {
    const json::value* value = member(name);
    if (value == nullptr) return 0;
    const std::int64_t* number = value->if_int64();
    if (number == nullptr) {
      fail(name, "is not a whole number of 64 bits");
      return 0;
    }
    return *number;
  }

  Hash256 hash(std::string_view name) {
    const std::string hex = text(name, 64);
    const auto hash = Hash256::from_hex(hex);
    if (ok() && (!hash || hash->hex() != hex)) fail(name, "is not 64 lower-case hex digits");
    return hash.value_or(Hash256{});
  }

  WallTime time(std::string_view name) {
    const std::string text = this->text(name, 40);
    const auto time = parse_time(text);
    if (ok() && (!time || format_time(*time) != text)) fail(name, "is not a time such as 2026-11-21T09:30:00Z");
    return time.value_or(WallTime{});
  }

  std::uint32_t mode(std::string_view name) {
    const std::string text = this->text(name, 4);
    std::uint32_t mode = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (ok() && (error != std::errc{} || end != text.data() + text.size() || octal(mode) != text)) {
      fail(name, "is not a mode such as 0755");
    }
    return mode;
  }

  // In base64; nothing where there is no such member.
  std::optional<Bytes> optional_bytes(std::string_view name, std::size_t most) {
    if (!ok() || object_->if_contains(json_view(name)) == nullptr) return std::nullopt;
    const std::string base64 = text(name, (most + 2) / 3 * 4);
    auto bytes = from_base64(base64);
    if (ok() && (!bytes || bytes->size() > most || to_base64(*bytes) != base64)) fail(name, "is not base64");
    return ok() ? std::move(bytes) : std::nullopt;
  }

  const json::value& value(std::string_view name) {
    static const json::value nothing;
    const json::value* value = member(name);
    return value == nullptr ? nothing : *value;
  }

  void fail(std::string_view name, std::string_view rule) {
    fail("member \"" + std::string(name) + "\" " + std::string(rule));
  }

  [[nodiscard]] bool ok() const { return !error_; }
  [[nodiscard]] Status status() const {
    if (error_) return *error_;
    return {};
  }

 private:
  const json::value* member(std::string_view name) {
    if (!ok()) return nullptr;
    const json::value* value = object_->if_contains(json_view(name));
    if (value == nullptr) fail(name, "is missing");
    return value;
  }

  void fail(const std::string& rule) {
    if (!error_) error_ = Error{Code::invalid, where_ + ": " + rule};
  }

  std::string where_;
  const json::object* object_ = nullptr;
  std::optional<Error> error_;
};

// A member given twice, or white space, would not survive this round trip: two readers can never disagree about what
// was signed.
Result<json::value> parse_canonical(std::string_view text, std::string_view what) {
  if (text.size() > max_signed_bytes) return Error{Code::invalid, std::string(what) + " is larger than 64 KiB"};
  json::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse(json_view(text), error, {}, options);
  if (error) return Error{Code::invalid, std::string(what) + " is not JSON: " + error.message()};
  if (json::serialize(value) != text) {
    return Error{Code::invalid,
                 std::string(what) + " is not in its one form: white space, an escape or a member too many"};
  }
  return value;
}

void check_type(Members& members, std::string_view expected) {
  const std::string type = members.text("type", 64);
  if (members.ok() && type != expected) {
    members.fail("type", "is \"" + printable(type) + "\" where \"" + std::string(expected) +
                             "\" is needed (made for something else, or by a newer Duskline)");
  }
}

void check_set(Members& members, const std::string& set) {
  if (members.ok() && !SetName::parse(set)) members.fail("set", "is not a set's name");
}

json::object release_object(const Release& release) {
  json::object object;
  object["type"] = json_view(release_type);
  object["realm"] = release.realm;
  object["set"] = release.set;
  object["number"] = release.number;
  object["published"] = format_time(release.published);
  object["tree"] = release.tree.hex();
  object["nodes"] = release.stats.nodes;
  object["files"] = release.stats.files;
  object["entries"] = release.stats.entries;
  object["bytes"] = release.stats.bytes;
  object["top_mode"] = octal(release.top_mode);
  object["top_mtime_ns"] = release.top_mtime_ns;
  if (!release.top_attributes.empty()) {
    Bytes encoded;
    encode_attributes(release.top_attributes, encoded);
    object["top_attributes"] = to_base64(encoded);
  }
  object["chunking"] = release.chunking;
  object["note"] = release.note;
  return object;
}

json::object delta_object(const DeltaRef& delta) {
  json::object object;
  object["from"] = delta.from.hex();
  object["index_bytes"] = delta.index_bytes;
  object["total_bytes"] = delta.total_bytes;
  return object;
}

Result<std::vector<DeltaRef>> decode_deltas(const json::value& value) {
  const json::array* array = value.if_array();
  if (array == nullptr || array->size() > max_head_deltas) {
    return Error{Code::invalid, "head: member \"deltas\" is not a list of at most 16"};
  }
  std::vector<DeltaRef> deltas;
  for (const json::value& item : *array) {
    Members members(item, "head: a delta");
    DeltaRef delta;
    delta.from.hash = members.hash("from");
    delta.index_bytes = members.number("index_bytes", 1, max_number);
    delta.total_bytes = members.number("total_bytes", delta.index_bytes, max_number);
    DL_TRY(members.status());
    deltas.push_back(delta);
  }
  return deltas;
}

}  // namespace

std::string encode_release(const Release& release) { return json::serialize(release_object(release)); }

Result<Release> decode_release(std::string_view text) {
  DL_ASSIGN(const json::value value, parse_canonical(text, "root statement of the release"));
  Members members(value, "root statement of the release");
  check_type(members, release_type);
  Release release;
  release.realm = members.text("realm", max_realm_bytes);
  release.set = members.text("set", 64);
  check_set(members, release.set);
  release.number = members.number("number", 1, max_number);
  release.published = members.time("published");
  release.tree = members.hash("tree");
  release.stats.nodes = members.number("nodes", 1, max_tree_count);
  release.stats.entries = members.number("entries", 0, max_tree_count);
  release.stats.files = members.number("files", 0, release.stats.entries);
  release.stats.bytes = members.number("bytes", 0, max_tree_bytes);
  release.top_mode = members.mode("top_mode");
  release.top_mtime_ns = members.signed_number("top_mtime_ns");
  const std::optional<Bytes> top_attributes = members.optional_bytes("top_attributes", max_top_attribute_bytes);
  release.chunking = members.text("chunking", 64);
  release.note = members.text("note", max_note_bytes);
  DL_TRY(members.status());
  if (top_attributes) {
    auto decoded = decode_attributes(*top_attributes);
    if (!decoded) {
      return Error{Code::invalid,
                   "root statement of the release: member \"top_attributes\" holds " + decoded.error().message};
    }
    release.top_attributes = std::move(*decoded);
  }
  return release;
}

Status check_top_attributes(const std::vector<Attribute>& attributes) {
  DL_TRY(check_attributes(attributes));
  Bytes encoded;
  encode_attributes(attributes, encoded);
  if (encoded.size() <= max_top_attribute_bytes) return {};
  return Error{Code::invalid, "more than 32 KiB of extended attributes of the top directory"};
}

Status check_text(std::string_view what, std::string_view text, std::size_t most) {
  if (text.size() > most) {
    return Error{Code::usage, std::string(what) + " is longer than " + std::to_string(most) + " bytes"};
  }
  // Boost.JSON is what will read it again, so it is what decides.
  json::error_code error;
  const json::value back = json::parse(json::serialize(json::string(json_view(text))), error);
  if (error || back.if_string() == nullptr || std_view(*back.if_string()) != text) {
    return Error{Code::usage, std::string(what) + " is not valid UTF-8: \"" + printable(text.substr(0, 80)) + "\""};
  }
  return {};
}

ReleaseId release_id(std::string_view release_json) { return {sha256(release_json)}; }

std::string encode_head(const Head& head) {
  json::object object;
  object["type"] = json_view(head_type);
  object["realm"] = head.realm;
  object["set"] = head.set;
  object["channel"] = head.channel;
  object["version"] = head.version;
  object["release"] = head.release.hex();
  object["number"] = head.number;
  object["published"] = format_time(head.published);
  object["signed"] = format_time(head.signed_at);
  object["expires"] = format_time(head.expires);
  object["previous"] = head.previous.hex();
  object["epoch"] = head.epoch;
  object["manifest_bytes"] = head.manifest_bytes;
  object["manifest_index_bytes"] = head.manifest_index_bytes;
  json::array deltas;
  for (const DeltaRef& delta : head.deltas) deltas.push_back(delta_object(delta));
  object["deltas"] = std::move(deltas);
  return json::serialize(object);
}

Result<Head> decode_head(std::string_view text) {
  DL_ASSIGN(const json::value value, parse_canonical(text, "head"));
  Members members(value, "head");
  check_type(members, head_type);
  Head head;
  head.realm = members.text("realm", max_realm_bytes);
  head.set = members.text("set", 64);
  check_set(members, head.set);
  head.channel = members.text("channel", 64);
  if (members.ok() && !ChannelName::parse(head.channel)) members.fail("channel", "is not a channel's name");
  head.version = members.number("version", 1, max_number);
  head.release.hash = members.hash("release");
  head.number = members.number("number", 1, max_number);
  head.published = members.time("published");
  head.signed_at = members.time("signed");
  head.expires = members.time("expires");
  head.previous = members.hash("previous");
  if (members.ok() && head.previous.is_zero() != (head.version == 1)) {
    members.fail("previous", "must be zeros in the first head, and only there");
  }
  head.epoch = members.number("epoch", 0, max_number);
  head.manifest_bytes = members.number("manifest_bytes", 1, max_number);
  head.manifest_index_bytes = members.number("manifest_index_bytes", 1, head.manifest_bytes);
  const json::value& deltas = members.value("deltas");
  DL_TRY(members.status());
  if (head.expires <= head.signed_at) return Error{Code::invalid, "head: it expires before it was signed"};
  DL_ASSIGN(head.deltas, decode_deltas(deltas));
  return head;
}

bool is_due_for_signing(const Head& head, WallTime now) {
  return now >= head.signed_at + (head.expires - head.signed_at) / 2;
}

}  // namespace duskline::model
