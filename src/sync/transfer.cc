#include "sync/transfer.h"

#include "base/units.h"
#include "sync/compare.h"
#include "sync/fingerprint.h"

namespace duskline::sync {
namespace {

constexpr unsigned max_tries = 3;
constexpr std::uint64_t small_bytes = 1 << 20;  // what travels through memory as a whole

Outcome::Kind copied_kind(const Record& before) {
  return before.destination == Stamp{} ? Outcome::Kind::added : Outcome::Kind::changed;
}

}  // namespace

NewFile Transfer::new_file(const Record& record, const Version& version) const {
  NewFile file{.path = record.path,
               .size_bytes = version.stamp.size_bytes,
               .piece_bytes = piece_bytes_for(version.stamp.size_bytes, options_.piece_bytes),
               .attributes = version.attributes};
  // An object that no sync has stored has no other time than that of its upload.
  if (!file.attributes.mtime_ns && version.stamp.modified_ns != 0) file.attributes.mtime_ns = version.stamp.modified_ns;
  // A bucket knows no modes: a file that is replaced keeps its own.
  const bool is_there = record.destination.mode != 0;
  if (!file.attributes.mode && is_there) file.attributes.mode = record.destination.mode;
  return file;
}

Status Transfer::set_aside(const Op& op, const Record& record) {
  const bool is_there = record.destination != Stamp{};
  if (options_.backup == Options::Backup::none || !is_there) return {};
  auto done = parts_.destination.set_aside(op, record.path);
  if (!done) return wrap(std::move(done).error(), "keep \"" + printable(record.path) + "\" in the backup place");
  return {};
}

// The record of a file whose source version was read from `began_ns` on.
Record Transfer::settled(Record record, const Version& version, std::int64_t began_ns) const {
  const bool seen_before = record.source == version.stamp;
  record.source = version.stamp;
  record.source_settled =
      is_settled(version.stamp, {began_ns, seen_before ? record.seen_ns : 0, parts_.source.clock()});
  record.action = Action::keep;
  if (!seen_before || record.seen_ns == 0) record.seen_ns = began_ns;
  return record;
}

Outcome Transfer::stored(const Record& before, const Begun& begun, const Stamp& now, std::uint64_t moved) const {
  Outcome outcome{copied_kind(before), settled(before, begun.version, begun.began_ns), moved};
  outcome.record.destination = now;
  outcome.record.destination_settled = is_settled_after_writing(now);
  return outcome;
}

Result<std::optional<Transfer::Begun>> Transfer::look(const Op& op, const Record& record) {
  Begun begun;
  begun.began_ns = now_ns();
  DL_ASSIGN(auto version, parts_.source.look(op, record.path));
  if (!version) return std::optional<Begun>();
  begun.version = std::move(*version);
  begun.file = new_file(record, begun.version);
  return std::optional(std::move(begun));
}

Result<Outcome> Transfer::run(const Op& op, const Record& record) {
  for (unsigned tries = 1;; ++tries) {
    auto outcome = try_once(op, record);
    if (outcome || outcome.error().code != Code::changing) return outcome;
    DL_TRY(op.check());
    if (tries == max_tries) {
      return wrap(std::move(outcome).error(),
                  "it would not hold still in " + std::to_string(max_tries) + " tries; the next run tries again");
    }
  }
}

Result<Outcome> Transfer::try_once(const Op& op, const Record& record) {
  if (record.action == Action::compare) return compare(op, record);
  if (options_.mode != Mode::sync) return Outcome{copied_kind(record), record};
  return copy(op, record);
}

// The time and mode that a file with the right content should have, where they are others. Nothing where they are not.
Result<std::optional<Stamp>> Transfer::touch(const Op& op, const std::string& path, const Version& source,
                                             const Version& destination) {
  const auto wanted = source.attributes.mtime_ns      ? source.attributes.mtime_ns
                      : source.stamp.modified_ns != 0 ? std::optional(source.stamp.modified_ns)
                                                      : std::nullopt;
  const auto kept = destination.attributes.mtime_ns;
  Attributes attributes = destination.attributes;
  const bool other_time = wanted && kept && !is_same_time(*wanted, *kept);
  const bool other_mode = source.attributes.mode && attributes.mode && *source.attributes.mode != *attributes.mode;
  if (!other_time && !other_mode) return std::optional<Stamp>();
  if (options_.mode != Mode::sync) return std::optional(destination.stamp);
  if (other_time) attributes.mtime_ns = wanted;
  if (other_mode) attributes.mode = source.attributes.mode;
  auto stamp = parts_.destination.set_attributes(op, path, destination.stamp, attributes);
  if (stamp) return std::optional(std::move(*stamp));
  if (stamp.error().code != Code::unsupported) return std::move(stamp).error();
  parts_.reporter.note(Severity::debug, "\"" + printable(path) + "\" keeps its time: " + stamp.error().describe());
  return std::optional<Stamp>();
}

Result<Outcome> Transfer::compare(const Op& op, const Record& record) {
  const std::int64_t began_ns = now_ns();
  DL_ASSIGN(const auto source, parts_.source.look(op, record.path));
  if (!source) return Outcome{Outcome::Kind::vanished, record};
  DL_ASSIGN(const auto destination, parts_.destination.look(op, record.path));
  bool same = false;
  if (destination && destination->stamp.size_bytes == source->stamp.size_bytes) {
    DL_ASSIGN(same, is_same_content(op, record.path, {parts_.source, *source}, {parts_.destination, *destination}));
  }
  if (!same) {
    Record now = record;
    now.action = Action::change;
    if (options_.mode != Mode::sync) return Outcome{copied_kind(now), std::move(now)};
    return copy(op, now);
  }
  Outcome outcome{Outcome::Kind::kept, record};
  const bool destination_seen = is_same_version(record.destination, destination->stamp);
  outcome.record.destination = destination->stamp;
  outcome.record.destination_settled =
      is_settled(destination->stamp, {began_ns, destination_seen ? record.seen_ns : 0, parts_.destination.clock()});
  if (!destination_seen) outcome.record.seen_ns = 0;
  outcome.record = settled(std::move(outcome.record), *source, began_ns);
  DL_ASSIGN(const auto touched, touch(op, record.path, *source, *destination));
  if (touched) {
    outcome.kind = Outcome::Kind::touched;
    outcome.record.destination = *touched;
    outcome.record.destination_settled = is_settled_after_writing(*touched);
  }
  return outcome;
}

Result<Outcome> Transfer::copy(const Op& op, const Record& record) {
  Begun begun;
  begun.began_ns = now_ns();
  Origin origin{parts_.source, record.path, record.source};
  begun.version = {
      record.source, {.mtime_ns = record.source.mtime_ns, .mode = record.source.mode, .headers = {}}, false};
  begun.file = new_file(record, begun.version);
  DL_TRY(set_aside(op, record));
  auto copied = parts_.destination.copy(op, begun.file, origin);
  if (copied && *copied) {
    return stored(record, begun, **copied, record.source.size_bytes);
  }
  if (!copied && copied.error().code != Code::changing && copied.error().code != Code::not_found) {
    return std::move(copied).error();
  }
  std::optional<Error> still_small;
  if (record.source.size_bytes <= small_bytes && copied) {
    thread_local Bytes content;
    auto version = parts_.source.fetch(op, record.path, small_bytes, content);
    if (!version && version.error().code == Code::not_found) return Outcome{Outcome::Kind::vanished, record};
    if (version) {
      begun.version = std::move(*version);
      begun.file = new_file(record, begun.version);
      DL_ASSIGN(const Stamp stamp, parts_.destination.store(op, record.path, content, begun.file.attributes));
      return stored(record, begun, stamp, content.size());
    }
    if (version.error().code != Code::changing) return std::move(version).error();
    still_small = std::move(version).error();
  }
  DL_ASSIGN(auto now, look(op, record));
  if (!now) return Outcome{Outcome::Kind::vanished, record};
  if (still_small && now->file.size_bytes <= small_bytes) return *still_small;  // it has not outgrown the way it took
  if (!copied) {                                                                // it has changed since it was listed
    Record again = record;
    again.source = now->version.stamp;
    Origin fresh{parts_.source, record.path, again.source};
    DL_ASSIGN(const auto stamp, parts_.destination.copy(op, now->file, fresh));
    if (stamp) return stored(again, *now, *stamp, again.source.size_bytes);
  }
  if (now->file.size_bytes > now->file.piece_bytes) return Outcome{Outcome::Kind::too_large, record};
  return copy_in_one(op, record, *now);
}

Result<Outcome> Transfer::copy_in_one(const Op& op, const Record& record, const Begun& begun) {
  DL_ASSIGN(const auto upload, parts_.destination.begin(op, begun.file, ""));
  Origin origin{parts_.source, record.path, begun.version.stamp};
  const std::uint64_t size = begun.file.size_bytes;
  auto written = parts_.destination.write(op, begun.file, *upload, 0, {0, size}, origin);
  auto stamp = written ? parts_.destination.finish(op, begun.file, *upload, fingerprint_of(begun.version))
                       : Result<Stamp>(std::move(written).error());
  if (!stamp) {
    parts_.destination.give_up(op, record.path, upload->token);
    return std::move(stamp).error();
  }
  return stored(record, begun, *stamp, size);
}

}  // namespace duskline::sync
