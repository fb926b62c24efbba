// The user's keys: one of his own to sign with, and those he trusts, in the configuration folder
// ($DUSKLINE_CONFIG_DIR, else $XDG_CONFIG_HOME/duskline, else ~/.config/duskline).
//   signing.key        secret_text(), mode 0600
//   trusted/NAME.pub   public key text, one per file; '#' comments allowed
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/signing.h"

namespace duskline::release {

struct TrustedKey {
  std::string name;
  PublicKey key;
};

// Several programs may use one folder at once.
class KeyFolder {
 public:
  explicit KeyFolder(std::string path);
  [[nodiscard]] const std::string& path() const { return path_; }
  // Refuses (Code::refused) a secret key file that others may read, and a folder that others may write to.
  [[nodiscard]] Result<std::optional<SigningKey>> signing_key() const;
  // Makes one if there is none, durably, never over an existing one; `made` says so. Trusts its public half as "own".
  [[nodiscard]] Result<SigningKey> signing_key_or_new(bool& made) const;
  // Sorted by name. A file that holds no key is an error, not skipped.
  [[nodiscard]] Result<std::vector<TrustedKey>> trusted() const;
  // Durable. `name`: 1-64 of [A-Za-z0-9._@-], not beginning with '.'. A name that stands for another key already is
  // refused (Code::already_exists): distrust it first.
  [[nodiscard]] Status trust(const std::string& name, const PublicKey& key) const;
  [[nodiscard]] Status distrust(const std::string& name) const;  // Code::not_found

 private:
  std::string path_;
};

// What --trust takes: a key's text, or a file that holds it.
[[nodiscard]] Result<PublicKey> parse_key_argument(const std::string& text_or_path);

[[nodiscard]] std::string default_key_folder();

}  // namespace duskline::release
