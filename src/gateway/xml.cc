#include "gateway/xml.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "gateway/route.h"

namespace duskline::gateway {
namespace {

constexpr int max_depth = 16;
// Of tags and attributes: they take up to thirty times their size in memory. The largest document there is, the one
// that completes an upload of 10,000 parts with checksums, has less than 120,000.
constexpr std::size_t max_marks = 150'000;

std::string_view local_name(std::string_view name) {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

class Bounds final : public pugi::xml_tree_walker {
 public:
  bool for_each(pugi::xml_node& node) override {
    if (depth() >= max_depth || !is_utf8(node.name()) || !is_utf8(node.value())) return false;
    const auto attributes = node.attributes();
    return std::all_of(attributes.begin(), attributes.end(),
                       [](const pugi::xml_attribute& attribute) { return is_utf8(attribute.value()); });
  }
};

// Counted before anything is made of them.
bool has_too_many_marks(std::string_view xml) {
  return std::count_if(xml.begin(), xml.end(), [](char c) { return c == '<' || c == '='; }) >
         static_cast<std::ptrdiff_t>(max_marks);
}

// "&#0;", "&#x00;": no character of XML. It would end the text that it stands in, and so name another key.
bool has_null_reference(std::string_view xml) {
  for (auto at = xml.find("&#"); at != std::string_view::npos; at = xml.find("&#", at + 2)) {
    std::string_view digits = xml.substr(at + 2);
    if (digits.starts_with('x')) digits.remove_prefix(1);
    const auto end = digits.find_first_not_of('0');
    if (end != 0 && (end == std::string_view::npos || digits[end] == ';')) return true;
  }
  return false;
}

bool has_doctype(const pugi::xml_document& document) {
  for (const pugi::xml_node node : document.children()) {
    if (node.type() == pugi::node_doctype) return true;
  }
  return false;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
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
      case '\r':
        out += "&#13;";
        break;
      default:
        // XML 1.0 has no way to write the other control characters; as references most readers take them.
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') {
          out += "&#" + std::to_string(static_cast<int>(c)) + ";";
        } else {
          out += c;
        }
    }
  }
}

void XmlWriter::root(std::string_view name) { open(name, "xmlns=\"" + std::string(s3_namespace) + "\""); }

void XmlWriter::open(std::string_view name, std::string_view attributes) {
  out_.append("<").append(name);
  if (!attributes.empty()) out_.append(" ").append(attributes);
  out_ += '>';
  open_.emplace_back(name);
}

void XmlWriter::close() {
  out_.append("</").append(open_.back()).append(">");
  open_.pop_back();
}

void XmlWriter::text(std::string_view name, std::string_view value) {
  out_.append("<").append(name).append(">");
  append_escaped(out_, value);
  out_.append("</").append(name).append(">");
}

void XmlWriter::number(std::string_view name, std::uint64_t value) { text(name, std::to_string(value)); }
void XmlWriter::flag(std::string_view name, bool value) { text(name, value ? "true" : "false"); }

void XmlWriter::copy(const XmlNode& node) {
  const auto children = node.children();
  if (children.empty()) {
    text(node.name(), node.text());
    return;
  }
  open(node.name());
  for (const XmlNode& child : children) copy(child);
  close();
}

std::string XmlWriter::take() {
  while (!open_.empty()) close();
  return std::move(out_);
}

std::string xml_time(WallTime time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(milliseconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(milliseconds - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text.data();
}

std::string_view XmlNode::name() const { return local_name(node_.name()); }

XmlNode XmlNode::child(std::string_view name) const {
  for (const pugi::xml_node node : node_.children()) {
    if (node.type() == pugi::node_element && local_name(node.name()) == name) return XmlNode(node);
  }
  return {};
}

std::vector<XmlNode> XmlNode::children() const {
  std::vector<XmlNode> found;
  for (const pugi::xml_node node : node_.children()) {
    if (node.type() == pugi::node_element) found.emplace_back(node);
  }
  return found;
}

std::vector<XmlNode> XmlNode::children(std::string_view name) const {
  std::vector<XmlNode> found = children();
  std::erase_if(found, [&](const XmlNode& node) { return node.name() != name; });
  return found;
}

std::string XmlNode::text() const {
  std::string all;
  for (const pugi::xml_node node : node_.children()) {
    if (node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata) all += node.value();
  }
  return all;
}

std::optional<std::string> XmlNode::text_of(std::string_view name) const {
  const XmlNode found = child(name);
  if (!found) return std::nullopt;
  return found.text();
}

std::string XmlNode::attribute(std::string_view name) const {
  for (const pugi::xml_attribute attribute : node_.attributes()) {
    if (local_name(attribute.name()) == name) return attribute.value();
  }
  return {};
}

Expected<XmlDocument> XmlDocument::parse(std::string_view xml, std::string_view root) {
  if (has_too_many_marks(xml) || has_null_reference(xml)) return ErrorCode::malformed_xml;
  XmlDocument parsed;
  parsed.document_ = std::make_unique<pugi::xml_document>();
  constexpr unsigned options = pugi::parse_default | pugi::parse_doctype | pugi::parse_ws_pcdata_single;
  // No other encoding: what it is turned into could be longer, or hold what was looked for above.
  if (!parsed.document_->load_buffer(xml.data(), xml.size(), options, pugi::encoding_utf8)) {
    return ErrorCode::malformed_xml;
  }
  Bounds bounds;
  if (has_doctype(*parsed.document_) || !parsed.document_->traverse(bounds)) return ErrorCode::malformed_xml;
  if (!root.empty() && parsed.root().name() != root) return ErrorCode::malformed_xml;
  return parsed;
}

http::Answer xml_answer(std::string document) {
  http::Answer answer;
  answer.headers.emplace_back("content-type", "application/xml");
  answer.body = std::move(document);
  return answer;
}

http::Answer empty_answer(int status) {
  http::Answer answer;
  answer.status = status;
  return answer;
}

}  // namespace duskline::gateway
