// Every command, one per file.
#pragma once

#include <memory>
#include <vector>

#include "cli/command.h"

namespace duskline::cli {

[[nodiscard]] std::unique_ptr<Command> publish_command();
[[nodiscard]] std::unique_ptr<Command> pull_command();
[[nodiscard]] std::unique_ptr<Command> verify_command();
[[nodiscard]] std::unique_ptr<Command> rollback_command();
[[nodiscard]] std::unique_ptr<Command> pin_command();
[[nodiscard]] std::unique_ptr<Command> unpin_command();
[[nodiscard]] std::unique_ptr<Command> releases_command();
[[nodiscard]] std::unique_ptr<Command> show_command();
[[nodiscard]] std::unique_ptr<Command> cat_command();
[[nodiscard]] std::unique_ptr<Command> diff_command();
[[nodiscard]] std::unique_ptr<Command> prune_command();
[[nodiscard]] std::unique_ptr<Command> sync_command();
[[nodiscard]] std::unique_ptr<Command> key_generate_command();
[[nodiscard]] std::unique_ptr<Command> key_show_command();
[[nodiscard]] std::unique_ptr<Command> key_trust_command();
[[nodiscard]] std::unique_ptr<Command> key_distrust_command();
[[nodiscard]] std::unique_ptr<Command> store_serve_command();
[[nodiscard]] std::unique_ptr<Command> store_scrub_command();
[[nodiscard]] std::unique_ptr<Command> store_check_command();
[[nodiscard]] std::unique_ptr<Command> bucket_add_command();
[[nodiscard]] std::unique_ptr<Command> store_key_add_command();
[[nodiscard]] std::unique_ptr<Command> store_key_list_command();
[[nodiscard]] std::unique_ptr<Command> store_key_remove_command();
[[nodiscard]] std::unique_ptr<Command> store_key_enable_command();
[[nodiscard]] std::unique_ptr<Command> store_key_disable_command();
// These two describe all the others.
[[nodiscard]] std::unique_ptr<Command> completion_command();
[[nodiscard]] std::unique_ptr<Command> manual_command();

[[nodiscard]] std::vector<std::unique_ptr<Command>> all_commands();

}  // namespace duskline::cli
