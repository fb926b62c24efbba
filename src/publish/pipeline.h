// From found entries to nodes and packs: workers read, hash and compress, results are taken in the order of the walk.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/hash.h"
#include "base/op.h"
#include "base/report.h"
#include "base/workers.h"
#include "publish/chunk_table.h"
#include "publish/content.h"
#include "publish/publish.h"
#include "publish/stamps.h"
#include "publish/tree_builder.h"

namespace duskline::publish {

// A file with several names: the first one met carries the content, later ones refer to it.
struct Link {
  std::string path;  // of the first
  std::uint32_t names_to_come = 0;
  // Known once the first name has been taken in:
  model::Entry entry;
  disk::Stat stat;
};

struct EntryOptions {
  PublishOptions::Record owner = PublishOptions::Record::no, attributes = PublishOptions::Record::no;
  std::uint64_t top_device = 0;
};
// All that follows from a Stat alone.
[[nodiscard]] model::Entry entry_of(model::EntryKind kind, std::string_view name, const disk::Stat& stat,
                                    const EntryOptions& options);

// Calls in tree order, from one thread; a call may wait until earlier work is done. Holds at most a fixed number of
// bytes of content, whatever the sizes of files.
class Pipeline {
 public:
  struct Parts {
    ChunkTable& chunks;
    TreeBuilder& tree;
    StampWriter& stamps;
    Clock& clock;
    Reporter& reporter;
  };
  Pipeline(const Op& op, const Parts& parts, const EntryOptions& options, pack::Effort effort, unsigned workers);
  ~Pipeline();

  Status enter(std::string_view name, std::uint32_t depth, const disk::Stat& stat,
               std::vector<model::Attribute> attributes);
  Status leave();
  // An entry that is known as it is. A file with several names comes with its link, if it is the first of them.
  Status keep(model::Entry entry, std::uint32_t depth, const disk::Stat& stat, std::shared_ptr<Link> link);
  // A file whose content is to be read.
  Status read(SourceFile file, std::uint32_t depth, std::shared_ptr<Link> link);
  // Another name of a file that has come before.
  Status repeat(std::string_view name, std::uint32_t depth, std::shared_ptr<Link> link);
  Status finish();

  [[nodiscard]] std::uint64_t files_read() const { return files_read_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  struct Waiting {  // a step whose turn may not have come
    enum class What : std::uint8_t { enter, leave, entry, file, piece, long_file, repeat } what = What::leave;
    std::uint32_t depth = 0;
    std::uint32_t index = 0;            // of a file in its job
    model::Entry entry;                 // enter, entry; of long_file all but the chunks; of repeat just the name
    disk::Stat stat;                    // enter, entry, long_file
    std::shared_ptr<Job> job;           // file, piece
    std::shared_ptr<ChunkList> chunks;  // piece, long_file
    std::shared_ptr<Link> link;         // entry, file, long_file: its first name; repeat: what it is another name of
  };
  struct LongFile;

  Status add(Waiting step);
  Status take_in(Waiting& step);
  Status take_in_file(Waiting& step);
  Status take_in_long(Waiting& step);
  Status add_file(Waiting& step, model::Entry entry, const disk::Stat& stat);
  Status commit_frames(Job& job);
  Status take_in_front();
  Status take_in_ready();
  Status make_room(std::uint64_t bytes);
  Status submit(std::shared_ptr<Job> job);
  Status submit_group();
  Status wait_for(const Job& job);
  Status stream(SourceFile file, std::uint32_t depth, std::shared_ptr<Link> link);
  Status stream_content(disk::File& file, const disk::Stat& before, LongFile& into, std::string_view path);
  Status stream_data(disk::File& file, std::uint64_t begin, std::uint64_t end, LongFile& into, std::string_view path);
  Status add_hole(std::uint64_t length, LongFile& into);
  Status add_piece(std::shared_ptr<PieceJob> piece, const LongFile& into);
  void report();

  const Op& op_;
  const Parts parts_;
  const EntryOptions options_;
  const std::uint64_t max_bytes_;
  Workbenches benches_;
  std::deque<Waiting> waiting_;
  std::shared_ptr<FilesJob> group_;  // being filled
  std::uint64_t bytes_held_ = 0;
  std::uint64_t files_read_ = 0, bytes_read_ = 0, files_seen_ = 0;
  std::mutex mutex_;
  std::condition_variable_any done_;
  WorkerPool pool_;  // last: its threads use the rest
};

}  // namespace duskline::publish
