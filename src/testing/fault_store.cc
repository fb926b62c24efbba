#include "testing/fault_store.h"

#include <algorithm>

namespace duskline::testing {
namespace {

using store::GetOptions;
using store::Key;
using store::Listing;
using store::ListQuery;
using store::ObjectInfo;
using store::PutOptions;
using store::RemoveReport;
using Kind = Fault::Kind;

// How many bytes a get will give, once it has begun.
std::uint64_t body_length(const GetOptions& options, const ObjectInfo& begun) {
  if (!options.range) return begun.size_bytes;
  return std::min(options.range->length_bytes, begun.size_bytes - options.range->offset_bytes);
}

// Passes on what the fault lets through.
class FaultySink final : public Sink {
 public:
  FaultySink(Sink& out, const GetOptions& options, const Fault& fault) : out_(out), options_(options), fault_(fault) {}

  Status write(ByteView bytes) override {
    const std::uint64_t length = body_length(options_, *options_.begun);
    const std::uint64_t target =
        fault_.bytes < length ? fault_.bytes : fault_.bytes % std::max<std::uint64_t>(length, 1);
    const bool reaches = target >= at_ && target < at_ + bytes.size();
    const std::uint64_t start = at_;
    at_ += bytes.size();
    if (!reaches) return out_.write(bytes);
    const std::size_t within = target - start;
    if (fault_.kind == Kind::wrong_bytes) {
      Bytes wrong(bytes.begin(), bytes.end());
      wrong[within] ^= 1;
      return out_.write(wrong);
    }
    if (fault_.kind != Kind::short_body && fault_.kind != Kind::replaced_body) return out_.write(bytes);
    if (within > 0) DL_TRY(out_.write(bytes.first(within)));
    broke_ = true;
    return Error{Code::unavailable, "the connection broke"};
  }
  [[nodiscard]] bool broke() const { return broke_; }

 private:
  Sink& out_;
  const GetOptions& options_;
  const Fault& fault_;
  std::uint64_t at_ = 0;
  bool broke_ = false;
};

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::none:
      return "none";
    case Kind::error:
      return "error";
    case Kind::error_after:
      return "error_after";
    case Kind::short_body:
      return "short_body";
    case Kind::wrong_bytes:
      return "wrong_bytes";
    case Kind::long_body:
      return "long_body";
    case Kind::stale_list:
      return "stale_list";
    case Kind::replaced_body:
      return "replaced_body";
  }
  return "?";
}

}  // namespace

FaultStore::FaultStore(store::ObjectStore& inner, FaultPlan plan)
    : inner_(inner), plan_(std::move(plan)), random_(plan_.seed) {}

void FaultStore::order(Call call, Fault fault, std::string key_part) {
  const std::lock_guard lock(mutex_);
  orders_.push_back({call, fault, std::move(key_part)});
}

void FaultStore::kill_at(std::uint64_t call_number) {
  const std::lock_guard lock(mutex_);
  kill_at_ = call_number;
}

void FaultStore::before_each(std::function<void(Call, const std::string&)> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

Status FaultStore::remember_lists() {
  std::vector<store::ListedObject> seen;
  DL_TRY(store::for_each_object(inner_, {}, "", [&](const store::ListedObject& object) -> Status {
    seen.push_back(object);
    return {};
  }));
  const std::lock_guard lock(mutex_);
  stale_ = std::move(seen);
  return {};
}

std::uint64_t FaultStore::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

bool FaultStore::is_killed() const {
  const std::lock_guard lock(mutex_);
  return kill_at_ && calls_ >= *kill_at_;
}

std::string FaultStore::journal() const {
  const std::lock_guard lock(mutex_);
  return "seed " + std::to_string(plan_.seed) + "\n" + journal_;
}

bool FaultStore::chance(double probability) {
  return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability;
}

Fault FaultStore::draw(Call call) {
  Fault fault;
  const auto kind = [&] {
    if (chance(plan_.error)) return Kind::error;
    if (chance(plan_.error_after)) return Kind::error_after;
    if (call == Call::get && chance(plan_.short_body)) return Kind::short_body;
    if (call == Call::get && chance(plan_.wrong_bytes)) return Kind::wrong_bytes;
    if (call == Call::list && chance(plan_.stale_list)) return Kind::stale_list;
    return Kind::none;
  };
  fault.kind = kind();
  if (fault.kind == Kind::none) return fault;
  if (!plan_.codes.empty()) fault.code = plan_.codes[random_() % plan_.codes.size()];
  fault.bytes = random_();
  return fault;
}

FaultStore::Plan FaultStore::next(Call call, const std::string& key) {
  std::function<void(Call, const std::string&)> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = hook_;
  }
  if (hook) hook(call, key);
  const std::lock_guard lock(mutex_);
  Plan plan;
  const std::uint64_t number = ++calls_;
  if (kill_at_ && number >= *kill_at_) {
    plan.killed = true;
    plan.happens = number == *kill_at_ && chance(0.5);
    return plan;
  }
  const auto order = std::ranges::find_if(orders_, [&](const Order& o) {
    return (o.call == Call::any || o.call == call) && key.find(o.key_part) != std::string::npos;
  });
  if (order != orders_.end()) {
    plan.fault = order->fault;
    orders_.erase(order);
  } else {
    plan.fault = draw(call);
  }
  if (plan.fault.kind != Kind::none) {
    journal_ += "call " + std::to_string(number) + " on " + key + ": " + name_of(plan.fault.kind) + " " +
                std::string(duskline::name_of(plan.fault.code)) + " " + std::to_string(plan.fault.bytes) + "\n";
  }
  return plan;
}

Error FaultStore::error_of(const Fault& fault, const std::string& what) const {
  Error error(fault.code, "fault on " + what);
  error.retry_after = fault.retry_after;
  return error;
}

Error FaultStore::killed_error() const { return {Code::cancelled, "killed by the fault plan"}; }

template <typename Fn>
auto FaultStore::run(Call call, const std::string& key, Fn&& happen) -> decltype(happen(Fault{})) {
  const Plan plan = next(call, key);
  if (plan.killed) {
    if (plan.happens) (void)happen(Fault{});
    return killed_error();
  }
  if (plan.fault.kind == Kind::error) return error_of(plan.fault, key);
  auto result = happen(plan.fault);
  if (plan.fault.kind == Kind::error_after) return error_of(plan.fault, key);
  return result;
}

Result<ObjectInfo> FaultStore::broken_get(const Op& op, const Key& key, const GetOptions& options, Sink& sink,
                                          const Fault& fault) {
  ObjectInfo begun;
  GetOptions noted = options;
  if (noted.begun == nullptr) noted.begun = &begun;
  FaultySink faulty(sink, noted, fault);
  auto info = inner_.get(op, key, noted, faulty);
  if (faulty.broke()) {
    if (fault.kind == Kind::replaced_body) {
      DL_TRY(store::put_all(inner_, {}, key, bytes_of("replaced by the fault plan"), {}));
    }
    return error_of(fault, key.text());
  }
  if (info && fault.kind == Kind::long_body) {
    const std::uint8_t extra = 0;
    DL_TRY(sink.write({&extra, 1}));
    return error_of(fault, key.text());
  }
  return info;
}

Result<ObjectInfo> FaultStore::get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) {
  return run(Call::get, key.text(), [&](const Fault& fault) { return broken_get(op, key, options, sink, fault); });
}

Result<std::optional<ObjectInfo>> FaultStore::head(const Op& op, const Key& key) {
  return run(Call::head, key.text(), [&](const Fault&) { return inner_.head(op, key); });
}

Result<ObjectInfo> FaultStore::put(const Op& op, const Key& key, Source& source, const PutOptions& options) {
  return run(Call::put, key.text(), [&](const Fault&) { return inner_.put(op, key, source, options); });
}

Listing FaultStore::stale_page(const ListQuery& query) {
  const std::lock_guard lock(mutex_);
  Listing page;
  for (const store::ListedObject& object : stale_) {
    const std::string& text = object.key.text();
    if (!text.starts_with(query.prefix) || text <= query.start_after) continue;
    page.truncated = page.objects.size() >= query.limit;
    if (page.truncated) break;
    page.objects.push_back(object);
  }
  return page;
}

Result<Listing> FaultStore::list(const Op& op, const ListQuery& query) {
  return run(Call::list, query.prefix, [&](const Fault& fault) -> Result<Listing> {
    if (fault.kind == Kind::stale_list) return stale_page(query);
    return inner_.list(op, query);
  });
}

Result<RemoveReport> FaultStore::remove(const Op& op, std::span<const Key> keys) {
  return run(Call::remove, keys.empty() ? std::string() : keys.front().text(),
             [&](const Fault&) { return inner_.remove(op, keys); });
}

}  // namespace duskline::testing
