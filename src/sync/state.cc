#include "sync/state.h"

#include <boost/json.hpp>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/units.h"

namespace duskline::sync {
namespace {

namespace json = boost::json;

constexpr const char* state_file = "state.json";
constexpr std::uint64_t max_state_bytes = 64 << 10;
constexpr std::int64_t format = 1;

Error refused(const std::string& source, const std::string& what, const char* flag) {
  return {Code::refused, "source " + source + " " + what + "; nothing was changed. If that is meant, say " + flag};
}

}  // namespace

bool PairState::operator==(const PairState& other) const {
  const auto is_same = [](const Ground& a, const Ground& b) {
    return a.filesystem_id == b.filesystem_id && a.is_mount_point == b.is_mount_point;
  };
  return is_same(ground, other.ground) && is_same(destination, other.destination) && files == other.files &&
         bytes == other.bytes && rules == other.rules;
}

std::string encode_state(const PairState& state) {
  const json::object object{{"format", format},
                            {"filesystem_id_hex", to_hex(bytes_of(state.ground.filesystem_id))},
                            {"is_mount_point", state.ground.is_mount_point},
                            {"destination_filesystem_id_hex", to_hex(bytes_of(state.destination.filesystem_id))},
                            {"destination_is_mount_point", state.destination.is_mount_point},
                            {"files", state.files},
                            {"bytes", state.bytes},
                            {"rules", state.rules}};
  return json::serialize(object) + "\n";
}

Result<PairState> decode_state(std::string_view text) {
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  const auto bad = [](const std::string& why) { return Error{Code::invalid, "the pair's state file: " + why}; };
  if (failed) return bad("not JSON");
  try {
    const json::object& object = value.as_object();
    if (object.at("format").to_number<std::int64_t>() != format) return bad("of another format");
    const auto id = from_hex(object.at("filesystem_id_hex").as_string());
    if (!id) return bad("a bad name of a file system");
    PairState state{.ground = {std::string(text_of(*id)), object.at("is_mount_point").as_bool()},
                    .destination = {},
                    .files = object.at("files").to_number<std::uint64_t>(),
                    .bytes = object.at("bytes").to_number<std::uint64_t>(),
                    .rules = std::string(object.at("rules").as_string())};
    if (const json::value* destination = object.if_contains("destination_filesystem_id_hex")) {
      const auto destination_id = from_hex(destination->as_string());
      if (!destination_id) return bad("a bad name of a file system");
      state.destination = {std::string(text_of(*destination_id)), object.at("destination_is_mount_point").as_bool()};
    }
    return state;
  } catch (const std::exception& missing) {  // of Boost.JSON's accessors
    return bad(missing.what());
  }
}

std::optional<PairState> load_state(disk::Directory& folder) {
  const auto bytes = folder.read_all(state_file, max_state_bytes);
  if (!bytes || !*bytes) return std::nullopt;
  auto state = decode_state(text_of(**bytes));
  if (!state) return std::nullopt;
  return std::move(*state);
}

Status save_state(disk::Directory& folder, const PairState& state) {
  return folder.replace(state_file, bytes_of(encode_state(state)), 0600);
}

Status check_ground(const std::optional<PairState>& before, const Ground& now, const Options& options,
                    const std::string& source) {
  if (!before || before->ground.filesystem_id.empty() || options.meant.other_mount) return {};
  if (before->ground.is_mount_point && !now.is_mount_point) {
    return refused(source, "was a mount point the last time and is none now: its file system is not mounted",
                   "--allow-other-mount");
  }
  if (!now.filesystem_id.empty() && before->ground.filesystem_id != now.filesystem_id) {
    return refused(source,
                   "lies on another file system (" + printable(now.filesystem_id) + ") than the last time (" +
                       printable(before->ground.filesystem_id) + ")",
                   "--allow-other-mount");
  }
  return {};
}

Status check_destination(const std::optional<PairState>& before, const Ground& now, const PlanTotals& plan,
                         const Options& options, const std::string& destination) {
  if (!before || before->destination.filesystem_id.empty() || options.meant.other_mount) return {};
  const bool was_mounted = before->destination.is_mount_point && !now.is_mount_point;
  // Disks may take turns at one place. One that is empty where there were files is more likely to be none of them.
  const bool is_other = !now.filesystem_id.empty() && now.filesystem_id != before->destination.filesystem_id &&
                        plan.destination_files == 0 && before->files > 0;
  if (!was_mounted && !is_other) return {};
  const std::string what = was_mounted ? "was a mount point the last time and is none now"
                                       : "lies on another file system than the last time, and is empty";
  return Error{Code::refused, "destination " + destination + " " + what +
                                  ": is its file system not mounted? Nothing was changed. If that is meant, say "
                                  "--allow-other-mount"};
}

Status check_counts(const std::optional<PairState>& before, const PlanTotals& now, const Options& options,
                    const std::string& source) {
  if (now.source_entries == 0 && !options.meant.empty) return refused(source, "is empty", "--allow-empty");
  const bool is_comparable = before && before->rules == sha256(options.rules_text).short_hex();
  if (is_comparable && !options.meant.shrink && !(now.source_entries == 0 && options.meant.empty)) {
    if (shrank(before->files, now.source_files)) {
      return refused(source,
                     "has " + format_count(now.source_files) + " files where it had " + format_count(before->files) +
                         " the last time, less than half",
                     "--allow-shrink");
    }
    if (shrank(before->bytes, now.source_bytes)) {
      return refused(source,
                     "has " + format_bytes(now.source_bytes) + " where it had " + format_bytes(before->bytes) +
                         " the last time, less than half",
                     "--allow-shrink");
    }
  }
  if (options.extra != Options::Extra::remove) return {};
  const std::uint64_t allowed = allowed_removals(options.max_removals, now.destination_files);
  if (now.remove <= allowed) return {};
  const std::string unit = options.max_removals.unit == MaxRemovals::Unit::percent
                               ? " (" + std::to_string(options.max_removals.number) + " %)"
                               : "";
  return Error{Code::refused, "this would remove " + format_count(now.remove) + " of the destination's " +
                                  format_count(now.destination_files) + " files, more than the " +
                                  format_count(allowed) + unit +
                                  " that are allowed; nothing was changed. If that is "
                                  "meant, say --max-delete " +
                                  std::to_string(now.remove)};
}

Error cannot_read(const std::string& source, Error cause) {
  const std::string name = "source " + source + " ";
  switch (cause.code) {
    case Code::not_found:
      return {Code::refused, name + "does not exist; nothing was changed. Is its file system mounted?",
              std::move(cause)};
    case Code::denied:
      return {Code::refused, name + "may not be read by this user; nothing was changed", std::move(cause)};
    case Code::refused:
      return {Code::refused, name + "cannot be read; nothing was changed", std::move(cause)};
    default:
      return wrap(std::move(cause), "read the source " + source);
  }
}

}  // namespace duskline::sync
