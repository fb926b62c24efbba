#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/units.h"
#include "store/stores.h"

namespace duskline::store {
namespace {

using std::chrono::milliseconds;

// A body that trickles in by less than this between two failures is no progress: tries must end somewhere.
constexpr std::uint64_t progress_bytes = 64 << 10;
constexpr unsigned quiet_tries = 2;  // a first failure or two are everyday events and not worth a line

struct Shared {
  RetryPolicy policy;
  Clock& clock;
  Reporter& reporter;
  std::function<double()> random_number;
  std::mutex mutex{};

  double random() {
    const std::lock_guard lock(mutex);
    return random_number();
  }
};

std::string_view advice(Code code) {
  return code == Code::throttled ? "the service asks for fewer requests: try again later, or with fewer --max-requests"
                                 : "check the network and the endpoint, or try again later";
}

// The tries of one call.
class Tries {
 public:
  Tries(Shared& shared, const Op& op, std::string what)
      : shared_(shared), op_(op), what_(std::move(what)), last_move_(shared.clock.steady()) {}

  void moved() { last_move_ = shared_.clock.steady(); }
  void delivered(std::uint64_t bytes) {
    moved();
    delivered_ += bytes;
  }

  // After a failure: waits and returns success if the call should be tried again, else the error to give up with.
  Status failed(Error error) {
    if (!is_retryable(error.code)) return error;
    DL_TRY(op_.check());
    if (delivered_ >= progress_bytes) count_ = 0;
    delivered_ = 0;
    if (++count_ >= shared_.policy.max_tries) {
      return gave_up(std::move(error), "after " + std::to_string(count_) + " tries");
    }
    const milliseconds delay = retry_delay(shared_.policy, count_, shared_.random(), error.retry_after);
    const SteadyTime now = shared_.clock.steady();
    if (now + delay - last_move_ > shared_.policy.progress_deadline) {
      return gave_up(std::move(error), "since nothing moved for " + format_duration(now - last_move_) +
                                           " and the next try would be in " + format_duration(delay));
    }
    if (op_.deadline - now < delay) {
      return Error{Code::timeout, what_ + ": no time is left for another try", std::move(error)};
    }
    shared_.reporter.note(count_ > quiet_tries ? Severity::warning : Severity::debug,
                          what_ + ": trying again in " + format_duration(delay) + ": " + error.describe());
    if (!shared_.clock.sleep_until(now + delay, op_.stop)) {
      return Error{Code::cancelled, what_ + ": stopped while waiting to try again", std::move(error)};
    }
    return {};
  }

 private:
  [[nodiscard]] Error gave_up(Error error, const std::string& why) const {
    const std::string hint(advice(error.code));
    return wrap(std::move(error), what_ + ": gave up " + why + "; " + hint);
  }

  Shared& shared_;
  const Op& op_;
  std::string what_;
  SteadyTime last_move_;
  std::uint64_t delivered_ = 0;
  unsigned count_ = 0;
};

Error replaced_error(const Key& key) {
  return {Code::unavailable, "get " + key.text() +
                                 ": the object was replaced while it was read, and what was read before belongs to the "
                                 "old one; read it again from the start"};
}

// Counts what reached the caller's sink, and lets no other version's bytes follow the first one's.
class ResumingSink final : public Sink {
 public:
  ResumingSink(const Key& key, Sink& out, Tries& tries, ObjectInfo* outer_begun)
      : key_(key), out_(out), tries_(tries), outer_begun_(outer_begun) {}

  Status write(ByteView bytes) override {
    if (delivered_ == 0) {
      first_ = begun;
      if (outer_begun_ != nullptr) *outer_begun_ = first_;
    } else if (begun.etag != first_.etag) {
      failed_ = true;
      return replaced_error(key_);
    }
    Status status = out_.write(bytes);
    failed_ = !status;
    if (!status) return status;
    delivered_ += bytes.size();
    tries_.delivered(bytes.size());
    return {};
  }

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  [[nodiscard]] const ObjectInfo& first() const { return first_; }

  ObjectInfo begun;  // filled by the store below at each try

 private:
  const Key& key_;
  Sink& out_;
  Tries& tries_;
  ObjectInfo* outer_begun_;
  ObjectInfo first_;
  std::uint64_t delivered_ = 0;
  bool failed_ = false;
};

// What is still to come of a get, bound to the version whose start was delivered. Nothing: it was all there.
std::optional<GetOptions> rest_of(const GetOptions& wanted, const ObjectInfo& first, std::uint64_t delivered) {
  const ByteRange range = wanted.range.value_or(ByteRange{0, first.size_bytes});
  const std::uint64_t total =
      std::min(range.length_bytes, first.size_bytes - std::min(first.size_bytes, range.offset_bytes));
  if (delivered >= total) return std::nullopt;
  GetOptions rest;
  rest.range = ByteRange{range.offset_bytes + delivered, total - delivered};
  rest.if_match = first.etag;
  rest.freshness = wanted.freshness;
  return rest;
}

class WatchedSource final : public Source {
 public:
  WatchedSource(Source& inner, Tries& tries) : inner_(inner), tries_(tries) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return inner_.size_bytes(); }
  Status rewind() override {
    Status status = inner_.rewind();
    failed_ = !status;
    return status;
  }
  Result<std::size_t> read(ByteSpan into) override {
    auto count = inner_.read(into);
    failed_ = !count;
    tries_.moved();
    return count;
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  Source& inner_;
  Tries& tries_;
  bool failed_ = false;
};

class RetryStore final : public ObjectStore {
 public:
  RetryStore(std::unique_ptr<ObjectStore> inner, RetryPolicy policy, Clock& clock, std::function<double()> random,
             Reporter& reporter)
      : inner_(std::move(inner)), shared_{policy, clock, reporter, std::move(random)} {}

  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
    Tries tries(shared_, op, "get " + key.text());
    ResumingSink out(key, sink, tries, options.begun);
    GetOptions now = options;
    for (;;) {
      now.begun = &out.begun;
      auto info = inner_->get(op, key, now, out);
      if (info) {
        if (options.begun != nullptr) *options.begun = *info;
        return info;
      }
      if (out.failed()) return info;
      const bool is_partial = out.delivered() > 0;
      if (is_partial && info.error().code == Code::precondition) return replaced_error(key);
      if (is_partial && is_retryable(info.error().code)) {
        if (out.first().etag.empty()) return wrap(std::move(info).error(), "cannot go on without knowing the ETag");
        auto rest = rest_of(options, out.first(), out.delivered());
        if (!rest) return out.first();
        now = std::move(*rest);
      }
      DL_TRY(tries.failed(std::move(info).error()));
    }
  }

  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override {
    return repeat(op, "head " + key.text(), [&] { return inner_->head(op, key); });
  }

  Result<ObjectInfo> put(const Op& op, const Key& key, Source& source, const PutOptions& options) override {
    Tries tries(shared_, op, "put " + key.text());
    WatchedSource watched(source, tries);
    for (;;) {
      auto info = inner_->put(op, key, watched, options);
      if (info || watched.failed()) return info;
      DL_TRY(tries.failed(std::move(info).error()));
    }
  }

  Result<Listing> list(const Op& op, const ListQuery& query) override {
    return repeat(op, "list " + query.prefix, [&] { return inner_->list(op, query); });
  }

  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override {
    Tries tries(shared_, op, "remove " + std::to_string(keys.size()) + " objects");
    std::vector<Key> left(keys.begin(), keys.end());
    RemoveReport report;
    while (!left.empty()) {
      auto part = inner_->remove(op, left);
      if (!part) {
        DL_TRY(tries.failed(std::move(part).error()));
        continue;
      }
      std::vector<RemoveFailure> again;
      for (RemoveFailure& failure : part->failures) {
        (is_retryable(failure.error.code) ? again : report.failures).push_back(std::move(failure));
      }
      if (again.empty()) break;
      if (again.size() < left.size()) tries.delivered(progress_bytes);
      left.clear();
      for (const RemoveFailure& failure : again) left.push_back(failure.key);
      if (!tries.failed(again.front().error)) {
        DL_TRY(op.check());
        std::move(again.begin(), again.end(), std::back_inserter(report.failures));
        break;
      }
    }
    return report;
  }

  [[nodiscard]] std::string describe() const override { return inner_->describe(); }

 private:
  template <typename Fn>
  auto repeat(const Op& op, std::string what, Fn&& call) -> decltype(call()) {
    Tries tries(shared_, op, std::move(what));
    for (;;) {
      auto result = call();
      if (result) return result;
      DL_TRY(tries.failed(std::move(result).error()));
    }
  }

  std::unique_ptr<ObjectStore> inner_;
  Shared shared_;
};

}  // namespace

milliseconds retry_delay(const RetryPolicy& policy, unsigned attempt, double random, milliseconds retry_after) {
  const double doubled = static_cast<double>(policy.first.count()) * std::exp2(std::max(attempt, 1U) - 1);
  const double ceiling = std::min(doubled, static_cast<double>(policy.most.count()));
  // What the server asks for is a floor; the jitter on top keeps its clients from coming back all at once.
  return retry_after + milliseconds(std::llround(ceiling * random));
}

std::unique_ptr<ObjectStore> retry_store(std::unique_ptr<ObjectStore> inner, RetryPolicy policy, Clock& clock,
                                         std::function<double()> random, Reporter& reporter) {
  return std::make_unique<RetryStore>(std::move(inner), policy, clock, std::move(random), reporter);
}

}  // namespace duskline::store
