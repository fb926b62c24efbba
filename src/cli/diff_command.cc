#include <algorithm>
#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/release_view.h"

namespace duskline::cli {
namespace {

using release::DirectoryCursor;

struct Totals {
  std::uint64_t added = 0, removed = 0, changed = 0;
};

// One line per difference: "+ added", "- removed", "* changed".
class Differences {
 public:
  explicit Differences(Console& console) : console_(console) {}
  void added(std::string_view path) { say("+ ", "added", path, totals_.added); }
  void removed(std::string_view path) { say("- ", "removed", path, totals_.removed); }
  void changed(std::string_view path) { say("* ", "changed", path, totals_.changed); }
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  void say(const char* sign, std::string_view event, std::string_view path, std::uint64_t& count) {
    ++count;
    console_.text(sign + printable(path));
    console_.object({{"event", "difference"}, {"difference", event}, {"path", printable(path)}});
  }

  Console& console_;
  Totals totals_;
};

class ReleaseDiff final : public release::TreeDiffVisitor {
 public:
  explicit ReleaseDiff(Differences& differences) : differences_(differences) {}
  Status differs(const release::Sided& entry) override {
    if (entry.before == nullptr) {
      differences_.added(entry.path);
    } else if (entry.after == nullptr) {
      differences_.removed(entry.path);
    } else if (!only_content_differs(*entry.before->entry, *entry.after->entry)) {
      differences_.changed(entry.path);
    }
    return {};
  }

 private:
  // A directory differs whenever something below it does, its own mtime often with it; what is below is said by itself.
  static bool only_content_differs(const model::Entry& a, const model::Entry& b) {
    return a.kind == model::EntryKind::directory && a.mode == b.mode && a.owner == b.owner &&
           a.attributes == b.attributes;
  }
  Differences& differences_;
};

// Compares a release with a directory by reading the directory's files.
class DirectoryDiff {
 public:
  DirectoryDiff(const Op& op, release::Manifest& manifest, Differences& differences)
      : op_(op), manifest_(manifest), differences_(differences) {}

  Status compare(release::NodeRef node, disk::Directory& directory, const std::string& path) {
    DL_ASSIGN(auto entries, directory.list());
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    DirectoryCursor cursor(op_, manifest_, node);
    DL_ASSIGN(auto item, cursor.next());
    auto at = entries.begin();
    while (item != nullptr || at != entries.end()) {
      DL_TRY(op_.check());
      const int order = item == nullptr ? 1 : at == entries.end() ? -1 : item->entry->name.compare(at->name);
      if (order < 0) differences_.removed(path + item->entry->name);
      if (order > 0) differences_.added(path + at->name);
      if (order == 0) DL_TRY(both(*item, *at, directory, path + at->name));
      if (order <= 0) {
        DL_ASSIGN(item, cursor.next());
      }
      if (order >= 0) ++at;
    }
    return {};
  }

 private:
  Status both(const DirectoryCursor::Item& item, const disk::DirectoryEntry& found, disk::Directory& directory,
              const std::string& path) {
    const model::Entry& entry = *item.entry;
    bool equal = found.stat.mode == entry.mode;
    switch (entry.kind) {
      case model::EntryKind::directory: {
        if (found.stat.kind != disk::FileKind::directory) break;
        if (!equal) differences_.changed(path);
        DL_ASSIGN(const auto below, directory.open_directory(found.name));
        return compare(item.directory(), *below, path + "/");
      }
      case model::EntryKind::symlink: {
        if (found.stat.kind != disk::FileKind::symlink) break;
        DL_ASSIGN(const std::string target, directory.read_link(found.name));
        if (target == entry.target) return {};
        break;
      }
      default: {
        equal = equal && found.stat.kind == disk::FileKind::file && found.stat.size_bytes == entry.size_bytes;
        if (!equal) break;
        DL_ASSIGN(const Hash256 content, hash_of(directory, found.name));
        if (content == entry.content) return {};
      }
    }
    differences_.changed(path);
    return {};
  }

  Result<Hash256> hash_of(disk::Directory& directory, const std::string& name) {
    DL_ASSIGN(const auto file, directory.open_read(name));
    Bytes buffer(1 << 20);
    Sha256 hasher;
    for (std::uint64_t at = 0;;) {
      DL_TRY(op_.check());
      DL_ASSIGN(const std::size_t count, file->read_at(at, buffer));
      if (count == 0) return hasher.finish();
      hasher.update(ByteView(buffer).first(count));
      at += count;
    }
  }

  const Op& op_;
  release::Manifest& manifest_;
  Differences& differences_;
};

class DiffCommand final : public Command {
 public:
  Spec spec() override {
    auto flags = view_flags(view_);
    flags.push_back({"--with", "DIR", "compare release A with this directory instead", to_text(with_)});
    flags.push_back({"--exit-code", "", "end with 3 where something differs", to_choice(exit_, Exit::tells)});
    return {.path = "diff",
            .summary = "say what differs between two releases, or a release and a directory",
            .details = "One line each: \"+\" added, \"-\" removed, \"*\" changed.",
            .arguments = {{"SET", "the set's name", to_set(view_.set)},
                          {"A", "a release: id, start of an id, or number (default: what the channel shows)",
                           to_text(a_), Needed::optional},
                          {"B", "the release to compare with (default: what the channel shows)", to_text(b_),
                           Needed::optional}},
            .flags = std::move(flags)};
  }
  Result<int> run(const Op& op, Context& context) override;

 private:
  ViewArguments view_;
  std::string a_, b_, with_;
  enum class Exit : std::uint8_t { is_done, tells } exit_ = Exit::is_done;
};

Result<int> DiffCommand::run(const Op& op, Context& context) {
  if (with_.empty() && a_.empty()) {
    return Error{Code::usage, "name a release to compare with, or a directory by --with; see: duskline diff --help"};
  }
  DL_ASSIGN(auto view, ReleaseView::open(op, context, view_));
  DL_ASSIGN(const auto before, view.manifest(op, a_));
  Differences differences(context.console);
  if (with_.empty()) {
    DL_ASSIGN(const auto after, view.manifest(op, b_));
    const model::Release &was = before->index().release, &is = after->index().release;
    if (was.top_mode != is.top_mode || was.top_attributes != is.top_attributes) differences.changed(".");
    ReleaseDiff visitor(differences);
    DL_TRY(release::diff_trees(op, before.get(), before->top(), after.get(), after->top(), visitor));
  } else {
    DL_ASSIGN(const auto directory, context.disk.open(with_));
    DL_TRY(DirectoryDiff(op, *before, differences).compare(before->top(), *directory, ""));
  }
  const Totals& totals = differences.totals();
  context.console.text(format_count(totals.added) + " added, " + format_count(totals.removed) + " removed, " +
                       format_count(totals.changed) + " changed");
  context.console.object(
      {{"event", "compared"}, {"added", totals.added}, {"removed", totals.removed}, {"changed", totals.changed}});
  const bool differ = totals.added + totals.removed + totals.changed > 0;
  return differ && exit_ == Exit::tells ? exit_code_of(Code::difference) : 0;
}

}  // namespace

std::unique_ptr<Command> diff_command() { return std::make_unique<DiffCommand>(); }

}  // namespace duskline::cli
