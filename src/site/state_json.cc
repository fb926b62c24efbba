#include <algorithm>
#include <boost/json.hpp>

#include "base/units.h"
#include "site/target.h"

namespace duskline::site {
namespace {

namespace json = boost::json;

constexpr int format = 1;
constexpr std::size_t max_text_bytes = 64 << 10;
constexpr std::size_t max_kept = 1000;

// Paths and patterns hold any bytes, JSON only UTF-8: what is not plain text is written as {"base64": ...}.
json::value encode_text(const std::string& text) {
  if (printable(text) == text) return json::string(text);
  return json::object{{"base64", to_base64(bytes_of(text))}};
}

json::object encode_layout(const Layout& layout) {
  json::array keep;
  for (const std::string& pattern : layout.keep) keep.push_back(encode_text(pattern));
  json::object out{{"mode", layout.mode == Mode::switched ? "switched" : "in-place"},
                   {"keep", std::move(keep)},
                   {"only", encode_text(layout.only)},
                   {"mode_mask", layout.mode_mask}};
  if (layout.owner) out["owner"] = json::object{{"uid", layout.owner->uid}, {"gid", layout.owner->gid}};
  return out;
}

json::object encode_installed(const InstalledRelease& release) {
  return {{"id", release.id.hex()},
          {"number", release.number},
          {"published", format_time(release.published)},
          {"activated", format_time(release.activated)},
          {"folder", release.folder},
          {"layout", encode_layout(release.layout)}};
}

// Reads members of one object. After the first that is missing or of the wrong type, `ok` is false.
class Fields {
 public:
  Fields(const json::value& value, bool& ok) : object_(value.if_object()), ok_(ok) {
    if (object_ == nullptr) ok_ = false;
  }
  [[nodiscard]] const json::value* find(std::string_view name) const {
    return object_ == nullptr ? nullptr : object_->if_contains(name);
  }
  [[nodiscard]] const json::value& need(std::string_view name) const {
    static const json::value null;
    const json::value* value = find(name);
    if (value == nullptr) ok_ = false;
    return value == nullptr ? null : *value;
  }
  [[nodiscard]] std::string text(std::string_view name) const { return text_of(need(name)); }
  [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t most = UINT64_MAX) const {
    json::error_code failed;
    const auto value = need(name).to_number<std::uint64_t>(failed);
    if (failed || value > most) ok_ = false;
    return failed ? 0 : value;
  }
  [[nodiscard]] WallTime time(std::string_view name) const {
    const auto value = parse_time(text(name));
    if (!value) ok_ = false;
    return value.value_or(WallTime{});
  }
  [[nodiscard]] Hash256 hash(std::string_view name) const {
    const auto value = Hash256::from_hex(text(name));
    if (!value) ok_ = false;
    return value.value_or(Hash256{});
  }
  [[nodiscard]] std::optional<model::ReleaseId> id(std::string_view name) const {
    if (find(name) == nullptr) return std::nullopt;
    return model::ReleaseId{hash(name)};
  }
  [[nodiscard]] std::string text_of(const json::value& value) const {
    if (const json::string* plain = value.if_string(); plain != nullptr && plain->size() <= max_text_bytes) {
      return std::string(*plain);
    }
    if (const json::object* coded = value.if_object(); coded != nullptr && coded->contains("base64")) {
      const json::string* base64 = coded->at("base64").if_string();
      const auto bytes = base64 == nullptr ? std::nullopt : from_base64(std::string_view(*base64));
      if (bytes && bytes->size() <= max_text_bytes) return std::string(duskline::text_of(*bytes));
    }
    ok_ = false;
    return {};
  }

 private:
  const json::object* object_;
  bool& ok_;
};

Layout decode_layout(const json::value& value, bool& ok) {
  const Fields in(value, ok);
  Layout layout;
  const std::string mode = in.text("mode");
  if (mode != "switched" && mode != "in-place") ok = false;
  layout.mode = mode == "in-place" ? Mode::in_place : Mode::switched;
  if (const json::array* keep = in.need("keep").if_array(); keep != nullptr) {
    for (const json::value& pattern : *keep) layout.keep.push_back(in.text_of(pattern));
  } else {
    ok = false;
  }
  layout.only = in.text("only");
  layout.mode_mask = static_cast<std::uint32_t>(in.number("mode_mask", 07777));
  if (const json::value* owner = in.find("owner"); owner != nullptr) {
    const Fields ids(*owner, ok);
    layout.owner = model::Owner{static_cast<std::uint32_t>(ids.number("uid", UINT32_MAX)),
                                static_cast<std::uint32_t>(ids.number("gid", UINT32_MAX))};
  }
  return layout;
}

InstalledRelease decode_installed(const json::value& value, bool& ok) {
  const Fields in(value, ok);
  InstalledRelease release;
  release.id = model::ReleaseId{in.hash("id")};
  release.number = in.number("number");
  release.published = in.time("published");
  release.activated = in.time("activated");
  release.folder = in.text("folder");
  release.layout = decode_layout(in.need("layout"), ok);
  if (folder_id(release.folder) != release.id) ok = false;
  return release;
}

State decode_fields(const Fields& in, bool& ok) {
  State state;
  state.realm = in.text("realm");
  state.set = in.text("set");
  state.channel = in.text("channel");
  state.store_url = in.text("store");
  state.layout = decode_layout(in.need("layout"), ok);
  const Fields floor(in.need("floor"), ok);
  state.floor.version = floor.number("version");
  state.floor.envelope_hash = floor.hash("envelope");
  state.latest_time = in.time("latest_time");
  if (const json::value* current = in.find("current")) state.current = decode_installed(*current, ok);
  const json::array* kept = in.need("kept").if_array();
  if (kept == nullptr || kept->size() > max_kept) {
    ok = false;
  } else {
    for (const json::value& release : *kept) state.kept.push_back(decode_installed(release, ok));
  }
  state.pinned = in.id("pinned");
  state.rejected = in.id("rejected");
  state.unchecked = in.id("unchecked");
  state.after_due = in.id("after_due");
  if (const json::value* pending = in.find("pending")) {
    const Fields fields(*pending, ok);
    const std::string check = fields.text("check");
    if (check != "none" && check != "follows") ok = false;
    state.pending =
        Pending{decode_installed(fields.need("release"), ok), check == "follows" ? Check::follows : Check::none};
  }
  return state;
}

}  // namespace

std::string encode_state(const State& state) {
  json::array kept;
  for (const InstalledRelease& release : state.kept) kept.push_back(encode_installed(release));
  json::object out{{"format", format},
                   {"realm", encode_text(state.realm)},
                   {"set", encode_text(state.set)},
                   {"channel", encode_text(state.channel)},
                   {"store", encode_text(state.store_url)},
                   {"layout", encode_layout(state.layout)},
                   {"floor", {{"version", state.floor.version}, {"envelope", state.floor.envelope_hash.hex()}}},
                   {"latest_time", format_time(state.latest_time)},
                   {"kept", std::move(kept)}};
  if (state.current) out["current"] = encode_installed(*state.current);
  if (state.pinned) out["pinned"] = state.pinned->hex();
  if (state.rejected) out["rejected"] = state.rejected->hex();
  if (state.unchecked) out["unchecked"] = state.unchecked->hex();
  if (state.after_due) out["after_due"] = state.after_due->hex();
  if (state.pending) {
    out["pending"] = json::object{{"release", encode_installed(state.pending->release)},
                                  {"check", state.pending->check == Check::follows ? "follows" : "none"}};
  }
  return json::serialize(out) + "\n";
}

Result<State> decode_state(std::string_view text) {
  if (text.size() > max_state_bytes) return Error{Code::invalid, "the state is longer than 8 MiB"};
  json::error_code failed;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), failed);
  if (failed) return Error{Code::invalid, "the state is not JSON: " + failed.message()};
  bool ok = true;
  const Fields in(value, ok);
  const std::uint64_t found = in.number("format");
  if (ok && found > format) {
    return Error{Code::unsupported, "the state has format " + std::to_string(found) +
                                        ", of a later Duskline than this one, which knows format 1; update Duskline"};
  }
  State state = decode_fields(in, ok);
  if (!ok || found != format) return Error{Code::invalid, "the state breaks its format"};
  std::vector<std::string> folders;
  if (state.current) folders.push_back(state.current->folder);
  for (const InstalledRelease& release : state.kept) folders.push_back(release.folder);
  std::ranges::sort(folders);
  if (std::ranges::adjacent_find(folders) != folders.end()) {
    return Error{Code::invalid, "the state names one folder twice"};
  }
  return state;
}

std::optional<model::ReleaseId> folder_id(std::string_view folder) {
  constexpr std::size_t hex_digits = 64, most_digits = 6;
  const std::string_view rest = folder.size() < hex_digits ? "" : folder.substr(hex_digits);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!rest.empty() && (rest[0] != '.' || rest.size() < 2 || rest.size() > 1 + most_digits ||
                        !std::ranges::all_of(rest.substr(1), is_digit))) {
    return std::nullopt;
  }
  const auto hash = Hash256::from_hex(folder.substr(0, hex_digits));
  if (!hash || hash->hex() != folder.substr(0, hex_digits)) return std::nullopt;  // lower case, as it is written
  return model::ReleaseId{*hash};
}

}  // namespace duskline::site
