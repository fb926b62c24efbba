#include "s3/multipart_documents.h"

#include <charconv>
#include <optional>
#include <pugixml.hpp>

namespace duskline::s3 {
namespace {

constexpr std::size_t max_parts_per_page = 10'000;
constexpr std::uint32_t max_part_number = 10'000;
constexpr std::size_t max_etag_bytes = 1024;

// Node names come with and without a namespace prefix.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string_view child_text(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node child : node.children()) {
    if (local_name(child) == name) return child.text().get();
  }
  return {};
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Error malformed(std::string_view what) {
  return {Code::unavailable, "the server's answer is not a " + std::string(what) + " document of S3"};
}

std::optional<ListedPart> listed_part(const pugi::xml_node& node) {
  const auto part = number<std::uint32_t>(child_text(node, "PartNumber"));
  const auto size = number<std::uint64_t>(child_text(node, "Size"));
  const std::string_view etag = child_text(node, "ETag");
  if (!part || *part == 0 || *part > max_part_number || !size || etag.empty() || etag.size() > max_etag_bytes) {
    return std::nullopt;
  }
  return ListedPart{*part, *size, std::string(etag)};
}

}  // namespace

Result<PartPage> parse_parts(std::string_view xml) {
  pugi::xml_document document;
  const auto loaded = document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  const pugi::xml_node root = document.document_element();
  if (!loaded || local_name(root) != "ListPartsResult") return malformed("ListPartsResult");
  PartPage page;
  std::uint32_t last = 0;
  for (const pugi::xml_node child : root.children()) {
    if (local_name(child) != "Part") continue;
    auto part = listed_part(child);
    if (!part || part->number <= last || page.parts.size() == max_parts_per_page) {
      return malformed("ListPartsResult (a bad part)");
    }
    last = part->number;
    page.parts.push_back(std::move(*part));
  }
  page.truncated = child_text(root, "IsTruncated") == "true";
  page.next_marker = number<std::uint32_t>(child_text(root, "NextPartNumberMarker")).value_or(0);
  if (page.truncated && (page.parts.empty() || page.next_marker < last)) {
    return malformed("ListPartsResult (truncated, and no marker)");
  }
  return page;
}

Result<std::string> parse_copy_result(std::string_view xml) {
  pugi::xml_document document;
  const auto loaded = document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  const pugi::xml_node root = document.document_element();
  const std::string_view name = local_name(root);
  if (!loaded || (name != "CopyObjectResult" && name != "CopyPartResult")) return malformed("CopyObjectResult");
  const std::string_view etag = child_text(root, "ETag");
  if (etag.empty() || etag.size() > max_etag_bytes) return malformed("CopyObjectResult (no ETag)");
  return std::string(etag);
}

}  // namespace duskline::s3
