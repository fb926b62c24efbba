// XML out and in. What comes in is hostile: bounded in size by its reader, in depth and count here, without entities of
// its own and without DOCTYPE.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

#include "base/clock.h"
#include "gateway/error.h"
#include "http/server.h"

namespace duskline::gateway {

inline constexpr std::string_view s3_namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

// Elements in the order in which they are to stand; text is escaped.
class XmlWriter {
 public:
  XmlWriter() : out_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {}
  // A root in S3's namespace.
  void root(std::string_view name);
  // `attributes` as they shall stand, "xsi:type=\"Group\"".
  void open(std::string_view name, std::string_view attributes = {});
  void close();
  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::uint64_t value);
  void flag(std::string_view name, bool value);  // "true", "false"
  void raw(std::string_view xml) { out_ += xml; }
  // The element with all that is in it, without prefixes and attributes.
  void copy(const class XmlNode& node);
  // Closes what is open.
  [[nodiscard]] std::string take();

 private:
  std::string out_;
  std::vector<std::string> open_;
};
void append_escaped(std::string& out, std::string_view text);

// "2026-11-21T09:30:00.000Z", as S3's documents have times.
[[nodiscard]] std::string xml_time(WallTime time);

// An element; names are compared without their namespace prefix. Cheap to copy; needs its Document alive.
class XmlNode {
 public:
  XmlNode() = default;
  explicit XmlNode(pugi::xml_node node) : node_(node) {}
  [[nodiscard]] std::string_view name() const;
  [[nodiscard]] XmlNode child(std::string_view name) const;  // the first; may be empty
  [[nodiscard]] std::vector<XmlNode> children() const;       // elements only
  [[nodiscard]] std::vector<XmlNode> children(std::string_view name) const;
  [[nodiscard]] std::string text() const;  // of this element, white space kept
  [[nodiscard]] std::optional<std::string> text_of(std::string_view child) const;
  [[nodiscard]] std::string attribute(std::string_view name) const;  // "xsi:type" as "type"; empty where missing
  explicit operator bool() const { return !node_.empty(); }

 private:
  pugi::xml_node node_;
};

class XmlDocument {
 public:
  // MalformedXML where it is no such document. `root` empty: any root.
  static Expected<XmlDocument> parse(std::string_view xml, std::string_view root);
  [[nodiscard]] XmlNode root() const { return XmlNode(document_->document_element()); }

 private:
  std::unique_ptr<pugi::xml_document> document_;
};

// 200 with an XML document.
[[nodiscard]] http::Answer xml_answer(std::string document);
[[nodiscard]] http::Answer empty_answer(int status);

}  // namespace duskline::gateway
