// The disk of a target that does not do what it says.
#include <random>
#include <string>
#include <utility>

#include "planted.h"
#include "site/target.h"

namespace duskline::sim {
namespace {

using disk::Directory;
using disk::File;
using disk::Missing;
using disk::Stat;

struct Plan {
  Bug bug;
  std::mt19937_64 random;
  [[nodiscard]] bool one_in(std::uint64_t count) { return random() % count == 0; }
};

class PlantedFile final : public File {
 public:
  PlantedFile(std::unique_ptr<File> real, Plan& plan) : real_(std::move(real)), plan_(plan) {}
  Result<std::size_t> read_at(std::uint64_t offset, ByteSpan into) override { return real_->read_at(offset, into); }
  Status write_at(std::uint64_t offset, ByteView bytes) override {
    if (plan_.bug != Bug::unchecked_bytes || bytes.size() < 200 || !plan_.one_in(100)) {
      return real_->write_at(offset, bytes);
    }
    Bytes wrong(bytes.begin(), bytes.end());
    wrong[wrong.size() / 2] ^= 1;
    return real_->write_at(offset, wrong);
  }
  Status resize(std::uint64_t size_bytes) override { return real_->resize(size_bytes); }
  Result<Stat> stat() override { return real_->stat(); }
  Result<std::optional<disk::Segment>> next_data(std::uint64_t offset) override { return real_->next_data(offset); }
  Status clone_from(File& from, std::uint64_t at, std::uint64_t length, std::uint64_t to) override {
    return real_->clone_from(*static_cast<PlantedFile&>(from).real_, at, length, to);
  }
  Status set_mode(std::uint32_t mode) override { return real_->set_mode(mode); }
  Status set_mtime(std::int64_t mtime_ns) override { return real_->set_mtime(mtime_ns); }
  Status set_owner(model::Owner owner) override { return real_->set_owner(owner); }
  Result<std::vector<model::Attribute>> attributes() override { return real_->attributes(); }
  Status set_attributes(const std::vector<model::Attribute>& attributes) override {
    return real_->set_attributes(attributes);
  }
  Status sync() override { return plan_.bug == Bug::lost_sync ? Status{} : real_->sync(); }

 private:
  std::unique_ptr<File> real_;
  Plan& plan_;
};

class PlantedDirectory final : public Directory {
 public:
  PlantedDirectory(std::unique_ptr<Directory> real, Plan& plan) : real_(std::move(real)), plan_(plan) {}
  [[nodiscard]] Directory& real() { return *real_; }

  Result<std::vector<disk::DirectoryEntry>> list() override { return real_->list(); }
  Result<Stat> stat() override { return real_->stat(); }
  Result<std::optional<Stat>> stat(std::string_view path) override {
    if (is_lost(path)) return std::optional<Stat>();
    return real_->stat(path);
  }
  Result<std::string> read_link(std::string_view path) override { return real_->read_link(path); }
  Result<std::unique_ptr<Directory>> open_directory(std::string_view path) override {
    return planted(real_->open_directory(path));
  }
  Result<std::unique_ptr<File>> open_read(std::string_view path) override { return planted(real_->open_read(path)); }
  Result<std::unique_ptr<File>> open_write(std::string_view path) override { return planted(real_->open_write(path)); }
  Result<std::unique_ptr<File>> create(std::string_view path, std::uint32_t mode) override {
    return planted(real_->create(path, mode));
  }
  Status make_directory(std::string_view path, std::uint32_t mode) override {
    return real_->make_directory(path, mode);
  }
  Status make_symlink(std::string_view target, std::string_view path) override {
    return real_->make_symlink(target, path);
  }
  Status make_hard_link(std::string_view existing, Directory& to, std::string_view path) override {
    return real_->make_hard_link(existing, real_of(to), path);
  }
  Status rename(std::string_view from, Directory& to, std::string_view path) override {
    if (plan_.bug == Bug::step_in_two && path == "current") {
      DL_TRY(real_of(to).remove_file(path, Missing::is_absent));
      DL_TRY(real_of(to).sync());
    }
    if (plan_.bug == Bug::lost_journal && path == "journal") began_ = true;
    return real_->rename(from, real_of(to), path);
  }
  Status remove_file(std::string_view path, Missing missing) override { return real_->remove_file(path, missing); }
  Status remove_directory(std::string_view path, Missing missing) override {
    return real_->remove_directory(path, missing);
  }
  Status remove_tree(std::string_view path, Missing missing) override { return real_->remove_tree(path, missing); }
  Status set_mode(std::string_view path, std::uint32_t mode) override { return real_->set_mode(path, mode); }
  Status set_mtime(std::string_view path, std::int64_t mtime_ns) override { return real_->set_mtime(path, mtime_ns); }
  Status set_owner(std::string_view path, model::Owner owner) override { return real_->set_owner(path, owner); }
  Result<std::vector<model::Attribute>> attributes() override { return real_->attributes(); }
  Status set_attributes(const std::vector<model::Attribute>& attributes) override {
    return real_->set_attributes(attributes);
  }
  Status sync() override { return plan_.bug == Bug::lost_sync ? Status{} : real_->sync(); }
  Status sync_filesystem() override {
    const bool is_lost = plan_.bug == Bug::lost_sync || plan_.bug == Bug::activation_before_sync;
    return is_lost ? Status{} : real_->sync_filesystem();
  }
  Result<std::unique_ptr<disk::Lock>> try_lock(std::string_view path) override { return real_->try_lock(path); }
  Status replace(std::string_view path, ByteView bytes, std::uint32_t mode) override {
    return real_->replace(path, bytes, mode);
  }
  Result<std::optional<Bytes>> read_all(std::string_view path, std::uint64_t limit) override {
    auto bytes = real_->read_all(path, limit);
    if (plan_.bug != Bug::forgotten_floor || path != "state.json" || !bytes || !*bytes) return bytes;
    auto state = site::decode_state(text_of(**bytes));
    if (!state) return bytes;
    state->floor = {};
    const std::string text = site::encode_state(*state);
    return std::optional(Bytes(text.begin(), text.end()));
  }
  [[nodiscard]] const std::string& display_path() const override { return real_->display_path(); }

 private:
  static Directory& real_of(Directory& directory) { return *static_cast<PlantedDirectory&>(directory).real_; }
  // A journal that this run has not made itself.
  [[nodiscard]] bool is_lost(std::string_view path) const {
    return plan_.bug == Bug::lost_journal && path == "journal" && !began_;
  }
  Result<std::unique_ptr<Directory>> planted(Result<std::unique_ptr<Directory>> real) {
    if (!real) return real;
    return std::unique_ptr<Directory>(std::make_unique<PlantedDirectory>(std::move(*real), plan_));
  }
  Result<std::unique_ptr<File>> planted(Result<std::unique_ptr<File>> real) {
    if (!real) return real;
    return std::unique_ptr<File>(std::make_unique<PlantedFile>(std::move(*real), plan_));
  }

  std::unique_ptr<Directory> real_;
  Plan& plan_;
  bool began_ = false;
};

class PlantedDisk final : public disk::Filesystem {
 public:
  PlantedDisk(disk::Filesystem& real, Bug bug, std::uint64_t seed) : real_(real), plan_{bug, std::mt19937_64(seed)} {}

  Result<std::unique_ptr<Directory>> open(const std::string& path) override { return planted(real_.open(path)); }
  Result<std::unique_ptr<Directory>> open_or_create(const std::string& path, std::uint32_t mode) override {
    return planted(real_.open_or_create(path, mode));
  }
  Result<disk::VolumeInfo> volume(Directory& directory) override {
    return real_.volume(static_cast<PlantedDirectory&>(directory).real());
  }
  Result<disk::VolumeInfo> probe(Directory& directory) override {
    return real_.probe(static_cast<PlantedDirectory&>(directory).real());
  }

 private:
  Result<std::unique_ptr<Directory>> planted(Result<std::unique_ptr<Directory>> real) {
    if (!real) return real;
    return std::unique_ptr<Directory>(std::make_unique<PlantedDirectory>(std::move(*real), plan_));
  }

  disk::Filesystem& real_;
  Plan plan_;
};

}  // namespace

std::unique_ptr<disk::Filesystem> with_bug(disk::Filesystem& disk, Bug bug, std::uint64_t seed) {
  switch (bug) {
    case Bug::lost_sync:
    case Bug::activation_before_sync:
    case Bug::forgotten_floor:
    case Bug::unchecked_bytes:
    case Bug::step_in_two:
    case Bug::lost_journal:
      return std::make_unique<PlantedDisk>(disk, bug, seed);
    default:
      return nullptr;
  }
}

}  // namespace duskline::sim
