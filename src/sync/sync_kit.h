// Two sides and a run between them, for tests: directories on the real disk, and a bucket on a server that misbehaves
// on order.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "disk/real_disk.h"
#include "sync/bucket_place.h"
#include "sync/folder_place.h"
#include "sync/sync.h"
#include "sync/wrapped_place.h"
#include "sync/wrappers.h"
#include "testing/bad_s3_server.h"
#include "testing/must.h"
#include "testing/scratch.h"

namespace duskline::sync {

using testing::must;

class TestReporter final : public Reporter {
 public:
  void note(Severity, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    notes += std::string(message) + "\n";
  }
  void progress(const Progress&) override {}
  void record(const FileRecord& record) override {
    const std::lock_guard lock(mutex_);
    records += std::string(record.action) + " " + std::string(record.path) + "\n";
    reasons += std::string(record.path) + ": " + std::string(record.reason) + "\n";
  }
  [[nodiscard]] bool recorded(const std::string& line) const {
    return ("\n" + records).find("\n" + line + "\n") != std::string::npos;
  }
  std::string notes, records, reasons;

 private:
  std::mutex mutex_;
};

// As if everything happened a second later, so that the times of files just written may be believed.
class LaterClock final : public Clock {
 public:
  [[nodiscard]] WallTime now() const override { return real_.now() + later; }
  [[nodiscard]] SteadyTime steady() const override { return real_.steady(); }
  bool sleep_until(SteadyTime until, const std::stop_token& stop) override { return real_.sleep_until(until, stop); }
  std::chrono::nanoseconds later = std::chrono::seconds(5);

 private:
  RealClock real_;
};

class GivenCredentials final : public s3::CredentialSource {
 public:
  explicit GivenCredentials(s3::Credentials credentials) : credentials_(std::move(credentials)) {}
  Result<s3::Credentials> get(const Op&) override { return credentials_; }
  void invalidate() override {}

 private:
  const s3::Credentials credentials_;
};

class Kit {
 public:
  Kit() : Kit(std::set<testing::S3Trait>{testing::S3Trait::md5_etags}) {}
  explicit Kit(std::set<testing::S3Trait> traits)
      : server({.traits = std::move(traits)}), transport_(http::open_curl_transport({})) {
    std::filesystem::create_directory(source());
    cache_ = must(disk->open_or_create(scratch.path("cache"), 0700));
    options.workers = 4;
  }

  [[nodiscard]] std::string source() const { return scratch.path("source"); }
  [[nodiscard]] std::string target() const { return scratch.path("target"); }

  // Files by paths like "source/d/a".
  void write(const std::string& path, std::string_view content) const {
    const std::filesystem::path full = scratch.path(path);
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << content;
  }
  [[nodiscard]] std::string read(const std::string& path) const {
    std::ifstream file(scratch.path(path), std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    return file ? content.str() : "absent";
  }
  // Makes the files' times old enough to be believed.
  void age(const std::string& path = "source") const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.path(path))) {
      if (entry.is_regular_file()) set_mtime(entry.path().native(), 1'600'000'000'000'000'123);
    }
  }
  static void set_mtime(const std::string& full_path, std::int64_t ns) {
    const timespec times[2] = {{0, UTIME_OMIT}, {ns / 1'000'000'000, ns % 1'000'000'000}};
    utimensat(AT_FDCWD, full_path.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
  [[nodiscard]] std::int64_t mtime(const std::string& path) const {
    struct stat info{};
    stat(scratch.path(path).c_str(), &info);
    return info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  }
  // "a" -> content, and "d/" for empty directories.
  [[nodiscard]] std::map<std::string, std::string> tree(const std::string& path) const {
    std::map<std::string, std::string> found;
    if (!std::filesystem::exists(scratch.path(path))) return found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.path(path))) {
      const std::string name = entry.path().lexically_relative(scratch.path(path)).native();
      if (entry.is_regular_file()) found[name] = read(path + "/" + name);
      if (entry.is_directory() && std::filesystem::is_empty(entry.path())) found[name + "/"] = "";
    }
    return found;
  }
  [[nodiscard]] std::map<std::string, std::string> objects(const std::string& prefix = "pre/") const {
    std::map<std::string, std::string> found;
    for (const auto& [key, object] : server.objects()) {
      if (key.starts_with(prefix)) found[key.substr(prefix.size())] = object.body;
    }
    return found;
  }

  std::unique_ptr<Place> folder(const std::string& path, bool is_source, disk::Filesystem* other_disk = nullptr) {
    FolderOptions folder{.path = scratch.path(path), .tag = is_source ? "" : "tag", .links = links};
    if (!is_source) folder.absent = FolderOptions::Absent::is_empty;
    if (!is_source && !backup.empty()) folder.backup = scratch.path(backup);
    return must(open_folder(other_disk == nullptr ? *disk : *other_disk, folder, rules));
  }
  std::unique_ptr<Place> bucket(const std::string& prefix = "pre/") {
    BucketOptions bucket;
    bucket.bucket = {must(http::parse_url(server.url())), testing::BadS3Server::bucket, "us-east-1",
                     s3::Addressing::path};
    bucket.prefix = prefix;
    bucket.service = "one";
    bucket.etags = EtagKind::md5;
    bucket.max_copy_bytes = max_copy_bytes;
    if (!backup.empty()) {
      bucket.backup_bucket = testing::BadS3Server::bucket;
      bucket.backup_prefix = backup + "/";
    }
    auto place = open_bucket(std::move(bucket), *transport_,
                             std::make_unique<GivenCredentials>(server.settings().credentials), clock, rules);
    store::RetryPolicy policy;
    policy.first = std::chrono::milliseconds(1);
    policy.most = std::chrono::milliseconds(2);
    return retry_place(std::move(place), policy, clock, [] { return 0.5; }, reporter);
  }

  Result<Totals> sync(std::unique_ptr<Place> from, std::unique_ptr<Place> to, const Op& op = {}) {
    reporter.records.clear();
    reporter.reasons.clear();
    options.rules_text = rules.text();
    if (!backup.empty()) options.backup = Options::Backup::made;
    return run(op, {*from, *to, *cache_, clock, reporter}, options);
  }
  Result<Totals> up() { return sync(folder("source", true), bucket()); }
  Result<Totals> down() { return sync(bucket(), folder("target", false)); }
  Result<Totals> across() { return sync(folder("source", true), folder("target", false)); }

  [[nodiscard]] disk::Directory& cache() { return *cache_; }

  testing::Scratch scratch;
  LaterClock clock;
  std::unique_ptr<disk::Filesystem> disk =
      disk::open_real_disk(disk::PathResolution::automatic, disk::Durability::left_to_system);
  testing::BadS3Server server;
  TestReporter reporter;
  Rules rules;
  Options options;
  FolderOptions::Links links = FolderOptions::Links::skip;
  std::string backup;
  std::uint64_t max_copy_bytes = BucketOptions().max_copy_bytes;

 private:
  std::unique_ptr<http::Transport> transport_;
  std::unique_ptr<disk::Directory> cache_;
};

}  // namespace duskline::sync
