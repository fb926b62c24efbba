#include "sync/judge.h"

#include <charconv>

#include "base/units.h"

namespace duskline::sync {

Action judge(const Entry* source, const Entry* destination, const Record* known, Trust trust) {
  if (destination == nullptr) return Action::add;
  if (source == nullptr) return Action::remove;
  if (source->path.ends_with('/')) return Action::keep;  // an empty directory on both sides
  if (source->stamp.size_bytes != destination->stamp.size_bytes) return Action::change;
  const bool may_be_trusted = trust == Trust::stamps && known != nullptr && known->action == Action::keep &&
                              known->source_settled && known->destination_settled;
  if (!may_be_trusted) return Action::compare;
  const bool same =
      is_same_version(known->source, source->stamp) && is_same_version(known->destination, destination->stamp);
  return same ? Action::keep : Action::compare;
}

Result<MaxRemovals> parse_max_removals(std::string_view text) {
  MaxRemovals most{0, MaxRemovals::Unit::files};
  std::string_view digits = text;
  if (digits.ends_with('%')) {
    digits.remove_suffix(1);
    most.unit = MaxRemovals::Unit::percent;
  }
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), most.number);
  const bool too_many = most.unit == MaxRemovals::Unit::percent && most.number > 100;
  if (failed != std::errc{} || end != digits.data() + digits.size() || too_many) {
    return Error{Code::usage,
                 "\"" + printable(text) + "\" is neither a number of files (\"100\") nor a part (\"25%\")"};
  }
  return most;
}

std::uint64_t allowed_removals(const MaxRemovals& most, std::uint64_t files_there) {
  if (most.unit == MaxRemovals::Unit::files) return most.number;
  return files_there / 100 * most.number + (files_there % 100 * most.number + 99) / 100;
}

bool shrank(std::uint64_t before, std::uint64_t now) { return now < before - before / 2; }

bool is_same_time(std::int64_t wanted_ns, std::int64_t kept_ns) {
  constexpr std::int64_t second = 1'000'000'000;
  if (wanted_ns == kept_ns) return true;
  const bool kept_seconds_only = kept_ns % second == 0;
  return kept_seconds_only && kept_ns <= wanted_ns + second && kept_ns > wanted_ns - 2 * second;
}

}  // namespace duskline::sync
