// A store that misbehaves by a plan: faults drawn from a seed, faults ordered for certain calls, and a kill point.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "store/object_store.h"

namespace duskline::testing {

struct Fault {
  enum class Kind : std::uint8_t {
    none,
    error,         // the call fails and nothing happens
    error_after,   // the call happens, then fails: its answer was lost
    short_body,    // a get gives `bytes` of the body, then fails
    wrong_bytes,   // a get turns over a bit of the byte at `bytes`, and succeeds
    long_body,     // a get gives a byte more than announced, then fails
    stale_list,    // a list shows what the store held at the last remember_lists(); before that, nothing
    replaced_body  // a get breaks at `bytes` like short_body, and the object is replaced at once
  };
  Kind kind = Kind::none;
  Code code = Code::unavailable;
  std::uint64_t bytes = 0;  // taken modulo the body's length where beyond it
  std::chrono::milliseconds retry_after{0};
};

enum class Call : std::uint8_t { any, get, head, put, list, remove };

// Chances of each kind, from 0 to 1, for every call of a fitting sort.
struct FaultPlan {
  std::uint64_t seed = 1;
  double error = 0, error_after = 0, short_body = 0, wrong_bytes = 0, stale_list = 0;
  std::vector<Code> codes = {Code::unavailable, Code::throttled};
};

class FaultStore final : public store::ObjectStore {
 public:
  explicit FaultStore(store::ObjectStore& inner, FaultPlan plan = {});

  // The next call of this sort, on a key that contains `key_part`, meets `fault`. Orders are used up first to last.
  void order(Call call, Fault fault, std::string key_part = {});
  // From the call with this number (the first is 1) on, everything fails as if the process had been killed. A put may
  // or may not have happened, by the seed.
  void kill_at(std::uint64_t call_number);
  // Called before each call reaches the store: lets a test do something between two calls of the code it tests.
  void before_each(std::function<void(Call, const std::string& key)> hook);
  Status remember_lists();  // what stale lists show from now on
  [[nodiscard]] std::uint64_t calls() const;
  [[nodiscard]] bool is_killed() const;
  [[nodiscard]] std::string journal() const;  // the faults given so far, a line each, for a failed test's message

  Result<store::ObjectInfo> get(const Op&, const store::Key&, const store::GetOptions&, Sink&) override;
  Result<std::optional<store::ObjectInfo>> head(const Op&, const store::Key&) override;
  Result<store::ObjectInfo> put(const Op&, const store::Key&, Source&, const store::PutOptions&) override;
  Result<store::Listing> list(const Op&, const store::ListQuery&) override;
  Result<store::RemoveReport> remove(const Op&, std::span<const store::Key>) override;
  [[nodiscard]] std::string describe() const override { return inner_.describe(); }

 private:
  struct Order {
    Call call;
    Fault fault;
    std::string key_part;
  };

  struct Plan {
    Fault fault;
    bool killed = false, happens = true;
  };
  Plan next(Call call, const std::string& key);
  Fault draw(Call call);
  bool chance(double probability);
  Error error_of(const Fault& fault, const std::string& what) const;
  Error killed_error() const;
  Result<store::ObjectInfo> broken_get(const Op&, const store::Key&, const store::GetOptions&, Sink&, const Fault&);
  store::Listing stale_page(const store::ListQuery& query);
  template <typename Fn>
  auto run(Call call, const std::string& key, Fn&& happen) -> decltype(happen(Fault{}));

  store::ObjectStore& inner_;
  const FaultPlan plan_;
  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::vector<Order> orders_;
  std::function<void(Call, const std::string&)> hook_;
  std::optional<std::uint64_t> kill_at_;
  std::uint64_t calls_ = 0;
  std::string journal_;
  std::vector<store::ListedObject> stale_;
};

}  // namespace duskline::testing
