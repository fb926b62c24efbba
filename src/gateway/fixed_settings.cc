// Settings of buckets that this server has in one state only. Putting them into that state succeeds, since tools do so
// as a matter of course; anything else is NotImplemented.
#include "gateway/configuration.h"
#include "gateway/xml.h"

namespace duskline::gateway {

Expected<http::Answer> put_request_payment(Context& context) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(context.body, "RequestPaymentConfiguration"));
  const auto payer = document.root().text_of("Payer");
  if (payer == "BucketOwner") return empty_answer(200);
  if (payer == "Requester") return ErrorCode::not_implemented;
  return ErrorCode::malformed_xml;
}

Expected<http::Answer> put_bucket_logging(Context& context) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(context.body, "BucketLoggingStatus"));
  if (document.root().children().empty()) return empty_answer(200);
  return S3Error(ErrorCode::not_implemented, "Access is logged for the whole server (--access-log), not into buckets");
}

Expected<http::Answer> put_bucket_notification(Context& context) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(context.body, "NotificationConfiguration"));
  if (document.root().children().empty()) return empty_answer(200);
  return ErrorCode::not_implemented;
}

Expected<http::Answer> put_bucket_accelerate(Context& context) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(context.body, "AccelerateConfiguration"));
  const auto status = document.root().text_of("Status");
  if (status == "Suspended") return empty_answer(200);
  if (status == "Enabled") return ErrorCode::not_implemented;
  return ErrorCode::malformed_xml;
}

Expected<http::Answer> put_unsupported(Context&) { return ErrorCode::not_implemented; }
Expected<http::Answer> delete_unsupported(Context&) { return empty_answer(204); }

}  // namespace duskline::gateway
