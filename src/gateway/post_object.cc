// PostObject: an upload by an HTML form.
#include <algorithm>
#include <array>
#include <set>

#include "gateway/configuration.h"
#include "gateway/object_writer.h"
#include "gateway/post_form.h"
#include "gateway/post_policy.h"
#include "gateway/post_signature.h"
#include "gateway/stored.h"
#include "gateway/tagging.h"
#include "gateway/xml.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

std::string value_of(const Form& form, std::string_view name) {
  const std::string* const value = form.field(name);
  return value == nullptr ? std::string() : *value;
}

// "${filename}" stands for the name of the file that the browser sends.
std::string with_file_name(std::string text, const std::string& file_name) {
  constexpr std::string_view variable = "${filename}";
  for (std::size_t at = text.find(variable); at != std::string::npos; at = text.find(variable, at + file_name.size())) {
    text.replace(at, variable.size(), file_name);
  }
  return text;
}

// Fields under the names that headers of a PUT have.
Expected<http::Headers> headers_of(const Form& form) {
  http::Headers headers;
  for (const auto& [name, value] : form.fields) {
    if (name == "acl") {
      headers.emplace_back("x-amz-acl", value);
    } else if (name == "tagging") {
      DL_ASSIGN(const Tags tags, parse_tag_document(value, max_object_tags));
      headers.emplace_back("x-amz-tagging", encode_tags(tags));
    } else {
      headers.emplace_back(name, value);
    }
  }
  return headers;
}

bool is_redirect(std::string_view url) {
  const bool absolute = url.starts_with("http://") || url.starts_with("https://");
  return absolute && std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c != 0x7f; });
}

class PostObject final : public Receiver, private FormSink {
 public:
  PostObject(Context& context, FormParser parser) : context_(context), parser_(std::move(parser)) {}

  Done write(ByteView piece) override { return parser_.write(piece, *this); }

  Expected<http::Answer> finish(const http::Headers& trailers) override {
    DL_TRY(parser_.finish());
    if (policy_) DL_TRY(policy_->check_size(size_bytes_));
    DL_ASSIGN(Written written, writer_->finish(trailers));
    context_.object_bytes = written.version.size_bytes;
    return answer(std::move(written));
  }

 private:
  Done file_begins(const Form& form) override {
    form_ = form;
    for (auto& [name, value] : form_.fields) {
      if (name != "policy") value = with_file_name(std::move(value), form_.file_name);
    }
    DL_TRY(check_fields());
    const std::string* const key = form_.field("key");
    if (key == nullptr || key->empty()) {
      return invalid_argument(
          "Bucket POST must contain a field named 'key'.  If it is specified, please check the "
          "order of the fields.",
          "key", "");
    }
    DL_TRY(check_policy());
    DL_ASSIGN(http::Headers headers, headers_of(form_));
    pretend_to_put(*key, headers);
    DL_ASSIGN(writer_, ObjectWriter::begin(*inner_, {*key, std::move(headers), std::nullopt}));
    return {};
  }

  // Policies and hooks look at headers: they are to see the form's fields as the headers of a PUT.
  void pretend_to_put(const std::string& key, const http::Headers& fields) {
    auto head = std::make_shared<http::RequestHead>(*context_.request.head);
    static constexpr std::array kept = {"host", "referer", "user-agent", "origin"};
    std::erase_if(head->headers,
                  [](const auto& header) { return std::find(kept.begin(), kept.end(), header.first) == kept.end(); });
    for (const auto& field : fields) {
      if (std::find(kept.begin(), kept.end(), field.first) == kept.end()) head->headers.push_back(field);
    }
    request_ = context_.request;
    request_.head = std::move(head);
    request_.key = key;
    inner_.emplace(Context{context_.services, request_, context_.operation, context_.caller, context_.bucket});
    inner_->op = context_.op;
  }

  // What the policy says of a field must hold of the one that counts.
  Done check_fields() const {
    std::set<std::string_view> names;
    for (const auto& [name, value] : form_.fields) {
      if (!names.insert(name).second && !name.starts_with("x-ignore-")) {
        return invalid_argument("The form has a field more than once.", name, value);
      }
    }
    return {};
  }

  Done check_policy() {
    const bool public_by_default = context_.caller.public_by_default;
    DL_ASSIGN(context_.caller, identify_poster(form_, context_.services, context_.request.now));
    context_.caller.public_by_default = public_by_default;
    const std::string* const text = form_.field("policy");
    if (text == nullptr) return {};
    DL_ASSIGN(policy_, PostPolicy::parse(*text));
    http::Headers fields = form_.fields;
    std::erase_if(fields, [](const auto& field) { return field.first == "bucket"; });
    fields.emplace_back("bucket", context_.bucket->name);
    return policy_->check(fields, context_.request.now);
  }

  Done file_bytes(ByteView piece) override {
    size_bytes_ += piece.size();
    if (policy_) DL_TRY(policy_->check_size_so_far(size_bytes_));
    return writer_->write(piece);
  }

  [[nodiscard]] std::string location() const {
    const std::string* const host = context_.request.header("host");
    const std::string origin =
        (context_.request.head->secure ? "https://" : "http://") + (host ? *host : std::string());
    const std::string bucket = context_.request.virtual_host ? "" : "/" + context_.bucket->name;
    return origin + bucket + "/" + s3::uri_encode(request_.key, s3::Slash::keep);
  }

  http::Answer answer(Written written) const {
    const std::string etag = quoted_etag(written.version.etag);
    std::string redirect = value_of(form_, "success_action_redirect");
    if (redirect.empty()) redirect = value_of(form_, "redirect");
    http::Answer answer;
    if (is_redirect(redirect)) {
      answer = empty_answer(303);
      redirect += redirect.find('?') == std::string::npos ? '?' : '&';
      redirect += "bucket=" + context_.bucket->name + "&key=" + s3::uri_encode(request_.key, s3::Slash::encode) +
                  "&etag=" + s3::uri_encode(etag, s3::Slash::encode);
    } else {
      answer = status_answer(etag);
      redirect = location();
    }
    for (auto& header : written.headers) answer.headers.push_back(std::move(header));
    answer.headers.emplace_back("location", std::move(redirect));
    return answer;
  }

  [[nodiscard]] http::Answer status_answer(const std::string& etag) const {
    const std::string status = value_of(form_, "success_action_status");
    if (status == "200") return empty_answer(200);
    if (status != "201") return empty_answer(204);
    XmlWriter xml;
    xml.open("PostResponse");
    xml.text("Location", location());
    xml.text("Bucket", context_.bucket->name);
    xml.text("Key", request_.key);
    xml.text("ETag", etag);
    http::Answer answer = xml_answer(xml.take());
    answer.status = 201;
    return answer;
  }

  Context& context_;
  FormParser parser_;
  Form form_;
  std::optional<PostPolicy> policy_;
  // As a PUT of the object would have them.
  Request request_;
  std::optional<Context> inner_;
  std::unique_ptr<ObjectWriter> writer_;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace

Expected<std::unique_ptr<Receiver>> post_object(Context& context) {
  const std::string* const type = context.request.header("content-type");
  DL_ASSIGN(FormParser parser, FormParser::open(type == nullptr ? std::string_view() : *type));
  return std::make_unique<PostObject>(context, std::move(parser));
}

}  // namespace duskline::gateway
