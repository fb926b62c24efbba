// The storage engine: puts together log, index, data files. docs/formats/objects.md, docs/design/006-object-index.md.
#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>

#include "objects/body.h"
#include "objects/committer.h"
#include "objects/home.h"
#include "objects/index.h"
#include "objects/keeper.h"
#include "objects/log.h"
#include "objects/objects.h"
#include "objects/open_files.h"
#include "objects/pins.h"
#include "objects/readers.h"

namespace duskline::objects {

inline constexpr std::uint64_t max_wal_pages = 8192;  // 32 MiB

// What only tests set otherwise.
struct Tuning {
  std::uint64_t segment_bytes = usual_segment_bytes;
  Background background = Background::thread;
  IndexSync index_sync = IndexSync::at_checkpoints;
};

class Engine final : public Objects {
 public:
  static Result<std::unique_ptr<Engine>> open(const ObjectsOptions& options, Clock& clock, std::unique_ptr<Files> files,
                                              const Tuning& tuning);
  ~Engine() override;

  Result<Bucket> create_bucket(const Op& op, const Bucket& bucket) override;
  Status remove_bucket(const Op& op, const std::string& name, const Gate& gate) override;
  Result<std::optional<Bucket>> bucket(const std::string& name) override;
  Result<std::vector<Bucket>> buckets() override;
  Result<Bucket> change_bucket(const Op& op, const std::string& name,
                               const std::function<Status(Bucket&)>& change) override;

  Result<std::unique_ptr<Incoming>> receive(std::optional<std::uint64_t> size_bytes) override;
  Result<std::unique_ptr<Incoming>> share(const Version& version, std::uint64_t offset_bytes,
                                          std::uint64_t length_bytes) override;
  Result<Version> put(const Op& op, PutRequest request) override;
  Result<Removed> remove(const Op& op, const RemoveRequest& request) override;
  Result<Version> change(const Op& op, const std::string& bucket, const std::string& key,
                         const std::optional<std::string>& version,
                         const std::function<Status(Version&)>& change) override;

  Result<std::optional<Version>> find(const std::string& bucket, const std::string& key,
                                      const std::optional<std::string>& version) override;
  Result<std::optional<Reading>> open(const Version& version, std::uint64_t offset_bytes, std::uint64_t length_bytes,
                                      Wait wait) override;
  Result<ListResult> list(const Op& op, const ListRequest& request) override;

  Result<Upload> create_upload(const Op& op, const Upload& upload) override;
  Result<std::optional<Upload>> upload(const std::string& bucket, const std::string& key,
                                       const std::string& id) override;
  Result<Part> put_part(const Op& op, const Upload& upload, std::uint32_t number, std::unique_ptr<Incoming> bytes,
                        std::string etag, Properties properties) override;
  Result<PartList> parts(const Op& op, const Upload& upload, std::uint32_t after, std::uint32_t limit) override;
  Result<UploadList> uploads(const Op& op, const UploadListRequest& request) override;
  Result<Version> complete(const Op& op, CompleteRequest request) override;
  Status abort(const Op& op, const Upload& upload) override;

  [[nodiscard]] Counts counts() override;
  Result<ScrubReport> scrub(const Op& op, std::uint64_t bytes_per_second) override;

  // For tests. All of the background work, now; and the index, between batches.
  Status tidy();
  Status on_index(const Committer::Apart& work) { return committer_->run_apart(work); }
  [[nodiscard]] std::size_t waiting() const { return committer_->waiting(); }

 private:
  Engine(const ObjectsOptions& options, Clock& clock, std::unique_ptr<Files> files, Home home);
  Status start(const Tuning& tuning);
  void note(Severity severity, const std::string& message);
  void published(const Transaction& transaction);
  void publish_buckets();
  void count();
  void bound_wal();

  // The id of a bucket as readers see it. Code::not_found.
  Result<std::uint64_t> bucket_id(const std::string& name);
  Result<std::optional<Version>> find_again(const Version& version);
  Status slice(const Extent& extent, std::uint64_t skip, std::uint64_t length, OpenFile::Reads reads, Reading& reading,
               bool* enough);
  Result<std::optional<Reading>> slices(const Version& version, std::uint64_t offset, std::uint64_t length,
                                        OpenFile::Reads reads);
  Status share_run(Body& body, const Extent& extent, std::uint64_t skip, std::uint64_t length);
  Status room_for(std::uint64_t bytes);

  const ObjectsOptions options_;
  Clock& clock_;
  const std::unique_ptr<Files> files_;
  Home home_;
  Pins pins_;
  Epochs epochs_;
  DirectBuffers buffers_;
  std::atomic<std::uint64_t> next_data_{1};
  OpenFiles open_files_;
  Readers readers_;
  const BodyContext body_context_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<Keeper> keeper_;
  std::uint64_t wal_pages_allowed_ = max_wal_pages;  // before it is bounded again

  mutable std::shared_mutex published_mutex_;
  std::map<std::string, std::shared_ptr<const BucketRow>> buckets_;
  Counts counts_;
};

}  // namespace duskline::objects
