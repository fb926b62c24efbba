#include <algorithm>
#include <mutex>

#include "base/units.h"
#include "sync/wrapped_place.h"
#include "sync/wrappers.h"

namespace duskline::sync {
namespace {

using std::chrono::milliseconds;

constexpr unsigned quiet_tries = 2;  // a first failure or two are everyday events and not worth a line
constexpr unsigned max_corrupt_tries = 3;

struct Shared {
  store::RetryPolicy policy;
  Clock& clock;
  Reporter& reporter;
  std::function<double()> random_number;
  std::mutex mutex{};

  double random() {
    const std::lock_guard lock(mutex);
    return random_number();
  }
};

// The tries of one call.
class Tries {
 public:
  Tries(Shared& shared, const Op& op, std::string_view verb, const std::string& path)
      : shared_(shared), op_(op), verb_(verb), path_(path) {}

  // Something came through: what failed before does not count any more.
  void moved() { count_ = 0; }

  // After a failure: waits, and returns success if the call should be tried again, else the error to give up with.
  Status failed(Error error) {
    const bool is_corrupt = error.code == Code::corrupt;
    if (!is_retryable(error.code) && !is_corrupt) return error;
    DL_TRY(op_.check());
    const unsigned most = is_corrupt ? std::min(max_corrupt_tries, shared_.policy.max_tries) : shared_.policy.max_tries;
    if (++count_ >= most) {
      const std::string hint = is_corrupt ? "" : "; check the network and the endpoint, or try again later";
      return wrap(std::move(error), what() + ": gave up after " + std::to_string(count_) + " tries" + hint);
    }
    const milliseconds delay = store::retry_delay(shared_.policy, count_, shared_.random(), error.retry_after);
    shared_.reporter.note(count_ > quiet_tries ? Severity::warning : Severity::debug,
                          what() + ": trying again in " + format_duration(delay) + ": " + error.describe());
    if (shared_.clock.sleep_until(shared_.clock.steady() + delay, op_.stop)) return {};
    return Error{Code::cancelled, what() + ": stopped while waiting to try again", std::move(error)};
  }

 private:
  [[nodiscard]] std::string what() const { return std::string(verb_) + " " + printable(path_); }

  Shared& shared_;
  const Op& op_;
  const std::string_view verb_;
  const std::string& path_;
  unsigned count_ = 0;
};

// Counts what reached the caller's sink, whose own errors are not tried again.
class CountingSink final : public Sink {
 public:
  CountingSink(Sink& out, Tries& tries) : out_(out), tries_(tries) {}
  Status write(ByteView bytes) override {
    Status status = out_.write(bytes);
    failed = !status;
    delivered += bytes.size();
    constexpr std::uint64_t worth_counting = 64 << 10;
    if (delivered - noted_ >= worth_counting) {
      noted_ = delivered;
      tries_.moved();
    }
    return status;
  }
  std::uint64_t delivered = 0;
  bool failed = false;

 private:
  Sink& out_;
  Tries& tries_;
  std::uint64_t noted_ = 0;
};

class RetryPlace final : public WrappedPlace {
 public:
  RetryPlace(std::unique_ptr<Place> inner, store::RetryPolicy policy, Clock& clock, std::function<double()> random,
             Reporter& reporter)
      : WrappedPlace(std::move(inner)), shared_{policy, clock, reporter, std::move(random)} {}

  Result<std::unique_ptr<Lister>> list(const Op& op, Reporter& reporter, const std::string& after) override;
  Result<std::optional<Version>> look(const Op& op, const std::string& path) override {
    return repeat(op, "look at", path, [&] { return inner().look(op, path); });
  }
  Result<Presence> presence(const Op& op, const std::string& path) override {
    return repeat(op, "look at", path, [&] { return inner().presence(op, path); });
  }
  Result<Version> fetch(const Op& op, const std::string& path, std::uint64_t limit, Bytes& into) override {
    return repeat(op, "fetch", path, [&] { return inner().fetch(op, path, limit, into); });
  }
  Status read(const Op& op, const std::string& path, const Stamp& stamp, Range range, Sink& sink) override {
    Tries tries(shared_, op, "fetch", path);
    CountingSink counted(sink, tries);
    for (;;) {
      const Range rest{range.offset_bytes + counted.delivered, range.length_bytes - counted.delivered};
      auto done =
          rest.length_bytes == 0 && range.length_bytes > 0 ? Status() : inner().read(op, path, stamp, rest, counted);
      if (done || counted.failed) return done;
      DL_TRY(tries.failed(std::move(done).error()));
    }
  }
  Result<std::unique_ptr<Source>> open(const Op& op, const std::string& path, const Stamp& stamp,
                                       Range range) override {
    return repeat(op, "fetch", path, [&] { return inner().open(op, path, stamp, range); });
  }
  Result<Stamp> store(const Op& op, const std::string& path, ByteView bytes, const Attributes& attributes) override {
    return repeat(op, "store", path, [&] { return inner().store(op, path, bytes, attributes); });
  }
  Result<std::unique_ptr<Upload>> begin(const Op& op, const NewFile& file, const std::string& token) override {
    return repeat(op, "begin", file.path, [&] { return inner().begin(op, file, token); });
  }
  Status write(const Op& op, const NewFile& file, Upload& upload, std::size_t piece, Range range,
               Origin& origin) override {
    Tries tries(shared_, op, "store", file.path);
    for (;;) {
      auto done = inner().write(op, file, upload, piece, range, origin);
      if (done || origin.failed) return done;
      DL_TRY(tries.failed(std::move(done).error()));
    }
  }
  Result<Stamp> finish(const Op& op, const NewFile& file, Upload& upload, const Fingerprint& expected) override;
  Result<std::optional<Stamp>> copy(const Op& op, const NewFile& file, Origin& origin) override {
    return repeat(op, "copy", file.path, [&] { return inner().copy(op, file, origin); });
  }
  Result<Stamp> set_attributes(const Op& op, const std::string& path, const Stamp& stamp,
                               const Attributes& attributes) override {
    return repeat(op, "set the time of", path, [&] { return inner().set_attributes(op, path, stamp, attributes); });
  }
  Result<std::vector<RemoveFailure>> remove(const Op& op, std::span<const Removal> removals) override;
  Status set_aside(const Op& op, const std::string& path) override {
    return repeat(op, "keep a backup of", path, [&] { return inner().set_aside(op, path); });
  }

 private:
  template <typename Fn>
  auto repeat(const Op& op, std::string_view verb, const std::string& path, Fn&& call) -> decltype(call()) {
    Tries tries(shared_, op, verb, path);
    for (;;) {
      auto result = call();
      if (result) return result;
      DL_TRY(tries.failed(std::move(result).error()));
    }
  }

  Shared shared_;
};

// A listing that broke off begins again after the last entry that it gave.
class RetryLister final : public Lister {
 public:
  RetryLister(Shared& shared, Place& place, const Op& op, Reporter& reporter, std::string after,
              std::unique_ptr<Lister> lister)
      : place_(place),
        op_(op),
        reporter_(reporter),
        last_(std::move(after)),
        name_(place.describe()),
        tries_(shared, op_, "list", name_),
        lister_(std::move(lister)) {}

  Result<const Entry*> next() override {
    for (;;) {
      if (lister_) {
        auto entry = lister_->next();
        if (entry) {
          if (*entry != nullptr) {
            last_ = (*entry)->path;
            tries_.moved();
          }
          return entry;
        }
        lister_.reset();
        DL_TRY(tries_.failed(std::move(entry).error()));
      }
      auto again = place_.list(op_, reporter_, last_);
      if (again) {
        lister_ = std::move(*again);
      } else {
        DL_TRY(tries_.failed(std::move(again).error()));
      }
    }
  }

 private:
  Place& place_;
  const Op op_;
  Reporter& reporter_;
  std::string last_;
  const std::string name_;
  Tries tries_;
  std::unique_ptr<Lister> lister_;
};

Result<std::unique_ptr<Lister>> RetryPlace::list(const Op& op, Reporter& reporter, const std::string& after) {
  const std::string name = describe();
  DL_ASSIGN(auto lister, repeat(op, "list", name, [&] { return inner().list(op, reporter, after); }));
  return std::unique_ptr<Lister>(
      std::make_unique<RetryLister>(shared_, inner(), op, reporter, after, std::move(lister)));
}

// Completing an upload may have happened although its answer was lost: then the file is there, and the upload gone.
Result<Stamp> RetryPlace::finish(const Op& op, const NewFile& file, Upload& upload, const Fingerprint& expected) {
  Tries tries(shared_, op, "finish", file.path);
  for (bool may_be_done = false;;) {
    auto stamp = inner().finish(op, file, upload, expected);
    if (stamp || stamp.error().code == Code::corrupt) return stamp;
    if (may_be_done && stamp.error().code == Code::not_found) {
      return Error{Code::changing, "whether \"" + printable(file.path) + "\" was stored could not be known",
                   std::move(stamp).error()};
    }
    DL_TRY(tries.failed(std::move(stamp).error()));
    may_be_done = true;
  }
}

Result<std::vector<RemoveFailure>> RetryPlace::remove(const Op& op, std::span<const Removal> removals) {
  const std::string what = std::to_string(removals.size()) + " files";
  Tries tries(shared_, op, "remove", what);
  std::vector<Removal> left(removals.begin(), removals.end());
  std::ranges::sort(left, {}, &Removal::path);
  std::vector<RemoveFailure> final;
  while (!left.empty()) {
    auto failures = inner().remove(op, left);
    if (!failures) {
      DL_TRY(tries.failed(std::move(failures).error()));
      continue;
    }
    std::ranges::sort(*failures, {}, &RemoveFailure::path);
    std::vector<Removal> again;
    Error last;
    for (RemoveFailure& failure : *failures) {
      const auto ours = std::ranges::lower_bound(left, failure.path, {}, &Removal::path);
      const bool is_ours = ours != left.end() && ours->path == failure.path;  // a server may say anything
      const bool is_twice = !again.empty() && again.back().path == failure.path;
      if (is_ours && is_retryable(failure.error.code)) {
        last = failure.error;
        if (!is_twice) again.push_back(*ours);
      } else {
        final.push_back(std::move(failure));
      }
    }
    if (again.empty()) break;
    if (again.size() < left.size()) tries.moved();
    left = std::move(again);
    if (auto wait = tries.failed(last); !wait) {
      DL_TRY(op.check());
      for (Removal& removal : left) final.push_back({std::move(removal.path), wait.error()});
      break;
    }
  }
  return final;
}

}  // namespace

std::unique_ptr<Place> retry_place(std::unique_ptr<Place> inner, store::RetryPolicy policy, Clock& clock,
                                   std::function<double()> random, Reporter& reporter) {
  return std::make_unique<RetryPlace>(std::move(inner), policy, clock, std::move(random), reporter);
}

}  // namespace duskline::sync
