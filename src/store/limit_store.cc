#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "store/pacing.h"
#include "store/stores.h"

namespace duskline::store {
namespace {

// One direction's bytes a second, shared by all requests.
class Throttle {
 public:
  Throttle(std::uint64_t bytes_per_second, Clock& clock) : clock_(clock) {
    if (bytes_per_second > 0) bucket_.emplace(bytes_per_second);
  }
  [[nodiscard]] bool is_on() const { return bucket_.has_value(); }
  [[nodiscard]] std::size_t piece_bytes() const { return bucket_->piece_bytes(); }

  Status pass(const Op& op, std::uint64_t bytes) {
    const SteadyTime now = clock_.steady();
    SteadyTime until;
    {
      const std::lock_guard lock(mutex_);
      until = bucket_->take(now, bytes);
    }
    if (until <= now) return op.check();
    if (until > op.deadline)
      return Error{Code::timeout, "the bandwidth limit leaves too little time for this transfer"};
    if (!clock_.sleep_until(until, op.stop)) return Error{Code::cancelled, "stopped on request"};
    return {};
  }

 private:
  Clock& clock_;
  std::mutex mutex_;
  std::optional<TokenBucket> bucket_;
};

class PacedSink final : public Sink {
 public:
  PacedSink(Sink& out, const Op& op, Throttle& throttle) : out_(out), op_(op), throttle_(throttle) {}
  Status write(ByteView bytes) override {
    received_ += bytes.size();
    if (!throttle_.is_on()) return out_.write(bytes);
    while (!bytes.empty()) {
      const ByteView piece = bytes.first(std::min(bytes.size(), throttle_.piece_bytes()));
      DL_TRY(throttle_.pass(op_, piece.size()));
      DL_TRY(out_.write(piece));
      bytes = bytes.subspan(piece.size());
    }
    return {};
  }
  [[nodiscard]] std::uint64_t received() const { return received_; }

 private:
  Sink& out_;
  const Op& op_;
  Throttle& throttle_;
  std::uint64_t received_ = 0;
};

class PacedSource final : public Source {
 public:
  PacedSource(Source& inner, const Op& op, Throttle& throttle) : inner_(inner), op_(op), throttle_(throttle) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return inner_.size_bytes(); }
  Status rewind() override { return inner_.rewind(); }
  Result<std::size_t> read(ByteSpan into) override {
    if (!throttle_.is_on()) return inner_.read(into);
    DL_ASSIGN(const std::size_t count, inner_.read(into.first(std::min(into.size(), throttle_.piece_bytes()))));
    if (count > 0) DL_TRY(throttle_.pass(op_, count));
    return count;
  }

 private:
  Source& inner_;
  const Op& op_;
  Throttle& throttle_;
};

// Lets as many requests in as the window allows.
class Gate {
 public:
  Gate(unsigned most, Clock& clock) : clock_(clock), window_(most) {}

  Status enter(const Op& op) {
    std::unique_lock lock(mutex_);
    const auto has_room = [&] { return in_flight_ < window_.limit(); };
    const bool entered = op.deadline == SteadyTime::max() ? room_.wait(lock, op.stop, has_room)
                                                          : room_.wait_until(lock, op.stop, op.deadline, has_room);
    if (!entered) {
      DL_TRY(op.check());
      return Error{Code::timeout, "the time limit passed while waiting for other requests to end"};
    }
    ++in_flight_;
    return {};
  }

  void leave(std::uint64_t bytes, RequestWindow::Outcome outcome) {
    {
      const std::lock_guard lock(mutex_);
      window_.finished(clock_.steady(), bytes, outcome, in_flight_);
      --in_flight_;
    }
    room_.notify_all();
  }

 private:
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any room_;
  RequestWindow window_;
  unsigned in_flight_ = 0;
};

class LimitStore final : public ObjectStore {
 public:
  LimitStore(std::unique_ptr<ObjectStore> inner, Limits limits, Clock& clock)
      : inner_(std::move(inner)),
        down_(limits.bytes_per_second_down, clock),
        up_(limits.bytes_per_second_up, clock),
        gate_(limits.max_requests, clock) {}

  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
    PacedSink paced(sink, op, down_);
    return counted(op, [&] { return inner_->get(op, key, options, paced); }, [&] { return paced.received(); });
  }
  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override {
    return counted(op, [&] { return inner_->head(op, key); }, nothing);
  }
  Result<ObjectInfo> put(const Op& op, const Key& key, Source& source, const PutOptions& options) override {
    PacedSource paced(source, op, up_);
    return counted(op, [&] { return inner_->put(op, key, paced, options); }, [&] { return source.size_bytes(); });
  }
  Result<Listing> list(const Op& op, const ListQuery& query) override {
    return counted(op, [&] { return inner_->list(op, query); }, nothing);
  }
  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override {
    return counted(op, [&] { return inner_->remove(op, keys); }, nothing);
  }
  [[nodiscard]] std::string describe() const override { return inner_->describe(); }

 private:
  static std::uint64_t nothing() { return 0; }

  template <typename Call, typename Moved>
  auto counted(const Op& op, Call&& call, Moved&& moved) -> decltype(call()) {
    DL_TRY(gate_.enter(op));
    auto result = call();
    const bool is_throttled = !result && result.error().code == Code::throttled;
    gate_.leave(result ? moved() : 0, is_throttled ? RequestWindow::Outcome::throttled : RequestWindow::Outcome::done);
    return result;
  }

  std::unique_ptr<ObjectStore> inner_;
  Throttle down_, up_;
  Gate gate_;
};

}  // namespace

std::unique_ptr<ObjectStore> limit_store(std::unique_ptr<ObjectStore> inner, Limits limits, Clock& clock) {
  return std::make_unique<LimitStore>(std::move(inner), limits, clock);
}

}  // namespace duskline::store
