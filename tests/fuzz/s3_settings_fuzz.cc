// What credentials are read from: the shared files, and the JSON of the credential services.
#include "fuzz.h"
#include "s3/metadata.h"
#include "s3/profiles.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const std::string_view text = text_of(fuzz::view(data, size));
  for (const auto kind : {s3::ProfileFile::credentials, s3::ProfileFile::config}) {
    for (const auto& [name, profile] : s3::parse_profiles(text, kind))
      fuzz::require(!name.empty(), "a profile has a name");
  }
  if (const auto credentials = s3::parse_credentials_json(text)) {
    fuzz::require(!credentials->access_key.empty() && !credentials->secret_key.empty(), "credentials are whole");
  }
  return 0;
}
