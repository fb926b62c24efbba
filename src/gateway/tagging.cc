#include "gateway/tagging.h"

#include <algorithm>

#include "gateway/digests.h"
#include "gateway/hooks.h"
#include "gateway/properties.h"
#include "gateway/xml.h"
#include "s3/sigv4_check.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_key_characters = 128, max_value_characters = 256;

// Code points of UTF-8: the bytes that begin one.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Letters, digits and spaces of any script, and + - = . _ : / @.
bool has_only_allowed(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view(" +-=._:/@").find(c) != std::string_view::npos;
  });
}

S3Error invalid_key(const Tag& tag) {
  return S3Error(ErrorCode::invalid_tag, "The TagKey you have provided is invalid").with("TagKey", tag.key);
}

Done check(const Tags& tags, std::size_t most) {
  if (tags.size() > most) {
    return S3Error(ErrorCode::invalid_tag, (most == max_object_tags ? "Object tags cannot be greater than "
                                                                    : "Bucket tag count cannot be greater than ") +
                                               std::to_string(most));
  }
  for (auto tag = tags.begin(); tag != tags.end(); ++tag) {
    if (tag->key.empty() || characters(tag->key) > max_key_characters || !has_only_allowed(tag->key)) {
      return invalid_key(*tag);
    }
    if (tag->key.starts_with("aws:")) {
      return S3Error(ErrorCode::invalid_tag, "System tags cannot be added/updated by requester");
    }
    if (characters(tag->value) > max_value_characters || !has_only_allowed(tag->value)) {
      return S3Error(ErrorCode::invalid_tag, "The TagValue you have provided is invalid").with("TagValue", tag->value);
    }
    if (std::any_of(tags.begin(), tag, [&](const Tag& before) { return before.key == tag->key; })) {
      return S3Error(ErrorCode::invalid_tag, "Cannot provide multiple Tags with the same key").with("TagKey", tag->key);
    }
  }
  return {};
}

// Forms write a space as '+'.
std::string spaces_for_plus(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '+', ' ');
  return out;
}

}  // namespace

Expected<Tags> parse_tag_header(std::string_view text) {
  const auto pairs = s3::parse_query(spaces_for_plus(text));
  if (!pairs) {
    return invalid_argument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
        "without tag name duplicates.",
        "x-amz-tagging", std::string(text));
  }
  Tags tags;
  for (const auto& [key, value] : *pairs) tags.push_back({key, value});
  DL_TRY(check(tags, max_object_tags));
  return tags;
}

Expected<Tags> parse_tag_document(std::string_view xml, std::size_t most) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "Tagging"));
  const XmlNode set = document.root().child("TagSet");
  if (!set) return ErrorCode::malformed_xml;
  Tags tags;
  for (const XmlNode& node : set.children()) {
    const auto key = node.text_of("Key"), value = node.text_of("Value");
    if (node.name() != "Tag" || !key || !value) return ErrorCode::malformed_xml;
    tags.push_back({*key, *value});
  }
  DL_TRY(check(tags, most));
  return tags;
}

std::string tag_document(const Tags& tags) {
  XmlWriter xml;
  xml.root("Tagging");
  xml.open("TagSet");
  for (const Tag& tag : tags) {
    xml.open("Tag");
    xml.text("Key", tag.key);
    xml.text("Value", tag.value);
    xml.close();
  }
  return xml.take();
}

std::string encode_tags(const Tags& tags) {
  std::string text;
  for (const Tag& tag : tags) {
    if (!text.empty()) text += '&';
    text.append(s3::uri_encode(tag.key, s3::Slash::encode))
        .append("=")
        .append(s3::uri_encode(tag.value, s3::Slash::encode));
  }
  return text;
}

Tags stored_tags(std::string_view text) {
  Tags tags;
  const auto pairs = s3::parse_query(spaces_for_plus(text));
  if (!pairs) return tags;
  for (const auto& [key, value] : *pairs) tags.push_back({key, value});
  return tags;
}

Tags tags_of(const objects::Properties& properties) {
  const auto found = properties.find(std::string(property::tags));
  return found == properties.end() ? Tags() : stored_tags(found->second);
}

Done take_tagging(const Context& context, const http::Headers& headers, objects::Properties& properties) {
  const std::string* const header = find_header(headers, "x-amz-tagging");
  if (header == nullptr) return {};
  DL_ASSIGN(const Tags tags, parse_tag_header(*header));
  if (tags.empty()) return {};
  std::string text = encode_tags(tags);
  AccessQuestion question{context.request, context.caller, "s3:PutObjectTagging",
                          context.bucket ? &*context.bucket : nullptr, context.request.key};
  question.tags = text;
  if (auto refused = authorize(question)) return std::move(*refused);
  properties[std::string(property::tags)] = std::move(text);
  return {};
}

std::size_t tag_count(const objects::Properties& properties) {
  const auto found = properties.find(std::string(property::tags));
  if (found == properties.end() || found->second.empty()) return 0;
  return 1 + static_cast<std::size_t>(std::count(found->second.begin(), found->second.end(), '&'));
}

}  // namespace duskline::gateway
