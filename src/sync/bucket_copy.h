// Copies that a service makes of its own objects.
#pragma once

#include <cstdint>
#include <string>

#include "base/op.h"
#include "s3/client.h"
#include "store/s3_store_requests.h"
#include "sync/place.h"

namespace duskline::sync {

inline constexpr std::uint64_t max_document_bytes = 4 << 20;  // of an answer

// An object of the service, as a copy names it ("/bucket/key", encoded), and the version that is meant.
struct CopySource {
  std::string name;
  const Stamp& stamp;
};

// Sends `call`, a PUT of an object or a part, with what makes a copy of it. The ETag of the copy. Code::changing where
// there is another version by now.
[[nodiscard]] Result<std::string> copy_with(const Op& op, s3::Client& client, s3::Call call, const CopySource& from,
                                            const store::EncryptionHeaders& encryption);

// An object that is larger than a single copy may be, part by part. `headers` are those of the new object, which does
// not inherit any.
[[nodiscard]] Status copy_in_parts(const Op& op, s3::Client& client, const std::string& key, s3::Pairs headers,
                                   const CopySource& from, const store::EncryptionHeaders& encryption,
                                   std::uint64_t part_bytes);

// The upload's parts become the object; its ETag, as the service gives it.
[[nodiscard]] Result<std::string> complete_upload(const Op& op, s3::Client& client, s3::Call call,
                                                  const std::string& id, std::vector<std::string>& etags);

// Drops an upload, as far as that is possible, even where the run is to stop.
void abort_upload(s3::Client& client, s3::Call call, const std::string& id);

// A POST whose body is `document`; the answer's text.
[[nodiscard]] Result<std::string> send_document(const Op& op, s3::Client& client, s3::Call& call,
                                                const std::string& document);

}  // namespace duskline::sync
