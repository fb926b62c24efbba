#include "cli/store_place.h"

#include "release/keys.h"

namespace duskline::cli {
namespace {

constexpr std::uint32_t private_mode = 0700;

}  // namespace

std::string sealing_key_path() { return release::default_key_folder() + "/store-sealing.key"; }

Result<std::unique_ptr<gateway::UserStore>> open_users(Context& context, const std::string& directory) {
  DL_ASSIGN(const auto sealing, gateway::sealing_key_at(context.disk, sealing_key_path()));
  DL_ASSIGN(auto opened, context.disk.open_or_create(directory, private_mode));
  return gateway::UserStore::open(std::move(opened), sealing);
}

}  // namespace duskline::cli
