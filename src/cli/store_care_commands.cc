// store scrub, check.
#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "objects/objects.h"

namespace duskline::cli {
namespace {

// A directory that is not there or holds no store is a mistake, or not mounted: it must not leave a new store behind,
// in which nothing is rotten.
Status check_there(Context& context, const std::string& directory) {
  DL_ASSIGN(const auto opened, context.disk.open(directory));
  DL_ASSIGN(const auto mark, opened->stat("store"));
  if (mark) return {};
  return Error{Code::not_found, "there is no store in " + directory +
                                    ": it has no file named store. Is that the right directory, and is its file system "
                                    "mounted?"};
}

class ScrubCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "store scrub",
            .summary = "read everything in a store of your own, and find what differs from its hash",
            .details =
                "For a store that is not being served; a server looks through its own by itself. Ends with 3 where "
                "something is rotten: put it again from where it came, or remove it.",
            .arguments = {{"DIR", "the store's directory", to_text(directory_)}},
            .flags = {{"--limit", "RATE", "read no faster than this", to_parsed(bytes_per_second_, parse_rate)}}};
  }
  Result<int> run(const Op& op, Context& context) override {
    DL_TRY(check_there(context, directory_));
    DL_ASSIGN(const auto objects,
              objects::open_objects({.directory = directory_, .reporter = &context.console}, context.clock));
    DL_ASSIGN(const auto report, objects->scrub(op, bytes_per_second_));
    for (const objects::Version& version : report.rotten) {
      context.console.text("rotten: " + printable(version.bucket + "/" + version.key) + " version " + version.id);
      context.console.object({{"event", "rotten"},
                              {"bucket", version.bucket},
                              {"key", version.key},
                              {"version", version.id},
                              {"bytes", version.size_bytes}});
    }
    for (const std::string& message : report.other_rot) {
      context.console.text("rotten: " + printable(message));
      context.console.object({{"event", "other_rot"}, {"message", printable(message)}});
    }
    context.console.outcome("versions read: " + format_count(report.versions) + " (" + format_bytes(report.bytes) +
                            "), rotten: " + format_count(report.rotten.size()) +
                            ", of the log and of parts: " + format_count(report.other_rot.size()));
    context.console.object({{"event", "scrubbed"},
                            {"versions", report.versions},
                            {"bytes", report.bytes},
                            {"rotten", report.rotten.size()},
                            {"other_rot", report.other_rot.size()}});
    return report.rotten.empty() && report.other_rot.empty() ? 0 : exit_code_of(Code::difference);
  }

 private:
  std::string directory_;
  std::uint64_t bytes_per_second_ = 0;
};

class CheckCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "store check",
            .summary = "compare the index of a store of your own with its data files",
            .details =
                "For a store that is not being served. Ends with 3 where they differ; --rebuild makes the index "
                "anew from the data files, which hold everything. store scrub reads the objects' bytes too.",
            .arguments = {{"DIR", "the store's directory", to_text(directory_)}},
            .flags = {{"--rebuild", "", "make the index anew from the data files",
                       to_choice(mode_, objects::CheckMode::rebuild)}}};
  }
  Result<int> run(const Op& op, Context& context) override {
    DL_TRY(check_there(context, directory_));
    DL_ASSIGN(const auto report, objects::check_objects(op, {.directory = directory_, .reporter = &context.console},
                                                        context.clock, mode_));
    for (const std::string& message : report.messages) {
      context.console.text("problem: " + printable(message));
      context.console.object({{"event", "problem"}, {"message", printable(message)}});
    }
    const bool rebuilt = mode_ == objects::CheckMode::rebuild;
    context.console.outcome(
        "buckets: " + format_count(report.buckets) + ", versions: " + format_count(report.versions) +
        ", problems: " + format_count(report.problems) + (rebuilt ? "; the index is made anew" : ""));
    context.console.object({{"event", "checked"},
                            {"buckets", report.buckets},
                            {"versions", report.versions},
                            {"problems", report.problems},
                            {"rebuilt", rebuilt}});
    return report.problems == 0 ? 0 : exit_code_of(Code::difference);
  }

 private:
  std::string directory_;
  objects::CheckMode mode_ = objects::CheckMode::report;
};

}  // namespace

std::unique_ptr<Command> store_scrub_command() { return std::make_unique<ScrubCommand>(); }
std::unique_ptr<Command> store_check_command() { return std::make_unique<CheckCommand>(); }

}  // namespace duskline::cli
