#include <utility>

#include "release/broken.h"
#include "release/manifest.h"
#include "release/segment_writer.h"

namespace duskline::release {
namespace {

constexpr int record_level = 1;  // a record never travels

}  // namespace

struct RecordWriter::State {
  State(std::string signed_statement, std::unique_ptr<disk::File> file)
      : envelope(std::move(signed_statement)), out(std::move(file)), segments(*out, WithPlaces::no, record_level) {}
  std::string envelope;
  std::unique_ptr<disk::File> out;
  SegmentWriter segments;
};

RecordWriter::RecordWriter(std::string envelope, std::unique_ptr<disk::File> out)
    : state_(std::make_unique<State>(std::move(envelope), std::move(out))) {}

RecordWriter::~RecordWriter() = default;

Status RecordWriter::append(ByteView encoded_node) {
  if (nodes() >= max_tree_nodes) return broken_tree("it has more than 1,000,000,000 nodes");
  return state_->segments.add_node(encoded_node);
}

Status RecordWriter::copy(const Op& op, Manifest& from, NodeRef subtree, std::uint64_t nodes) {
  const std::uint64_t wanted = this->nodes() + nodes;
  DL_TRY(for_each_node(op, from, subtree, [&](const WalkedNode& node) { return append(node.encoded); }));
  if (this->nodes() != wanted) return broken_tree("a subtree does not have as many nodes as its parent says");
  return {};
}

std::uint64_t RecordWriter::nodes() const { return state_->segments.nodes(); }

Result<std::unique_ptr<Manifest>> RecordWriter::finish() {
  DL_ASSIGN(const model::SignedBytes statement, model::open_envelope(bytes_of(state_->envelope)));
  DL_ASSIGN(const model::Release release, model::decode_release(statement.payload));
  DL_ASSIGN(ManifestIndex index, state_->segments.finish(release, state_->envelope, {}));
  return std::make_unique<Manifest>(std::move(index), file_segments(std::move(state_->out)));
}

}  // namespace duskline::release
