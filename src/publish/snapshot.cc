#include "publish/snapshot.h"

#include <utility>

#include "publish/pipeline.h"
#include "publish/scan.h"
#include "publish/tree_builder.h"

namespace duskline::publish {
namespace {

constexpr std::string_view stamp_file = "stamps", spool_file = "tree.new";

Hash256 filesystem_key(const OpenSource& source) { return sha256(source.volume.filesystem_id); }

}  // namespace

Hash256 options_key(const PublishOptions& options) {
  Bytes bytes;
  ByteWriter write(bytes);
  write.text("tree 1, gear-1");
  write.u8(static_cast<std::uint8_t>(options.owner));
  write.text(options.attributes == PublishOptions::Record::yes ? "attributes of files and directories" : "");
  for (const std::string& rule : options.rules) write.text(rule);
  return sha256(bytes);
}

std::unique_ptr<StampReader> open_stamps(disk::Directory& cache, const PublishOptions& options,
                                         const OpenSource& source) {
  auto stamps = StampReader::open(cache, stamp_file);
  if (!stamps || stamps->header().options != options_key(options)) return nullptr;
  if (stamps->header().filesystem != filesystem_key(source)) return nullptr;
  return stamps;
}

Snapshot::~Snapshot() {
  spool_.reset();
  (void)cache_.remove_file(spool_file, disk::Missing::is_absent);
}

Result<std::unique_ptr<Snapshot>> Snapshot::take(const Op& op, const PublishParts& parts, const PublishOptions& options,
                                                 OpenSource& source, const Remembered* before, Stock& stock) {
  std::unique_ptr<Snapshot> snapshot(new Snapshot(parts.cache));
  snapshot->stamp_header_.options = options_key(options);
  snapshot->stamp_header_.filesystem = filesystem_key(source);
  snapshot->stamp_header_.scan_began_ns = parts.clock.now().time_since_epoch().count();
  DL_TRY(parts.cache.remove_file(spool_file, disk::Missing::is_absent));
  DL_ASSIGN(auto spool, parts.cache.create(spool_file, 0600));
  snapshot->spool_ = std::make_unique<release::TreeSpool>(std::move(spool));
  DL_ASSIGN(snapshot->stamps_, StampWriter::create(parts.cache, stamp_file));

  const EntryOptions entries{options.owner, options.attributes, source.device};
  TreeBuilder tree(*snapshot->spool_);
  Scanner scanner(op, *source.directory, source.filter, parts.reporter);
  Pipeline pipeline(op, {stock.chunks(), tree, *snapshot->stamps_, parts.clock, parts.reporter}, entries,
                    options.effort, options.workers);
  Collector collector(op, {scanner, pipeline, tree, parts.reporter, before}, entries);
  DL_TRY(collector.run());
  DL_TRY(stock.chunks().finish());
  snapshot->top_ = tree.top();
  snapshot->mounts_ = collector.mounts();
  snapshot->files_read_ = pipeline.files_read();
  snapshot->bytes_read_ = pipeline.bytes_read();
  snapshot->skipped_ = scanner.skipped();
  return snapshot;
}

Status Snapshot::keep_stamps(const model::ReleaseId& id) {
  StampHeader header = stamp_header_;
  header.release = id;
  return stamps_->finish(header);
}

}  // namespace duskline::publish
