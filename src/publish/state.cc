#include "publish/state.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/signing.h"
#include "base/units.h"

namespace duskline::publish {
namespace {

namespace json = boost::json;

constexpr std::string_view state_file = "state.json";
constexpr std::uint64_t max_state_bytes = 4 << 20;
constexpr std::int64_t format = 1;
constexpr std::size_t publisher_bytes = 8;

// JSON text is UTF-8; these are bytes.
std::string hex(std::string_view bytes) { return to_hex(bytes_of(bytes)); }

std::string from_hex_text(const json::value& value) {
  const auto bytes = from_hex(value.as_string());
  return bytes ? std::string(text_of(*bytes)) : std::string();
}

Hash256 hash_from(const json::value& value) { return Hash256::from_hex(value.as_string()).value_or(Hash256{}); }

SourceState read(const json::object& object) {
  SourceState state;
  state.publisher = object.at("publisher").as_string();
  state.filesystem_id = from_hex_text(object.at("filesystem_id_hex"));
  state.is_mount_point = object.at("is_mount_point").as_bool();
  for (const json::value& mount : object.at("mounts_hex").as_array()) state.mounts.push_back(from_hex_text(mount));
  state.release.hash = hash_from(object.at("release"));
  state.stats.nodes = object.at("nodes").to_number<std::uint64_t>();
  state.stats.files = object.at("files").to_number<std::uint64_t>();
  state.stats.entries = object.at("entries").to_number<std::uint64_t>();
  state.stats.bytes = object.at("bytes").to_number<std::uint64_t>();
  for (const auto& [channel, floor] : object.at("floors").as_object()) {
    state.floors[channel] = {floor.at("version").to_number<std::uint64_t>(), hash_from(floor.at("envelope"))};
  }
  return state;
}

bool is_plain(std::string_view publisher) {
  return publisher.size() == 2 * publisher_bytes && from_hex(publisher).has_value();
}

bool shrank(std::uint64_t before, std::uint64_t now) { return now < before - before / 2; }

Error refused(std::string_view source, std::string what, const char* flag) {
  return {Code::refused, "source " + printable(source) + " " + std::move(what) +
                             "; nothing was published. If that is meant, say " + flag};
}

}  // namespace

std::string encode_state(const SourceState& state) {
  json::object object;
  object["format"] = format;
  object["publisher"] = state.publisher;
  object["filesystem_id_hex"] = hex(state.filesystem_id);
  object["is_mount_point"] = state.is_mount_point;
  json::array mounts;
  for (const std::string& mount : state.mounts) mounts.emplace_back(hex(mount));
  object["mounts_hex"] = std::move(mounts);
  object["release"] = state.release.hex();
  object["nodes"] = state.stats.nodes;
  object["files"] = state.stats.files;
  object["entries"] = state.stats.entries;
  object["bytes"] = state.stats.bytes;
  json::object floors;
  for (const auto& [channel, floor] : state.floors) {
    floors[channel] = {{"version", floor.version}, {"envelope", floor.envelope_hash.hex()}};
  }
  object["floors"] = std::move(floors);
  return json::serialize(object) + "\n";
}

Result<SourceState> decode_state(std::string_view text) {
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  const auto bad = [](const std::string& why) { return Error{Code::invalid, "the publisher's state file: " + why}; };
  if (failed) return bad("not JSON");
  try {
    const json::object& object = value.as_object();
    if (object.at("format").to_number<std::int64_t>() != format) return bad("of another format");
    SourceState state = read(object);
    if (!is_plain(state.publisher)) return bad("no publisher's name");
    return state;
  } catch (const std::exception& missing) {  // of Boost.JSON's accessors
    return bad(missing.what());
  }
}

Result<SourceState> load_state(disk::Directory& cache) {
  if (auto bytes = cache.read_all(state_file, max_state_bytes); bytes && *bytes) {
    if (auto state = decode_state(text_of(**bytes))) return std::move(*state);
  }
  SourceState state;
  DL_ASSIGN(const Bytes name, random_bytes(publisher_bytes));
  state.publisher = to_hex(name);
  return state;
}

Status save_state(disk::Directory& cache, const SourceState& state) {
  return cache.replace(state_file, bytes_of(encode_state(state)), 0600);
}

Status check_mount(const SourceState& state, const disk::VolumeInfo& now, const Meant& meant, std::string_view source) {
  if (meant.other_mount || state.filesystem_id.empty()) return {};
  if (state.is_mount_point && !now.is_mount_point) {
    return refused(source, "was a mount point the last time and is none now: its file system is not mounted",
                   "--allow-other-mount");
  }
  if (!now.filesystem_id.empty() && state.filesystem_id != now.filesystem_id) {
    return refused(source,
                   "lies on another file system (" + printable(now.filesystem_id) + ") than the last time (" +
                       printable(state.filesystem_id) + ")",
                   "--allow-other-mount");
  }
  return {};
}

Status check_mounts(const SourceState& state, const std::vector<std::string>& now, const Meant& meant,
                    std::string_view source) {
  if (meant.other_mount) return {};
  for (const std::string& mount : state.mounts) {
    if (std::ranges::find(now, mount) != now.end()) continue;
    return refused(source,
                   "had a file system mounted at \"" + printable(mount) + "\" the last time, and has none there now",
                   "--allow-other-mount");
  }
  return {};
}

Status check_size(const model::TreeStats* before, const model::TreeStats& now, const Meant& meant,
                  std::string_view source) {
  if (now.entries == 0 && !meant.empty) return refused(source, "is empty", "--allow-empty");
  if (before == nullptr || meant.shrink || (now.entries == 0 && meant.empty)) return {};
  if (shrank(before->files, now.files)) {
    return refused(source,
                   "has " + format_count(now.files) + " files where the last release has " +
                       format_count(before->files) + ", less than half",
                   "--allow-shrink");
  }
  if (shrank(before->bytes, now.bytes)) {
    return refused(source,
                   "has " + format_bytes(now.bytes) + " where the last release has " + format_bytes(before->bytes) +
                       ", less than half",
                   "--allow-shrink");
  }
  return {};
}

}  // namespace duskline::publish
