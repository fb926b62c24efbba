#include "store/s3_store.h"

#include <algorithm>
#include <atomic>

#include "base/units.h"
#include "s3/bucket.h"
#include "s3/client.h"
#include "s3/xml.h"
#include "store/s3_store_multipart.h"
#include "store/s3_store_requests.h"

namespace duskline::store {
namespace {

constexpr std::uint64_t max_list_bytes = 32 << 20;
constexpr std::uint64_t max_document_bytes = 4 << 20;
constexpr std::uint64_t max_object_bytes = std::uint64_t{50} << 40;
constexpr std::uint64_t max_single_put_bytes = std::uint64_t{5} << 30;  // a rule of S3
constexpr std::size_t max_keys_per_delete = 200;  // S3 takes 1000, but some servers then say nothing for half a minute
constexpr std::uint32_t max_keys_per_list = 1000;

class S3Store final : public ObjectStore {
 public:
  S3Store(const S3Options& options, s3::Bucket bucket, EncryptionHeaders encryption, http::Transport& transport,
          std::unique_ptr<s3::CredentialSource> credentials, Clock& clock)
      : prefix_(options.prefix.empty() ? "" : options.prefix + "/"),
        multipart_from_bytes_(options.multipart_from_bytes),
        part_bytes_(options.part_bytes),
        encryption_(std::move(encryption)),
        client_(std::move(bucket), transport, std::move(credentials), clock) {}

  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override;
  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override;
  Result<ObjectInfo> put(const Op& op, const Key& key, Source& source, const PutOptions& options) override;
  Result<Listing> list(const Op& op, const ListQuery& query) override;
  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override;
  [[nodiscard]] std::string describe() const override {
    const std::string prefix = prefix_.substr(0, prefix_.empty() ? 0 : prefix_.size() - 1);
    return "s3://" + client_.bucket().name + (prefix.empty() ? "" : "/" + prefix) + " at " +
           client_.bucket().endpoint.origin();
  }

 private:
  [[nodiscard]] std::string name_of(const Key& key) const { return prefix_ + key.text(); }
  [[nodiscard]] std::uint64_t body_limit(const GetOptions& options) const {
    return options.range ? options.range->length_bytes : max_object_bytes;
  }
  Result<ObjectInfo> put_whole(const Op& op, const Key& key, Source& source, const PutOptions& options);
  Result<http::Response> send_matching(const Op& op, const Key& key, const s3::Call& call, const PutOptions& options);
  Result<http::Response> send_whole(const Op& op, s3::Call call, const PutOptions& options);
  Result<s3::ListPage> list_page(const Op& op, const ListQuery& query, const std::string& token);
  Result<bool> remove_together(const Op& op, std::span<const Key> keys, RemoveReport& report);
  Status remove_each(const Op& op, std::span<const Key> keys, RemoveReport& report);
  Status remove_one(const Op& op, const Key& key);

  const std::string prefix_;  // "" or "path/"
  const std::uint64_t multipart_from_bytes_, part_bytes_;
  const EncryptionHeaders encryption_;
  s3::Client client_;
  std::atomic<bool> refuses_checksums_{false};     // the endpoint answered 501 to x-amz-checksum-sha256
  std::atomic<bool> refuses_multi_delete_{false};  // and this one has no DeleteObjects
  std::atomic<bool> wants_bare_etags_{false};      // in the If-Match of a PUT
};

s3::Pairs joined(s3::Pairs first, const s3::Pairs& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Result<ObjectInfo> S3Store::get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) {
  ObjectInfo info;
  s3::Call call{.method = "GET", .key = name_of(key), .headers = joined(get_headers(options), encryption_.use)};
  call.accept = [&](const http::Response& response) -> Status {
    DL_ASSIGN(info, info_of(response));
    if (options.range) {
      DL_ASSIGN(info.size_bytes, check_range(response, *options.range));
    } else if (response.status != 200) {
      return Error{Code::unsupported, "the endpoint answered a plain GET with a part"};
    }
    if (options.begun != nullptr) *options.begun = info;
    return {};
  };
  DL_ASSIGN(const http::Response response, client_.call(op, call, sink, body_limit(options)));
  if (!options.range && !response.content_length()) info.size_bytes = response.body_bytes;
  return info;
}

Result<std::optional<ObjectInfo>> S3Store::head(const Op& op, const Key& key) {
  const s3::Call call{.method = "HEAD", .key = name_of(key), .headers = encryption_.use};
  Bytes none;
  BufferSink sink(none, 0);
  auto response = client_.call(op, call, sink, 0);
  if (!response && response.error().code == Code::not_found) return std::optional<ObjectInfo>();
  if (!response) return std::move(response).error();
  DL_ASSIGN(ObjectInfo info, info_of(*response));
  if (!response->content_length()) return Error{Code::unsupported, "the endpoint's answer to a HEAD has no length"};
  return std::optional<ObjectInfo>(std::move(info));
}

Result<ObjectInfo> S3Store::put(const Op& op, const Key& key, Source& source, const PutOptions& options) {
  // Ceph 16, for one, completes an upload in parts whatever its conditions: with one, parts are for what is too large
  // for a single request.
  const bool conditional = !put_conditions(options).empty();
  const std::uint64_t parts_from =
      conditional ? std::max(multipart_from_bytes_, max_single_put_bytes) : multipart_from_bytes_;
  if (source.size_bytes() < parts_from) return put_whole(op, key, source, options);
  return put_in_parts(client_, op, {name_of(key), part_bytes_}, source, options, encryption_);
}

Result<ObjectInfo> S3Store::put_whole(const Op& op, const Key& key, Source& source, const PutOptions& options) {
  s3::Call call{.method = "PUT", .key = name_of(key)};
  if (options.sha256) {
    call.payload = options.sha256->hex();
  } else {
    DL_ASSIGN(const Hash256 hash, hash_source(op, source));
    call.payload = hash.hex();
  }
  call.body = &source;
  auto response = send_matching(op, key, call, options);
  if (!response) {
    Error error = std::move(response).error();
    // Some answer so when If-Match finds nothing to match.
    if (error.code == Code::not_found && !options.if_match.empty()) error.code = Code::precondition;
    return error;
  }
  DL_ASSIGN(ObjectInfo info, info_of(*response));
  info.size_bytes = source.size_bytes();
  return info;
}

// Ceph 16 compares the If-Match of a PUT with the ETag without its quotes, so the right ETag as it gave it never
// matches. Where an object has that very ETag after a refusal, the bare form is tried, and kept for the next time if it
// works.
Result<http::Response> S3Store::send_matching(const Op& op, const Key& key, const s3::Call& call,
                                              const PutOptions& options) {
  const std::string& etag = options.if_match;
  const bool quoted = etag.size() > 2 && etag.front() == '"' && etag.back() == '"';
  if (!quoted) return send_whole(op, call, options);
  PutOptions bare = options;
  bare.if_match = etag.substr(1, etag.size() - 2);
  if (wants_bare_etags_) return send_whole(op, call, bare);
  auto response = send_whole(op, call, options);
  if (response || response.error().code != Code::precondition) return response;
  const auto current = head(op, key);
  if (!current || !*current || (*current)->etag != etag) return response;
  response = send_whole(op, call, bare);
  if (response) wants_bare_etags_ = true;
  return response;
}

// With the checksum where it is known: an endpoint that does not know this header, and says so, gets none from then on.
Result<http::Response> S3Store::send_whole(const Op& op, s3::Call call, const PutOptions& options) {
  Bytes answer;
  BufferSink sink(answer, max_document_bytes);
  call.headers = joined(joined(put_headers(options), put_conditions(options)), encryption_.create);
  DL_TRY(call.body->rewind());
  if (!options.sha256 || refuses_checksums_) return client_.call(op, call, sink, max_document_bytes);
  const s3::Pairs plain = call.headers;
  call.headers.emplace_back("x-amz-checksum-sha256", to_base64(options.sha256->bytes));
  auto response = client_.call(op, call, sink, max_document_bytes);
  if (response || response.error().code != Code::unsupported) return response;
  call.headers = plain;
  DL_TRY(call.body->rewind());
  response = client_.call(op, call, sink, max_document_bytes);
  if (response) refuses_checksums_ = true;
  return response;
}

Result<s3::ListPage> S3Store::list_page(const Op& op, const ListQuery& query, const std::string& token) {
  s3::Call call{.method = "GET", .query = {{"list-type", "2"}, {"encoding-type", "url"}}};
  call.query.emplace_back("prefix", prefix_ + query.prefix);
  call.query.emplace_back("max-keys", std::to_string(std::min(query.limit, max_keys_per_list)));
  if (!token.empty()) {
    call.query.emplace_back("continuation-token", token);
  } else if (!query.start_after.empty()) {
    call.query.emplace_back("start-after", prefix_ + query.start_after);
  }
  DL_ASSIGN(const std::string text, client_.call_for_text(op, call, max_list_bytes));
  return s3::parse_list(text);
}

// A bucket may hold names that cannot be keys (a folder's "name/"): these are passed over, and so a page may come out
// empty although more follow.
Result<Listing> S3Store::list(const Op& op, const ListQuery& query) {
  Listing listing;
  std::string token;
  std::string last = prefix_ + query.start_after;
  const bool from_start = query.start_after.empty();
  for (;;) {
    DL_ASSIGN(s3::ListPage page, list_page(op, query, token));
    for (s3::ListedKey& listed : page.keys) {
      const bool first = last.empty() || (from_start && last == prefix_);
      if (!listed.key.starts_with(prefix_ + query.prefix) || (!first && listed.key <= last)) {
        return Error{Code::unsupported, "the endpoint's listing of " + describe() + " is not in order: \"" +
                                            printable(listed.key) + "\" after \"" + printable(last) + "\""};
      }
      last = listed.key;
      auto key = Key::parse(std::string_view(listed.key).substr(prefix_.size()));
      if (!key) continue;
      listing.objects.push_back({std::move(*key), {listed.size_bytes, std::move(listed.etag), listed.modified}});
    }
    listing.truncated = page.truncated;
    if (!page.truncated || !listing.objects.empty()) return listing;
    if (page.keys.empty()) return Error{Code::unavailable, "the endpoint's listing of " + describe() + " does not end"};
    token = page.next_token;
  }
}

Result<RemoveReport> S3Store::remove(const Op& op, std::span<const Key> keys) {
  RemoveReport report;
  while (!keys.empty()) {
    const auto group = keys.first(std::min(keys.size(), max_keys_per_delete));
    keys = keys.subspan(group.size());
    bool removed = false;
    if (group.size() > 1 && !refuses_multi_delete_) {
      DL_ASSIGN(removed, remove_together(op, group, report));
    }
    if (!removed) DL_TRY(remove_each(op, group, report));
  }
  return report;
}

// False where the endpoint has no DeleteObjects.
Result<bool> S3Store::remove_together(const Op& op, std::span<const Key> keys, RemoveReport& report) {
  std::vector<std::string> names;
  names.reserve(keys.size());
  for (const Key& key : keys) names.push_back(name_of(key));
  const std::string document = s3::delete_document(names);
  BufferSource body(bytes_of(document));
  s3::Call call{.method = "POST", .query = {{"delete", ""}}, .headers = {{"content-type", "application/xml"}}};
  call.headers.emplace_back("content-md5", md5_base64(document));
  call.body = &body;
  call.payload = sha256(document).hex();
  auto answer = client_.call_for_text(op, call, max_document_bytes);
  if (!answer) {
    const Code code = answer.error().code;
    if (code != Code::unsupported && code != Code::invalid) return std::move(answer).error();
    refuses_multi_delete_ = true;
    return false;
  }
  if (!s3::parse_error(*answer).code.empty()) return client_.hidden_error(call, *answer);
  DL_ASSIGN(const auto failures, s3::parse_delete_result(*answer));
  for (const s3::DeleteFailure& failure : failures) {
    if (failure.code == "NoSuchKey") continue;
    const auto found = std::find(names.begin(), names.end(), failure.key);
    if (found == names.end()) return Error{Code::unavailable, "DeleteObjects reports on a key that was not asked for"};
    const Key& key = keys[static_cast<std::size_t>(found - names.begin())];
    report.failures.push_back({key, client_.failed_delete(failure.key, {failure.code, failure.message, "", "", ""})});
  }
  return true;
}

Status S3Store::remove_each(const Op& op, std::span<const Key> keys, RemoveReport& report) {
  for (const Key& key : keys) {
    Status removed = remove_one(op, key);
    if (removed) continue;
    const Code code = removed.error().code;
    const bool hopeless = code == Code::cancelled || code == Code::timeout || is_retryable(code);
    if (hopeless) return removed;
    report.failures.push_back({key, std::move(removed).error()});
  }
  return {};
}

Status S3Store::remove_one(const Op& op, const Key& key) {
  const auto removed = client_.call_for_text(op, {.method = "DELETE", .key = name_of(key)}, max_document_bytes);
  if (!removed && removed.error().code != Code::not_found) return removed.error();
  return {};
}

s3::BucketAddress address_of(const S3Options& options) {
  using Style = s3::BucketAddress::Style;
  using enum S3Options::Addressing;
  const Style style = options.addressing == path           ? Style::path
                      : options.addressing == virtual_host ? Style::virtual_host
                                                           : Style::automatic;
  return {options.bucket, options.endpoint, options.region, style};
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_s3_store(const S3Options& options, http::Transport& transport,
                                                   std::unique_ptr<s3::CredentialSource> credentials, Clock& clock) {
  DL_ASSIGN(auto bucket, s3::resolve_bucket(address_of(options)));
  if (!options.prefix.empty()) {
    auto prefix = Key::parse(options.prefix);
    if (!prefix) return wrap(std::move(prefix).error(), "the prefix of the S3 store");
  }
  DL_ASSIGN(auto encryption, encryption_headers(options));
  if (options.encryption == "sse-c" && bucket.endpoint.scheme != "https") {
    return Error{Code::usage, "sse-c sends its key with every request: the endpoint must be https"};
  }
  constexpr std::uint64_t min_part_bytes = 5 << 20;  // a rule of S3
  if (options.part_bytes < min_part_bytes) return Error{Code::usage, "parts must be at least 5 MiB"};
  return std::unique_ptr<ObjectStore>(std::make_unique<S3Store>(options, std::move(bucket), std::move(encryption),
                                                                transport, std::move(credentials), clock));
}

}  // namespace duskline::store
