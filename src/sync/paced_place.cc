#include <algorithm>

#include "sync/wrapped_place.h"
#include "sync/wrappers.h"

namespace duskline::sync {
namespace {

class PacedSink final : public Sink {
 public:
  PacedSink(Sink& out, const Op& op, Pacer& pacer) : out_(out), op_(op), pacer_(pacer) {}
  Status write(ByteView bytes) override {
    while (!bytes.empty()) {
      const ByteView piece = bytes.first(std::min(bytes.size(), pacer_.piece_bytes()));
      DL_TRY(pacer_.pass(op_, piece.size()));
      DL_TRY(out_.write(piece));
      bytes = bytes.subspan(piece.size());
    }
    return {};
  }

 private:
  Sink& out_;
  const Op& op_;
  Pacer& pacer_;
};

class PacedSource final : public Source {
 public:
  PacedSource(std::unique_ptr<Source> inner, Op op, Pacer& pacer)
      : inner_(std::move(inner)), op_(std::move(op)), pacer_(pacer) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return inner_->size_bytes(); }
  Status rewind() override {
    ++passes_;
    return inner_->rewind();
  }
  Result<std::size_t> read(ByteSpan into) override {
    constexpr unsigned hashing_passes = 1;  // the first pass is for the hash that the request names, and sends nothing
    if (passes_ <= hashing_passes) return inner_->read(into);
    DL_ASSIGN(const std::size_t count, inner_->read(into.first(std::min(into.size(), pacer_.piece_bytes()))));
    if (count > 0) DL_TRY(pacer_.pass(op_, count));
    return count;
  }

 private:
  const std::unique_ptr<Source> inner_;
  const Op op_;
  Pacer& pacer_;
  unsigned passes_ = 0;
};

class PacedPlace final : public WrappedPlace {
 public:
  PacedPlace(std::unique_ptr<Place> inner, Pacer& pacer) : WrappedPlace(std::move(inner)), pacer_(pacer) {}

  Result<Version> fetch(const Op& op, const std::string& path, std::uint64_t limit, Bytes& into) override {
    DL_ASSIGN(Version version, inner().fetch(op, path, limit, into));
    DL_TRY(pacer_.pass(op, into.size()));
    return version;
  }
  Status read(const Op& op, const std::string& path, const Stamp& stamp, Range range, Sink& sink) override {
    PacedSink paced(sink, op, pacer_);
    return inner().read(op, path, stamp, range, paced);
  }
  Result<std::unique_ptr<Source>> open(const Op& op, const std::string& path, const Stamp& stamp,
                                       Range range) override {
    DL_ASSIGN(auto source, inner().open(op, path, stamp, range));
    return std::unique_ptr<Source>(std::make_unique<PacedSource>(std::move(source), op, pacer_));
  }

 private:
  Pacer& pacer_;
};

}  // namespace

std::unique_ptr<Place> paced_place(std::unique_ptr<Place> inner, Pacer& pacer) {
  return std::make_unique<PacedPlace>(std::move(inner), pacer);
}

}  // namespace duskline::sync
