// PutObject.
#include "gateway/object_writer.h"
#include "gateway/operations.h"

namespace duskline::gateway {
namespace {

class PutObject final : public Receiver {
 public:
  PutObject(Context& context, std::unique_ptr<ObjectWriter> writer) : context_(context), writer_(std::move(writer)) {}
  Done write(ByteView piece) override { return writer_->write(piece); }
  Expected<http::Answer> finish(const http::Headers& trailers) override {
    DL_ASSIGN(auto written, writer_->finish(trailers));
    context_.object_bytes = written.version.size_bytes;
    http::Answer answer;
    answer.headers = std::move(written.headers);
    return answer;
  }

 private:
  Context& context_;
  std::unique_ptr<ObjectWriter> writer_;
};

}  // namespace

Expected<std::unique_ptr<Receiver>> put_object(Context& context) {
  DL_ASSIGN(auto writer,
            ObjectWriter::begin(context, {context.request.key, context.request.head->headers, context.body_bytes}));
  return std::make_unique<PutObject>(context, std::move(writer));
}

}  // namespace duskline::gateway
