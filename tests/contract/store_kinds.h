// The kinds of ObjectStore that the contract suite runs over.
#pragma once

#include <cstdlib>
#include <functional>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "base/report.h"
#include "base/signing.h"
#include "disk/real_disk.h"
#include "s3/credentials.h"
#include "store/s3_store.h"
#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/scratch.h"

namespace duskline::store {

// What a kind is allowed not to do. A deviation has a name; the suite skips what needs it and nothing else.
enum class Lacks : std::uint8_t {
  conditions,        // conditional puts
  nested_names,      // an object "a" beside an object "a/b"
  atomic_overwrite,  // never a 404 while an object is overwritten
};

// A store of its own for one test, with all that it stands on.
struct OpenStore {
  RealClock clock;
  NullReporter reporter;
  testing::Scratch scratch;
  std::unique_ptr<disk::Filesystem> disk = disk::open_real_disk();
  std::unique_ptr<http::Transport> transport;
  std::unique_ptr<ObjectStore> inner, store;
  std::set<Lacks> lacks;
  bool remove_at_end = false;

  OpenStore() = default;
  OpenStore(const OpenStore&) = delete;
  OpenStore& operator=(const OpenStore&) = delete;
  ~OpenStore() {
    if (!remove_at_end) return;
    std::vector<Key> keys;
    (void)for_each_object(*store, {}, "", [&](const ListedObject& object) -> Status {
      keys.push_back(object.key);
      return {};
    });
    (void)store->remove({}, keys);
  }
};

struct Kind {
  std::string name;
  std::function<void(OpenStore&)> open;
};

inline void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

inline std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// "s3://bucket/prefix" from DUSKLINE_TEST_S3_URL; each test gets a prefix of its own below it, removed at its end.
inline void open_s3(OpenStore& open) {
  const std::string url = *environment("DUSKLINE_TEST_S3_URL");
  const std::string scheme = "s3://";
  if (!url.starts_with(scheme)) throw std::runtime_error("DUSKLINE_TEST_S3_URL must be s3://BUCKET[/PREFIX]");
  const std::string rest = url.substr(scheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  S3Options options;
  options.bucket = rest.substr(0, slash);
  options.prefix = rest.substr(std::min(slash + 1, rest.size()));
  if (!options.prefix.empty() && !options.prefix.ends_with('/')) options.prefix += '/';
  options.prefix += "contract-" + to_hex(testing::must(random_bytes(8)));
  options.endpoint = environment("AWS_ENDPOINT_URL").value_or("");
  options.region = environment("AWS_REGION").value_or("us-east-1");
  open.transport = http::open_curl_transport({});
  auto credentials = s3::default_credentials(*open.transport, open.clock, {.profile = {}, .environment = environment});
  open.store = testing::must(open_s3_store(options, *open.transport, std::move(credentials), open.clock));
  open.remove_at_end = true;
  const std::string lacks = environment("DUSKLINE_TEST_S3_LACKS").value_or("");
  if (lacks.find("conditions") != std::string::npos) open.lacks.insert(Lacks::conditions);
  if (lacks.find("atomic-overwrite") != std::string::npos) open.lacks.insert(Lacks::atomic_overwrite);
}

inline std::vector<Kind> all_kinds() {
  const auto random = [] { return 0.5; };
  std::vector<Kind> kinds = {
      {"mem", [](OpenStore& open) { open.store = open_mem_store(open.clock); }},
      {"dir",
       [](OpenStore& open) {
         open.store = testing::must(open_dir_store(*open.disk, open.scratch.path("store")));
         open.lacks.insert(Lacks::nested_names);
       }},
      {"retry",
       [random](OpenStore& open) {
         open.store = retry_store(open_mem_store(open.clock), {}, open.clock, random, open.reporter);
       }},
      {"limit",
       [](OpenStore& open) {
         constexpr std::uint64_t fast = std::uint64_t{4} << 30;  // the pacing is on, and too fast to be noticed
         open.store = limit_store(open_mem_store(open.clock), {fast, fast, 3}, open.clock);
       }},
      {"cache",
       [](OpenStore& open) {
         open.store = testing::must(
             cache_store(open_mem_store(open.clock), *open.disk, open.scratch.path("cache"), std::uint64_t{64} << 20));
       }},
      {"faultless",
       [](OpenStore& open) {
         open.inner = open_mem_store(open.clock);
         open.store = std::make_unique<testing::FaultStore>(*open.inner);
       }},
      {"counting",
       [](OpenStore& open) {
         open.inner = open_mem_store(open.clock);
         open.store = std::make_unique<CountingStore>(*open.inner);
       }},
      {"wired",
       [random](OpenStore& open) {  // as the program wires it
         open.inner = retry_store(limit_store(open_mem_store(open.clock), {}, open.clock), {}, open.clock, random,
                                  open.reporter);
         open.store = std::make_unique<CountingStore>(*open.inner);
       }},
  };
  if (environment("DUSKLINE_TEST_S3_URL")) kinds.push_back({"s3", open_s3});
  return kinds;
}

}  // namespace duskline::store
