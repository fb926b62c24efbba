#include "publish/pack_uploads.h"

#include <functional>
#include <memory>
#include <utility>

namespace duskline::publish {
namespace {

constexpr unsigned max_on_their_way = 2;

// Tells of bytes when they are taken for the first time: a body that is sent again is no progress.
class WatchedBody final : public Source {
 public:
  WatchedBody(ByteView bytes, std::function<void(std::size_t)> taken) : body_(bytes), taken_(std::move(taken)) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return body_.size_bytes(); }
  Status rewind() override {
    at_ = 0;
    return body_.rewind();
  }
  Result<std::size_t> read(ByteSpan into) override {
    DL_ASSIGN(const std::size_t count, body_.read(into));
    at_ += count;
    if (at_ > told_) taken_(at_ - std::exchange(told_, at_));
    return count;
  }

 private:
  BufferSource body_;
  const std::function<void(std::size_t)> taken_;
  std::size_t at_ = 0, told_ = 0;
};

}  // namespace

PackUploads::PackUploads(const Op& op, store::ObjectStore& store, model::SetName set, PackJournal& journal,
                         Lease& lease, Reporter& reporter)
    : store_(store),
      set_(std::move(set)),
      journal_(journal),
      lease_(lease),
      reporter_(reporter),
      pool_(op, max_on_their_way, max_on_their_way) {}

Status PackUploads::put(pack::PackBuilder::Pack pack, PackContents contents) {
  DL_TRY(lease_.take(pool_.op()));
  {
    std::unique_lock lock(mutex_);
    if (!room_.wait(lock, pool_.op().stop, [&] { return on_their_way_ < max_on_their_way; })) {
      lock.unlock();
      return pool_.finish();
    }
    ++on_their_way_;
  }
  bytes_ += pack.bytes.size();
  // Tasks are copied, packs are not.
  auto shared =
      std::make_shared<std::pair<pack::PackBuilder::Pack, PackContents>>(std::move(pack), std::move(contents));
  const bool submitted = pool_.submit([this, shared = std::move(shared)](const Op& op) mutable -> Status {
    Status status = upload(op, shared->first, shared->second);
    shared.reset();  // the memory is free before another pack is let in
    {
      const std::lock_guard lock(mutex_);
      --on_their_way_;
    }
    room_.notify_all();
    return status;
  });
  return submitted ? Status{} : pool_.finish();
}

Status PackUploads::upload(const Op& op, const pack::PackBuilder::Pack& pack, const PackContents& contents) {
  store::PutOptions options;
  options.sha256 = pack.hash;
  WatchedBody body(pack.bytes, [this](std::size_t bytes) { sent(bytes); });
  auto put = store_.put(op, store::Key(model::pack_key(set_, pack.hash)), body, options);
  if (!put) return wrap(std::move(put).error(), "upload a pack");
  const std::lock_guard lock(mutex_);
  return journal_.append(contents);
}

void PackUploads::sent(std::size_t bytes) {
  reporter_.progress({.phase = "upload", .bytes = sent_bytes_ += bytes, .bytes_total = bytes_});
}

Status PackUploads::finish() { return pool_.finish(); }

}  // namespace duskline::publish
