#include "cli/commands.h"

namespace duskline::cli {

std::vector<std::unique_ptr<Command>> all_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  for (const auto make : {publish_command,
                          pull_command,
                          verify_command,
                          rollback_command,
                          pin_command,
                          unpin_command,
                          releases_command,
                          show_command,
                          cat_command,
                          diff_command,
                          prune_command,
                          sync_command,
                          key_generate_command,
                          key_show_command,
                          key_trust_command,
                          key_distrust_command,
                          store_serve_command,
                          store_scrub_command,
                          store_check_command,
                          bucket_add_command,
                          store_key_add_command,
                          store_key_list_command,
                          store_key_remove_command,
                          store_key_enable_command,
                          store_key_disable_command,
                          completion_command,
                          manual_command}) {
    commands.push_back(make());
  }
  return commands;
}

}  // namespace duskline::cli
