#include "store/s3_store_multipart.h"

#include <algorithm>

#include "s3/xml.h"

namespace duskline::store {
namespace {

constexpr std::uint64_t max_parts = 10'000;
constexpr std::uint64_t max_document_bytes = 1 << 20;

class Upload {
 public:
  Upload(s3::Client& client, const MultipartPlan& plan, const EncryptionHeaders& encryption)
      : client_(client), plan_(plan), encryption_(encryption) {}

  Status begin(const Op& op, const PutOptions& options) {
    s3::Call call{.method = "POST", .key = plan_.key, .query = {{"uploads", ""}}, .headers = put_headers(options)};
    call.headers.insert(call.headers.end(), encryption_.create.begin(), encryption_.create.end());
    DL_ASSIGN(const std::string answer, send_document(op, call, ""));
    DL_ASSIGN(id_, s3::parse_upload_id(answer));
    return {};
  }

  Status send_part(const Op& op, ByteView bytes) {
    BufferSource body(bytes);
    s3::Call call{.method = "PUT", .key = plan_.key, .headers = encryption_.use, .body = &body};
    call.query = {{"partNumber", std::to_string(etags_.size() + 1)}, {"uploadId", id_}};
    call.payload = sha256(bytes).hex();
    BufferSink sink(scratch_, max_document_bytes);
    DL_ASSIGN(const http::Response response, client_.call(op, call, sink, max_document_bytes));
    DL_ASSIGN(const ObjectInfo part, info_of(response));
    etags_.push_back(part.etag);
    return {};
  }

  Result<ObjectInfo> complete(const Op& op, const PutOptions& options) {
    s3::Call call{.method = "POST", .key = plan_.key, .query = {{"uploadId", id_}}, .headers = put_conditions(options)};
    call.headers.insert(call.headers.end(), encryption_.use.begin(), encryption_.use.end());
    DL_ASSIGN(const std::string answer, send_document(op, call, s3::complete_document(etags_)));
    if (!s3::parse_error(answer).code.empty()) return client_.hidden_error(call, answer);
    DL_ASSIGN(const std::string etag, s3::parse_complete_result(answer));
    id_.clear();  // nothing is left to give up
    if (etag.empty()) return ask(op);
    return ObjectInfo{0, etag, client_.now()};
  }

  void give_up() {
    if (id_.empty()) return;
    Op op;  // not the caller's: it may be stopped already
    op.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const s3::Call call{.method = "DELETE", .key = plan_.key, .query = {{"uploadId", id_}}};
    (void)client_.call_for_text(op, call, max_document_bytes);
  }

 private:
  Result<ObjectInfo> ask(const Op& op) {
    const s3::Call call{.method = "HEAD", .key = plan_.key, .headers = encryption_.use};
    BufferSink sink(scratch_, 0);
    DL_ASSIGN(const http::Response response, client_.call(op, call, sink, 0));
    return info_of(response);
  }

  Result<std::string> send_document(const Op& op, s3::Call& call, const std::string& document) {
    BufferSource body(bytes_of(document));
    call.body = &body;
    call.payload = sha256(document).hex();
    return client_.call_for_text(op, call, max_document_bytes);
  }

  s3::Client& client_;
  const MultipartPlan& plan_;
  const EncryptionHeaders& encryption_;
  std::string id_;
  std::vector<std::string> etags_;
  Bytes scratch_;
};

Result<std::size_t> fill(Source& source, ByteSpan into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    DL_ASSIGN(const std::size_t count, source.read(into.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

Result<ObjectInfo> send_all(Upload& upload, const Op& op, std::uint64_t part_bytes, Source& source,
                            const PutOptions& options) {
  DL_TRY(source.rewind());
  DL_TRY(upload.begin(op, options));
  Bytes part(std::min(part_bytes, source.size_bytes()));
  Sha256 hash;
  std::uint64_t sent = 0;
  for (;;) {
    DL_ASSIGN(const std::size_t count, fill(source, part));
    if (count == 0 && sent > 0) break;
    const ByteView bytes = ByteView(part).first(count);
    if (options.sha256) hash.update(bytes);
    sent += count;
    if (sent > source.size_bytes()) break;
    DL_TRY(upload.send_part(op, bytes));
  }
  if (sent != source.size_bytes()) {
    return Error{Code::changing, "the body to put is shorter or longer than it promised"};
  }
  if (options.sha256 && hash.finish() != *options.sha256) {
    return Error{Code::corrupt, "the body to put differs from the hash that was promised of it"};
  }
  return upload.complete(op, options);
}

}  // namespace

Result<ObjectInfo> put_in_parts(s3::Client& client, const Op& op, const MultipartPlan& plan, Source& source,
                                const PutOptions& options, const EncryptionHeaders& encryption) {
  const std::uint64_t least = (source.size_bytes() + max_parts - 1) / max_parts;
  Upload upload(client, plan, encryption);
  auto result = send_all(upload, op, std::max(plan.part_bytes, least), source, options);
  if (!result) {
    upload.give_up();
    return result;
  }
  result->size_bytes = source.size_bytes();
  return result;
}

}  // namespace duskline::store
