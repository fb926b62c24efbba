#include "publish/manifests.h"

#include <algorithm>
#include <utility>

namespace duskline::publish {
namespace {

constexpr std::string_view prefix = "release-";
const std::string new_manifest = "manifest.new";

std::string name_of(const model::ReleaseId& id) { return std::string(prefix) + id.hex(); }

}  // namespace

std::unique_ptr<release::Manifest> ManifestFolder::open_cached(const model::ReleaseId& id) {
  auto file = cache_.open_read(name_of(id));
  if (!file) return nullptr;
  auto manifest = release::Manifest::open(std::move(*file));
  if (!manifest) return nullptr;
  if (!release::check_statement((*manifest)->index(), set_, id, trusted_)) return nullptr;
  return std::move(*manifest);
}

Result<std::unique_ptr<release::Manifest>> ManifestFolder::open(const Op& op, const model::ReleaseId& id,
                                                                const release::ExpectedSize& expected) {
  if (auto cached = open_cached(id)) return cached;
  DL_ASSIGN(auto manifest,
            release::open_remote_manifest(store_, op, set_, id, expected, trusted_, cache_, new_manifest));
  DL_TRY(adopt(id));
  return manifest;
}

Result<std::unique_ptr<disk::File>> ManifestFolder::begin() {
  DL_TRY(cache_.remove_file(new_manifest, disk::Missing::is_absent));
  return cache_.create(new_manifest, 0600);
}

// Synced, so that a power cut cannot leave half a manifest under its name.
Status ManifestFolder::adopt(const model::ReleaseId& id) {
  DL_ASSIGN(const auto file, cache_.open_write(new_manifest));
  DL_TRY(file->sync());
  return cache_.rename(new_manifest, cache_, name_of(id));
}

void ManifestFolder::give_up() { (void)cache_.remove_file(new_manifest, disk::Missing::is_absent); }

void ManifestFolder::remove_all_but(disk::Directory& cache, const std::vector<model::ReleaseId>& ids) {
  auto entries = cache.list();
  if (!entries) return;
  for (const disk::DirectoryEntry& entry : *entries) {
    if (!entry.name.starts_with(prefix)) continue;
    const bool keep = std::ranges::any_of(ids, [&](const model::ReleaseId& id) { return entry.name == name_of(id); });
    if (!keep) (void)cache.remove_file(entry.name, disk::Missing::is_absent);
  }
}

}  // namespace duskline::publish
