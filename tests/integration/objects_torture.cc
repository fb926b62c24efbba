// Writes to a store from several threads and keeps a ledger of what was acknowledged, until somebody kills it; and
// checks a store against the ledger.
//
//   objects_torture write STORE LEDGER SEED    until it is killed
//   objects_torture verify STORE LEDGER        0: as the ledger says (and the ledger is begun anew), 1: not
//
// Each thread has keys of its own. Lines of the ledger, each written by one call:
//   begin  OP WHAT BUCKET KEY SIZE VERSION   an operation is about to be asked for
//   done   OP VERSION                        it was acknowledged
//   have   OP BUCKET KEY SIZE VERSION        a version that is there (written by verify)
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "objects/engine.h"

namespace duskline::objects {
namespace {

constexpr unsigned threads = 6;
constexpr unsigned keys_each = 8;
constexpr std::uint64_t small_segment = 512 << 10;  // so that compaction has work

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "objects_torture: %s\n", message.c_str());
  std::exit(1);
}
template <typename T>
T must(Result<T> result, const std::string& what) {
  if (!result) die(what + ": " + result.error().describe());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// The bytes that operation `op` puts.
std::string body_of(std::uint64_t op, std::uint64_t size) {
  std::mt19937_64 random(op);
  std::string text(size, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 64 == 0) random.discard(1);
    text[i] = static_cast<char>('a' + (op * 7 + i * i + i / 64 * (random() % 3)) % 26);
  }
  return text;
}

struct Known {
  std::uint64_t op = 0, size = 0;
};
// What may be found of one version: `known`, and also nothing if a removal was begun or its put was not acknowledged.
struct Expected {
  Known known;
  bool must_be_there = false;
};
struct KeyLedger {
  std::map<std::string, Expected> versions;  // of the versioned bucket, by id
  std::vector<Known> allowed;                // of the plain bucket: the content may be any of these,
  bool may_be_absent = true;                 // or nothing
  std::vector<Known> unacknowledged;         // puts whose version id is not known
};

class Ledger {
 public:
  explicit Ledger(const std::string& path) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ < 0) die("cannot open the ledger " + path);
  }
  ~Ledger() { ::close(fd_); }
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  void line(const std::string& text) const {
    const std::string whole = text + "\n";
    if (::write(fd_, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) die("cannot write the ledger");
  }

 private:
  int fd_;
};

std::unique_ptr<Engine> open_store(const std::string& directory) {
  static RealClock clock;
  ObjectsOptions options;
  options.directory = directory;
  Tuning tuning;
  tuning.segment_bytes = small_segment;
  auto engine = must(Engine::open(options, clock, std::make_unique<Files>(), tuning), "open");
  for (const char* name : {"plain", "versioned"}) {
    if (must(engine->bucket(name), "bucket")) continue;
    Bucket bucket;
    bucket.name = name;
    if (bucket.name == "versioned") bucket.versioning = Versioning::on;
    must(engine->create_bucket(Op{}, bucket), "create bucket");
  }
  return engine;
}

// --- write

class Writer {
 public:
  Writer(Engine& engine, const Ledger& ledger, unsigned thread, std::uint64_t seed, std::uint64_t first_op)
      : engine_(engine), ledger_(ledger), thread_(thread), random_(seed), op_(first_op + thread) {}

  [[noreturn]] void run() {
    for (;;) {
      op_ += threads;
      const std::string bucket = random_() % 2 == 0 ? "plain" : "versioned";
      const std::string key = "t" + std::to_string(thread_) + "/k" + std::to_string(random_() % keys_each);
      const std::uint64_t dice = random_() % 10;
      if (dice < 6) {
        put(bucket, key);
      } else if (dice < 8) {
        remove(bucket, key);
      } else {
        put_parts(bucket, key);
      }
    }
  }

 private:
  std::uint64_t some_size() { return random_() % 8 == 0 ? 65'000 + random_() % 200'000 : random_() % 5000; }
  void begin(const std::string& what, const std::string& bucket, const std::string& key, std::uint64_t size,
             const std::string& version) {
    ledger_.line("begin " + std::to_string(op_) + " " + what + " " + bucket + " " + key + " " + std::to_string(size) +
                 " " + version);
  }
  void done(const std::string& version) { ledger_.line("done " + std::to_string(op_) + " " + version); }

  std::unique_ptr<Incoming> receive(std::string_view text) {
    auto bytes = must(engine_.receive(text.size()), "receive");
    must(bytes->write(bytes_of(text)), "write");
    return bytes;
  }

  void put(const std::string& bucket, const std::string& key) {
    const std::string text = body_of(op_, some_size());
    begin("put", bucket, key, text.size(), "-");
    PutRequest request;
    request.bucket = bucket;
    request.key = key;
    request.bytes = receive(text);
    request.etag = std::to_string(op_);
    done(must(engine_.put(Op{}, std::move(request)), "put").id);
  }

  void put_parts(const std::string& bucket, const std::string& key) {
    const std::string text = body_of(op_, 1000 + some_size());
    begin("put", bucket, key, text.size(), "-");
    Upload wanted;
    wanted.bucket = bucket;
    wanted.key = key;
    const Upload upload = must(engine_.create_upload(Op{}, wanted), "create upload");
    const std::size_t middle = text.size() / 2;
    must(engine_.put_part(Op{}, upload, 1, receive(std::string_view(text).substr(0, middle)), "1", {}), "put part");
    must(engine_.put_part(Op{}, upload, 2, receive(std::string_view(text).substr(middle)), "2", {}), "put part");
    CompleteRequest request;
    request.bucket = bucket;
    request.key = key;
    request.upload = upload.id;
    request.parts = {1, 2};
    request.etag = std::to_string(op_);
    done(must(engine_.complete(Op{}, std::move(request)), "complete").id);
  }

  void remove(const std::string& bucket, const std::string& key) {
    RemoveRequest request;
    request.bucket = bucket;
    request.key = key;
    if (bucket == "versioned") {
      const auto latest = must(engine_.find(bucket, key, {}), "find");
      if (!latest) return;
      request.version = latest->id;
    }
    begin("remove", bucket, key, 0, request.version.value_or("-"));
    must(engine_.remove(Op{}, request), "remove");
    done("-");
  }

  Engine& engine_;
  const Ledger& ledger_;
  const unsigned thread_;
  std::mt19937_64 random_;
  std::uint64_t op_;
};

// --- the ledger, read

struct Reckoning {
  std::map<std::pair<std::string, std::string>, KeyLedger> keys;  // by bucket and key
  std::uint64_t last_op = 0;
};

struct Begun {
  std::string what, bucket, key, version;
  std::uint64_t size = 0;
};

void account(Reckoning& reckoning, std::uint64_t op, const Begun& begun, const std::optional<std::string>& done) {
  KeyLedger& key = reckoning.keys[{begun.bucket, begun.key}];
  if (begun.bucket == "plain") {
    if (done) key.allowed.clear();
    if (begun.what == "put") key.allowed.push_back({op, begun.size});
    if (begun.what == "put" && done) key.may_be_absent = false;
    if (begun.what == "remove") key.may_be_absent = true;
  } else if (begun.what == "put") {
    if (done) {
      key.versions[*done] = {{op, begun.size}, true};
    } else {
      key.unacknowledged.push_back({op, begun.size});
    }
  } else if (done) {
    key.versions.erase(begun.version);
  } else {
    key.versions[begun.version].must_be_there = false;
  }
}

Reckoning read_ledger(const std::string& path) {
  Reckoning reckoning;
  std::map<std::uint64_t, Begun> open;
  std::vector<std::pair<std::uint64_t, Begun>> order;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word, version;
    std::uint64_t op = 0;
    Begun begun;
    words >> word >> op;
    reckoning.last_op = std::max(reckoning.last_op, op);
    if (word == "have") {
      words >> begun.bucket >> begun.key >> begun.size >> version;
      begun.what = "put";
      account(reckoning, op, begun, version);
    } else if (word == "begin") {
      words >> begun.what >> begun.bucket >> begun.key >> begun.size >> begun.version;
      open[op] = begun;
    } else {
      words >> version;
      account(reckoning, op, open.at(op), version);
      open.erase(op);
    }
  }
  // At most one for each thread; nothing was done to its key after it.
  for (const auto& [op, begun] : open) account(reckoning, op, begun, std::nullopt);
  return reckoning;
}

// --- verify

class Verifier {
 public:
  Verifier(Engine& engine, Reckoning reckoning) : engine_(engine), reckoning_(std::move(reckoning)) {}

  // The lines of a new ledger; problems are printed and counted.
  std::vector<std::string> run() {
    for (const char* bucket : {"plain", "versioned"}) {
      ListRequest request;
      request.bucket = bucket;
      request.versions = true;
      request.limit = 100;
      for (bool more = true; more;) {
        const ListResult page = must(engine_.list(Op{}, request), "list");
        for (const Version& entry : page.entries) look_at(entry);
        more = page.truncated;
        request.after = page.next;
        request.after_version = page.next_version;
      }
    }
    for (const auto& [place, key] : reckoning_.keys) {
      if (place.first == "plain" && !key.may_be_absent && !seen_.contains(place)) problem(place, "is lost");
      for (const auto& [id, expected] : key.versions) {
        if (expected.must_be_there) problem(place, "has lost version " + id);
      }
    }
    return lines_;
  }
  [[nodiscard]] int problems() const { return problems_; }

 private:
  using Place = std::pair<std::string, std::string>;
  void problem(const Place& place, const std::string& what) {
    ++problems_;
    std::printf("%s/%s %s\n", place.first.c_str(), place.second.c_str(), what.c_str());
  }

  void look_at(const Version& entry) {
    const Place place{entry.bucket, entry.key};
    seen_.insert(place);
    KeyLedger& key = reckoning_.keys[place];
    const std::uint64_t op = std::strtoull(entry.etag.c_str(), nullptr, 10);
    const std::string text = read(entry);
    lines_.push_back("have " + std::to_string(op) + " " + entry.bucket + " " + entry.key + " " +
                     std::to_string(entry.size_bytes) + " " + entry.id);
    const auto among = [&](const std::vector<Known>& some) {
      return std::any_of(some.begin(), some.end(), [&](const Known& known) { return matches(known, op, text); });
    };
    if (entry.bucket == "plain") {
      if (!among(key.allowed)) problem(place, "holds what was never acknowledged last, of operation " + entry.etag);
      return;
    }
    if (const auto known = key.versions.find(entry.id); known != key.versions.end()) {
      if (!matches(known->second.known, op, text)) problem(place, "has other bytes in version " + entry.id);
      key.versions.erase(known);
    } else if (!among(key.unacknowledged)) {
      problem(place, "has a version that nobody put, or that was removed: " + entry.id);
    }
  }
  static bool matches(const Known& known, std::uint64_t op, const std::string& text) {
    return known.op == op && known.size == text.size() && text == body_of(op, known.size);
  }

  std::string read(const Version& entry) {
    const auto version = must(engine_.find(entry.bucket, entry.key, entry.id), "find");
    if (!version) die("a listed version is not found: " + entry.key);
    const auto reading = must(engine_.open(*version, 0, version->size_bytes, Objects::Wait::yes), "open");
    std::string text;
    for (const http::FileSlice& slice : reading->slices) {
      std::string piece(slice.length_bytes, '\0');
      if (pread(slice.file->descriptor(), piece.data(), piece.size(), static_cast<off_t>(slice.offset_bytes)) !=
          static_cast<ssize_t>(piece.size())) {
        die("a slice is shorter than it says: " + entry.key);
      }
      text += piece;
    }
    return text;
  }

  Engine& engine_;
  Reckoning reckoning_;
  std::set<Place> seen_;
  std::vector<std::string> lines_;
  int problems_ = 0;
};

int write_until_killed(const std::string& directory, const std::string& path, std::uint64_t seed) {
  const std::uint64_t first = read_ledger(path).last_op + 1;
  const auto engine = open_store(directory);
  const Ledger ledger(path);
  std::puts("ready");
  std::fflush(stdout);
  std::vector<std::thread> all;
  for (unsigned thread = 0; thread < threads; ++thread) {
    all.emplace_back([&, thread] { Writer(*engine, ledger, thread, seed * threads + thread, first).run(); });
  }
  for (std::thread& thread : all) thread.join();
  return 0;
}

int verify(const std::string& directory, const std::string& path) {
  Reckoning reckoning = read_ledger(path);
  const std::uint64_t last = reckoning.last_op;
  std::vector<std::string> lines;
  int problems = 0;
  {
    const auto engine = open_store(directory);
    Verifier verifier(*engine, std::move(reckoning));
    lines = verifier.run();
    problems = verifier.problems();
    must(engine->tidy(), "tidy");
  }
  RealClock clock;
  ObjectsOptions options;
  options.directory = directory;
  const CheckReport report = must(check_objects(Op{}, options, clock, CheckMode::report), "check");
  for (const std::string& message : report.messages) std::printf("check: %s\n", message.c_str());
  if (problems > 0 || report.problems > 0) return 1;
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());
  {
    const Ledger fresh(draft);
    for (const std::string& line : lines) fresh.line(line);
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) die("cannot replace the ledger");
  std::printf("%zu versions as the ledger says, after %llu operations\n", lines.size(),
              static_cast<unsigned long long>(last));
  return 0;
}

}  // namespace
}  // namespace duskline::objects

int main(int count, char** arguments) {
  using namespace duskline::objects;
  const std::string what = count > 1 ? arguments[1] : "";
  if (what == "write" && count == 5) {
    return write_until_killed(arguments[2], arguments[3], std::strtoull(arguments[4], nullptr, 10));
  }
  if (what == "verify" && count == 4) return verify(arguments[2], arguments[3]);
  std::fprintf(stderr, "usage: objects_torture write STORE LEDGER SEED | verify STORE LEDGER\n");
  return 2;
}
