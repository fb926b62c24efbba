#include "gateway/object_writer.h"

#include "gateway/conditions.h"
#include "gateway/hooks.h"
#include "gateway/metadata.h"
#include "gateway/properties.h"
#include "gateway/route.h"
#include "gateway/stored.h"

namespace duskline::gateway {

S3Error too_large(std::uint64_t size_bytes, std::uint64_t limit_bytes) {
  return S3Error(ErrorCode::entity_too_large)
      .with("ProposedSize", std::to_string(size_bytes))
      .with("MaxSizeAllowed", std::to_string(limit_bytes));
}

Expected<std::unique_ptr<ObjectWriter>> ObjectWriter::begin(const Context& context, ObjectHead head) {
  if (head.key.size() > max_key_bytes) return ErrorCode::key_too_long;
  // No listing could show it. That of a form has not been looked at.
  if (!is_utf8(head.key)) return invalid_argument("The key must be UTF-8.", "key", "");
  DL_TRY(context.allow_on("s3:PutObject", *context.bucket, head.key));
  if (head.size_bytes && *head.size_bytes > max_put_bytes) return too_large(*head.size_bytes, max_put_bytes);
  DL_ASSIGN(auto promises, parse_promises(head.headers));
  DL_ASSIGN(auto conditions, write_conditions(head.headers));
  auto writer =
      std::unique_ptr<ObjectWriter>(new ObjectWriter(context, std::move(head), std::move(promises), conditions));
  const http::Headers& headers = writer->head_.headers;
  objects::Properties& properties = writer->properties_;
  DL_TRY(take_metadata(headers, properties));
  DL_TRY(take_storage_class(headers, properties));
  DL_ASSIGN(writer->key_, take_encryption(context, {context.bucket->name, writer->head_.key}, headers, properties));
  if (writer->key_) {
    DL_ASSIGN(writer->encryptor_, Encryptor::begin(*writer->key_, properties));
  }
  DL_TRY(take_tagging(context, headers, properties));
  DL_TRY(take_object_acl(context, headers, properties));
  DL_TRY(take_object_lock(context, headers, properties));
  DL_ASSIGN(writer->incoming_, context.services.objects.receive(writer->head_.size_bytes));
  return writer;
}

Done ObjectWriter::write(ByteView piece) {
  if (incoming_->size_bytes() + piece.size() > max_put_bytes) {
    return too_large(incoming_->size_bytes() + piece.size(), max_put_bytes);
  }
  digests_.update(piece);
  if (encryptor_) {
    DL_ASSIGN(piece, encryptor_->apply(piece));
  }
  DL_TRY(incoming_->write(piece));
  return {};
}

Expected<Written> ObjectWriter::finish(const http::Headers& trailers) {
  DL_ASSIGN(const Digested digested, check_promises(promises_, digests_, trailers));
  keep_checksum(digested.kind, digested.checksum, "FULL_OBJECT", properties_);
  objects::PutRequest put{context_.bucket->name, head_.key, std::move(incoming_),
                          etag_of(digested.md5, properties_, key_)};
  put.owner = owner_of_put(context_, properties_);
  put.properties = std::move(properties_);
  S3Gate gate;
  if (conditions_.any() || context_.bucket->versioning != objects::Versioning::on) {
    put.gate = gate.gate([this](const objects::Version* current) { return judge(current); });
  }
  auto version = context_.services.objects.put(context_.op, std::move(put));
  if (!version) {
    if (version.error().code == Code::not_found) return ErrorCode::no_such_bucket;
    return gate.refusal_or(version.error());
  }
  Written written{std::move(*version), {}};
  written.headers.emplace_back("etag", quoted_etag(written.version.etag));
  give_version(context_, written.version, written.headers);
  give_encryption(head_.headers, written.version.properties, written.headers);
  give_checksum(written.version.properties, written.headers);
  give_expiration(*context_.bucket, written.version, written.headers);
  return written;
}

std::optional<S3Error> ObjectWriter::judge(const objects::Version* current) const {
  if (auto refused = judge_write(conditions_, current)) return refused;
  return refuse_overwrite(context_, current);
}

std::optional<S3Error> refuse_overwrite(const Context& context, const objects::Version* current) {
  if (current == nullptr || context.bucket->versioning == objects::Versioning::on) return std::nullopt;
  return current->id == objects::null_version ? locked(*current, context.request.now, Bypass::no) : std::nullopt;
}

void give_version(const Context& context, const objects::Version& version, http::Headers& headers) {
  if (context.versioned()) headers.emplace_back("x-amz-version-id", version.id);
}

}  // namespace duskline::gateway
