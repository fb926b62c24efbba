#include "site/kept_copies.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/units.h"
#include "release/node_source.h"
#include "site/folders.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Stat;

constexpr std::string_view scratch_link = "mended";
constexpr std::uint32_t owner_all = 0700;

std::string name_of(const InstalledRelease& release) {
  return "release " + std::to_string(release.number) + " (" + release.id.short_hex() + ")";
}

// Each switched release that is installed, but the one in `folder`.
std::vector<InstalledRelease> others(const State& state, const std::string& folder) {
  std::vector<InstalledRelease> result;
  const auto add = [&](const InstalledRelease& release) {
    if (release.layout.mode == Mode::switched && release.folder != folder) result.push_back(release);
  };
  if (state.current) add(*state.current);
  for (const InstalledRelease& release : state.kept) add(release);
  return result;
}

Result<std::optional<Stat>> file_at(disk::Directory& directory, const std::string& path) {
  auto stat = directory.stat(path);
  if (!stat && stat.error().code == Code::refused) return std::optional<Stat>();  // below a symlink
  if (!stat) return std::move(stat).error();
  return *stat && (*stat)->kind == FileKind::file ? *stat : std::nullopt;
}

// What a file shall be like, by whatever name.
bool are_alike(const model::Entry& a, const model::Entry& b) {
  return a.kind == b.kind && a.mode == b.mode && a.mtime_ns == b.mtime_ns && a.owner == b.owner &&
         a.attributes == b.attributes && a.size_bytes == b.size_bytes && a.content == b.content;
}

bool lay_down_alike(const Layout& a, const Layout& b) { return a.owner == b.owner && a.mode_mask == b.mode_mask; }

class KeptMender {
 public:
  KeptMender(const Op& op, Target& target) : op_(op), target_(target), shown_(*target.state().current) {}

  Result<std::uint64_t> run(const std::vector<ReplacedFile>& replaced, Reporter& reporter) {
    DL_ASSIGN(record_, target_.tree(shown_.id));
    DL_ASSIGN(content_, target_.content(shown_.id));
    std::uint64_t all = 0;
    for (const InstalledRelease& release : others(target_.state(), shown_.folder)) {
      std::uint64_t mended = 0, left = 0;
      DL_TRY(mend(release, replaced, mended, left));
      all += mended;
      if (mended > 0) {
        reporter.note(Severity::info,
                      format_count(mended) + " of these files are mended in " + name_of(release) + ", which is kept");
      }
      if (left > 0) {
        reporter.note(Severity::warning, name_of(release) + ", which is kept, still has " + format_count(left) +
                                             " of these files as they were; pull it anew by its id before it is shown "
                                             "again");
      }
    }
    return all;
  }

 private:
  Status mend(const InstalledRelease& release, const std::vector<ReplacedFile>& replaced, std::uint64_t& mended,
              std::uint64_t& left) {
    const auto directory = target_.root().open_directory(folders::release(release.folder));
    if (!directory) return {};  // somebody took it away
    auto record = target_.tree(release.id);
    for (const ReplacedFile& file : replaced) {
      DL_TRY(op_.check());
      DL_ASSIGN(const auto stat, file_at(**directory, file.path));
      if (!stat || stat->inode != file.inode || stat->device != file.device) continue;
      bool is_alike = false;
      if (record && lay_down_alike(release.layout, shown_.layout)) {
        DL_ASSIGN(is_alike, should_be_alike(**record, file.path));
      }
      if (is_alike) DL_TRY(link_into(**directory, file.path));
      ++(is_alike ? mended : left);
    }
    return {};
  }

  Result<bool> should_be_alike(release::Manifest& record, const std::string& path) {
    DL_ASSIGN(const auto here, release::find_entry(op_, *record_, record_->top(), path));
    DL_ASSIGN(const auto there, release::find_entry(op_, record, record.top(), path));
    return here && there && are_alike(here->entry, there->entry);
  }

  Status link_into(disk::Directory& release, const std::string& path) {
    disk::Directory& own = target_.private_folder();
    DL_TRY(own.remove_file(scratch_link, disk::Missing::is_absent));
    DL_TRY(content_->make_hard_link(path, own, scratch_link));
    const std::string above(disk::split_path(path).first);
    DL_ASSIGN(const auto before, release.stat(above));
    if (!before) return {};
    if ((before->mode & owner_all) != owner_all) DL_TRY(release.set_mode(above, before->mode | owner_all));
    DL_TRY(own.rename(scratch_link, release, path));
    if ((before->mode & owner_all) != owner_all) DL_TRY(release.set_mode(above, before->mode));
    return release.set_mtime(above, before->mtime_ns);
  }

  const Op& op_;
  Target& target_;
  const InstalledRelease shown_;
  std::unique_ptr<release::Manifest> record_;
  std::unique_ptr<disk::Directory> content_;
};

}  // namespace

Result<KeptCopies> find_kept_copies(const Op& op, Target& target, const model::ReleaseId& of,
                                    const std::vector<std::string>& paths) {
  KeptCopies copies;
  const InstalledRelease* release = target.find(of);
  if (release == nullptr || release->layout.mode != Mode::switched) return copies;
  DL_ASSIGN(const auto content, target.content(of));
  std::vector<std::unique_ptr<disk::Directory>> directories;
  for (InstalledRelease& other : others(target.state(), release->folder)) {
    auto directory = target.root().open_directory(folders::release(other.folder));
    if (!directory) continue;
    copies.releases.push_back({std::move(other), 0});
    directories.push_back(std::move(*directory));
  }
  for (const std::string& path : paths) {
    DL_TRY(op.check());
    DL_ASSIGN(const auto stat, file_at(*content, path));
    if (!stat || stat->links < 2) continue;
    std::uint32_t names = 1;
    for (std::size_t i = 0; i < directories.size(); ++i) {
      DL_ASSIGN(const auto there, file_at(*directories[i], path));
      if (!there || there->inode != stat->inode || there->device != stat->device) continue;
      ++copies.releases[i].files;
      ++names;
    }
    if (stat->links > names) ++copies.elsewhere;
  }
  std::erase_if(copies.releases, [](const KeptCopies::Of& one) { return one.files == 0; });
  return copies;
}

Result<std::uint64_t> mend_kept_copies(const Op& op, Target& target, const std::vector<ReplacedFile>& replaced,
                                       Reporter& reporter) {
  const State& state = target.state();
  if (replaced.empty() || !state.current || state.current->layout.mode != Mode::switched) return 0U;
  return KeptMender(op, target).run(replaced, reporter);
}

}  // namespace duskline::site
