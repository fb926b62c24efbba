// Where a store of our own lies, and who may talk to it: what the `store` commands share.
#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "gateway/user_store.h"

namespace duskline::cli {

// The users and keys of the store in `directory`, which is made where it is missing. Their secrets are sealed under a
// key in the user's configuration folder, which is made where it is missing too: the directory alone gives none away.
[[nodiscard]] Result<std::unique_ptr<gateway::UserStore>> open_users(Context& context, const std::string& directory);

[[nodiscard]] std::string sealing_key_path();

// Writes into the store's audit log that whoever runs this command did `act` ("key add") to the key of that name.
[[nodiscard]] Status record_key_act(Context& context, const std::string& directory, const std::string& act,
                                    const std::string& access_key, const std::string& name);

}  // namespace duskline::cli
