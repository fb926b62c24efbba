// UploadPart and UploadPartCopy.
#include "gateway/copy_source.h"
#include "gateway/encryption.h"
#include "gateway/hooks.h"
#include "gateway/object_writer.h"
#include "gateway/operations.h"
#include "gateway/range.h"
#include "gateway/stored.h"
#include "gateway/uploads.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

// A part brings the checksum that its upload was created for.
Done check_kind(const Promises& promises, const UploadChecksum& checksum) {
  if (!promises.kind || !checksum.named || *promises.kind == checksum.kind) return {};
  return S3Error(
      ErrorCode::invalid_request,
      "Checksum Type mismatch occurred, expected checksum Type: " + std::string(info_of(checksum.kind).name) +
          ", actual checksum Type: " + std::string(info_of(*promises.kind).name));
}

Expected<objects::Part> put_part(const Context& context, const objects::Upload& upload, std::uint32_t number,
                                 std::unique_ptr<objects::Incoming> bytes, std::string etag,
                                 objects::Properties properties) {
  auto part = context.services.objects.put_part(context.op, upload, number, std::move(bytes), std::move(etag),
                                                std::move(properties));
  if (part) return std::move(*part);
  if (part.error().code == Code::not_found) {
    return S3Error(ErrorCode::no_such_upload).with("UploadId", upload.id);
  }
  return part.error();
}

class UploadPart final : public Receiver {
 public:
  UploadPart(Context& context, objects::Upload upload, std::uint32_t number, Promises promises,
             std::optional<ObjectKey> key)
      : context_(context),
        upload_(std::move(upload)),
        number_(number),
        promises_(std::move(promises)),
        checksum_(checksum_of_upload(upload_)),
        key_(std::move(key)),
        digests_(promises_.kind.value_or(checksum_.kind)) {
    // What the client promised is checked; what the object will need is kept.
    if (digests_.checksum.kind() != checksum_.kind) kept_.emplace(checksum_.kind);
  }

  Done begin() {
    if (key_) {
      DL_ASSIGN(encryptor_, Encryptor::begin(*key_, properties_));
    }
    DL_ASSIGN(incoming_, context_.services.objects.receive(context_.body_bytes));
    return {};
  }

  Done write(ByteView piece) override {
    if (incoming_->size_bytes() + piece.size() > max_put_bytes) {
      return too_large(incoming_->size_bytes() + piece.size(), max_put_bytes);
    }
    digests_.update(piece);
    if (kept_) kept_->update(piece);
    if (encryptor_) {
      DL_ASSIGN(piece, encryptor_->apply(piece));
    }
    DL_TRY(incoming_->write(piece));
    return {};
  }

  Expected<http::Answer> finish(const http::Headers& trailers) override {
    DL_ASSIGN(const Digested digested, check_promises(promises_, digests_, trailers));
    context_.object_bytes = incoming_->size_bytes();
    const std::string kept = kept_ ? to_base64(kept_->finish()) : digested.checksum;
    properties_[std::string(info_of(checksum_.kind).property)] = kept;
    std::string etag = etag_of(digested.md5, upload_.properties, key_);
    DL_ASSIGN(const auto part,
              put_part(context_, upload_, number_, std::move(incoming_), std::move(etag), std::move(properties_)));
    http::Answer answer;
    answer.headers.emplace_back("etag", quoted_etag(part.etag));
    answer.headers.emplace_back(info_of(digested.kind).header, digested.checksum);
    give_encryption(context_.request.head->headers, upload_.properties, answer.headers);
    return answer;
  }

 private:
  Context& context_;
  const objects::Upload upload_;
  const std::uint32_t number_;
  const Promises promises_;
  const UploadChecksum checksum_;
  const std::optional<ObjectKey> key_;
  std::optional<Encryptor> encryptor_;
  objects::Properties properties_;
  Digests digests_;
  std::optional<Checksum> kept_;
  std::unique_ptr<objects::Incoming> incoming_;
};

Expected<ByteRange> range_of(const Request& request, const objects::Version& source) {
  const std::string* const header = request.header("x-amz-copy-source-range");
  if (header == nullptr) return ByteRange{0, source.size_bytes};
  return parse_copy_range(*header, source.size_bytes);
}

}  // namespace

Expected<std::unique_ptr<Receiver>> upload_part(Context& context) {
  DL_ASSIGN(const auto number, part_number(context.request));
  DL_ASSIGN(auto upload, find_upload(context));
  DL_ASSIGN(auto key, key_of_upload(context, upload));
  if (context.body_bytes && *context.body_bytes > max_put_bytes) return too_large(*context.body_bytes, max_put_bytes);
  DL_ASSIGN(auto promises, parse_promises(context.request.head->headers));
  DL_TRY(check_kind(promises, checksum_of_upload(upload)));
  auto receiver = std::make_unique<UploadPart>(context, std::move(upload), number, std::move(promises), std::move(key));
  DL_TRY(receiver->begin());
  return receiver;
}

Expected<http::Answer> upload_part_copy(Context& context) {
  DL_TRY(context.allow("s3:PutObject"));
  DL_ASSIGN(const auto number, part_number(context.request));
  DL_ASSIGN(const auto upload, find_upload(context));
  DL_ASSIGN(const auto key, key_of_upload(context, upload));
  DL_ASSIGN(const CopySource source, find_copy_source(context));
  DL_ASSIGN(const ByteRange range, range_of(context.request, source.version));
  if (range.length_bytes > max_put_bytes) return too_large(range.length_bytes, max_put_bytes);
  const UploadChecksum checksum = checksum_of_upload(upload);
  Digests digests(checksum.kind);
  objects::Properties properties;
  DL_ASSIGN(auto bytes, copy_bytes(context, source, range, key, properties, digests));
  const std::string value = to_base64(digests.checksum.finish());
  properties[std::string(info_of(checksum.kind).property)] = value;
  std::string etag = etag_of(digests.md5.finish(), upload.properties, key);
  DL_ASSIGN(const auto part,
            put_part(context, upload, number, std::move(bytes), std::move(etag), std::move(properties)));
  context.object_bytes = part.size_bytes;
  XmlWriter xml;
  xml.root("CopyPartResult");
  xml.text("LastModified", xml_time(part.modified));
  xml.text("ETag", quoted_etag(part.etag));
  if (checksum.named) xml.text(info_of(checksum.kind).element, value);
  http::Answer answer = xml_answer(xml.take());
  give_source_version(source, answer.headers);
  give_encryption(context.request.head->headers, upload.properties, answer.headers);
  return answer;
}

}  // namespace duskline::gateway
