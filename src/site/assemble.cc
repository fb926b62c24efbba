#include "site/assemble.h"

#include "base/units.h"

namespace duskline::site {
namespace {

constexpr std::uint32_t owner_read_write = 0600;
constexpr std::uint32_t plain_bits = 0777;

// A file is made with its final mode where one write and nothing else that needs write permission follow. Special bits
// come last: a write may clear them, and unfinished content must not have them.
std::uint32_t creation_mode(const FilePlan& plan) {
  const std::uint32_t plain = plan.mode & plain_bits;
  return plan.one_piece && plan.attributes.empty() ? plain : plain | owner_read_write;
}

}  // namespace

Folder::~Folder() { tree_.open_.drop(slot_); }

std::string Folder::path_of(std::string_view name) const {
  std::string path = path_;
  if (!path.empty()) path += '/';
  return path.append(name);
}

Result<std::shared_ptr<disk::Directory>> Folder::open() {
  if (path_.empty()) return tree_.root_;
  if (auto handle = tree_.open_.find(slot_)) return handle;
  DL_ASSIGN(std::shared_ptr<disk::Directory> handle, tree_.root_->open_directory(path_));
  tree_.open_.put(slot_, handle);
  return handle;
}

Assembler::Assembler(std::shared_ptr<disk::Directory> tree, unsigned max_files_open, OwnerRule owner_rule,
                     Reporter& reporter)
    : tree_(std::move(tree), max_files_open / 4),
      files_(max_files_open / 2),
      owner_rule_(owner_rule),
      reporter_(reporter) {}

Result<std::shared_ptr<disk::File>> Assembler::open(OutFile& file) {
  if (auto handle = files_.find(file.slot_)) return handle;
  const std::lock_guard lock(file.mutex_);
  if (auto handle = files_.find(file.slot_)) return handle;
  const FilePlan& plan = file.plan_;
  DL_ASSIGN(const auto folder, plan.folder->open());
  std::shared_ptr<disk::File> handle;
  if (file.created_) {
    DL_ASSIGN(handle, folder->open_write(plan.name));
  } else {
    DL_ASSIGN(handle, folder->create(plan.name, creation_mode(plan)));
  }
  file.created_ = true;
  files_.put(file.slot_, handle);
  return handle;
}

Status Assembler::write(OutFile& file, std::uint64_t offset, ByteView bytes, Origin origin) {
  file.origins_.fetch_or(static_cast<std::uint8_t>(origin), std::memory_order_relaxed);
  if (file.plan_.one_piece && !file.plan_.exists) {
    const FilePlan& plan = file.plan_;
    DL_ASSIGN(const auto folder, plan.folder->open());
    const std::uint32_t mode = creation_mode(plan);
    DL_ASSIGN(const auto handle, folder->create(plan.name, mode));
    DL_TRY(handle->write_at(offset, bytes));
    return finish(*handle, plan, mode);
  }
  DL_ASSIGN(const auto handle, open(file));
  return handle->write_at(offset, bytes);
}

Status Assembler::done(OutFile& file) { return done(file, 1); }

Status Assembler::done(OutFile& file, std::uint64_t pieces) {
  if (file.left_.fetch_sub(pieces, std::memory_order_acq_rel) != pieces) return {};
  return complete(file);
}

Status Assembler::complete(OutFile& file) {
  const FilePlan& plan = file.plan_;
  const std::uint8_t origins = file.origins_.load(std::memory_order_relaxed);
  const bool is_written_whole = plan.one_piece && !plan.exists && origins != 0;
  if (!is_written_whole) {
    DL_ASSIGN(const auto handle, open(file));
    DL_ASSIGN(const disk::Stat stat, handle->stat());
    if (stat.size_bytes != plan.size_bytes) DL_TRY(handle->resize(plan.size_bytes));
    DL_TRY(finish(*handle, plan, stat.mode));
    files_.drop(file.slot_);
  }
  completed_.fetch_add(1, std::memory_order_relaxed);
  if (plan.action.empty()) return {};
  const std::string path = plan.path();
  reporter_.record({path, plan.action, plan.size_bytes, name_of_origins(origins), ""});
  return {};
}

// Extended attributes after the owner: to change that takes a file's capabilities away. The mode after them: it may
// forbid to set them, and an ACL among them sets it. The mtime last: it tells a later run that the file was completed.
Status Assembler::finish(disk::File& handle, const FilePlan& plan, std::uint32_t mode_now) {
  bool changed_owner = false;
  if (plan.owner) {
    DL_ASSIGN(changed_owner, judge_owner(handle.set_owner(*plan.owner), plan.path()));
  }
  if (!plan.attributes.empty()) DL_TRY(attributes_.give(handle, plan.attributes, plan.path()));
  const bool may_differ = !plan.attributes.empty() || (changed_owner && plan.mode > plain_bits);
  if (plan.mode != mode_now || may_differ) DL_TRY(handle.set_mode(plan.mode));
  return handle.set_mtime(plan.mtime_ns);
}

// Whether the owner was set, which may have cleared special mode bits.
Result<bool> Assembler::judge_owner(Status given, const std::string& path) {
  if (given) return true;
  if (given.error().code != Code::denied || owner_rule_ == OwnerRule::required) {
    return wrap(std::move(given).error(), "give \"" + printable(path) + "\" its owner");
  }
  if (!owner_refused_.exchange(true)) {
    reporter_.note(Severity::warning,
                   "files stay this user's own, not their recorded owners': " + given.error().describe());
  }
  return false;
}

Status Assembler::give_owner(disk::Directory& in, std::string_view name, const std::optional<model::Owner>& owner,
                             std::string_view path) {
  if (!owner) return {};
  DL_TRY(judge_owner(in.set_owner(name, *owner), std::string(path)));
  return {};
}

std::string_view name_of_origins(std::uint8_t origins) {
  const auto has = [&](Origin origin) { return (origins & static_cast<std::uint8_t>(origin)) != 0; };
  if (has(Origin::pack)) return "pack";
  if (has(Origin::delta)) return "delta";
  if (has(Origin::seed)) return "seed";
  if (has(Origin::local)) return "local";
  return has(Origin::staged) ? "staged" : "";
}

}  // namespace duskline::site
