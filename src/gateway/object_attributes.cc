// GetObjectAttributes.
#include <algorithm>
#include <array>

#include "gateway/digests.h"
#include "gateway/encryption.h"
#include "gateway/listing_parameters.h"
#include "gateway/metadata.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/stored.h"
#include "gateway/uploads.h"
#include "gateway/xml.h"
#include "http/date.h"

namespace duskline::gateway {
namespace {

constexpr std::array<std::string_view, 5> attribute_names = {"ETag", "Checksum", "ObjectParts", "StorageClass",
                                                             "ObjectSize"};
constexpr std::string_view header_name = "x-amz-object-attributes";

struct Attributes {
  std::array<bool, attribute_names.size()> wanted{};
  [[nodiscard]] bool etag() const { return wanted[0]; }
  [[nodiscard]] bool checksum() const { return wanted[1]; }
  [[nodiscard]] bool parts() const { return wanted[2]; }
  [[nodiscard]] bool storage_class() const { return wanted[3]; }
  [[nodiscard]] bool size() const { return wanted[4]; }
};

// Several headers, or several names in one.
Expected<Attributes> read_attributes(const http::Headers& headers) {
  Attributes attributes;
  bool any = false;
  for (const auto& [header, text] : headers) {
    if (header != header_name) continue;
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto comma = std::min(rest.find(','), rest.size());
      std::string_view name = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      while (name.starts_with(' ')) name.remove_prefix(1);
      while (name.ends_with(' ')) name.remove_suffix(1);
      const auto found = std::find(attribute_names.begin(), attribute_names.end(), name);
      if (found == attribute_names.end()) {
        return invalid_argument("Invalid attribute name specified.", std::string(header_name), std::string(name));
      }
      attributes.wanted[static_cast<std::size_t>(found - attribute_names.begin())] = true;
      any = true;
    }
  }
  if (!any) {
    return S3Error(ErrorCode::invalid_request,
                   "The x-amz-object-attributes header specifying the attributes to be "
                   "retrieved is either missing or empty");
  }
  return attributes;
}

// The limits of ObjectParts come as headers here, though elsewhere as parameters.
Expected<std::uint32_t> number_header(const Request& request, std::string_view name, NumberBounds bounds) {
  const std::string* const text = request.header(name);
  if (text == nullptr) return bounds.by_default;
  Request as_parameter;
  as_parameter.query.emplace_back(name, *text);
  return number_parameter(as_parameter, name, bounds);
}

Done give_parts(const Context& context, const objects::Version& version, XmlWriter& xml) {
  if (version.parts.empty()) return {};
  DL_ASSIGN(const auto limit, number_header(context.request, "x-amz-max-parts", {}));
  DL_ASSIGN(const auto after, number_header(context.request, "x-amz-part-number-marker", {0, max_part_number, 0}));
  const auto kept = checksum_of(version.properties);
  xml.open("ObjectParts");
  xml.number("PartsCount", version.parts.size());
  // Parts are numbered from 1 in the order of the object, as GET's partNumber counts them.
  const std::size_t begin = std::min<std::size_t>(after, version.parts.size());
  const std::size_t end = std::min(begin + limit, version.parts.size());
  xml.number("PartNumberMarker", after);
  xml.number("NextPartNumberMarker", end);
  xml.number("MaxParts", limit);
  xml.flag("IsTruncated", end < version.parts.size());
  // S3 lists the parts of objects that have a checksum.
  for (std::size_t i = begin; i < end && kept; ++i) {
    const objects::Part& part = version.parts[i];
    xml.open("Part");
    xml.number("PartNumber", i + 1);
    xml.number("Size", part.size_bytes);
    const ChecksumInfo& info = info_of(kept->kind);
    xml.text(info.element, value_of(part.properties, info.property));
    xml.close();
  }
  xml.close();
  return {};
}

// Without the count of parts, which stands apart here.
std::string bare(std::string value) {
  if (const auto dash = value.find('-'); dash != std::string::npos) value.resize(dash);
  return value;
}

}  // namespace

Expected<http::Answer> get_object_attributes(Context& context) {
  DL_ASSIGN(const auto version, find_object(context, {"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"}));
  DL_TRY(context.allow(context.request.parameter("versionId") != nullptr ? "s3:GetObjectVersion" : "s3:GetObject",
                       &version));
  DL_TRY(key_of_version(context, version));
  DL_ASSIGN(const Attributes attributes, read_attributes(context.request.head->headers));
  XmlWriter xml;
  xml.root("GetObjectAttributesResponse");
  if (attributes.etag()) xml.text("ETag", version.etag);
  if (const auto kept = checksum_of(version.properties); attributes.checksum() && kept) {
    xml.open("Checksum");
    xml.text(info_of(kept->kind).element, bare(kept->value));
    xml.text("ChecksumType", value_of(version.properties, property::checksum_type));
    xml.close();
  }
  if (attributes.parts()) DL_TRY(give_parts(context, version, xml));
  if (attributes.storage_class()) xml.text("StorageClass", storage_class_of(version.properties));
  if (attributes.size()) xml.number("ObjectSize", version.size_bytes);
  http::Answer answer = xml_answer(xml.take());
  answer.headers.emplace_back("last-modified", http::format_http_date(version.modified));
  if (context.versioned()) answer.headers.emplace_back("x-amz-version-id", version.id);
  return answer;
}

}  // namespace duskline::gateway
