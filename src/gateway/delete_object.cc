// DeleteObject.
#include "gateway/deletion.h"
#include "gateway/hooks.h"
#include "gateway/operations.h"
#include "gateway/stored.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

// Whether this removal destroys bytes, rather than hiding them behind a delete marker.
bool destroys(const Context& context, const Deletion& deletion, const objects::Version& current) {
  if (deletion.version) return true;
  if (context.bucket->versioning == objects::Versioning::on) return false;
  return current.id == objects::null_version;
}

}  // namespace

Expected<objects::Removed> delete_one(const Context& context, const Deletion& deletion) {
  DL_TRY(
      context.allow_on(deletion.version ? "s3:DeleteObjectVersion" : "s3:DeleteObject", *context.bucket, deletion.key));
  const Bypass bypass = bypass_of(context, deletion.key);
  S3Gate gate;
  objects::RemoveRequest request{context.bucket->name, deletion.key, deletion.version, context.caller.user, {}};
  request.gate = gate.gate([&](const objects::Version* current) -> std::optional<S3Error> {
    if (deletion.conditions.any()) {
      if (auto refused = judge_write(deletion.conditions, current)) return refused;
    }
    if (current == nullptr || !destroys(context, deletion, *current)) return std::nullopt;
    return locked(*current, context.request.now, bypass);
  });
  auto removed = context.services.objects.remove(context.op, request);
  if (removed) return std::move(*removed);
  if (removed.error().code == Code::not_found) {
    DL_ASSIGN(const auto bucket, context.services.objects.bucket(context.bucket->name));
    if (!bucket) return ErrorCode::no_such_bucket;
    return objects::Removed();
  }
  return gate.refusal_or(removed.error());
}

Expected<http::Answer> delete_object(Context& context) {
  DL_ASSIGN(auto version, version_parameter(context.request));
  DL_ASSIGN(auto conditions, write_conditions(context.request.head->headers));
  const Deletion deletion{context.request.key, std::move(version), std::move(conditions)};
  DL_ASSIGN(const auto removed, delete_one(context, deletion));
  http::Answer answer = empty_answer(204);
  if (removed.marker) {
    answer.headers.emplace_back("x-amz-delete-marker", "true");
    answer.headers.emplace_back("x-amz-version-id", removed.marker->id);
  } else if (deletion.version) {
    if (removed.version && removed.version->delete_marker) {
      answer.headers.emplace_back("x-amz-delete-marker", "true");
    }
    answer.headers.emplace_back("x-amz-version-id", *deletion.version);
  }
  return answer;
}

}  // namespace duskline::gateway
