// What is found after a crash, against a ledger of what was acknowledged: the log cut at every record and inside them,
// the power gone at every moment, with the index lost or of an earlier time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "objects/engine_kit.h"
#include "objects/log.h"
#include "objects/power_kit.h"

namespace duskline::objects {
namespace {

namespace fs = std::filesystem;

// All versions and uploads of all buckets, with bytes, as text; ids are random and left out.
std::string picture(World& world) {
  std::string text;
  for (const Bucket& bucket : must(world.engine->buckets())) {
    text += bucket.name + " " + std::to_string(static_cast<int>(bucket.versioning)) + ":";
    ListRequest request;
    request.bucket = bucket.name;
    request.versions = true;
    for (const Version& entry : must(world.engine->list(world.op, request)).entries) {
      const auto version = world.find(bucket.name, entry.key, entry.id);
      text += " " + entry.key + (entry.id == null_version ? "@null=" : "=");
      text += entry.delete_marker ? "marker" : world.read(*version);
      for (const auto& [name, value] : version->properties) text += "," + name + "=" + value;
    }
    for (const Upload& upload : must(world.engine->uploads(world.op, {.bucket = bucket.name})).uploads) {
      text += " upload " + upload.key;
      for (const Part& part : must(world.engine->parts(world.op, upload, 0, 1000)).parts) {
        text += " " + std::to_string(part.number) + ":" + std::to_string(part.size_bytes);
      }
    }
    text += "\n";
  }
  return text;
}

void lose_index(const World& world) {
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(world.options.directory + "/index.sqlite" + suffix);
}

struct Stopped {};  // an operation failed: the power is gone

// A step of a history; throws Stopped where it was not acknowledged.
using Step = std::function<void(World&)>;

template <typename T>
T done(Result<T> result) {
  if (!result) throw Stopped{};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

Step put(const std::string& key, const std::string& text) {
  return [=](World& world) { done(world.try_put("b", key, text)); };
}
Step versioning(Versioning to) {
  return [=](World& world) {
    done(world.engine->change_bucket(world.op, "b", [&](Bucket& bucket) -> Status {
      bucket.versioning = to;
      return {};
    }));
  };
}
Step remove(const std::string& key) {
  return [=](World& world) {
    RemoveRequest request;
    request.bucket = "b";
    request.key = key;
    done(world.engine->remove(world.op, request));
  };
}
Step remove_newest(const std::string& key) {
  return [=](World& world) {
    RemoveRequest request;
    request.bucket = "b";
    request.key = key;
    request.version = done(world.engine->find("b", key, {}))->id;
    done(world.engine->remove(world.op, request));
  };
}
Upload upload_of(World& world) { return done(world.engine->uploads(world.op, {.bucket = "b"})).uploads.at(0); }
Step part(std::uint32_t number) {
  return [=](World& world) {
    const Upload upload = upload_of(world);
    auto bytes = done(world.engine->receive(4));
    done(bytes->write(bytes_of("part")));
    done(world.engine->put_part(world.op, upload, number, std::move(bytes), "etag", {}));
  };
}

// A few of each kind of write.
std::vector<Step> history() {
  std::vector<Step> steps;
  steps.emplace_back([](World& world) {
    Bucket bucket;
    bucket.name = "b";
    bucket.versioning = Versioning::on;
    done(world.engine->create_bucket(world.op, bucket));
  });
  steps.push_back(put("k", "one"));
  steps.push_back(put("k", "two"));
  steps.push_back(put("large", std::string(70'000, 'L')));
  steps.push_back(remove("k"));
  steps.emplace_back([](World& world) {
    done(world.engine->change(world.op, "b", "large", {}, [](Version& version) -> Status {
      version.properties["tag"] = "x";
      return {};
    }));
  });
  steps.emplace_back([](World& world) {
    Upload wanted;
    wanted.bucket = "b";
    wanted.key = "parts";
    done(world.engine->create_upload(world.op, wanted));
  });
  for (const std::uint32_t number : {1U, 2U, 1U}) steps.push_back(part(number));
  steps.emplace_back([](World& world) {
    CompleteRequest request;
    request.bucket = "b";
    request.key = "parts";
    request.upload = upload_of(world).id;
    request.parts = {1, 2};
    done(world.engine->complete(world.op, request));
  });
  steps.push_back(versioning(Versioning::suspended));
  steps.push_back(put("k", "null"));
  steps.push_back(put("k", "null again"));
  steps.push_back(remove_newest("large"));
  steps.push_back(remove_newest("k"));
  for (int i = 0; i < 4; ++i) steps.push_back(put("filler", std::string(900, static_cast<char>('0' + i))));
  return steps;
}

TEST(Crash, TheLogCutAnywhere) {
  World world;
  world.open(std::make_unique<QuickFiles>());
  const std::string segment = segment_path(world.options.directory, 1);
  std::vector<std::pair<std::uint64_t, std::string>> ledger;
  for (const Step& step : history()) {
    step(world);
    ledger.emplace_back(fs::file_size(segment), picture(world));
  }
  world.close();
  const fs::path whole = world.scratch.path("whole");
  fs::copy(world.options.directory, whole, fs::copy_options::recursive);

  for (std::size_t i = 0; i < ledger.size(); ++i) {
    const std::uint64_t end = ledger[i].first;
    const std::uint64_t next = i + 1 < ledger.size() ? ledger[i + 1].first : end + 1;
    for (const std::uint64_t cut : std::set<std::uint64_t>{end, end + 1, (end + next) / 2, next - 1}) {
      if (cut >= next) continue;
      fs::remove_all(world.options.directory);
      fs::copy(whole, world.options.directory, fs::copy_options::recursive);
      lose_index(world);
      fs::resize_file(segment, cut);
      world.open(std::make_unique<QuickFiles>());
      EXPECT_EQ(picture(world), ledger[i].second) << "cut at " << cut << " of " << next;
      const auto notes = world.reporter.take_notes();
      EXPECT_EQ(notes.size(), cut == end ? 0U : 1U);
      if (cut != end) {
        EXPECT_THAT(notes[0], ::testing::HasSubstr("the log's tail was cut off"));
      }
      // What is written behind the cut stays, also when all of it is read again.
      world.put("b", "after", "more");
      const std::string then = picture(world);
      world.close();
      lose_index(world);
      world.open(std::make_unique<QuickFiles>());
      EXPECT_EQ(picture(world), then) << "written behind a cut at " << cut;
      world.close();
    }
  }
}

// A store whose power goes at one change, and how it is found.
class PowerCut {
 public:
  explicit PowerCut(std::uint64_t seed) : random_(seed) {
    world_.tuning.segment_bytes = 2000;
    state_->before_remove = [this](const std::string& path) {
      // The engine syncs its index before it removes a segment: no earlier one is found afterwards.
      if (path.find("/log/") != std::string::npos) keep_index();
    };
  }

  // How many changes the whole history takes, and what is seen after each step.
  std::uint64_t learn() {
    run(~std::uint64_t{0});
    const std::uint64_t changes = state_->changes;
    world_.close();
    return changes;
  }

  void cut_at(std::uint64_t change) {
    SCOPED_TRACE("power cut at change " + std::to_string(change));
    fs::remove_all(world_.options.directory);
    fs::remove_all(kept_);
    *state_ = PowerFiles::State{.before_remove = state_->before_remove};
    const std::size_t acknowledged = run(change);
    world_.close();
    restore_index();
    state_->settle(random_);
    world_.open(files());
    const std::string found = picture(world_);
    const std::string& before = pictures_.at(acknowledged);
    const std::string& after = pictures_.at(std::min(acknowledged + 1, pictures_.size() - 1));
    EXPECT_TRUE(found == before || found == after) << "found:\n" << found << "acknowledged:\n" << before;
    must(world_.engine->tidy());
    EXPECT_EQ(picture(world_), found);
    world_.close();
    if (change % 5 != 0) return;  // it takes longer than all the rest
    const CheckReport report = must(check_objects(world_.op, world_.options, world_.clock, CheckMode::report));
    EXPECT_THAT(report.messages, ::testing::IsEmpty());
  }

 private:
  std::unique_ptr<Files> files() { return std::make_unique<PowerFiles>(state_, world_.scratch.path("graves")); }

  // The steps that were acknowledged before the power went.
  std::size_t run(std::uint64_t cut) {
    state_->cut_at = cut;
    std::size_t acknowledged = 0;
    const bool learning = pictures_.empty();
    try {
      auto engine = Engine::open(world_.options, world_.clock, files(), world_.tuning);
      if (!engine) return 0;
      world_.engine = std::move(*engine);
      if (learning) pictures_.push_back(picture(world_));
      for (const Step& step : history()) {
        step(world_);
        ++acknowledged;
        if (learning) pictures_.push_back(picture(world_));
        if (acknowledged % 3 == 0) (void)world_.engine->tidy();
        if (random_() % 3 == 0 && !state_->is_cut()) keep_index();
      }
    } catch (const Stopped&) {
    }
    return acknowledged;
  }

  void keep_index() {
    fs::create_directories(kept_);
    for (const char* suffix : {"", "-wal"}) {
      const std::string from = world_.options.directory + "/index.sqlite" + suffix;
      if (fs::exists(from)) {
        fs::copy_file(from, kept_ + "/index.sqlite" + suffix, fs::copy_options::overwrite_existing);
      } else {
        fs::remove(kept_ + "/index.sqlite" + suffix);
      }
    }
  }
  // The index of now, of an earlier moment, or none.
  void restore_index() {
    const std::uint64_t dice = random_() % 3;
    if (dice == 0) return;
    lose_index(world_);
    if (dice == 1 || !fs::exists(kept_)) return;
    for (const fs::directory_entry& file : fs::directory_iterator(kept_)) {
      fs::copy_file(file.path(), world_.options.directory + "/" + file.path().filename().string());
    }
  }

  std::mt19937_64 random_;
  World world_;
  std::shared_ptr<PowerFiles::State> state_ = std::make_shared<PowerFiles::State>();
  std::vector<std::string> pictures_;
  const std::string kept_ = world_.scratch.path("kept");
};

TEST(Crash, ThePowerGoesAtEveryChange) {
  const char* const given = std::getenv("DUSKLINE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  SCOPED_TRACE("seed " + std::to_string(seed));
  PowerCut history(seed);
  const std::uint64_t changes = history.learn();
  ASSERT_GT(changes, 50U);
  for (std::uint64_t change = 1; change <= changes && !HasFailure(); ++change) history.cut_at(change);
}

}  // namespace
}  // namespace duskline::objects
