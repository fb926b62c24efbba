// key generate, show, trust, distrust.
#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"

namespace duskline::cli {
namespace {

release::KeyFolder own_folder() { return release::KeyFolder(release::default_key_folder()); }

void show_key(Context& context, const std::string& name, const PublicKey& key) {
  context.console.text(name + "  " + key.text() + "  fingerprint " + key.fingerprint());
  context.console.object(
      {{"event", "key"}, {"name", name}, {"public_key", key.text()}, {"fingerprint", key.fingerprint()}});
}

class GenerateCommand final : public Command {
 public:
  Spec spec() override {
    return {
        .path = "key generate",
        .summary = "make your signing key, if you have none",
        .details =
            "The secret half stays in the configuration folder, readable by you alone. Publish does this by itself.",
        .arguments = {},
        .flags = {}};
  }
  Result<int> run(const Op&, Context& context) override {
    bool made = false;
    DL_ASSIGN(const SigningKey key, own_folder().signing_key_or_new(made));
    if (!made) context.console.note(Severity::info, "there is a signing key in " + own_folder().path() + " already");
    show_key(context, "own", key.public_key());
    return 0;
  }
};

class ShowCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "key show",
            .summary = "list the public keys that you trust",
            .details = "",
            .arguments = {},
            .flags = {}};
  }
  Result<int> run(const Op&, Context& context) override {
    DL_ASSIGN(const auto trusted, own_folder().trusted());
    for (const auto& known : trusted) show_key(context, known.name, known.key);
    if (trusted.empty()) context.console.note(Severity::info, "no key is trusted yet; see: duskline key trust --help");
    return 0;
  }
};

class TrustCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "key trust",
            .summary = "trust a publisher's public key from now on",
            .details = "Compare the fingerprint with the publisher's by another way than the store.",
            .arguments = {{"NAME", "what to call it, e.g. core", to_text(name_)},
                          {"KEY", "the key's text, or a file that holds it", to_text(key_)}},
            .flags = {}};
  }
  Result<int> run(const Op&, Context& context) override {
    DL_ASSIGN(const PublicKey key, release::parse_key_argument(key_));
    DL_TRY(own_folder().trust(name_, key));
    show_key(context, name_, key);
    return 0;
  }

 private:
  std::string name_, key_;
};

class DistrustCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "key distrust",
            .summary = "no longer trust a key",
            .details = "",
            .arguments = {{"NAME", "its name in: duskline key show", to_text(name_)}},
            .flags = {}};
  }
  Result<int> run(const Op&, Context& context) override {
    DL_TRY(own_folder().distrust(name_));
    context.console.text("\"" + printable(name_) + "\" is not trusted any more");
    context.console.object({{"event", "key_removed"}, {"name", name_}});
    return 0;
  }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> key_generate_command() { return std::make_unique<GenerateCommand>(); }
std::unique_ptr<Command> key_show_command() { return std::make_unique<ShowCommand>(); }
std::unique_ptr<Command> key_trust_command() { return std::make_unique<TrustCommand>(); }
std::unique_ptr<Command> key_distrust_command() { return std::make_unique<DistrustCommand>(); }

}  // namespace duskline::cli
