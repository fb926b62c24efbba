#include "cli/publisher.h"

#include <filesystem>

namespace duskline::cli {
namespace {

constexpr const char* conditions_file = "conditions";
constexpr std::string_view both = "if-none-match if-match\n";

}  // namespace

Result<PublisherCache> PublisherCache::open(Context& context, const std::string& store, const model::SetName& set,
                                            const std::string& source, Absent absent) {
  std::error_code failed;
  const std::string where = std::filesystem::weakly_canonical(source, failed).string();
  const Hash256 identity = sha256(store + '\0' + set.text() + '\0' + (failed ? source : where));
  const std::string path = cache_folder() + "/publish/" + set.text() + "-" + identity.short_hex();
  PublisherCache cache;
  auto own = absent == Absent::is_made ? context.disk.open_or_create(path, 0700) : context.disk.open(path);
  if (!own && (absent == Absent::is_made || own.error().code != Code::not_found)) return std::move(own).error();
  if (own) {
    cache.own_ = std::move(*own);
  } else {
    DL_ASSIGN(auto scratch, ScratchFolder::make(context.disk));
    cache.scratch_.emplace(std::move(scratch));
  }
  return cache;
}

// Only the full answer is remembered: an endpoint that lacks conditions may get them with its next version.
Result<release::Conditions> endpoint_conditions(store::ObjectStore& store, const Op& op, const model::SetName& set,
                                                disk::Directory& cache, Reporter& reporter) {
  DL_ASSIGN(const auto known, cache.read_all(conditions_file, both.size()));
  if (known && text_of(*known) == both) return release::Conditions{.if_none_match = true, .if_match = true};
  DL_ASSIGN(const auto found, release::probe_conditions(store, op, set));
  if (found.if_none_match && found.if_match) {
    DL_TRY(cache.replace(conditions_file, bytes_of(both), 0600));
  } else {
    reporter.note(Severity::warning,
                  store.describe() +
                      " does not honour conditional writes: two publishers of one set are kept apart by a "
                      "lease object only, at best effort");
  }
  return found;
}

}  // namespace duskline::cli
