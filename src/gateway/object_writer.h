// An object on its way in: PutObject, and uploads by HTML forms.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/context.h"
#include "gateway/digests.h"
#include "gateway/error.h"
#include "objects/objects.h"

namespace duskline::gateway {

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
  ObjectWriter(const Context& context, ObjectHead head, Promises promises)
      : context_(context), head_(std::move(head)), promises_(std::move(promises)), digests_(promises_.kept()) {}
  const Context& context_;
  ObjectHead head_;
  Promises promises_;
  Digests digests_;
  objects::Properties properties_;
  std::unique_ptr<objects::Incoming> incoming_;
};

}  // namespace duskline::gateway
