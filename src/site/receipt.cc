#include <boost/json.hpp>

#include "site/pull.h"

namespace duskline::site {
namespace {

std::string_view name_of(PullResult::Outcome outcome) {
  switch (outcome) {
    case PullResult::Outcome::activated:
      return "activated";
    case PullResult::Outcome::current:
      return "current";
    case PullResult::Outcome::pinned:
      return "pinned";
    case PullResult::Outcome::planned:
      return "planned";
  }
  return "activated";
}

}  // namespace

std::string encode_receipt(const PullResult& result, const State& state, WallTime finished) {
  boost::json::object receipt{
      {"format", 1},
      {"set", state.set},
      {"realm", state.realm},
      {"channel", state.channel},
      {"store", state.store_url},
      {"outcome", result.rolled_back ? "rolled back" : name_of(result.outcome)},
      {"release", result.id.hex()},
      {"number", result.number},
      {"shown", state.current ? state.current->id.hex() : ""},
      {"finished", format_time(finished)},
      {"seconds", std::chrono::duration<double>(result.duration).count()},
      {"content", {{"files", result.stats.files}, {"entries", result.stats.entries}, {"bytes", result.stats.bytes}}},
      {"files", {{"changed", result.files_changed}, {"removed", result.files_removed}, {"kept", result.files_kept}}},
      {"received",
       {{"requests", result.requests},
        {"bytes", result.bytes_from_store},
        {"manifest_bytes", result.bytes_from_manifests},
        {"pack_bytes", result.bytes_from_packs},
        {"delta_bytes", result.bytes_from_deltas}}},
      {"reused",
       {{"local_bytes", result.bytes_from_local},
        {"seed_bytes", result.bytes_from_seeds},
        {"resumed_bytes", result.bytes_resumed}}},
  };
  return boost::json::serialize(receipt) + "\n";
}

}  // namespace duskline::site
