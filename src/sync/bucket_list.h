// A bucket's listing, page by page, the next one fetched while the last one is used.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/op.h"
#include "base/queue.h"
#include "base/report.h"
#include "s3/client.h"
#include "sync/place.h"
#include "sync/rules.h"

namespace duskline::sync {

struct ListSettings {
  std::string prefix;  // of keys; paths are what follows
  std::string after;   // only paths that come later
  bool empty_folders = true;
};

// A listing that is out of order, goes back, or does not end although nothing comes is Code::unsupported.
class BucketList final : public Lister {
 public:
  BucketList(const Op& op, s3::Client& client, Reporter& reporter, const Rules& rules, ListSettings settings);
  ~BucketList() override;
  Result<const Entry*> next() override;

 private:
  void fetch_pages();
  Status fetch_all();
  Result<s3::ListPage> fetch_page(const std::string& token);
  Result<bool> find();
  // Whether the key at hand is an entry; it is then in entry_.
  Result<bool> take(s3::ListedKey& listed);
  void record(std::string_view action, std::string_view path, std::string_view reason);

  Op op_;  // with a stop token of its own
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> link_;
  s3::Client& client_;
  Reporter& reporter_;
  const ListSettings settings_;
  Gate gate_;
  BoundedQueue<Result<s3::ListPage>> pages_;
  s3::ListPage page_;
  std::size_t at_ = 0;
  std::string last_;  // key
  std::uint64_t seen_ = 0;
  Entry entry_, next_entry_;
  bool has_next_ = false;  // next_entry_ is to be given out next
  bool ended_ = false;
  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace duskline::sync
