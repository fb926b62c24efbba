#include "publish/pack_uploads.h"

#include <memory>
#include <utility>

namespace duskline::publish {
namespace {

constexpr unsigned max_on_their_way = 2;

}  // namespace

PackUploads::PackUploads(const Op& op, store::ObjectStore& store, model::SetName set, PackJournal& journal,
                         Lease& lease)
    : store_(store),
      set_(std::move(set)),
      journal_(journal),
      lease_(lease),
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
  auto put = store::put_all(store_, op, store::Key(model::pack_key(set_, pack.hash)), pack.bytes, options);
  if (!put) return wrap(std::move(put).error(), "upload a pack");
  const std::lock_guard lock(mutex_);
  return journal_.append(contents);
}

Status PackUploads::finish() { return pool_.finish(); }

}  // namespace duskline::publish
