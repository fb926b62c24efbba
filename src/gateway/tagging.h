// Tags of objects and buckets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/error.h"
#include "objects/types.h"

namespace duskline::gateway {

struct Tag {
  std::string key, value;
  bool operator==(const Tag&) const = default;
};
using Tags = std::vector<Tag>;  // in the order given

inline constexpr std::size_t max_object_tags = 10, max_bucket_tags = 50;

// "a=1&b=2", percent-encoded, as x-amz-tagging has them. InvalidArgument, InvalidTag.
[[nodiscard]] Expected<Tags> parse_tag_header(std::string_view text);
// Tagging documents. MalformedXML, InvalidTag.
[[nodiscard]] Expected<Tags> parse_tag_document(std::string_view xml, std::size_t most);
[[nodiscard]] std::string tag_document(const Tags& tags);

// As property::tags holds them.
[[nodiscard]] std::string encode_tags(const Tags& tags);
[[nodiscard]] Tags stored_tags(std::string_view text);  // what cannot be read is left out
[[nodiscard]] Tags tags_of(const objects::Properties& properties);

}  // namespace duskline::gateway
