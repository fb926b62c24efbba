// DeleteObjects: up to 1,000 keys in one request.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <thread>

#include "gateway/deletion.h"
#include "gateway/digests.h"
#include "gateway/operations.h"
#include "gateway/stored.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_deletions = 1000;
// Removals that wait at the same time share one flush of the engine.
constexpr std::size_t max_threads = 32, deletions_for_each_thread = 4;

struct Outcome {
  Deletion deletion;
  Expected<objects::Removed> removed = ErrorCode::internal_error;
};

struct Wanted {
  std::vector<Outcome> outcomes;
  bool quiet = false;
};

Expected<Deletion> read_deletion(const XmlNode& object) {
  Deletion deletion{object.text_of("Key").value_or(""), object.text_of("VersionId"), {}};
  if (deletion.key.empty()) return ErrorCode::malformed_xml;
  if (deletion.version && deletion.version->empty()) deletion.version.reset();
  http::Headers headers;
  const auto take = [&](std::string_view element, const char* header) {
    if (const auto text = object.text_of(element)) headers.emplace_back(header, *text);
  };
  take("ETag", "if-match");
  take("LastModifiedTime", "x-amz-if-match-last-modified-time");
  take("Size", "x-amz-if-match-size");
  DL_ASSIGN(deletion.conditions, write_conditions(headers));
  return deletion;
}

Expected<Wanted> read_wanted(const std::string& body) {
  DL_ASSIGN(const auto document, XmlDocument::parse(body, "Delete"));
  Wanted wanted;
  wanted.quiet = document.root().text_of("Quiet").value_or("false") == "true";
  for (const XmlNode& object : document.root().children("Object")) {
    if (wanted.outcomes.size() == max_deletions) return ErrorCode::malformed_xml;
    DL_ASSIGN(auto deletion, read_deletion(object));
    wanted.outcomes.push_back({std::move(deletion)});
  }
  if (wanted.outcomes.empty()) return ErrorCode::malformed_xml;
  return wanted;
}

// The body's digest is demanded: a damaged list of keys must delete nothing.
Done check_body(const Context& context) {
  DL_ASSIGN(const Promises promises, parse_promises(context.request.head->headers));
  if (!promises.content_md5 && !promises.kind) {
    return S3Error(ErrorCode::invalid_request,
                   "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  }
  return {};
}

void delete_all(const Context& context, std::vector<Outcome>& outcomes) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < outcomes.size(); i = next++) {
      outcomes[i].removed = delete_one(context, outcomes[i].deletion);
    }
  };
  std::vector<std::jthread> helpers;
  const std::size_t threads = std::min(max_threads, outcomes.size() / deletions_for_each_thread);
  for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
}

void give_deleted(XmlWriter& xml, const Deletion& deletion, const objects::Removed& removed) {
  xml.open("Deleted");
  xml.text("Key", deletion.key);
  if (deletion.version) xml.text("VersionId", *deletion.version);
  if (removed.marker) {
    xml.flag("DeleteMarker", true);
    xml.text("DeleteMarkerVersionId", removed.marker->id);
  } else if (deletion.version && removed.version && removed.version->delete_marker) {
    xml.flag("DeleteMarker", true);
    xml.text("DeleteMarkerVersionId", removed.version->id);
  }
  xml.close();
}

void give_error(XmlWriter& xml, const Deletion& deletion, const S3Error& error) {
  const ErrorInfo& info = info_of(error.code);
  xml.open("Error");
  xml.text("Key", deletion.key);
  if (deletion.version) xml.text("VersionId", *deletion.version);
  xml.text("Code", info.name);
  xml.text("Message", error.message.empty() ? info.message : error.message);
  xml.close();
}

}  // namespace

Expected<http::Answer> delete_objects(Context& context) {
  DL_TRY(check_body(context));
  DL_ASSIGN(Wanted wanted, read_wanted(context.body));
  delete_all(context, wanted.outcomes);
  XmlWriter xml;
  xml.root("DeleteResult");
  for (const Outcome& outcome : wanted.outcomes) {
    if (!outcome.removed) {
      give_error(xml, outcome.deletion, outcome.removed.error());
    } else if (!wanted.quiet) {
      give_deleted(xml, outcome.deletion, *outcome.removed);
    }
  }
  return xml_answer(xml.take());
}

}  // namespace duskline::gateway
