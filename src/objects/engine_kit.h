// What the tests of the engine share: opening it in a scratch directory, short words for its calls.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "objects/engine.h"
#include "testing/must.h"
#include "testing/scratch.h"
#include "testing/sim_clock.h"

namespace duskline::objects {

using testing::must;
using testing::must_fail;

class CollectingReporter final : public Reporter {
 public:
  void note(Severity, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    notes_.emplace_back(message);
  }
  void progress(const Progress&) override {}
  void record(const FileRecord&) override {}
  std::vector<std::string> take_notes() {
    const std::lock_guard lock(mutex_);
    return std::exchange(notes_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> notes_;
};

// Syncs nothing: for tests of meaning, which would wait for the disk most of the time.
class QuickFiles final : public Files {
 public:
  Status sync(int, const std::string&) override { return {}; }
  Status sync_directory(const std::string&) override { return {}; }
};

// A store in a directory of its own, opened and closed as often as a test wants.
class World {
 public:
  World() {
    options.directory = scratch.path("store");
    options.reporter = &reporter;
    tuning.background = Background::on_demand;
    tuning.index_sync = IndexSync::never;
  }
  void open(std::unique_ptr<Files> files = std::make_unique<Files>()) {
    engine = must(Engine::open(options, clock, std::move(files), tuning));
  }
  void close() { engine.reset(); }
  void reopen() {
    close();
    open();
  }

  void make_bucket(const std::string& name, Versioning versioning = Versioning::never) {
    Bucket bucket;
    bucket.name = name;
    bucket.owner = "somebody";
    bucket.versioning = versioning;
    must(engine->create_bucket(op, bucket));
  }
  void set_versioning(const std::string& name, Versioning versioning) {
    must(engine->change_bucket(op, name, [&](Bucket& bucket) -> Status {
      bucket.versioning = versioning;
      return {};
    }));
  }
  std::unique_ptr<Incoming> bytes(std::string_view text) {
    auto incoming = must(engine->receive(text.size()));
    must(incoming->write(bytes_of(text)));
    return incoming;
  }
  Result<Version> try_put(const std::string& bucket, const std::string& key, std::string_view text, Gate gate = {}) {
    auto incoming = engine->receive(text.size());
    if (!incoming) return incoming.error();
    DL_TRY((*incoming)->write(bytes_of(text)));
    PutRequest request;
    request.bucket = bucket;
    request.key = key;
    request.bytes = std::move(*incoming);
    request.etag = "0123456789abcdef0123456789abcdef";
    request.owner = "somebody";
    request.properties = {{"content-type", "text/plain"}};
    request.gate = std::move(gate);
    return engine->put(op, std::move(request));
  }
  Version put(const std::string& bucket, const std::string& key, std::string_view text) {
    return must(try_put(bucket, key, text));
  }
  Removed remove(const std::string& bucket, const std::string& key, std::optional<std::string> version = {}) {
    RemoveRequest request;
    request.bucket = bucket;
    request.key = key;
    request.version = std::move(version);
    request.owner = "somebody";
    return must(engine->remove(op, request));
  }
  std::optional<Version> find(const std::string& bucket, const std::string& key,
                              const std::optional<std::string>& version = {}) {
    return must(engine->find(bucket, key, version));
  }

  // What a client would get: the bytes of the slices.
  static std::string send(const Reading& reading) {
    std::string text;
    for (const http::FileSlice& slice : reading.slices) {
      std::string piece(slice.length_bytes, '\0');
      const ssize_t got =
          pread(slice.file->descriptor(), piece.data(), piece.size(), static_cast<off_t>(slice.offset_bytes));
      if (got != static_cast<ssize_t>(piece.size())) throw std::runtime_error("a slice is shorter than it says");
      text += piece;
    }
    if (!reading.bytes.empty() && reading.bytes != text) throw std::runtime_error("bytes and slices differ");
    return text;
  }
  std::string read(const Version& version) {
    return send(*must(engine->open(version, 0, version.size_bytes, Objects::Wait::yes)));
  }
  std::string get(const std::string& bucket, const std::string& key) {
    const auto version = find(bucket, key);
    if (!version || version->delete_marker) return "(nothing)";
    return read(*version);
  }

  testing::Scratch scratch;
  testing::SimClock clock;
  CollectingReporter reporter;
  ObjectsOptions options;
  Tuning tuning;
  Op op;
  std::unique_ptr<Engine> engine;
};

}  // namespace duskline::objects
