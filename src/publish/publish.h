// The core's half of the job: a source directory becomes a signed release in a store.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/op.h"
#include "base/report.h"
#include "base/signing.h"
#include "disk/filesystem.h"
#include "model/release.h"
#include "pack/frame.h"
#include "release/heads.h"
#include "store/object_store.h"

namespace duskline::publish {

// A safety rule that the user says not to apply, each by a flag of its own.
struct Meant {
  bool empty = false;        // --allow-empty
  bool shrink = false;       // --allow-shrink: more than half of the files or bytes are gone
  bool other_mount = false;  // --allow-other-mount
  bool lost_head = false;    // --allow-lost-head: the store shows none where this publisher has seen one
};

struct PublishOptions {
  model::SetName set;
  model::ChannelName channel;
  std::string realm = "default";
  std::string source;              // a directory
  std::vector<std::string> rules;  // "+ PATTERN" and "- PATTERN" in the order given; after them .dusklineignore files
  std::chrono::nanoseconds settle{0};
  std::chrono::nanoseconds lifetime = std::chrono::days(30);
  pack::Effort effort = pack::Effort::normal;
  unsigned workers = 0;      // 0: default_workers()
  unsigned delta_bases = 2;  // make deltas from this many earlier releases; 0: none
  enum class Write : std::uint8_t { yes, dry_run } write = Write::yes;
  // All content is uploaded again, although the store should have it: mends one that spoiled or lost packs. (Packs that
  // are lost are noticed whenever anything has changed; then this happens by itself.)
  enum class Upload : std::uint8_t { what_is_new, all } upload = Upload::what_is_new;
  enum class Record : std::uint8_t { no, yes } owner = Record::no, attributes = Record::no;
  Meant meant;
  std::string note;
};

struct PublishResult {
  enum class Outcome : std::uint8_t { published, unchanged, head_renewed, dry_run } outcome = Outcome::published;
  model::ReleaseId id;
  model::ReleaseNumber number = 0;
  std::uint64_t head_version = 0;
  model::TreeStats stats;
  std::uint64_t files_read = 0, bytes_read = 0;  // of the source
  std::uint64_t new_chunk_bytes = 0;             // raw, that the store did not have
  std::uint64_t uploaded_bytes = 0, pack_bytes = 0, delta_bytes = 0, manifest_bytes = 0;
  std::uint64_t skipped = 0;  // sockets, devices, FIFOs
  model::DeltaRef smallest_delta;
};

struct PublishParts {
  store::ObjectStore& store;
  disk::Filesystem& disk;
  disk::Directory&
      cache;  // this publisher's own folder for this (store, set, source); may be empty or lost at any time
  const Signer& signer;
  std::vector<PublicKey> trusted;
  release::Conditions conditions;
  Clock& clock;
  Reporter& reporter;
};

// Code::refused for what `Meant` lists and for a source that is missing or not readable, or holds what a release cannot
// (named); Code::changing for a file that would not hold still (named); Code::precondition when another publisher won;
// Code::locked while another run uses the same cache folder; Code::replayed when the store shows an older head than
// this publisher has seen. At any failure or kill the head has not moved, and the next run uses again what was
// uploaded.
[[nodiscard]] Result<PublishResult> publish(const Op&, const PublishParts&, const PublishOptions&);

}  // namespace duskline::publish
