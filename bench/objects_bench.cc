// Figures of the storage engine alone: durable puts, finds, listings. Run on a quiet machine:
//
//   cmake --preset release -B build/bench -DDUSKLINE_TESTS=ON && ninja -C build/bench objects_bench
//   build/bench/tests/integration/objects_bench DIR puts|large|finds|list|delimiter|mixed [keys]
//
// DIR is made, and is left for the next run: `delimiter` fills it once. Each figure is one line.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "objects/committer.h"
#include "objects/engine.h"
#include "objects/home.h"
#include "objects/replay.h"

namespace duskline::objects {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

// Of this process: on a busy machine it says more than the clock.
double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <typename T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "objects_bench: %s\n", result.error().describe().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::string key_of(std::uint64_t number) {
  char text[64];
  std::snprintf(text, sizeof text, "folder-%03u/part-%02u/object-%010llu", static_cast<unsigned>(number % 1000),
                static_cast<unsigned>(number / 1000 % 100), static_cast<unsigned long long>(number));
  return text;
}

VersionState entry_of(std::uint64_t bucket, std::uint64_t number, std::uint64_t sequence, WallTime now) {
  VersionState entry;
  entry.bucket = bucket;
  entry.sequence = sequence;
  entry.version.key = key_of(number);
  entry.version.etag = "d41d8cd98f00b204e9800998ecf8427e";
  entry.version.modified = now;
  entry.version.owner = "bench";
  entry.version.properties = {{"content-type", "binary/octet-stream"}};
  return entry;
}

// Empty objects, written as the engine writes them, in batches larger than callers would make.
void fill(const ObjectsOptions& options, std::uint64_t keys) {
  Files files;
  RealClock clock;
  const Home home = must(open_home(files, options.directory));
  auto index = must(Index::open(home.index_path(), 256 << 20));
  ReplayPlan plan;
  plan.directory = home.directory;
  plan.store = home.store;
  Log log(files, home.directory, home.store, must(replay(files, plan, *index)).end);
  must(log.resume());
  if (index->state.versions >= keys) return;
  const auto began = Clock::now();
  const auto there = index->buckets().find("bench");
  std::uint64_t bucket = there == index->buckets().end() ? 0 : there->second.id;
  for (std::uint64_t at = 0; at < keys;) {
    must(log.ready(index->state.next_sequence, index->state.next_data));
    must(index->begin());
    Transaction transaction(*index, home.store, log.end(), clock.now());
    if (bucket == 0) {
      BucketState state;
      state.id = bucket = transaction.next_sequence();
      state.bucket.name = "bench";
      must(transaction.emit({state}));
    }
    for (std::uint64_t i = 0; i < 20'000 && at < keys; ++i, ++at) {
      must(transaction.emit({entry_of(bucket, at, transaction.next_sequence(), transaction.now)}));
    }
    must(log.append(transaction.batch));
    index->state.whole_to = log.end();
    index->set_segment_bytes(log.end().segment, log.end().offset);
    must(index->commit());
    if (index->database().wal_pages() > 20'000) must(index->database().checkpoint());
  }
  std::printf("filled %llu keys in %.1f s\n", static_cast<unsigned long long>(keys), seconds_since(began));
}

void put_all(Objects& engine, unsigned threads, unsigned each, std::size_t size) {
  std::vector<std::thread> callers;
  const Bytes body(size, 0x5A);
  std::atomic<std::uint64_t> number{0};
  const Counts before = engine.counts();
  std::vector<std::vector<double>> latencies(threads);
  const double cpu = cpu_seconds();
  const auto began = Clock::now();
  for (unsigned t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      for (unsigned i = 0; i < each; ++i) {
        const auto start = Clock::now();
        PutRequest request;
        request.bucket = "bench";
        request.key = key_of(number++);
        request.bytes = must(engine.receive(size));
        must(request.bytes->write(body));
        request.etag = "0123456789abcdef0123456789abcdef";
        request.owner = "bench";
        request.properties = {{"content-type", "binary/octet-stream"}};
        must(engine.put(Op{}, std::move(request)));
        latencies[t].push_back(seconds_since(start));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  const double seconds = seconds_since(began);
  const Counts after = engine.counts();
  std::vector<double> all;
  for (const auto& some : latencies) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  const auto flushes = static_cast<double>(after.flushes - before.flushes);
  std::printf(
      "put %zu bytes, %u callers: %.0f/s; %.0f flushes/s, %.1f puts a flush; median %.2f ms, 99%% %.2f ms; %.0f us of "
      "CPU each\n",
      size, threads, static_cast<double>(all.size()) / seconds, flushes / seconds,
      static_cast<double>(after.writes - before.writes) / flushes, all[all.size() / 2] * 1e3,
      all[all.size() * 99 / 100] * 1e3, (cpu_seconds() - cpu) * 1e6 / static_cast<double>(all.size()));
}

void find_all(Objects& engine, unsigned threads, std::uint64_t keys, unsigned each, bool with_open) {
  std::vector<std::thread> callers;
  const double cpu = cpu_seconds();
  const auto began = Clock::now();
  for (unsigned t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      std::uint64_t number = t * 7919;
      for (unsigned i = 0; i < each; ++i) {
        number = (number * 6364136223846793005ULL + 1442695040888963407ULL);
        const auto version = must(engine.find("bench", key_of((number >> 20) % keys), {}));
        if (!version) std::exit(2);
        if (with_open) must(engine.open(*version, 0, version->size_bytes, Objects::Wait::no));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  const double seconds = seconds_since(began);
  std::printf("find%s among %llu keys, %u threads: %.0f/s, %.2f us of CPU each\n", with_open ? " and open" : "",
              static_cast<unsigned long long>(keys), threads, threads * each / seconds,
              (cpu_seconds() - cpu) * 1e6 / (static_cast<double>(threads) * each));
}

void list_all(Objects& engine, const std::string& prefix) {
  ListRequest request;
  request.bucket = "bench";
  request.prefix = prefix;
  std::uint64_t count = 0, pages = 0;
  const double cpu = cpu_seconds();
  const auto began = Clock::now();
  for (bool more = true; more; ++pages) {
    const ListResult page = must(engine.list(Op{}, request));
    count += page.entries.size();
    more = page.truncated && count < 1'000'000;
    request.after = page.next;
  }
  const double seconds = seconds_since(began);
  std::printf("list %llu keys by pages of 1,000: %.0f keys/s, %.2f us of CPU each\n",
              static_cast<unsigned long long>(count), static_cast<double>(count) / seconds,
              (cpu_seconds() - cpu) * 1e6 / static_cast<double>(count));
}

void list_root(Objects& engine) {
  ListRequest request;
  request.bucket = "bench";
  request.delimiter = "/";
  for (int round = 0; round < 5; ++round) {
    const double cpu = cpu_seconds();
    const auto began = Clock::now();
    const ListResult page = must(engine.list(Op{}, request));
    std::printf("list with delimiter at the root: %zu prefixes, %zu entries, %.2f ms, %.2f ms of CPU\n",
                page.prefixes.size(), page.entries.size(), seconds_since(began) * 1e3, (cpu_seconds() - cpu) * 1e3);
  }
}

// Finds while others put: each commit makes the readers' caches old.
void mixed(Objects& engine) {
  std::thread writer([&] { put_all(engine, 16, 1000, 4096); });
  find_all(engine, 4, 1000, 50'000, true);
  writer.join();
}

int run(const std::string& directory, const std::string& what, std::uint64_t keys) {
  ObjectsOptions options;
  options.directory = directory;
  RealClock clock;
  if (what == "delimiter" || what == "list") fill(options, keys);
  const auto began = Clock::now();
  auto engine = must(open_objects(options, clock));
  std::printf("open: %.1f ms\n", seconds_since(began) * 1e3);
  if (!must(engine->bucket("bench"))) {
    Bucket bucket;
    bucket.name = "bench";
    must(engine->create_bucket(Op{}, bucket));
  }
  if (what == "puts") {
    put_all(*engine, 1, 1000, 4096);
    put_all(*engine, 16, 2000, 4096);
    put_all(*engine, 64, 500, 4096);
    put_all(*engine, 256, 100, 4096);
    put_all(*engine, 16, 200, 65'536);
    put_all(*engine, 16, 50, 262'144);
    put_all(*engine, 4, 50, 8 << 20);
  } else if (what == "large") {
    put_all(*engine, 4, 50, 8 << 20);
  } else if (what == "finds") {
    put_all(*engine, 64, 1000, 4096);
    find_all(*engine, 1, 64'000, 100'000, false);
    find_all(*engine, 1, 64'000, 100'000, true);
    find_all(*engine, 4, 64'000, 50'000, true);
    find_all(*engine, 40, 64'000, 2'000, true);
  } else if (what == "mixed") {
    put_all(*engine, 64, 1000, 4096);
    mixed(*engine);
  } else {
    list_all(*engine, "");
    list_root(*engine);
    find_all(*engine, 1, keys, 100'000, false);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("memory: at most %.0f MiB\n", static_cast<double>(usage.ru_maxrss) / 1024);
  return 0;
}

}  // namespace
}  // namespace duskline::objects

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: objects_bench DIR puts|large|finds|list|delimiter|mixed [keys]\n");
    return 2;
  }
  const std::string what = arguments[2];
  const std::uint64_t keys = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1'000'000;
  return duskline::objects::run(arguments[1], what, keys);
}
