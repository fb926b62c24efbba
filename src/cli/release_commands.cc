// releases, show, cat: looking at what a store holds.
#include <boost/json.hpp>
#include <map>

#include "cli/commands.h"
#include "cli/release_view.h"
#include "release/content.h"
#include "release/heads.h"

namespace duskline::cli {
namespace {

// For people; JSON has the nanoseconds.
std::string to_the_second(WallTime time) { return format_time(time).substr(0, 19) + "Z"; }

class ReleasesCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "releases",
            .summary = "list a set's releases and the channels that show them",
            .details = "",
            .arguments = {{"SET", "the set's name", to_set(view_.set)}},
            .flags = view_flags(view_)};
  }
  Result<int> run(const Op& op, Context& context) override;

 private:
  ViewArguments view_;
};

// Channel names by the release they show. A head that cannot be trusted is said and left out.
Result<std::map<model::ReleaseId, std::string>> channels_of(store::ObjectStore& store, const Op& op,
                                                            const model::SetName& set,
                                                            const std::vector<PublicKey>& trusted, Console& console) {
  std::map<model::ReleaseId, std::string> names;
  const std::string prefix = set.text() + "/channel/";
  DL_TRY(store::for_each_object(store, op, prefix, [&](const store::ListedObject& object) -> Status {
    const auto channel = model::ChannelName::parse(object.key.text().substr(prefix.size()));
    if (!channel) return {};
    const auto seen = release::read_head(store, op, set, *channel, trusted);
    if (!seen) {
      console.note(Severity::warning, "channel \"" + channel->text() + "\": " + seen.error().describe());
      return {};
    }
    if (!*seen) return {};
    std::string& text = names[(*seen)->head.release];
    text += (text.empty() ? "" : " ") + channel->text();
    return {};
  }));
  return names;
}

Result<int> ReleasesCommand::run(const Op& op, Context& context) {
  DL_ASSIGN(const auto trusted, trusted_keys(view_.trust));
  DL_ASSIGN(const auto store, context.open_store(view_.store));
  DL_ASSIGN(const auto listed, release::list_releases(*store, op, *view_.set));
  DL_ASSIGN(const auto channels, channels_of(*store, op, *view_.set, trusted, context.console));
  std::vector<std::vector<std::string>> rows;
  for (const auto& release : listed) {
    const auto shown = channels.find(release.id);
    const std::string names = shown == channels.end() ? "" : shown->second;
    rows.push_back({std::to_string(release.number), release.id.short_hex(), to_the_second(release.published), names});
    context.console.object({{"event", "release"},
                            {"number", release.number},
                            {"release", release.id.hex()},
                            {"published", format_time(release.published)},
                            {"channels", names}});
  }
  if (rows.empty()) {
    return Error{Code::not_found, "set \"" + view_.set->text() + "\" has no release in " + store->describe()};
  }
  context.console.table({"number", "release", "published", "channels"}, rows);
  return 0;
}

// Lists every entry of a release.
class ListVisitor final : public release::TreeDiffVisitor {
 public:
  explicit ListVisitor(Console& console) : console_(console) {}
  Status differs(const release::Sided& entry) override {
    const model::Entry& shown = *entry.after->entry;
    const bool directory = shown.kind == model::EntryKind::directory;
    const bool link = shown.kind == model::EntryKind::symlink;
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", shown.mode);
    const std::string size = directory || link ? "-" : std::to_string(shown.size_bytes);
    const std::string tail = directory ? "/" : link ? " -> " + printable(shown.target) : "";
    const WallTime mtime{std::chrono::nanoseconds(shown.mtime_ns)};
    const std::string padding(size.size() < 12 ? 12 - size.size() : 0, ' ');
    console_.text(std::string(mode) + "  " + padding + size + "  " + to_the_second(mtime) + "  " +
                  printable(entry.path) + tail);
    boost::json::object object{{"event", "entry"},
                               {"path", printable(entry.path)},
                               {"kind", directory ? "directory"
                                        : link    ? "symlink"
                                                  : "file"},
                               {"mode", mode},
                               {"mtime", format_time(mtime)}};
    if (!directory && !link) {
      object["bytes"] = shown.size_bytes;
      object["sha256"] = shown.content.hex();
    }
    if (link) object["target"] = printable(shown.target);
    console_.object(object);
    return {};
  }

 private:
  Console& console_;
};

class ShowCommand final : public Command {
 public:
  Spec spec() override {
    auto flags = view_flags(view_);
    flags.push_back(
        {"--release", "ID", "an id, its start, or a number (default: what the channel shows)", to_text(release_)});
    return {.path = "show",
            .summary = "list the files of a release",
            .details = "",
            .arguments = {{"SET", "the set's name", to_set(view_.set)}},
            .flags = std::move(flags)};
  }
  Result<int> run(const Op& op, Context& context) override {
    DL_ASSIGN(auto view, ReleaseView::open(op, context, view_));
    DL_ASSIGN(const auto manifest, view.manifest(op, release_));
    const model::Release& release = manifest->index().release;
    context.console.text("release " + std::to_string(release.number) + " (" + manifest->index().id.short_hex() +
                         ") of " + release.set + ", published " + to_the_second(release.published) + ": " +
                         format_count(release.stats.files) + " files, " + format_bytes(release.stats.bytes) +
                         (release.note.empty() ? "" : "; " + printable(release.note)));
    ListVisitor visitor(context.console);
    DL_TRY(release::diff_trees(op, nullptr, std::nullopt, manifest.get(), manifest->top(), visitor));
    return 0;
  }

 private:
  ViewArguments view_;
  std::string release_;
};

class CatCommand final : public Command {
 public:
  Spec spec() override {
    auto flags = view_flags(view_);
    flags.push_back(
        {"--release", "ID", "an id, its start, or a number (default: what the channel shows)", to_text(release_)});
    return {.path = "cat",
            .summary = "write one file of a release to stdout",
            .details = "Every byte is checked before it is written.",
            .arguments = {{"SET", "the set's name", to_set(view_.set)}, {"PATH", "the file's path", to_text(path_)}},
            .flags = std::move(flags)};
  }
  Result<int> run(const Op& op, Context& context) override;

 private:
  ViewArguments view_;
  std::string release_, path_;
};

class ConsoleSink final : public Sink {
 public:
  explicit ConsoleSink(Console& console) : console_(console) {}
  Status write(ByteView bytes) override { return console_.raw(bytes); }

 private:
  Console& console_;
};

Result<int> CatCommand::run(const Op& op, Context& context) {
  DL_ASSIGN(auto view, ReleaseView::open(op, context, view_));
  DL_ASSIGN(const auto manifest, view.manifest(op, release_));
  release::ContentReader reader(view.store(), view.set(), *manifest);
  ConsoleSink sink(context.console);
  DL_TRY(with_entry(op, *manifest, path_, [&](const release::DirectoryCursor::Item& item) -> Status {
    if (item.entry->kind == model::EntryKind::file) return reader.read_all(op, item, sink);
    return Error{Code::usage, printable(path_) + " is not a file; list it with: duskline show"};
  }));
  return 0;
}

}  // namespace

std::unique_ptr<Command> releases_command() { return std::make_unique<ReleasesCommand>(); }
std::unique_ptr<Command> show_command() { return std::make_unique<ShowCommand>(); }
std::unique_ptr<Command> cat_command() { return std::make_unique<CatCommand>(); }

}  // namespace duskline::cli
