#include "gateway/lifecycle_runner.h"

#include <gtest/gtest.h>

#include "gateway/object_lock.h"
#include "gateway/properties.h"
#include "testing/must.h"
#include "testing/scratch.h"
#include "testing/sim_clock.h"

namespace duskline::gateway {
namespace {

using std::chrono::hours;
using testing::must;

class LifecycleRun : public ::testing::Test {
 protected:
  void make_bucket(objects::Versioning versioning, const std::string& actions) {
    objects::Bucket bucket;
    bucket.name = "bucket";
    bucket.owner = "owner";
    must(objects_->create_bucket({}, bucket));
    must(objects_->change_bucket({}, "bucket", [&](objects::Bucket& made) -> Status {
      made.versioning = versioning;
      made.properties[std::string(property::lifecycle)] =
          "<LifecycleConfiguration><Rule><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>" + actions +
          "</Rule></LifecycleConfiguration>";
      return {};
    }));
  }
  objects::Version put(const std::string& key, const objects::Properties& properties = {}) {
    auto incoming = must(objects_->receive(1));
    must(incoming->write(bytes_of("x")));
    objects::PutRequest request{"bucket", key, std::move(incoming), "etag", "owner", properties, {}};
    auto version = must(objects_->put({}, std::move(request)));
    clock_.advance(std::chrono::seconds(1));
    return version;
  }
  LifecycleReport run() {
    NullReporter reporter;
    return must(run_lifecycle({}, *objects_, clock_.now(), LifecycleDay{hours(1)}, reporter));
  }
  std::vector<std::string> left() {
    std::vector<std::string> names;
    for (const auto& version : must(objects_->list({}, {.bucket = "bucket", .versions = true})).entries) {
      names.push_back(version.key + (version.delete_marker ? "!" : ""));
    }
    return names;
  }
  using Names = std::vector<std::string>;

  testing::Scratch scratch_;
  testing::SimClock clock_;
  std::unique_ptr<objects::Objects> objects_ =
      must(objects::open_objects({.directory = scratch_.path("store")}, clock_));
};

TEST_F(LifecycleRun, RemovesWhatIsOldEnough) {
  make_bucket(objects::Versioning::never, "<Expiration><Days>2</Days></Expiration>");
  put("logs/old");
  put("other/old");
  clock_.advance(hours(1));
  put("logs/new");
  EXPECT_EQ(run().expired, 0U);
  clock_.advance(hours(1));
  EXPECT_EQ(run().expired, 1U);
  EXPECT_EQ(left(), (Names{"logs/new", "other/old"}));
}

TEST_F(LifecycleRun, PutsVersionsBehindAMarkerAndLaterRemovesAll) {
  make_bucket(objects::Versioning::on,
              "<Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
              "</NoncurrentVersionExpiration>");
  put("logs/a");
  put("logs/a");
  clock_.advance(hours(1));
  const auto first = run();
  EXPECT_EQ(first.expired, 1U);
  EXPECT_EQ(first.noncurrent, 1U);
  EXPECT_EQ(left(), (Names{"logs/a!", "logs/a"}));
  EXPECT_EQ(run().markers, 0U);
  clock_.advance(hours(1));
  EXPECT_EQ(run().noncurrent, 1U);
  EXPECT_EQ(run().markers, 1U);
  EXPECT_EQ(left(), Names{});
}

TEST_F(LifecycleRun, KeepsTheNewestNoncurrentVersions) {
  make_bucket(objects::Versioning::on,
              "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2"
              "</NewerNoncurrentVersions></NoncurrentVersionExpiration>");
  for (int i = 0; i < 5; ++i) put("logs/a");
  clock_.advance(hours(3));
  EXPECT_EQ(run().noncurrent, 2U);
  EXPECT_EQ(left().size(), 3U);
  EXPECT_EQ(run().noncurrent, 0U);
}

TEST_F(LifecycleRun, LeavesWhatIsLocked) {
  make_bucket(objects::Versioning::on,
              "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>");
  objects::Properties properties;
  set_retention(Retention{LockMode::governance, clock_.now() + hours(10)}, properties);
  put("logs/a", properties);
  put("logs/a");
  clock_.advance(hours(3));
  const auto report = run();
  EXPECT_EQ(report.noncurrent, 0U);
  EXPECT_EQ(report.failed, 0U);
  EXPECT_EQ(left().size(), 2U);
  clock_.advance(hours(10));
  EXPECT_EQ(run().noncurrent, 1U);
}

TEST_F(LifecycleRun, RemovesMarkersWithNothingBehindThem) {
  make_bucket(objects::Versioning::on,
              "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>");
  must(objects_->remove({}, {"bucket", "logs/lone", std::nullopt, "owner", {}}));
  put("logs/kept");
  must(objects_->remove({}, {"bucket", "logs/kept", std::nullopt, "owner", {}}));
  EXPECT_EQ(run().markers, 1U);
  EXPECT_EQ(left(), (Names{"logs/kept!", "logs/kept"}));
}

TEST_F(LifecycleRun, AbortsUploadsThatWereForgotten) {
  make_bucket(objects::Versioning::never,
              "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation>"
              "</AbortIncompleteMultipartUpload>");
  for (const char* key : {"logs/a", "other"}) {
    objects::Upload upload;
    upload.bucket = "bucket";
    upload.key = key;
    upload.owner = "owner";
    must(objects_->create_upload({}, upload));
  }
  clock_.advance(hours(1));
  EXPECT_EQ(run().uploads, 0U);
  clock_.advance(hours(1));
  EXPECT_EQ(run().uploads, 1U);
  EXPECT_EQ(must(objects_->uploads({}, {.bucket = "bucket"})).uploads.size(), 1U);
}

}  // namespace
}  // namespace duskline::gateway
