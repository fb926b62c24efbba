// The nodes in a delta: written by the publisher, and made into a record by the target.
#include <utility>

#include "pack/frame.h"
#include "release/broken.h"
#include "release/delta_object.h"
#include "release/delta_walk.h"

namespace duskline::release {
namespace {

class Writing final : public DeltaSteps {
 public:
  Writing(const Op& op, Manifest& to, DeltaWriter& writer) : op_(op), to_(to), writer_(writer) {}
  Result<ByteView> changed(ByteView base, std::uint64_t ordinal, const Hash256& hash) override {
    DL_ASSIGN(const ByteView after, to_.node(op_, ordinal, hash));
    DL_TRY(writer_.add_node(base, after));
    return after;
  }
  Status same_tree(const NodeRef&, std::uint64_t) override { return {}; }
  Status same_list(std::uint64_t, const Hash256&) override { return {}; }

 private:
  const Op& op_;
  Manifest& to_;
  DeltaWriter& writer_;
};

class Applying final : public DeltaSteps {
 public:
  Applying(const Op& op, Manifest& from, ByteView nodes, RecordWriter& record)
      : op_(op), from_(from), nodes_(nodes), record_(record) {}

  Result<ByteView> changed(ByteView base, std::uint64_t, const Hash256& hash) override {
    const std::uint64_t raw_bytes = nodes_.varint();
    const std::uint64_t patch_bytes = nodes_.varint();
    if (!nodes_.ok() || raw_bytes == 0 || raw_bytes > model::max_node_bytes) return broken_delta("a node is cut short");
    const ByteView stored = nodes_.raw(patch_bytes != 0 ? patch_bytes : raw_bytes);
    if (!nodes_.ok()) return broken_delta("a node is cut short");
    ByteView node = stored;
    if (patch_bytes != 0) {
      const Status decoded = decoder_.decode(model::Codec::zstd_patch, stored, raw_bytes, base, made_);
      if (!decoded) return damaged(decoded.error());
      node = made_;
    }
    if (sha256(node) != hash) return damaged(Error{Code::corrupt, "a node does not have the hash that it should have"});
    DL_TRY(record_.append(node));
    return node;
  }

  Status same_tree(const NodeRef& in_old, std::uint64_t nodes) override {
    return record_.copy(op_, from_, in_old, nodes);
  }

  Status same_list(std::uint64_t ordinal_in_old, const Hash256& hash) override {
    DL_ASSIGN(const ByteView list, from_.node(op_, ordinal_in_old, hash));
    return record_.append(list);
  }

  Status finish() {
    if (!nodes_.at_end()) return broken_delta("it holds more nodes than the release needs");
    return {};
  }

 private:
  static Error damaged(Error cause) {
    return {Code::corrupt, "the delta's nodes do not fit the release: it or the local record is damaged",
            std::move(cause)};
  }

  const Op& op_;
  Manifest& from_;
  ByteReader nodes_;
  RecordWriter& record_;
  pack::FrameDecoder decoder_;
  Bytes made_;
};

}  // namespace

Status write_delta_nodes(const Op& op, Manifest& from, Manifest& to, DeltaWriter& writer) {
  Writing steps(op, to, writer);
  return walk_delta(op, from, to.top(), steps);
}

Result<std::unique_ptr<Manifest>> apply_delta_nodes(const Op& op, Manifest& from, const DeltaIndex& delta,
                                                    const model::Release& to, std::unique_ptr<disk::File> out) {
  if (from.index().id != delta.from) {
    return broken_delta("it starts from release " + delta.from.short_hex() + ", but " + from.index().id.short_hex() +
                        " is here");
  }
  DL_ASSIGN(const model::SignedBytes statement, model::open_envelope(bytes_of(delta.envelope)));
  DL_ASSIGN(const model::Release release, model::decode_release(statement.payload));
  if (!(release == to)) return broken_delta("it leads to another release than the one asked for");
  RecordWriter record(delta.envelope, std::move(out));
  Applying steps(op, from, delta.nodes, record);
  DL_TRY(walk_delta(op, from, {to.tree, 0, to.stats}, steps));
  DL_TRY(steps.finish());
  return record.finish();
}

}  // namespace duskline::release
