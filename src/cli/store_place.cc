#include "cli/store_place.h"

#include <pwd.h>
#include <unistd.h>

#include "cli/console.h"
#include "gateway/audit_log.h"
#include "gateway/log_file.h"
#include "release/keys.h"

namespace duskline::cli {
namespace {

constexpr std::uint32_t private_mode = 0700;

std::string name_of_user() {
  constexpr std::size_t buffer_bytes = 16 << 10;
  std::string buffer(buffer_bytes, '\0');
  passwd user{};
  passwd* found = nullptr;
  const uid_t id = ::getuid();
  ::getpwuid_r(id, &user, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : "uid " + std::to_string(id);
}

}  // namespace

std::string sealing_key_path() { return release::default_key_folder() + "/store-sealing.key"; }

Result<std::unique_ptr<gateway::UserStore>> open_users(Context& context, const std::string& directory) {
  DL_ASSIGN(const auto sealing, gateway::sealing_key_at(context.disk, sealing_key_path()));
  DL_ASSIGN(auto opened, context.disk.open_or_create(directory, private_mode));
  return gateway::UserStore::open(std::move(opened), sealing);
}

Status record_key_act(Context& context, const std::string& directory, const std::string& act,
                      const std::string& access_key, const std::string& name) {
  const std::string path = directory + "/" + gateway::audit_file_name;
  DL_ASSIGN(const auto file, gateway::LogFile::open(path, gateway::LogSync::each_batch, context.console));
  file->append(gateway::audit_line({.time = context.clock.now(),
                                    .who = name_of_user(),
                                    .access_key = access_key,
                                    .from = "command line",
                                    .act = act,
                                    .about = name}));
  file->flush();
  return {};
}

}  // namespace duskline::cli
