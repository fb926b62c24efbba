// Sends full packs on their way while the next one is being filled.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/op.h"
#include "base/report.h"
#include "base/workers.h"
#include "model/ids.h"
#include "pack/pack_builder.h"
#include "publish/journal.h"
#include "publish/lease.h"
#include "store/object_store.h"

namespace duskline::publish {

// Where full packs go. Called from one thread.
class PackSink {
 public:
  virtual ~PackSink() = default;
  // May return before the pack is stored, and waits while too many are on their way.
  virtual Status put(pack::PackBuilder::Pack pack, PackContents contents) = 0;
  // All packs are durable in the store after this.
  virtual Status finish() = 0;
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;  // of packs put
};

// Counts only.
class DryPackSink final : public PackSink {
 public:
  Status put(pack::PackBuilder::Pack pack, PackContents) override {
    bytes_ += pack.bytes.size();
    return {};
  }
  Status finish() override { return {}; }
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

// At most two packs are in memory here: that and the one being filled is what the memory bound leaves room for.
class PackUploads final : public PackSink {
 public:
  PackUploads(const Op& op, store::ObjectStore& store, model::SetName set, PackJournal& journal, Lease& lease,
              Reporter& reporter);
  Status put(pack::PackBuilder::Pack pack, PackContents contents) override;
  Status finish() override;
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

 private:
  Status upload(const Op& op, const pack::PackBuilder::Pack& pack, const PackContents& contents);
  void sent(std::size_t bytes);

  store::ObjectStore& store_;
  const model::SetName set_;
  PackJournal& journal_;
  Lease& lease_;
  Reporter& reporter_;
  std::atomic<std::uint64_t> bytes_{0}, sent_bytes_{0};
  std::mutex mutex_;
  std::condition_variable_any room_;
  unsigned on_their_way_ = 0;
  WorkerPool pool_;  // last: its threads use the rest
};

}  // namespace duskline::publish
