// An object on its way in: PutObject, and uploads by HTML forms.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/conditions.h"
#include "gateway/context.h"
#include "gateway/digests.h"
#include "gateway/encryption.h"
#include "gateway/error.h"
#include "objects/objects.h"

namespace duskline::gateway {

inline constexpr std::uint64_t max_put_bytes = std::uint64_t{5} << 30;  // of a body, and of a part
[[nodiscard]] S3Error too_large(std::uint64_t size_bytes, std::uint64_t limit_bytes);

struct ObjectHead {
  std::string key;
  // The request's, or a form's fields: metadata, checksums, conditions, tags, ACL, lock, encryption. Names in lower
  // case.
  http::Headers headers;
  std::optional<std::uint64_t> size_bytes;  // where it is known
};

struct Written {
  objects::Version version;
  http::Headers headers;  // of the answer: etag, x-amz-version-id, checksums, encryption, expiration
};

class ObjectWriter {
 public:
  // Asks for s3:PutObject, checks the head. `context` must outlive this.
  static Expected<std::unique_ptr<ObjectWriter>> begin(const Context& context, ObjectHead head);
  Done write(ByteView piece);
  // Durable. `trailers` may hold the checksum that the head announced.
  Expected<Written> finish(const http::Headers& trailers);

 private:
  ObjectWriter(const Context& context, ObjectHead head, Promises promises, WriteConditions conditions)
      : context_(context),
        head_(std::move(head)),
        promises_(std::move(promises)),
        conditions_(std::move(conditions)),
        digests_(promises_.kept()) {}
  [[nodiscard]] std::optional<S3Error> judge(const objects::Version* current) const;

  const Context& context_;
  ObjectHead head_;
  Promises promises_;
  WriteConditions conditions_;
  Digests digests_;
  objects::Properties properties_;
  std::optional<ObjectKey> key_;
  std::optional<Encryptor> encryptor_;
  std::unique_ptr<objects::Incoming> incoming_;
};

// Whether a put may take the place of `current`: of a "null" version that is locked, it may not.
[[nodiscard]] std::optional<S3Error> refuse_overwrite(const Context& context, const objects::Version* current);

// x-amz-version-id, where the bucket was ever versioned.
void give_version(const Context& context, const objects::Version& version, http::Headers& headers);

}  // namespace duskline::gateway
