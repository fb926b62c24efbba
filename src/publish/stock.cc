#include "publish/stock.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/units.h"
#include "publish/prune.h"

namespace duskline::publish {
namespace {

constexpr std::string_view journal_file = "packs";

// Which of the packs the store has, in their full size, by listing the range of keys they lie in.
Result<std::set<Hash256>> find_packs(store::ObjectStore& store, const Op& op, const model::SetName& set,
                                     const std::vector<PackContents>& packs) {
  std::vector<std::pair<std::string, const PackContents*>> wanted;
  for (const PackContents& pack : packs) wanted.emplace_back(model::pack_key(set, pack.pack), &pack);
  std::ranges::sort(wanted);
  const std::string folder =
      wanted.front().first.substr(0, wanted.front().first.size() - wanted.front().second->pack.hex().size());
  std::set<Hash256> found;
  store::ListQuery query;
  query.prefix = folder;
  std::size_t at = 0;
  for (bool more = true; more && at < wanted.size();) {
    DL_ASSIGN(const store::Listing page, store.list(op, query));
    for (const store::ListedObject& object : page.objects) {
      while (at < wanted.size() && wanted[at].first < object.key.text()) ++at;
      if (at < wanted.size() && wanted[at].first == object.key.text() &&
          wanted[at].second->size_bytes == object.info.size_bytes) {
        found.insert(wanted[at].second->pack);
      }
    }
    more = page.truncated && !page.objects.empty();
    if (more) query.start_after = page.objects.back().key.text();
  }
  return found;
}

}  // namespace

Stock::Stock(const PublishParts& parts, const PublishOptions& options, const std::string& publisher)
    : parts_(parts), set_(options.set), lease_(parts.store, options.set, publisher, parts.clock) {}

Result<std::unique_ptr<Stock>> Stock::open(const Op& op, const PublishParts& parts, const PublishOptions& options,
                                           const std::string& publisher) {
  std::unique_ptr<Stock> stock(new Stock(parts, options, publisher));
  if (options.write == PublishOptions::Write::dry_run) {
    stock->sink_ = std::make_unique<DryPackSink>();
  } else {
    DL_ASSIGN(stock->journal_, PackJournal::open(parts.cache, journal_file));
    stock->sink_ = std::make_unique<PackUploads>(op, parts.store, options.set, *stock->journal_, stock->lease_);
  }
  stock->chunks_ = std::make_unique<ChunkTable>(*stock->sink_);
  if (stock->journal_ && !stock->journal_->earlier().empty()) DL_TRY(stock->use_again(op));
  return stock;
}

Status Stock::use_again(const Op& op) {
  // In this order: prune deletes nothing while a lease is live, and marks what it is about to delete.
  DL_TRY(lease_.take(op));
  DL_ASSIGN(const auto marked, marked_packs(parts_.store, op, set_));
  DL_ASSIGN(const auto present, find_packs(parts_.store, op, set_, journal_->earlier()));
  std::uint64_t bytes = 0;
  for (const PackContents& contents : journal_->earlier()) {
    if (!present.contains(contents.pack) || marked.contains(contents.pack)) continue;
    chunks_->add_known(contents);
    bytes += contents.size_bytes;
  }
  journal_->forget_earlier();
  if (bytes > 0) {
    parts_.reporter.note(Severity::info, "an earlier run ended before it was done; the " + format_bytes(bytes) +
                                             " that it uploaded are used again");
  }
  return {};
}

Status Stock::know(const Op& op, release::Manifest& manifest) {
  return release::load_chunks(op, manifest, chunks_->index());
}

void Stock::end(const Op& op) {
  lease_.release(op);
  if (journal_) (void)parts_.cache.remove_file(journal_file, disk::Missing::is_absent);
}

}  // namespace duskline::publish
