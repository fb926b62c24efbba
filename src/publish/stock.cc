#include "publish/stock.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/units.h"
#include "publish/prune.h"

namespace duskline::publish {
namespace {

constexpr std::string_view journal_file = "packs";

using SizeByPack = std::map<Hash256, std::uint64_t>;

// Which of the packs the store has, and their sizes, by listing the range of keys they lie in.
Result<SizeByPack> find_packs(store::ObjectStore& store, const Op& op, const model::SetName& set,
                              const std::vector<Hash256>& packs) {
  SizeByPack found;
  if (packs.empty()) return found;
  std::vector<std::pair<std::string, Hash256>> wanted;
  for (const Hash256& pack : packs) wanted.emplace_back(model::pack_key(set, pack), pack);
  std::ranges::sort(wanted);
  store::ListQuery query;
  query.prefix = wanted.front().first.substr(0, wanted.front().first.size() - wanted.front().second.hex().size());
  std::size_t at = 0;
  for (bool more = true; more && at < wanted.size();) {
    DL_ASSIGN(const store::Listing page, store.list(op, query));
    for (const store::ListedObject& object : page.objects) {
      while (at < wanted.size() && wanted[at].first < object.key.text()) ++at;
      if (at < wanted.size() && wanted[at].first == object.key.text()) {
        found.emplace(wanted[at].second, object.info.size_bytes);
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
    stock->sink_ =
        std::make_unique<PackUploads>(op, parts.store, options.set, *stock->journal_, stock->lease_, parts.reporter);
  }
  stock->chunks_ = std::make_unique<ChunkTable>(*stock->sink_);
  if (stock->journal_ && !stock->journal_->earlier().empty()) DL_TRY(stock->use_again(op));
  return stock;
}

Status Stock::use_again(const Op& op) {
  // In this order: prune deletes nothing while a lease is live, and marks what it is about to delete.
  DL_TRY(lease_.take(op));
  DL_ASSIGN(const auto marked, marked_packs(parts_.store, op, set_));
  std::vector<Hash256> uploaded;
  for (const PackContents& contents : journal_->earlier()) uploaded.push_back(contents.pack);
  DL_ASSIGN(const SizeByPack present, find_packs(parts_.store, op, set_, uploaded));
  std::uint64_t bytes = 0;
  for (const PackContents& contents : journal_->earlier()) {
    const auto there = present.find(contents.pack);
    if (there == present.end() || there->second != contents.size_bytes || marked.contains(contents.pack)) continue;
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
  DL_TRY(check_packs(op, manifest));
  return release::load_chunks(op, manifest, chunks_->index());
}

Status Stock::know_older(const Op& op, release::Manifest& manifest) {
  if (journal_) DL_TRY(lease_.take(op));
  DL_ASSIGN(const auto marked, marked_packs(parts_.store, op, set_));
  for (const Hash256& pack : manifest.index().packs) {
    if (marked.contains(pack)) return Error{Code::not_found, "pack " + pack.short_hex() + " is about to be pruned"};
  }
  return know(op, manifest);
}

// What a head names was there when it was written. A store can lose it all the same.
Status Stock::check_packs(const Op& op, release::Manifest& manifest) {
  const std::vector<Hash256>& packs = manifest.index().packs;
  DL_ASSIGN(const SizeByPack present, find_packs(parts_.store, op, set_, packs));
  if (present.size() == packs.size()) return {};
  return Error{Code::not_found, parts_.store.describe() + " has lost " + format_count(packs.size() - present.size()) +
                                    " of the " + format_count(packs.size()) + " packs of release " +
                                    std::to_string(manifest.index().release.number)};
}

void Stock::end(const Op& op) {
  lease_.release(op);
  if (journal_) (void)parts_.cache.remove_file(journal_file, disk::Missing::is_absent);
}

}  // namespace duskline::publish
