#include "gateway/log_delivery.h"

#include "base/signing.h"
#include "gateway/access_log.h"
#include "gateway/digests.h"
#include "gateway/encryption.h"
#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t unique_bytes = 8;

std::int64_t day_of(WallTime time) { return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count(); }

Error in_words(const S3Error& error) {
  return {Code::refused, std::string(info_of(error.code).name) + (error.message.empty() ? "" : ": " + error.message)};
}

Acl acl_of_log(const objects::Bucket& target, const BucketLogging& logging) {
  Acl acl = Acl::private_to(target.owner);
  if (logging.grants) acl.grants.insert(acl.grants.end(), logging.grants->grants.begin(), logging.grants->grants.end());
  return acl;
}

}  // namespace

LogDelivery::LogDelivery(LogDeliveryParts parts, std::chrono::nanoseconds every)
    : parts_(std::move(parts)), every_(every) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void LogDelivery::finished(const Finished& request) {
  if (request.bucket == nullptr || find(request.bucket->properties, property::logging) == nullptr) return;
  const std::string line = access_line(request, request.bucket->owner) + "\n";
  const std::scoped_lock lock(mutex_);
  if (ended_) return;
  if (pending_bytes_ + line.size() > max_pending_bytes) {
    ++dropped_;
    return;
  }
  Pending& log = logs_[{request.bucket->name, day_of(request.request.now)}];
  if (log.text.empty()) log.first = request.request.now;
  log.text += line;
  pending_bytes_ += line.size();
  if (log.text.size() < full_log_bytes || full_) return;
  full_ = true;
  wake_.notify_all();
}

void LogDelivery::finish() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  {
    const std::scoped_lock lock(mutex_);
    if (ended_) return;
    ended_ = true;
  }
  deliver_all();
}

void LogDelivery::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, every_, [&] { return full_; });
    }
    if (!stop.stop_requested()) deliver_all();
  }
}

void LogDelivery::deliver_all() {
  Logs logs;
  std::uint64_t dropped = 0;
  {
    const std::scoped_lock lock(mutex_);
    logs.swap(logs_);
    dropped = std::exchange(dropped_, 0);
    pending_bytes_ = 0;
    full_ = false;
  }
  if (dropped > 0) {
    parts_.reporter.note(Severity::warning, "access logs of buckets: " + std::to_string(dropped) +
                                                " lines were dropped, since they came faster than they were written");
  }
  for (const auto& [name, log] : logs) {
    const Status done = deliver(name.first, log);
    if (done) continue;
    parts_.reporter.note(Severity::warning,
                         "the access log of bucket " + name.first + " was not delivered: " + done.error().describe());
  }
}

Status LogDelivery::deliver(const std::string& source_name, const Pending& log) {
  DL_ASSIGN(const auto source, parts_.objects.bucket(source_name));
  if (!source) return {};  // it is gone, and its log with it
  const auto logging = logging_of(*source, parts_.users);
  if (!logging) return {};  // switched off meanwhile
  DL_ASSIGN(const auto target, parts_.objects.bucket(logging->target));
  if (!target) return Error{Code::not_found, "its target bucket " + logging->target + " is not there"};
  const Done allowed = check_log_target(*source, *target, *logging, parts_.clock.now());
  if (!allowed) return in_words(allowed.error());
  return put(*source, *target, *logging, log);
}

Status LogDelivery::put(const objects::Bucket& source, const objects::Bucket& target, const BucketLogging& logging,
                        const Pending& log) {
  DL_ASSIGN(const Bytes random, random_bytes(unique_bytes));
  objects::PutRequest request{target.name,
                              log_key(logging, {source, parts_.region, to_hex(random), log.first, parts_.clock.now()})};
  Digests digests(ChecksumKind::crc64nvme);
  ByteView bytes = bytes_of(log.text);
  digests.update(bytes);
  request.etag = to_hex(digests.md5.finish());
  request.owner = target.owner;
  request.properties[std::string(property::content_type)] = "text/plain";
  if (logging.grants) request.properties[std::string(property::acl)] = acl_of_log(target, logging).encode();
  keep_checksum(ChecksumKind::crc64nvme, to_base64(digests.checksum.finish()), "FULL_OBJECT", request.properties);
  DL_ASSIGN(request.bytes, parts_.objects.receive(log.text.size()));
  std::optional<Encryptor> encryptor;
  if (find(target.properties, property::bucket_encryption) != nullptr && parts_.sealing != nullptr) {
    auto begun = begin_encryption(parts_.sealing, {target.name, request.key}, request.properties);
    if (!begun) return in_words(begun.error());
    encryptor = std::move(*begun);
    auto encrypted = encryptor->apply(bytes);
    if (!encrypted) return in_words(encrypted.error());
    bytes = *encrypted;
  }
  DL_TRY(request.bytes->write(bytes));
  DL_TRY(parts_.objects.put({.trace = "access logs"}, std::move(request)));
  return {};
}

}  // namespace duskline::gateway
