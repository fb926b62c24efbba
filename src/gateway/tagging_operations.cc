// Get, put and delete the tags of buckets and objects.
#include "gateway/configuration.h"
#include "gateway/object_writer.h"
#include "gateway/properties.h"
#include "gateway/stored.h"
#include "gateway/tagging.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

http::Answer answer_for(const Context& context, const objects::Version& version, http::Answer answer) {
  give_version(context, version, answer.headers);
  return answer;
}

// A policy may ask which tags are to be set, which find_object() does not know.
Done allow_tags(const Context& context, const objects::Version& version, const std::string& tags) {
  const bool by_version = context.request.parameter("versionId") != nullptr;
  AccessQuestion question{
      context.request,  context.caller,      by_version ? "s3:PutObjectVersionTagging" : "s3:PutObjectTagging",
      &*context.bucket, context.request.key, &version};
  question.tags = tags;
  if (auto refused = authorize(question)) return std::move(*refused);
  return {};
}

Expected<objects::Version> find_to_tag(const Context& context, const std::string& tags) {
  DL_ASSIGN(const auto asked, version_parameter(context.request));
  DL_ASSIGN(const auto version, context.services.objects.find(context.bucket->name, context.request.key, asked));
  if (version && !version->delete_marker) {
    DL_TRY(allow_tags(context, *version, tags));
    return std::move(*version);
  }
  return find_object(context, {"s3:PutObjectTagging", "s3:PutObjectVersionTagging"});
}

}  // namespace

Expected<http::Answer> get_bucket_tagging(Context& context) {
  const std::string* const stored = find(context.bucket->properties, property::tags);
  if (stored == nullptr) return S3Error(ErrorCode::no_such_tag_set).with("BucketName", context.bucket->name);
  return xml_answer(tag_document(stored_tags(*stored)));
}

Expected<http::Answer> put_bucket_tagging(Context& context) {
  DL_ASSIGN(const Tags tags, parse_tag_document(context.body, max_bucket_tags));
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    bucket.properties[std::string(property::tags)] = encode_tags(tags);
    return {};
  }));
  return empty_answer(204);
}

Expected<http::Answer> delete_bucket_tagging(Context& context) {
  DL_TRY(change_bucket(context, [](objects::Bucket& bucket) -> Done {
    bucket.properties.erase(std::string(property::tags));
    return {};
  }));
  return empty_answer(204);
}

Expected<http::Answer> get_object_tagging(Context& context) {
  DL_ASSIGN(const auto version, find_object(context, {"s3:GetObjectTagging", "s3:GetObjectVersionTagging"}));
  return answer_for(context, version, xml_answer(tag_document(tags_of(version.properties))));
}

Expected<http::Answer> put_object_tagging(Context& context) {
  DL_ASSIGN(const Tags tags, parse_tag_document(context.body, max_object_tags));
  const std::string text = encode_tags(tags);
  DL_ASSIGN(const auto version, find_to_tag(context, text));
  DL_ASSIGN(const auto changed, change_version(context, version, [&](objects::Version& current) -> Done {
              if (text.empty()) {
                current.properties.erase(std::string(property::tags));
              } else {
                current.properties[std::string(property::tags)] = text;
              }
              return {};
            }));
  return answer_for(context, changed, empty_answer(200));
}

Expected<http::Answer> delete_object_tagging(Context& context) {
  DL_ASSIGN(const auto version, find_object(context, {"s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"}));
  DL_ASSIGN(const auto changed, change_version(context, version, [](objects::Version& current) -> Done {
              current.properties.erase(std::string(property::tags));
              return {};
            }));
  return answer_for(context, changed, empty_answer(204));
}

}  // namespace duskline::gateway
