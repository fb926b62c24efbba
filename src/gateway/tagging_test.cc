#include "gateway/tagging.h"

#include <gtest/gtest.h>

#include "gateway/hooks.h"
#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

ErrorCode header_refusal(std::string_view text) {
  const auto tags = parse_tag_header(text);
  return tags ? ErrorCode::internal_error : tags.error().code;
}
std::string document(const std::string& tags) { return "<Tagging><TagSet>" + tags + "</TagSet></Tagging>"; }
std::string tag(const std::string& key, const std::string& value) {
  return "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>";
}
ErrorCode document_refusal(const std::string& xml, std::size_t most = max_object_tags) {
  const auto tags = parse_tag_document(xml, most);
  return tags ? ErrorCode::internal_error : tags.error().code;
}

TEST(TagHeader, IsReadInItsOrder) {
  EXPECT_EQ(parse_tag_header("b=2&a=x%20y+z&empty=&bare").value(),
            (Tags{{"b", "2"}, {"a", "x y z"}, {"empty", ""}, {"bare", ""}}));
  EXPECT_TRUE(parse_tag_header("")->empty());
  EXPECT_EQ(header_refusal("a=%zz"), ErrorCode::invalid_argument);
  EXPECT_EQ(header_refusal("a=1&a=2"), ErrorCode::invalid_tag);
  EXPECT_EQ(header_refusal("=1"), ErrorCode::invalid_tag);
  EXPECT_EQ(header_refusal("aws:x=1"), ErrorCode::invalid_tag);
  EXPECT_EQ(header_refusal("a=%00"), ErrorCode::invalid_tag);
  EXPECT_EQ(header_refusal("a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1"), ErrorCode::invalid_tag);
}

TEST(TagDocument, IsWrittenAndReadBack) {
  EXPECT_EQ(document_refusal(document(tag("a", "x &amp; y"))), ErrorCode::invalid_tag);  // '&' is not allowed
  const Tags allowed = {{"b", "2"}, {"a/b:c", "x + \xc3\xa4 = @"}};
  EXPECT_EQ(parse_tag_document(tag_document(allowed), max_object_tags).value(), allowed);
  EXPECT_TRUE(parse_tag_document(document(""), max_object_tags)->empty());
}

TEST(TagDocument, HasLimits) {
  EXPECT_EQ(document_refusal(document(tag(std::string(128, 'k'), std::string(256, 'v')))), ErrorCode::internal_error);
  EXPECT_EQ(document_refusal(document(tag(std::string(129, 'k'), "v"))), ErrorCode::invalid_tag);
  EXPECT_EQ(document_refusal(document(tag("k", std::string(257, 'v')))), ErrorCode::invalid_tag);
  std::string many;
  for (int i = 0; i < 11; ++i) many += tag("k" + std::to_string(i), "v");
  EXPECT_EQ(document_refusal(document(many)), ErrorCode::invalid_tag);
  EXPECT_EQ(document_refusal(document(many), max_bucket_tags), ErrorCode::internal_error);
  // Characters count, not bytes.
  std::string umlauts;
  for (int i = 0; i < 128; ++i) umlauts += "\xc3\xa4";
  EXPECT_EQ(document_refusal(document(tag(umlauts, ""))), ErrorCode::internal_error);
}

TEST(TagDocument, RefusesWhatIsNone) {
  EXPECT_EQ(document_refusal(""), ErrorCode::malformed_xml);
  EXPECT_EQ(document_refusal("<Tagging/>"), ErrorCode::malformed_xml);
  EXPECT_EQ(document_refusal(document("<Tag><Key>a</Key></Tag>")), ErrorCode::malformed_xml);
  EXPECT_EQ(document_refusal(document("<Other/>")), ErrorCode::malformed_xml);
}

TEST(Tags, AreStoredAndCounted) {
  const Tags tags = {{"a b", "=&"}, {"c", ""}};
  const objects::Properties properties{{std::string(property::tags), encode_tags(tags)}};
  EXPECT_EQ(tags_of(properties), tags);
  EXPECT_EQ(tag_count(properties), 2U);
  EXPECT_EQ(tag_count({}), 0U);
  EXPECT_EQ(tag_count({{std::string(property::tags), ""}}), 0U);
}

}  // namespace
}  // namespace duskline::gateway
