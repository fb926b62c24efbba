#include "s3/xml.h"

#include <charconv>
#include <optional>
#include <pugixml.hpp>

#include "base/units.h"
#include "s3/uri.h"

namespace duskline::s3 {
namespace {

constexpr int max_depth = 16;
constexpr std::size_t max_keys = 10'000;
constexpr std::size_t max_shown = 300;

class DepthCheck final : public pugi::xml_tree_walker {
 public:
  bool for_each(pugi::xml_node&) override { return depth() < max_depth; }
};

Error malformed(std::string_view what) {
  return {Code::unavailable, "the server's answer is not a " + std::string(what) + " document of S3"};
}

bool load(pugi::xml_document& document, std::string_view xml) {
  const auto parsed = document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  DepthCheck check;
  return parsed && document.traverse(check);
}

// Node names come with and without a namespace prefix.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node root_of(const pugi::xml_document& document, std::string_view name) {
  const pugi::xml_node root = document.document_element();
  return local_name(root) == name ? root : pugi::xml_node();
}

std::string child_text(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node child : node.children()) {
    if (local_name(child) == name) return child.text().get();
  }
  return {};
}

std::string shown(const std::string& text) { return printable(std::string_view(text).substr(0, max_shown)); }

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ListedKey> listed_key(const pugi::xml_node& node, bool url_encoded) {
  ListedKey key;
  const std::string name = child_text(node, "Key");
  const auto decoded = url_encoded ? uri_decode(name) : name;
  const auto size = number(child_text(node, "Size"));
  const auto modified = parse_time(child_text(node, "LastModified"));
  if (!decoded || decoded->empty() || !size) return std::nullopt;
  key.key = *decoded;
  key.size_bytes = *size;
  key.etag = child_text(node, "ETag");
  key.modified = modified.value_or(WallTime{});
  return key;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

ErrorDocument parse_error(std::string_view xml) {
  pugi::xml_document document;
  if (!load(document, xml)) return {};
  pugi::xml_node root = root_of(document, "Error");
  if (!root) {  // STS and other AWS services: <ErrorResponse><Error>
    for (const pugi::xml_node child : root_of(document, "ErrorResponse").children()) {
      if (local_name(child) == "Error") root = child;
    }
  }
  return {shown(child_text(root, "Code")), shown(child_text(root, "Message")), shown(child_text(root, "Region")),
          shown(child_text(root, "RequestTime")), shown(child_text(root, "ServerTime"))};
}

Result<ListPage> parse_list(std::string_view xml) {
  pugi::xml_document document;
  if (!load(document, xml)) return malformed("ListBucketResult");
  const pugi::xml_node root = root_of(document, "ListBucketResult");
  if (!root) return malformed("ListBucketResult");
  const bool url_encoded = child_text(root, "EncodingType") == "url";
  ListPage page;
  page.truncated = child_text(root, "IsTruncated") == "true";
  page.next_token = child_text(root, "NextContinuationToken");
  if (page.truncated && page.next_token.empty()) return malformed("ListBucketResult (truncated, and no token)");
  for (const pugi::xml_node child : root.children()) {
    if (local_name(child) != "Contents") continue;
    auto key = listed_key(child, url_encoded);
    if (!key || page.keys.size() == max_keys) return malformed("ListBucketResult (a bad key)");
    page.keys.push_back(std::move(*key));
  }
  return page;
}

Result<std::vector<DeleteFailure>> parse_delete_result(std::string_view xml) {
  pugi::xml_document document;
  if (!load(document, xml)) return malformed("DeleteResult");
  const pugi::xml_node root = root_of(document, "DeleteResult");
  if (!root) return malformed("DeleteResult");
  std::vector<DeleteFailure> failures;
  for (const pugi::xml_node child : root.children()) {
    if (local_name(child) != "Error") continue;
    if (failures.size() == max_keys) return malformed("DeleteResult (too many errors)");
    failures.push_back(
        {child_text(child, "Key"), shown(child_text(child, "Code")), shown(child_text(child, "Message"))});
  }
  return failures;
}

std::string delete_document(const std::vector<std::string>& keys) {
  std::string out = R"(<?xml version="1.0" encoding="UTF-8"?><Delete><Quiet>true</Quiet>)";
  for (const std::string& key : keys) out += "<Object><Key>" + escaped(key) + "</Key></Object>";
  return out + "</Delete>";
}

Result<std::string> parse_upload_id(std::string_view xml) {
  constexpr std::size_t max_id = 4096;
  pugi::xml_document document;
  if (!load(document, xml)) return malformed("InitiateMultipartUploadResult");
  std::string id = child_text(root_of(document, "InitiateMultipartUploadResult"), "UploadId");
  if (id.empty() || id.size() > max_id) return malformed("InitiateMultipartUploadResult");
  return id;
}

std::string complete_document(const std::vector<std::string>& part_etags) {
  std::string out = R"(<?xml version="1.0" encoding="UTF-8"?><CompleteMultipartUpload>)";
  for (std::size_t i = 0; i < part_etags.size(); ++i) {
    out += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + escaped(part_etags[i]) +
           "</ETag></Part>";
  }
  return out + "</CompleteMultipartUpload>";
}

Result<std::string> parse_complete_result(std::string_view xml) {
  pugi::xml_document document;
  const bool loaded = load(document, xml);
  const pugi::xml_node root = root_of(document, "CompleteMultipartUploadResult");
  if (!loaded || !root) return malformed("CompleteMultipartUploadResult");
  return child_text(root, "ETag");
}

}  // namespace duskline::s3
