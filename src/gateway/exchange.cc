#include "gateway/exchange.h"

#include <exception>

#include "gateway/body_decoder.h"
#include "gateway/digests.h"
#include "gateway/hooks.h"
#include "gateway/operation.h"
#include "gateway/route.h"
#include "gateway/stored.h"

namespace duskline::gateway {
namespace {

class PageExchange final : public http::Exchange {
 public:
  explicit PageExchange(http::Answer page) : page_(std::move(page)) {}
  [[nodiscard]] Wants wants() const override { return Wants::answer; }
  std::optional<http::Answer> body(ByteView) override { return std::nullopt; }
  http::Answer finish() override { return std::move(page_); }
  http::Answer overloaded() override { return std::move(page_); }
  http::Answer broken(int) override { return std::move(page_); }

 private:
  http::Answer page_;
};

class S3Exchange final : public http::Exchange {
 public:
  S3Exchange(Service& service, std::shared_ptr<const http::RequestHead> head, std::string request_id)
      : service_(service) {
    request_.head = std::move(head);
    request_.request_id = std::move(request_id);
    request_.now = service.services().clock.now();
  }
  ~S3Exchange() override {
    if (document_room_ > 0) service_.give_back_document_room(context_->caller, document_room_);
  }

  // On the event loop: as far as it goes without waiting.
  void prepare() {
    if (auto refused = guarded([this] { return read_head(); }); !refused) answer_ = answer_of(refused.error());
    if (answer_ || !is_quick()) return;
    context_->wait = objects::Objects::Wait::no;
    auto answered = guarded([this] { return run(); });
    context_->wait = objects::Objects::Wait::yes;
    if (context_->needs_worker) {
      context_->needs_worker = false;
      return;
    }
    answer_ = answer_of(std::move(answered));
  }

  [[nodiscard]] Wants wants() const override {
    if (answer_) return Wants::answer;
    return takes_body() ? Wants::body : Wants::work;
  }

  std::optional<http::Answer> body(ByteView piece) override {
    auto taken = guarded([&] { return take(piece); });
    if (taken) return std::nullopt;
    return answer_of(taken.error());
  }

  http::Answer finish() override {
    if (answer_) return std::move(*answer_);
    return answer_of(guarded([this] { return takes_body() ? run_with_body() : run(); }));
  }

  http::Answer overloaded() override { return answer_of(S3Error(ErrorCode::slow_down)); }

  http::Answer broken(int status) override {
    if (status == 408) return answer_of(S3Error(ErrorCode::request_timeout));
    if (status == 413) return answer_of(S3Error(ErrorCode::entity_too_large));
    return answer_of(S3Error(ErrorCode::incomplete_body));
  }

  void sent(const http::Outcome& outcome) override {
    static const Caller nobody;
    const Finished finished{.request = request_,
                            .caller = context_ ? context_->caller : nobody,
                            .operation = operation_,
                            .status = outcome.status,
                            .error = error_,
                            .outcome = outcome,
                            .object_bytes = context_ ? context_->object_bytes : 0,
                            .bucket = context_ && context_->bucket ? &*context_->bucket : nullptr};
    for (Observer* const observer : service_.parts().observers) observer->finished(finished);
  }

 private:
  // An exception is a bug of ours, or the end of memory: the client's request fails, and nobody else's.
  template <typename Step>
  auto guarded(const Step& step) -> decltype(step()) {
    try {
      return step();
    } catch (const std::exception& caught) {
      S3Error error(ErrorCode::internal_error);
      error.cause = std::string("unexpected exception: ") + caught.what();
      return error;
    }
  }

  Done read_head() {
    Services& services = service_.services();
    DL_TRY(locate(request_, services.options));
    Identity identity;
    if (request_.method() != "OPTIONS") {  // a browser asks before it signs
      DL_ASSIGN(identity, service_.authenticator().identify(request_));
    }
    identity.caller.public_by_default = services.options.anonymous;
    DL_ASSIGN(operation_, find_operation(request_));
    context_.emplace(Context{.services = services, .request = request_, .operation = *operation_});
    context_->caller = std::move(identity.caller);
    if (operation_->target != Target::service) DL_TRY(find_bucket());
    decoder_.emplace(std::move(identity.body));
    if (!takes_body()) return {};
    DL_TRY(check_length());
    return authorize_early();
  }

  // Before the client is invited to send a body. What an operation asks besides, it asks itself.
  Done authorize_early() {
    if (operation_->action.empty()) {
      const objects::Bucket* const bucket = context_->bucket ? &*context_->bucket : nullptr;
      // A form says who sends it in its body.
      if (operation_->receive == nullptr && turns_away(bucket, context_->caller)) return ErrorCode::access_denied;
      return {};
    }
    authorized_ = true;
    return context_->allow(operation_->action);
  }

  Done find_bucket() {
    DL_ASSIGN(context_->bucket, context_->services.objects.bucket(request_.bucket));
    const bool creates =
        operation_->target == Target::bucket && operation_->method == "PUT" && operation_->subresource.empty();
    if (creates) return {};
    if (context_->bucket) return check_expected_owner("x-amz-expected-bucket-owner", request_, *context_->bucket);
    return S3Error(is_bucket_name(request_.bucket) ? ErrorCode::no_such_bucket : ErrorCode::invalid_bucket_name)
        .with("BucketName", request_.bucket);
  }

  Done check_length() {
    const http::RequestHead& head = *request_.head;
    context_->body_bytes =
        decoder_->rules().framing == BodyRules::Framing::chunks ? decoder_->rules().decoded_bytes : head.content_length;
    if (operation_->receive != nullptr) {
      if (!head.content_length && !head.chunked) return ErrorCode::missing_content_length;
      return {};
    }
    if (head.content_length.value_or(0) > operation_->body_limit) return ErrorCode::max_message_length_exceeded;
    return {};
  }

  [[nodiscard]] bool takes_body() const { return operation_->receive != nullptr || operation_->body_limit > 0; }
  [[nodiscard]] bool is_quick() const {
    return operation_->target == Target::object && operation_->subresource.empty() && operation_->run != nullptr &&
           (operation_->method == "GET" || operation_->method == "HEAD");
  }

  // Before anything is taken or run: may the caller do this at all? Only once.
  Done start() {
    if (started_) return {};
    started_ = true;
    if (!authorized_ && !operation_->action.empty()) DL_TRY(context_->allow(operation_->action));
    if (operation_->receive != nullptr) {
      DL_ASSIGN(receiver_, operation_->receive(*context_));
    }
    return {};
  }

  Done take(ByteView piece) {
    DL_TRY(start());
    if (receiver_) return decoder_->write(piece, [this](ByteView bytes) { return receiver_->write(bytes); });
    return decoder_->write(piece, [this](ByteView bytes) -> Done {
      if (context_->body.size() + bytes.size() > operation_->body_limit) return ErrorCode::max_message_length_exceeded;
      if (!service_.take_document_room(context_->caller, bytes.size())) return ErrorCode::slow_down;
      document_room_ += bytes.size();
      context_->body += text_of(bytes);
      return {};
    });
  }

  Expected<http::Answer> run() {
    DL_TRY(start());
    return operation_->run(*context_);
  }

  Expected<http::Answer> run_with_body() {
    DL_TRY(start());
    DL_TRY(decoder_->finish());
    if (receiver_) return receiver_->finish(decoder_->trailers());
    DL_TRY(check_document());
    return run();
  }

  // What the client says of the document's bytes.
  Done check_document() {
    // The checksums of this one are the object's.
    if (operation_->subresource == "uploadId") return {};
    DL_ASSIGN(const Promises promises, parse_promises(request_.head->headers));
    if (!promises.content_md5 && !promises.kind) return {};
    Digests digests(promises.kept());
    digests.update(bytes_of(context_->body));
    DL_TRY(check_promises(promises, digests, decoder_->trailers()));
    return {};
  }

  http::Answer answer_of(Expected<http::Answer> answered) {
    if (!answered) return answer_of(answered.error());
    error_ = {};
    http::Answer answer = std::move(*answered);
    finish_headers(answer);
    return answer;
  }

  http::Answer answer_of(const S3Error& error) {
    error_ = info_of(error.code).name;
    if (!error.cause.empty() && error.status() >= 500) {
      service_.parts().reporter.note(Severity::error, request_.method() + " " + request_.name().resource +
                                                          " (request " + request_.request_id + "): " + error.cause);
    }
    http::Answer answer = error_answer(error, request_.name());
    finish_headers(answer);
    return answer;
  }

  void finish_headers(http::Answer& answer) {
    answer.headers.emplace_back("x-amz-request-id", request_.request_id);
    answer.headers.emplace_back("x-amz-id-2", host_id);
    answer.headers.emplace_back("server", "Duskline");
    if (context_ && context_->bucket && request_.header("origin") != nullptr) {
      give_cors(request_, *context_->bucket, answer.headers);
    }
    if (context_ && context_->bucket && answer.status < 300 && is_charged()) {
      answer.headers.emplace_back("x-amz-request-charged", "requester");
    }
    if (request_.method() == "HEAD") answer.body.clear();
    // botocore goes astray on a kept connection whose last answer to Expect came without "100 Continue".
    if (request_.head->content_length == 0 && request_.header("expect") != nullptr) answer.close = true;
  }

  // Whoever asks, rather than the bucket's owner, as they said they know.
  [[nodiscard]] bool is_charged() const {
    return request_payer(request_) == "requester" && context_->bucket->owner != context_->caller.user &&
           requester_pays(*context_->bucket);
  }

  Service& service_;
  Request request_;
  const Operation* operation_ = nullptr;
  std::optional<Context> context_;
  std::optional<BodyDecoder> decoder_;
  std::unique_ptr<Receiver> receiver_;
  std::optional<http::Answer> answer_;
  std::string_view error_;
  bool authorized_ = false, started_ = false;
  std::size_t document_room_ = 0;  // of all documents' room, taken for this one
};

}  // namespace

std::unique_ptr<http::Exchange> s3_exchange(Service& service, std::shared_ptr<const http::RequestHead> head,
                                            std::string request_id) {
  auto exchange = std::make_unique<S3Exchange>(service, std::move(head), std::move(request_id));
  exchange->prepare();
  return exchange;
}

std::unique_ptr<http::Exchange> page_exchange(http::Answer page) {
  return std::make_unique<PageExchange>(std::move(page));
}

}  // namespace duskline::gateway
