#include "site/new_tree.h"

#include <algorithm>
#include <utility>

#include "base/units.h"
#include "release/remote.h"
#include "site/range_of.h"
#include "store/object_store.h"

namespace duskline::site {
namespace {

constexpr std::uint64_t whole_manifest_bytes = 2 << 20;  // fetched whole, whatever is installed
constexpr std::uint64_t max_stored_frame_bytes = model::max_patch_raw_bytes + (1 << 20);
constexpr std::uint64_t max_object_bytes = std::uint64_t{1} << 50;
constexpr std::uint32_t private_file = 0600;

Result<std::unique_ptr<disk::File>> create_new(disk::Directory& folder, const std::string& name) {
  DL_TRY(folder.remove_file(name, disk::Missing::is_absent));
  return folder.create(name, private_file);
}

// A complete manifest or record that an earlier run left, if it is of this release and whole.
std::unique_ptr<release::Manifest> open_left(disk::Directory& folder, std::string_view name,
                                             const model::ReleaseId& id) {
  auto file = folder.open_read(name);
  if (!file) return nullptr;
  auto manifest = release::Manifest::open(std::move(*file));
  if (!manifest || !((*manifest)->index().id == id)) return nullptr;
  return std::move(*manifest);
}

// A delta can be done without, whatever became of it in the store. Not so where the run was stopped, or somebody signed
// it who is not trusted, or this side's disk is at fault.
bool is_worth_trying_otherwise(Code code) {
  switch (code) {
    case Code::cancelled:
    case Code::untrusted:
    case Code::no_space:
    case Code::read_only:
    case Code::io:
    case Code::internal:
      return false;
    default:
      return true;
  }
}

// That the store has lost a delta is an everyday event, that it refuses one is not.
Severity severity_of(Code code) {
  const bool is_usual =
      code == Code::not_found || code == Code::corrupt || code == Code::invalid || code == Code::too_large;
  return is_usual ? Severity::info : Severity::warning;
}

}  // namespace

struct NewTree::State {
  explicit State(const TreeRequest& r) : request(r) {}

  TreeRequest request;
  std::unique_ptr<release::Manifest> record, places;
  std::optional<release::DeltaIndex> delta;

  Status check(const std::string& envelope, const model::Release& release, const model::ReleaseId& id) const;
  Result<bool> obtain_by_delta(const Op&);
  Status obtain_whole(const Op&);
  Status obtain_changed(const Op&);
  Status open_remote(const Op&);
  Status keep_record(std::string_view written_as);
  [[nodiscard]] release::ExpectedSize expected() const {
    return {request.wanted.manifest_index_bytes, request.wanted.manifest_bytes};
  }
  [[nodiscard]] std::string name() const { return "release " + request.wanted.id.short_hex(); }
};

// Everything else hangs by hashes from this statement.
Status NewTree::State::check(const std::string& envelope, const model::Release& release,
                             const model::ReleaseId& id) const {
  if (!(id == request.wanted.id)) {
    return Error{Code::corrupt, "the store holds another release (" + id.short_hex() + ") under the name of " + name()};
  }
  auto payload = model::verify_envelope(bytes_of(envelope), request.trusted);
  if (!payload) return wrap(std::move(payload).error(), "check who signed " + name());
  if (!(model::release_id(*payload) == request.wanted.id)) {
    return Error{Code::corrupt, "the signed statement of " + name() + " is not the one its name stands for"};
  }
  if (release.set != request.set.text() || release.realm != request.realm) {
    return Error{Code::untrusted, name() + " was signed as set \"" + printable(release.set) + "\" of realm \"" +
                                      printable(release.realm) + "\", but it lies in the store as set \"" +
                                      request.set.text() + "\" of realm \"" + printable(request.realm) +
                                      "\"; somebody has moved objects"};
  }
  return {};
}

Result<bool> NewTree::State::obtain_by_delta(const Op& op) {
  if (request.installed == nullptr) return false;
  const model::ReleaseId from = request.installed->index().id;
  const auto& deltas = request.wanted.deltas;
  const auto ref = std::ranges::find(deltas, from, &model::DeltaRef::from);
  if (ref == deltas.end() || ref->index_bytes == 0 || ref->index_bytes > release::max_delta_index_bytes) return false;
  const store::Key object(model::delta_key(request.set, from, request.wanted.id));
  DL_ASSIGN(const Bytes start,
            store::get_all(request.store, op, object, ref->index_bytes, range_of(0, ref->index_bytes)));
  DL_ASSIGN(release::DeltaIndex index, release::decode_delta_index(start));
  if (!(index.from == from) || !(index.to == request.wanted.id)) {
    return Error{Code::corrupt, "the delta is between other releases than its name says"};
  }
  DL_ASSIGN(const model::SignedBytes envelope, model::open_envelope(bytes_of(index.envelope)));
  DL_ASSIGN(const model::Release release, model::decode_release(envelope.payload));
  DL_TRY(check(index.envelope, release, model::release_id(envelope.payload)));
  DL_ASSIGN(auto out, create_new(request.folder, "record.new"));
  DL_ASSIGN(record, release::apply_delta_nodes(op, *request.installed, index, release, std::move(out)));
  DL_TRY(keep_record("record.new"));
  index.nodes = Bytes();  // "= {}" would keep the memory
  delta = std::move(index);
  return true;
}

Status NewTree::State::obtain_whole(const Op& op) {
  DL_ASSIGN(places, release::open_remote_manifest(request.store, op, request.set, request.wanted.id, expected(),
                                                  request.trusted, request.folder, "manifest.new"));
  const release::ManifestIndex& index = places->index();
  DL_TRY(check(index.envelope, index.release, index.id));
  DL_TRY(request.folder.rename("manifest.new", request.folder, "manifest"));
  DL_ASSIGN(auto out, create_new(request.folder, "record.new"));
  release::RecordWriter writer(index.envelope, std::move(out));
  DL_TRY(writer.copy(op, *places, places->top(), index.release.stats.nodes));
  DL_ASSIGN(record, writer.finish());
  return keep_record("record.new");
}

Status NewTree::State::obtain_changed(const Op& op) {
  DL_TRY(open_remote(op));
  DL_ASSIGN(auto out, create_new(request.folder, "record.new"));
  release::RecordWriter writer(places->index().envelope, std::move(out));
  DL_TRY(merge_record(op, *request.installed, *places, writer));
  DL_ASSIGN(record, writer.finish());
  return keep_record("record.new");
}

// The manifest in the store, its segments to be fetched when they are needed.
Status NewTree::State::open_remote(const Op& op) {
  DL_ASSIGN(places, release::open_remote_manifest_on_demand(request.store, op, request.set, request.wanted.id,
                                                            expected(), request.trusted, request.folder, "segments"));
  const release::ManifestIndex& index = places->index();
  return check(index.envelope, index.release, index.id);
}

Status NewTree::State::keep_record(std::string_view written_as) {
  return request.folder.rename(written_as, request.folder, "record");
}

NewTree::NewTree() = default;
NewTree::~NewTree() = default;

Result<std::unique_ptr<NewTree>> NewTree::obtain(const Op& op, const TreeRequest& request) {
  std::unique_ptr<NewTree> tree(new NewTree());
  tree->state_ = std::make_unique<State>(request);
  State& state = *tree->state_;
  const auto named = [&](Error error) { return wrap(std::move(error), "read the tree of " + state.name()); };
  state.places = open_left(request.folder, "manifest", request.wanted.id);
  if (state.places) state.record = open_left(request.folder, "record", request.wanted.id);
  if (state.record) {
    const release::ManifestIndex& index = state.record->index();
    DL_TRY(state.check(index.envelope, index.release, index.id));
    return tree;
  }
  state.places.reset();
  auto by_delta = state.obtain_by_delta(op);
  if (!by_delta && !is_worth_trying_otherwise(by_delta.error().code)) return named(std::move(by_delta).error());
  if (!by_delta) {
    request.reporter.note(severity_of(by_delta.error().code),
                          "the delta cannot be used, going by the manifest: " + by_delta.error().describe());
    state.record.reset();
  }
  if (state.record) return tree;
  const bool known_large = request.wanted.manifest_bytes > whole_manifest_bytes;
  Status status = request.installed != nullptr && known_large ? state.obtain_changed(op) : state.obtain_whole(op);
  if (!status) return named(std::move(status).error());
  return tree;
}

std::unique_ptr<NewTree> NewTree::of_record(const TreeRequest& request, std::unique_ptr<release::Manifest> record) {
  std::unique_ptr<NewTree> tree(new NewTree());
  tree->state_ = std::make_unique<State>(request);
  tree->state_->record = std::move(record);
  return tree;
}

const model::ReleaseId& NewTree::id() const { return state_->request.wanted.id; }
const model::Release& NewTree::release() const { return state_->record->index().release; }
release::Manifest& NewTree::record() { return *state_->record; }
const release::DeltaIndex* NewTree::delta() const { return state_->delta ? &*state_->delta : nullptr; }

namespace {

// Places come from the store: nothing may be allocated or asked for because of them beyond these bounds.
bool is_sane(const model::Frame& frame) {
  const bool is_patch = frame.codec == model::Codec::zstd_patch;
  return frame.raw_bytes <= (is_patch ? model::max_patch_raw_bytes : model::max_frame_raw_bytes) &&
         frame.stored_bytes > 0 && frame.stored_bytes <= max_stored_frame_bytes &&
         frame.offset_bytes <= max_object_bytes &&
         (frame.codec != model::Codec::raw || frame.stored_bytes == frame.raw_bytes);
}

}  // namespace

std::optional<Located> NewTree::in_delta(const Hash256& chunk) const {
  if (!state_->delta) return std::nullopt;
  const release::DeltaIndex& delta = *state_->delta;
  const auto found = delta.chunks.find(chunk.prefix64());
  if (found == delta.chunks.end() || found->second.frame >= delta.table.frames.size()) return std::nullopt;
  const model::Frame& frame = delta.table.frames[found->second.frame];
  if (!is_sane(frame) || frame.pack > delta.packs.size()) return std::nullopt;
  if (frame.codec == model::Codec::zstd_patch && frame.base >= delta.table.bases.size()) return std::nullopt;
  Located located{std::nullopt, frame, found->second.offset_bytes};
  if (frame.pack > 0) located.pack = delta.packs[frame.pack - 1];
  return located;
}

Result<Located> NewTree::in_packs(const Op& op, std::uint64_t node, std::uint32_t place) {
  if (!state_->places) {
    Status status = state_->open_remote(op);
    if (!status) return wrap(std::move(status).error(), "find chunks of " + state_->name());
  }
  DL_ASSIGN(const release::NodePlaces places, state_->places->places(op, node));
  if (place >= places.places.size() || places.table == nullptr ||
      places.places[place].frame >= places.table->frames.size()) {
    return Error{Code::invalid, "the manifest of " + state_->name() + " does not say where a chunk lies"};
  }
  const model::Place& where = places.places[place];
  const model::Frame& frame = places.table->frames[where.frame];
  const auto& packs = state_->places->index().packs;
  if (frame.pack >= packs.size() || !is_sane(frame) || frame.codec == model::Codec::zstd_patch) {
    return Error{Code::invalid, "the manifest of " + state_->name() + " places a chunk where none can be"};
  }
  return Located{packs[frame.pack], frame, where.offset_bytes};
}

}  // namespace duskline::site
