// What S3 answers about features that nobody configured. Tools ask for them as a matter of course.
#include "gateway/operations.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

http::Answer empty_document(std::string_view root) {
  XmlWriter xml;
  xml.root(root);
  return xml_answer(xml.take());
}

}  // namespace

Expected<http::Answer> get_bucket_notification(Context&) { return empty_document("NotificationConfiguration"); }
Expected<http::Answer> get_bucket_accelerate(Context&) { return empty_document("AccelerateConfiguration"); }
Expected<http::Answer> get_bucket_replication(Context&) { return ErrorCode::replication_configuration_not_found; }

}  // namespace duskline::gateway
