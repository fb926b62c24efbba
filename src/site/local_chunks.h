// Content that is already at the site: which local files hold chunks that a new release needs.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/op.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "release/manifest.h"
#include "site/assemble.h"
#include "site/batch.h"
#include "site/scope.h"
#include "site/stamps.h"

namespace duskline::site {

// Files that content may be copied from, by number. Any thread. What is read from them is not trusted.
class LocalFiles {
 public:
  std::uint32_t add_source(std::shared_ptr<disk::Directory> directory, Origin origin);
  std::uint32_t add_file(std::uint32_t source, std::string_view path);
  [[nodiscard]] Result<std::unique_ptr<disk::File>> open(std::uint32_t file) const;
  [[nodiscard]] Origin origin_of(std::uint32_t file) const;
  [[nodiscard]] std::shared_ptr<disk::Directory> directory(std::uint32_t source) const;
  [[nodiscard]] std::uint64_t path_bytes() const;  // memory used by names

 private:
  struct Source {
    std::shared_ptr<disk::Directory> directory;
    Origin origin;
  };
  struct Named {
    std::uint32_t source;
    std::string path;
  };
  mutable std::mutex mutex_;
  std::deque<Source> sources_;
  std::deque<Named> files_;
  std::uint64_t path_bytes_ = 0;
};

// An installed file whose whole content the new release has under another name too.
struct InstalledFile {
  std::uint32_t source = 0;
  std::string path;
  Hash256 content;
  FileStamp stamp;
};

// Where wanted chunks lie locally. Holds keys of wanted chunks only, so it grows with what changed and not with what is
// installed, and has a bound: what it cannot hold is fetched. One thread.
class LocalChunks {
 public:
  static constexpr std::size_t max_keys = 2 << 20;
  static constexpr std::uint64_t max_path_bytes = 48 << 20;

  // `wanted`: Hash256::prefix64 of chunks and of whole files, in any order; sorted here.
  explicit LocalChunks(std::vector<std::uint64_t> wanted);

  [[nodiscard]] bool is_empty() const { return keys_.empty(); }
  [[nodiscard]] bool wants(const Hash256& hash) const { return slot_of(hash) != none; }
  void add(const Hash256& chunk, LocalPlace place);  // the first place is kept
  [[nodiscard]] std::optional<LocalPlace> find(const Hash256& chunk) const;
  void add_installed(InstalledFile file);
  [[nodiscard]] const InstalledFile* find_installed(const Hash256& content) const;

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  [[nodiscard]] std::size_t slot_of(const Hash256& hash) const;
  std::vector<std::uint64_t> keys_;
  std::vector<LocalPlace> places_;  // file is `no_file` where there is none
  std::unordered_map<std::uint64_t, InstalledFile> installed_;
  std::uint64_t installed_bytes_ = 0;
};

// Adds what a record says lies below `source`. `stamps` may be null: they are those of the record's files in `scope`.
[[nodiscard]] Status index_record(const Op&, release::Manifest& record, const Scope& scope, StampReader* stamps,
                                  LocalFiles&, std::uint32_t source, LocalChunks&);

// The same for the tree of a pull that was cut off: only what is really there and right is added.
[[nodiscard]] Status index_staged(const Op&, release::Manifest& record, LocalFiles&, std::uint32_t source,
                                  LocalChunks&);

// Cuts the files below a seed into chunks and adds those that are wanted. `is_tried` tells for a path and size whether
// the plan looks into that file anyway: it is passed over here. Does not enter ".duskline" or other file systems. What
// cannot be read is passed over with a note.
using IsTried = std::function<bool(std::string_view path, std::uint64_t size_bytes)>;
[[nodiscard]] Status index_seed(const Op&, LocalFiles&, std::uint32_t source, LocalChunks&, const IsTried& is_tried,
                                Reporter&);

}  // namespace duskline::site
