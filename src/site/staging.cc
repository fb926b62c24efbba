#include "site/staging.h"

#include <optional>
#include <utility>

#include "site/folders.h"

namespace duskline::site {
namespace {

using disk::Missing;

constexpr std::uint32_t private_mode = 0700, private_file = 0600;
constexpr std::string_view purpose = "for", tree_name = "tree", record_name = "record", dry_run = "dry-run";

// What a staged tree is for: it can be gone on with only if all of this is the same.
std::string purpose_of(const model::ReleaseId& id, const Layout& layout) {
  std::string text = id.hex() + "\n";
  text += layout.mode == Mode::switched ? "switched" : "in-place";
  text += " " + std::to_string(layout.mode_mask) + " ";
  text += layout.owner ? std::to_string(layout.owner->uid) + ":" + std::to_string(layout.owner->gid) : "-";
  text += "\n" + layout.only + "\n";
  return text;
}

Result<bool> is_for(disk::Directory& folder, const std::string& wanted) {
  DL_ASSIGN(const auto found, folder.read_all(purpose, model::max_path_bytes + 256));
  return found && text_of(*found) == wanted;
}

Status ensure(disk::Directory& in, std::string_view path) {
  const Status made = in.make_directory(path, private_mode);
  return !made && made.error().code == Code::already_exists ? Status{} : made;
}

std::string older_path(int age) { return "older." + std::to_string(age); }

}  // namespace

Result<Staging> Staging::open(Target& target, const model::ReleaseId& id, const Layout& layout) {
  Staging staging;
  DL_TRY(folders::ensure(target.private_folder(), folders::staging));
  DL_ASSIGN(staging.folder_, target.private_folder().open_directory(folders::staging));
  disk::Directory& folder = *staging.folder_;
  const std::string wanted = purpose_of(id, layout);
  DL_ASSIGN(const bool same, is_for(folder, wanted));
  if (!same) {
    DL_TRY(staging.rotate());
    DL_TRY(folder.replace(purpose, bytes_of(wanted), private_file));
  }
  for (const std::string_view name : {"changes", "removals", "creations", "stamps", "record.new", "manifest.new"}) {
    DL_TRY(folder.remove_file(name, Missing::is_absent));
  }
  DL_ASSIGN(const auto tree, folder.stat(tree_name));
  staging.resumes_ = tree.has_value();
  DL_TRY(ensure(folder, tree_name));
  DL_ASSIGN(staging.tree_, folder.open_directory(tree_name));
  staging.load_older();
  return staging;
}

Result<Staging> Staging::open_dry_run(Target& target, const model::ReleaseId& id, const Layout& layout) {
  DL_TRY(close_dry_run(target));
  Staging staging;
  disk::Directory& own = target.private_folder();
  DL_TRY(ensure(own, dry_run));
  DL_ASSIGN(staging.folder_, own.open_directory(dry_run));
  if (auto folder = own.open_directory(folders::staging)) {
    DL_ASSIGN(const bool same, is_for(**folder, purpose_of(id, layout)));
    auto tree = (*folder)->open_directory(tree_name);
    staging.resumes_ = same && tree.has_value();
    if (staging.resumes_) staging.tree_ = std::move(*tree);
  }
  if (staging.resumes_) return staging;
  DL_TRY(ensure(*staging.folder_, tree_name));
  DL_ASSIGN(staging.tree_, staging.folder_->open_directory(tree_name));
  return staging;
}

Status Staging::close_dry_run(Target& target) {
  return target.private_folder().remove_tree(dry_run, Missing::is_absent);
}

// What is staged becomes the youngest of the older ones; without its record it is of no use.
Status Staging::rotate() {
  DL_ASSIGN(const auto tree, folder_->stat(tree_name));
  DL_ASSIGN(const auto record, folder_->stat(record_name));
  if (tree && record) {
    DL_TRY(folder_->remove_tree(older_path(max_older), Missing::is_absent));
    for (int age = max_older - 1; age >= 1; --age) {
      DL_ASSIGN(const auto older, folder_->stat(older_path(age)));
      if (older) DL_TRY(folder_->rename(older_path(age), *folder_, older_path(age + 1)));
    }
    DL_TRY(ensure(*folder_, older_path(1)));
    DL_TRY(folders::move_directory(*folder_, tree_name, *folder_, older_path(1) + "/" + std::string(tree_name)));
    DL_TRY(folder_->rename(record_name, *folder_, older_path(1) + "/" + std::string(record_name)));
  }
  for (const std::string_view name :
       {record_name, std::string_view("manifest"), std::string_view("segments"), purpose}) {
    DL_TRY(folder_->remove_file(name, Missing::is_absent));
  }
  return folder_->remove_tree(tree_name, Missing::is_absent);
}

// Those that cannot be read are as good as none.
void Staging::load_older() {
  for (int age = 1; age <= max_older; ++age) {
    auto tree = folder_->open_directory(older_path(age) + "/" + std::string(tree_name));
    auto file = folder_->open_read(older_path(age) + "/" + std::string(record_name));
    if (!tree || !file) continue;
    auto record = release::Manifest::open(std::move(*file));
    if (record) older_.push_back({std::move(*tree), std::move(*record)});
  }
}

Status Staging::drop_older() {
  older_.clear();
  for (int age = 1; age <= max_older; ++age) DL_TRY(folder_->remove_tree(older_path(age), Missing::is_absent));
  return {};
}

Status Staging::drop_records(Target& target) {
  DL_ASSIGN(const auto folder, target.private_folder().open_directory(folders::staging));
  for (const std::string_view name : {record_name, std::string_view("manifest"), std::string_view("segments")}) {
    DL_TRY(folder->remove_file(name, Missing::is_absent));
  }
  for (int age = 1; age <= max_older; ++age) DL_TRY(folder->remove_tree(older_path(age), Missing::is_absent));
  return {};
}

Status Staging::remove(Target& target) {
  return target.private_folder().remove_tree(folders::staging, Missing::is_absent);
}

Result<std::uint64_t> stored_bytes(const Op& op, disk::Directory& directory) {
  DL_TRY(op.check());
  std::uint64_t sum = 0;
  DL_ASSIGN(const auto entries, directory.list());
  for (const auto& entry : entries) {
    if (entry.stat.kind == disk::FileKind::directory) {
      DL_ASSIGN(const auto inner, directory.open_directory(entry.name));
      DL_ASSIGN(const std::uint64_t below, stored_bytes(op, *inner));
      sum += below;
    } else if (entry.stat.kind == disk::FileKind::file) {
      sum += entry.stat.stored_bytes;
    }
  }
  return sum;
}

}  // namespace duskline::site
