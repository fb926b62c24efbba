// Settings of buckets that this server has in one state only. Putting them into that state succeeds, since tools do so
// as a matter of course; anything else is NotImplemented.
#include <algorithm>
#include <array>

#include "gateway/configuration.h"
#include "gateway/xml.h"

namespace duskline::gateway {

// There is nothing here that could be notified: S3 says the same of a destination that it cannot find.
Expected<http::Answer> put_bucket_notification(Context& context) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(context.body, "NotificationConfiguration"));
  constexpr std::array<std::string_view, 4> kinds = {"TopicConfiguration", "QueueConfiguration",
                                                     "CloudFunctionConfiguration", "LambdaFunctionConfiguration"};
  for (const XmlNode& node : document.root().children()) {
    if (node.name() == "EventBridgeConfiguration") return ErrorCode::not_implemented;
    if (std::find(kinds.begin(), kinds.end(), node.name()) == kinds.end()) return ErrorCode::malformed_xml;
    return S3Error(ErrorCode::invalid_argument, "Unable to validate the following destination configurations");
  }
  return empty_answer(200);
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
