// Random histories against a model that keeps everything in maps: the meaning of versioning, listings, uploads and
// copies, across restarts, compactions and indexes made anew. Prints its seed; DUSKLINE_SEED repeats one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "objects/engine_kit.h"
#include "objects/log.h"

namespace duskline::objects {
namespace {

struct ModelVersion {
  std::string id, body;
  bool marker = false;
  Properties properties;
};
struct ModelBucket {
  Versioning versioning = Versioning::never;
  std::map<std::string, std::vector<ModelVersion>> keys;  // newest first, never empty
};
struct ModelUpload {
  Upload upload;
  std::map<std::uint32_t, std::string> parts;
};

// One listing's page as the model has it.
struct Page {
  std::vector<std::string> entries;  // "key version latest"
  std::vector<std::string> prefixes;
  bool operator==(const Page&) const = default;
};

class Model {
 public:
  std::map<std::string, ModelBucket> buckets;

  void drop(const std::string& bucket, const std::string& key, const std::string& id) {
    auto& versions = buckets[bucket].keys[key];
    std::erase_if(versions, [&](const ModelVersion& version) { return version.id == id; });
    if (versions.empty()) buckets[bucket].keys.erase(key);
  }
  void add(const std::string& bucket, const std::string& key, ModelVersion version) {
    if (version.id == null_version) drop(bucket, key, null_version);
    auto& versions = buckets[bucket].keys[key];
    versions.insert(versions.begin(), std::move(version));
  }
  // All of a listing in one page.
  [[nodiscard]] Page list(const ListRequest& request) const {
    Page page;
    for (const auto& [key, versions] : buckets.at(request.bucket).keys) {
      if (!key.starts_with(request.prefix)) continue;
      const auto at =
          request.delimiter.empty() ? std::string::npos : key.find(request.delimiter, request.prefix.size());
      if (!request.versions && versions.front().marker) continue;
      if (at != std::string::npos) {
        const std::string group = key.substr(0, at + request.delimiter.size());
        if (page.prefixes.empty() || page.prefixes.back() != group) page.prefixes.push_back(group);
        continue;
      }
      for (const ModelVersion& version : versions) {
        page.entries.push_back(key + " " + version.id + (&version == &versions.front() ? " latest" : ""));
        if (!request.versions) break;
      }
    }
    return page;
  }
};

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {
    world_.tuning.segment_bytes = 20'000;
    world_.options.open_files = 8;
    open();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (::testing::Test::HasFailure()) {
        ADD_FAILURE() << "at step " << i;
        return;
      }
    }
    for (const auto& [name, bucket] : model_.buckets) compare_bucket(name);
    EXPECT_EQ(world_.engine->counts().versions, count_versions());
    must(world_.engine->tidy());
    const auto segments = must(list_segments(world_.options.directory));
    EXPECT_TRUE(segments.back() < 6 || segments.size() < segments.back()) << "nothing was compacted";
    world_.close();
    const CheckReport report = must(check_objects(world_.op, world_.options, world_.clock, CheckMode::report));
    EXPECT_THAT(report.messages, ::testing::IsEmpty());
    EXPECT_EQ(report.versions, count_versions());
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  std::string name() { return "bucket-" + std::to_string(pick(3)); }
  std::string key() {
    static const char* const keys[] = {"a", "a/",  "a/b",   "a/b/c",    "a/c",   "a0",
                                       "b", "b/a", "b/b/b", "\xC3\xA9", "z\xFF", "z\xFF\xFF"};
    return keys[pick(std::size(keys))];
  }
  std::string body() {
    const std::size_t size = pick(12) == 0 ? 60'000 + pick(90'000) : pick(300);
    std::string text(size, static_cast<char>('a' + pick(26)));
    for (std::size_t i = 0; i < text.size(); i += 97) text[i] = static_cast<char>(random_());
    return text;
  }
  void open() { world_.open(std::make_unique<QuickFiles>()); }
  [[nodiscard]] std::uint64_t count_versions() const {
    std::uint64_t count = 0;
    for (const auto& [name, bucket] : model_.buckets) {
      for (const auto& [key, versions] : bucket.keys) count += versions.size();
    }
    return count;
  }

  void step() {
    if (pick(3) == 0) world_.clock.advance(std::chrono::milliseconds(pick(5000)));
    const std::uint64_t dice = pick(100);
    if (dice < 30) return put();
    if (dice < 45) return remove();
    if (dice < 55) return remove_version();
    if (dice < 60) return change();
    if (dice < 66) return copy();
    if (dice < 76) return upload_step();
    if (dice < 82) return bucket_step();
    if (dice < 88) return compare_listing(name());
    if (dice < 96) return compare_key(name(), key());
    if (dice < 98) return must(world_.engine->tidy());
    restart();
  }

  void restart() {
    world_.close();
    const std::uint64_t dice = pick(3);
    if (dice == 0) std::filesystem::remove(world_.options.directory + "/index.sqlite");
    if (dice == 1) {
      const CheckReport report = must(check_objects(world_.op, world_.options, world_.clock, CheckMode::rebuild));
      EXPECT_THAT(report.messages, ::testing::IsEmpty());
    }
    open();
  }

  void expect_current(const std::string& bucket, const std::string& key, const Version* current) {
    const auto& keys = model_.buckets.at(bucket).keys;
    const auto found = keys.find(key);
    if (found == keys.end()) {
      EXPECT_EQ(current, nullptr);
    } else {
      ASSERT_NE(current, nullptr);
      EXPECT_EQ(current->id, found->second.front().id);
      EXPECT_TRUE(current->latest);
    }
  }

  void put() {
    const std::string bucket = name(), key = this->key(), text = body();
    const bool refuse = pick(10) == 0;
    const auto made = world_.try_put(bucket, key, text, [&](const Version* current) -> Status {
      expect_current(bucket, key, current);
      if (refuse) return Error(Code::precondition, "not now");
      return {};
    });
    if (!model_.buckets.contains(bucket)) {
      EXPECT_EQ(must_fail(made), Code::not_found);
    } else if (refuse) {
      EXPECT_EQ(must_fail(made), Code::precondition);
    } else {
      const Version version = must(made);
      EXPECT_EQ(version.id == null_version, model_.buckets[bucket].versioning != Versioning::on);
      model_.add(bucket, key, {version.id, text, false, version.properties});
    }
  }

  void remove() {
    const std::string bucket = name(), key = this->key();
    if (!model_.buckets.contains(bucket)) return;
    const Removed removed = world_.remove(bucket, key);
    ModelBucket& model = model_.buckets[bucket];
    if (model.versioning == Versioning::never) {
      EXPECT_FALSE(removed.marker);
      EXPECT_EQ(removed.version.has_value(), model.keys.contains(key));
      model.keys.erase(key);
      return;
    }
    ASSERT_TRUE(removed.marker);
    model_.add(bucket, key, {removed.marker->id, "", true, {}});
  }

  std::optional<std::string> some_version(const std::string& bucket, const std::string& key) {
    if (!model_.buckets.contains(bucket)) return std::nullopt;
    const auto& keys = model_.buckets[bucket].keys;
    const auto found = keys.find(key);
    if (found == keys.end()) return std::nullopt;
    return found->second[pick(found->second.size())].id;
  }

  void remove_version() {
    const std::string bucket = name(), key = this->key();
    const auto id = some_version(bucket, key);
    if (!id) return;
    const Removed removed = world_.remove(bucket, key, *id);
    ASSERT_TRUE(removed.version);
    EXPECT_EQ(removed.version->id, *id);
    model_.drop(bucket, key, *id);
    EXPECT_FALSE(world_.remove(bucket, key, make_id(pick(1000), random_salt())).version);
  }

  void change() {
    const std::string bucket = name(), key = this->key();
    const auto id = some_version(bucket, key);
    if (!id) return;
    const std::string value = std::to_string(random_());
    must(world_.engine->change(world_.op, bucket, key, *id, [&](Version& version) -> Status {
      version.properties["tag"] = value;
      return {};
    }));
    for (ModelVersion& version : model_.buckets[bucket].keys[key]) {
      if (version.id == *id) version.properties["tag"] = value;
    }
  }

  const ModelVersion* model_version(const std::string& bucket, const std::string& key, const std::string& id) {
    for (const ModelVersion& version : model_.buckets[bucket].keys[key]) {
      if (version.id == id) return &version;
    }
    return nullptr;
  }

  // A run of a version becomes an object, or a part.
  std::pair<std::unique_ptr<Incoming>, std::string> shared_run() {
    const std::string bucket = name(), key = this->key();
    const auto id = some_version(bucket, key);
    if (!id) return {};
    const ModelVersion model = *model_version(bucket, key, *id);
    if (model.marker) return {};
    const std::uint64_t from = pick(model.body.size() + 1), length = pick(model.body.size() - from + 1);
    auto bytes = must(world_.engine->share(*world_.find(bucket, key, *id), from, length));
    return {std::move(bytes), model.body.substr(from, length)};
  }

  void copy() {
    auto [bytes, text] = shared_run();
    const std::string bucket = name();
    if (!bytes || !model_.buckets.contains(bucket)) return;
    if (pick(4) == 0) remove();  // perhaps of what is being copied
    PutRequest request;
    request.bucket = bucket;
    request.key = key();
    request.bytes = std::move(bytes);
    const std::string to = request.key;
    const Version made = must(world_.engine->put(world_.op, std::move(request)));
    model_.add(bucket, to, {made.id, text, false, {}});
  }

  void upload_step() {
    if (uploads_.empty() || pick(5) == 0) {
      Upload upload;
      upload.bucket = name();
      upload.key = key();
      if (!model_.buckets.contains(upload.bucket)) return;
      uploads_.push_back({must(world_.engine->create_upload(world_.op, upload)), {}});
      return;
    }
    const std::size_t which = pick(uploads_.size());
    ModelUpload& upload = uploads_[which];
    const std::uint64_t dice = pick(10);
    if (dice < 6) {
      const auto number = static_cast<std::uint32_t>(1 + pick(5));
      auto [bytes, text] = shared_run();
      if (!bytes || pick(2) == 0) {
        text = body();
        bytes = world_.bytes(text);
      }
      must(world_.engine->put_part(world_.op, upload.upload, number, std::move(bytes), "etag", {}));
      upload.parts[number] = text;
      return;
    }
    if (dice < 7) {
      must(world_.engine->abort(world_.op, upload.upload));
    } else {
      complete(upload);
    }
    uploads_.erase(uploads_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  void complete(const ModelUpload& upload) {
    CompleteRequest request;
    request.bucket = upload.upload.bucket;
    request.key = upload.upload.key;
    request.upload = upload.upload.id;
    std::string text;
    for (const auto& [number, part] : upload.parts) {
      if (pick(4) == 0) continue;
      request.parts.push_back(number);
      text += part;
    }
    const Version made = must(world_.engine->complete(world_.op, request));
    model_.add(request.bucket, request.key, {made.id, text, false, {}});
  }

  void bucket_step() {
    const std::string bucket = name();
    if (!model_.buckets.contains(bucket)) {
      world_.make_bucket(bucket, static_cast<Versioning>(pick(3)));
      model_.buckets[bucket].versioning = must(world_.engine->bucket(bucket))->versioning;
    } else if (pick(2) == 0) {
      model_.buckets[bucket].versioning = pick(2) == 0 ? Versioning::on : Versioning::suspended;
      world_.set_versioning(bucket, model_.buckets[bucket].versioning);
    } else {
      const Status removed = world_.engine->remove_bucket(world_.op, bucket, {});
      EXPECT_EQ(removed.has_value(), model_.buckets[bucket].keys.empty());
      if (!removed) return;
      model_.buckets.erase(bucket);
      std::erase_if(uploads_, [&](const ModelUpload& upload) { return upload.upload.bucket == bucket; });
    }
  }

  void compare_key(const std::string& bucket, const std::string& key) {
    if (!model_.buckets.contains(bucket)) return;
    const auto& keys = model_.buckets[bucket].keys;
    const auto found = keys.find(key);
    const auto latest = world_.find(bucket, key);
    ASSERT_EQ(latest.has_value(), found != keys.end());
    if (!latest) return;
    EXPECT_EQ(latest->id, found->second.front().id);
    for (const ModelVersion& model : found->second) {
      const auto version = world_.find(bucket, key, model.id);
      ASSERT_TRUE(version);
      EXPECT_EQ(version->delete_marker, model.marker);
      EXPECT_EQ(version->latest, &model == &found->second.front());
      EXPECT_EQ(version->properties, model.properties);
      if (!model.marker) {
        EXPECT_TRUE(world_.read(*version) == model.body);
      }
    }
  }

  void compare_listing(const std::string& bucket) {
    if (!model_.buckets.contains(bucket)) return;
    ListRequest request;
    request.bucket = bucket;
    static const char* const prefixes[] = {"", "", "a", "a/", "a/b", "b/", "z\xFF", "zz"};
    request.prefix = prefixes[pick(std::size(prefixes))];
    request.delimiter = pick(2) == 0 ? "" : pick(4) == 0 ? "/b" : "/";
    request.versions = pick(2) == 0;
    const Page wanted = model_.list(request);
    request.limit = static_cast<std::uint32_t>(1 + pick(7));
    Page seen;
    for (int pages = 0; pages < 1000; ++pages) {
      const ListResult result = must(world_.engine->list(world_.op, request));
      EXPECT_LE(result.entries.size() + result.prefixes.size(), request.limit);
      for (const Version& entry : result.entries) {
        seen.entries.push_back(entry.key + " " + entry.id + (entry.latest ? " latest" : ""));
      }
      seen.prefixes.insert(seen.prefixes.end(), result.prefixes.begin(), result.prefixes.end());
      if (!result.truncated) break;
      request.after = result.next;
      request.after_version = result.next_version;
    }
    EXPECT_EQ(seen.entries, wanted.entries) << request.prefix << " " << request.delimiter << " " << request.versions;
    EXPECT_EQ(seen.prefixes, wanted.prefixes);
  }

  void compare_bucket(const std::string& bucket) {
    std::vector<std::string> keys;
    for (const auto& [key, versions] : model_.buckets[bucket].keys) keys.push_back(key);
    for (const std::string& key : keys) compare_key(bucket, key);
    for (int i = 0; i < 10; ++i) compare_listing(bucket);
  }

  std::mt19937_64 random_;
  World world_;
  Model model_;
  std::vector<ModelUpload> uploads_;
};

TEST(Model, RandomHistories) {
  const char* const given = std::getenv("DUSKLINE_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  const std::uint64_t last = given != nullptr ? first : 4;
  for (std::uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History(seed).run(1000);
  }
}

}  // namespace
}  // namespace duskline::objects
