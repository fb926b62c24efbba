#include "sync/bucket_copy.h"

#include <algorithm>

#include "base/hash.h"
#include "base/units.h"
#include "s3/multipart_documents.h"
#include "s3/xml.h"
#include "sync/bucket_headers.h"

namespace duskline::sync {
namespace {

std::string quoted_etag(const std::string& etag) { return "\"" + etag + "\""; }

}  // namespace

Result<std::string> send_document(const Op& op, s3::Client& client, s3::Call& call, const std::string& document) {
  BufferSource body(bytes_of(document));
  call.body = &body;
  call.payload = sha256(document).hex();
  return client.call_for_text(op, call, max_document_bytes);
}

Result<std::string> copy_with(const Op& op, s3::Client& client, s3::Call call, const CopySource& from,
                              const store::EncryptionHeaders& encryption) {
  call.headers.emplace_back("x-amz-copy-source", from.name);
  if (!from.stamp.etag.empty()) {
    call.headers.emplace_back("x-amz-copy-source-if-match", quoted_etag(from.stamp.etag));
  }
  for (const auto& [name, value] : encryption.use) {
    constexpr std::string_view own = "x-amz-server-side-encryption-customer-";
    if (name.starts_with(own)) {
      call.headers.emplace_back("x-amz-copy-source-server-side-encryption-customer-" + name.substr(own.size()), value);
    }
  }
  const auto answer = client.call_for_text(op, call, max_document_bytes);
  if (!answer && answer.error().code == Code::precondition) {
    return Error{Code::changing, "\"" + printable(from.name) + "\" was replaced while it was copied"};
  }
  if (!answer) return answer.error();
  if (!s3::parse_error(*answer).code.empty()) return client.hidden_error(call, *answer);
  DL_ASSIGN(const std::string etag, s3::parse_copy_result(*answer));
  return without_quotes(etag);
}

Result<std::string> complete_upload(const Op& op, s3::Client& client, s3::Call call, const std::string& id,
                                    std::vector<std::string>& etags) {
  call.query = {{"uploadId", id}};
  std::vector<std::string> quoted_etags;
  for (std::string& etag : etags) {
    etag = without_quotes(etag);
    quoted_etags.push_back(quoted_etag(etag));
  }
  DL_ASSIGN(const std::string answer, send_document(op, client, call, s3::complete_document(quoted_etags)));
  if (!s3::parse_error(answer).code.empty()) return client.hidden_error(call, answer);
  return s3::parse_complete_result(answer);
}

void abort_upload(s3::Client& client, s3::Call call, const std::string& id) {
  Op op;  // not the caller's: it may be stopped already
  op.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  call.query = {{"uploadId", id}};
  (void)client.call_for_text(op, call, max_document_bytes);
}

Status copy_in_parts(const Op& op, s3::Client& client, const std::string& key, s3::Pairs headers,
                     const CopySource& from, const store::EncryptionHeaders& encryption, std::uint64_t part_bytes) {
  headers.emplace_back(part_bytes_header, std::to_string(part_bytes));
  s3::Call begin{.method = "POST", .key = key, .query = {{"uploads", ""}}, .headers = std::move(headers)};
  DL_ASSIGN(const std::string begun, send_document(op, client, begin, ""));
  DL_ASSIGN(const std::string id, s3::parse_upload_id(begun));
  const auto copy_all = [&]() -> Status {
    std::vector<std::string> etags;
    for (std::uint64_t at = 0; at < from.stamp.size_bytes; at += part_bytes) {
      const std::uint64_t last = std::min(at + part_bytes, from.stamp.size_bytes) - 1;
      s3::Call part{.method = "PUT", .key = key, .headers = encryption.use};
      part.query = {{"partNumber", std::to_string(etags.size() + 1)}, {"uploadId", id}};
      part.headers.emplace_back("x-amz-copy-source-range", "bytes=" + std::to_string(at) + "-" + std::to_string(last));
      DL_ASSIGN(std::string etag, copy_with(op, client, std::move(part), from, encryption));
      etags.push_back(std::move(etag));
    }
    s3::Call end{.method = "POST", .key = key, .headers = encryption.use};
    DL_TRY(complete_upload(op, client, std::move(end), id, etags));
    return {};
  };
  auto copied = copy_all();
  if (!copied) abort_upload(client, {.method = "DELETE", .key = key, .headers = encryption.use}, id);
  return copied;
}

}  // namespace duskline::sync
