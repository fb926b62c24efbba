// A directory's files in the order in which a bucket lists its keys.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "sync/place.h"
#include "sync/read_ahead.h"
#include "sync/rules.h"

namespace duskline::sync {

// What the symbolic link `path` leads to; nothing where it leads nowhere.
using FollowLink = std::function<std::optional<disk::Stat>(const std::string& path)>;

// One directory's entries, sorted, without what the rules exclude. `path` is from the top. With `follow`, links are
// listed as what they lead to.
[[nodiscard]] Result<Listing> read_listing(disk::Directory& directory, const std::string& path, const Rules& rules,
                                           const FollowLink& follow);

class FolderWalk final : public Lister {
 public:
  struct Settings {
    bool empty_folders = true;
    std::string after;                                       // only what comes later
    std::function<void(std::string_view)> found_unfinished;  // a file that a run left behind
    bool follows_links = false;
  };
  FolderWalk(const Op& op, Reporter& reporter, ReadAhead::Read read, unsigned threads, Settings settings);
  Result<const Entry*> next() override;

 private:
  struct Frame {
    Listing listing;
    std::size_t at = 0;
    std::size_t path_bytes = 0;  // of the directory, with its '/'
    bool is_empty = true;        // nothing below it was given out
  };
  Status enter();
  bool leave();
  Result<bool> take(const Frame& frame, const Listing::Child& child);
  void skip(std::string_view reason);
  [[nodiscard]] bool is_loop(const Listing& listing) const;

  const Op& op_;
  Reporter& reporter_;
  const Settings settings_;
  ReadAhead listings_;
  std::vector<Frame> frames_;
  std::string path_;  // of the current frame's directory with '/', then of the entry
  Entry entry_;
  bool started_ = false;
};

}  // namespace duskline::sync
