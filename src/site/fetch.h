// Carries out batches: asks the store for ranges, decodes frames, copies from local files, and hands every chunk whose
// hash fits to the Assembler. Nothing reaches a file unverified.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/op.h"
#include "base/workers.h"
#include "pack/frame.h"
#include "site/assemble.h"
#include "site/batch.h"
#include "site/local_chunks.h"
#include "site/meter.h"
#include "site/stretch.h"
#include "store/object_store.h"

namespace duskline::site {

// Bytes that threads may hold at once for patches, whose bases can be large.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes) : bytes_(bytes) {}
  class Share {
   public:
    Share(MemoryBudget& budget, std::uint64_t bytes);  // waits; more than all of it is granted when nothing else is out
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

   private:
    MemoryBudget& budget_;
    const std::uint64_t bytes_;
  };

 private:
  const std::uint64_t bytes_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::uint64_t held_ = 0;
};

struct FetchParts {
  store::ObjectStore& store;
  const model::SetName& set;
  LocalFiles& local;
  std::shared_ptr<disk::Directory> patch_base;  // content of the release that the delta is from; may be null
  Assembler& assembler;
  Meter& meter;
  Clock& clock;
  Reporter& reporter;
};

class Fetcher {
 public:
  Fetcher(const Op& op, const FetchParts& parts, unsigned workers);
  ~Fetcher();

  // Numbers for FrameRef::object. One thread.
  std::uint32_t pack(const Hash256& hash);
  std::uint32_t delta(const model::ReleaseId& from, const model::ReleaseId& to);
  [[nodiscard]] bool is_delta(std::uint32_t object) const { return object == delta_; }

  // Starts an arranged batch, which the caller keeps until it has waited for it. Code::no_space, io: from writing;
  // Code::not_found: a pack is not in the store; Code::corrupt: bytes stayed wrong when they were fetched again.
  // Pieces that could not be had as a local file or the delta said are the batch's failures, not errors; a delta that
  // the store does not give is asked for no more, and that is noted once.
  Status start(Batch& batch);
  // Waits for the batch, and gives those failures. An error of any batch ends all of them.
  Result<std::vector<Piece>> wait(Batch& batch);
  Status finish();
  // Stops all of it, and waits for the threads.
  void abandon();

 private:
  struct Object {
    std::string key;
    std::optional<Hash256> pack;  // absent: a delta
  };
  struct Workspace {
    pack::FrameDecoder decoder;
    Bytes stored, raw, base;
  };
  class Loan;
  class PartSink;
  class Running;
  enum class Verdict : std::uint8_t { written, wrong };

  [[nodiscard]] Object object(std::uint32_t number);
  Status run_range(const Op&, Batch&, std::span<const Part> parts);
  // What slow requests of the batch have not begun with, for want of anything else to do.
  Status help(const Op&, Batch&);
  std::span<const Part> take_over(const Batch&);
  void give_up_delta(const Object&, const Error& why);
  Status fetch_again(const Op&, Batch&, const Object&, const Part&);
  Result<Verdict> use_part(Batch&, const Part&, ByteView stored, Workspace&, Origin);
  // Whole pieces at the beginning of a part of which the rest has not arrived; how many they are.
  Result<std::uint32_t> use_beginning(Batch&, const Part&, ByteView stored, Workspace&, Origin);
  Result<bool> read_base(const model::BaseRange& base, Bytes& out);
  Status write_pieces(Batch&, std::span<const Piece> pieces, ByteView raw, Origin);
  Status run_copies(const Op&, Batch&, std::size_t first, std::size_t last);
  Status copy_run(Batch&, disk::File& from, std::span<const Copy> run, Workspace&);
  static bool is_hint(const Batch&, const Part&);
  static void leave_to_manifest(Batch&, const Part&);
  void count(Origin origin, std::uint64_t bytes);

  const FetchParts parts_;
  const unsigned workers_;
  std::mutex mutex_;
  std::deque<Object> objects_;
  std::unordered_map<Hash256, std::uint32_t> packs_;
  std::optional<std::uint32_t> delta_;
  std::atomic<bool> delta_given_up_{false};
  std::vector<std::unique_ptr<Workspace>> idle_;
  std::vector<std::pair<const Batch*, Stretch*>> running_;
  MemoryBudget patch_memory_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> link_;
  WorkerPool pool_;
  std::optional<Status> finished_;
};

}  // namespace duskline::site
