// Who pays for requests, and a bucket's website: kept, given back, and in the first case heeded.
#include <algorithm>

#include "gateway/configuration.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_routing_rules = 50;

Done check_protocol(const XmlNode& node) {
  const auto protocol = node.text_of("Protocol");
  if (!protocol || *protocol == "http" || *protocol == "https") return {};
  return S3Error(ErrorCode::invalid_request,
                 "Invalid protocol, protocol can be http or https. If not defined the "
                 "protocol will be selected automatically.");
}

Done check_routing_rule(const XmlNode& rule) {
  const XmlNode redirect = rule.child("Redirect");
  if (rule.name() != "RoutingRule" || !redirect || redirect.children().empty()) return ErrorCode::malformed_xml;
  DL_TRY(check_protocol(redirect));
  if (redirect.child("ReplaceKeyWith") && redirect.child("ReplaceKeyPrefixWith")) {
    return S3Error(ErrorCode::invalid_request, "You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
  }
  const XmlNode condition = rule.child("Condition");
  if (condition && condition.children().empty()) return ErrorCode::malformed_xml;
  return {};
}

Done check_redirect_all(const XmlNode& root, const XmlNode& all) {
  if (root.children().size() > 1) {
    return S3Error(ErrorCode::invalid_request,
                   "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.");
  }
  if (all.text_of("HostName").value_or("").empty()) return ErrorCode::malformed_xml;
  return check_protocol(all);
}

Done check_website(const XmlNode& root) {
  if (const XmlNode all = root.child("RedirectAllRequestsTo")) return check_redirect_all(root, all);
  const auto suffix = root.child("IndexDocument").text_of("Suffix");
  if (!suffix || suffix->empty()) {
    return invalid_argument("A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
                            "IndexDocument", "null");
  }
  if (suffix->find('/') != std::string::npos) {
    return invalid_argument("The IndexDocument Suffix is not well formed", "IndexDocument", *suffix);
  }
  const XmlNode error = root.child("ErrorDocument");
  if (error && error.text_of("Key").value_or("").empty()) return ErrorCode::malformed_xml;
  const auto rules = root.child("RoutingRules").children();
  if (rules.size() > max_routing_rules) {
    return S3Error(ErrorCode::invalid_request, "There are more than " + std::to_string(max_routing_rules) +
                                                   " routing rules; the number of routing rules is limited");
  }
  for (const XmlNode& rule : rules) DL_TRY(check_routing_rule(rule));
  return {};
}

Expected<http::Answer> keep(Context& context, std::string_view name, const std::string& value) {
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    if (value.empty()) {
      bucket.properties.erase(std::string(name));
    } else {
      bucket.properties[std::string(name)] = value;
    }
    return {};
  }));
  return empty_answer(200);
}

}  // namespace

Expected<http::Answer> get_request_payment(Context& context) {
  const std::string payer = value_of(context.bucket->properties, property::request_payment);
  XmlWriter xml;
  xml.root("RequestPaymentConfiguration");
  xml.text("Payer", payer.empty() ? "BucketOwner" : payer);
  return xml_answer(xml.take());
}

Expected<http::Answer> put_request_payment(Context& context) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(context.body, "RequestPaymentConfiguration"));
  const auto payer = document.root().text_of("Payer");
  if (payer != "BucketOwner" && payer != "Requester") return ErrorCode::malformed_xml;
  return keep(context, property::request_payment, payer == "Requester" ? "Requester" : "");
}

Expected<http::Answer> get_bucket_website(Context& context) {
  const std::string* const stored = find(context.bucket->properties, property::website);
  if (stored == nullptr) {
    return S3Error(ErrorCode::no_such_website_configuration).with("BucketName", context.bucket->name);
  }
  return xml_answer(*stored);
}

Expected<http::Answer> put_bucket_website(Context& context) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(context.body, "WebsiteConfiguration"));
  DL_TRY(check_website(document.root()));
  XmlWriter xml;
  xml.root("WebsiteConfiguration");
  for (const XmlNode& node : document.root().children()) xml.copy(node);
  return keep(context, property::website, xml.take());
}

Expected<http::Answer> delete_bucket_website(Context& context) {
  DL_TRY(keep(context, property::website, ""));
  return empty_answer(204);
}

}  // namespace duskline::gateway
