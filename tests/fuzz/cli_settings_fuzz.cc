// The configuration file.
#include "cli/settings.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const std::string text(text_of(fuzz::view(data, size)));
  const auto config = cli::ConfigFile::parse(text, "a file");
  if (!config) {
    fuzz::require(config.error().code == Code::usage, "whoever wrote it is told");
    return 0;
  }
  for (const auto& [command, flag] : config->keys()) {
    fuzz::require(flag.starts_with("--"), "a key is a flag");
    (void)config->values(command, flag);
    (void)cli::environment_name(flag);
  }
  return 0;
}
