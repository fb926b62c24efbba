// The documents that an S3 server answers with.
#include "fuzz.h"
#include "s3/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const std::string_view xml = text_of(fuzz::view(data, size));
  if (const auto page = s3::parse_list(xml)) {
    fuzz::require(!page->truncated || !page->next_token.empty(), "more needs a token");
    for (const auto& key : page->keys) fuzz::require(!key.key.empty(), "a listed key has a name");
  }
  const auto error = s3::parse_error(xml);
  for (const std::string& text : {error.code, error.message, error.region, error.server_time}) {
    for (const char c : text) fuzz::require(static_cast<unsigned char>(c) >= ' ' && c != 0x7f, "messages are harmless");
  }
  (void)s3::parse_delete_result(xml);
  (void)s3::parse_upload_id(xml);
  (void)s3::parse_complete_result(xml);
  return 0;
}
