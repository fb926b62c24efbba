// A place that passes everything on; wrappers change what they are about.
#pragma once

#include <memory>

#include "sync/place.h"

namespace duskline::sync {

class WrappedPlace : public Place {
 public:
  explicit WrappedPlace(std::unique_ptr<Place> inner) : inner_(std::move(inner)) {}

  Result<Ground> ground() override { return inner_->ground(); }
  [[nodiscard]] std::optional<std::string> why_not(std::string_view path) const override {
    return inner_->why_not(path);
  }
  [[nodiscard]] Nesting nesting() const override { return inner_->nesting(); }
  Result<std::unique_ptr<Lister>> list(const Op& op, Reporter& reporter, const std::string& after) override {
    return inner_->list(op, reporter, after);
  }
  Result<std::optional<Version>> look(const Op& op, const std::string& path) override { return inner_->look(op, path); }
  Result<Presence> presence(const Op& op, const std::string& path) override { return inner_->presence(op, path); }
  Result<Version> fetch(const Op& op, const std::string& path, std::uint64_t limit, Bytes& into) override {
    return inner_->fetch(op, path, limit, into);
  }
  Status read(const Op& op, const std::string& path, const Stamp& stamp, Range range, Sink& sink) override {
    return inner_->read(op, path, stamp, range, sink);
  }
  Result<std::unique_ptr<Source>> open(const Op& op, const std::string& path, const Stamp& stamp,
                                       Range range) override {
    return inner_->open(op, path, stamp, range);
  }
  Result<std::optional<bool>> matches(const Op& op, const std::string& path, const Stamp& stamp,
                                      const Fingerprint& wanted) override {
    return inner_->matches(op, path, stamp, wanted);
  }
  Result<Stamp> store(const Op& op, const std::string& path, ByteView bytes, const Attributes& attributes) override {
    return inner_->store(op, path, bytes, attributes);
  }
  Result<std::unique_ptr<Upload>> begin(const Op& op, const NewFile& file, const std::string& token) override {
    return inner_->begin(op, file, token);
  }
  Status write(const Op& op, const NewFile& file, Upload& upload, std::size_t piece, Range range,
               Origin& origin) override {
    return inner_->write(op, file, upload, piece, range, origin);
  }
  Result<Stamp> finish(const Op& op, const NewFile& file, Upload& upload, const Fingerprint& expected) override {
    return inner_->finish(op, file, upload, expected);
  }
  void give_up(const Op& op, const std::string& path, const std::string& token) override {
    inner_->give_up(op, path, token);
  }
  Result<std::optional<Stamp>> copy(const Op& op, const NewFile& file, Origin& origin) override {
    return inner_->copy(op, file, origin);
  }
  Result<Stamp> set_attributes(const Op& op, const std::string& path, const Stamp& stamp,
                               const Attributes& attributes) override {
    return inner_->set_attributes(op, path, stamp, attributes);
  }
  Result<std::vector<RemoveFailure>> remove(const Op& op, std::span<const Removal> removals) override {
    return inner_->remove(op, removals);
  }
  Status set_aside(const Op& op, const std::string& path) override { return inner_->set_aside(op, path); }
  Status tidy(const Op& op, const std::vector<std::string>& tokens) override { return inner_->tidy(op, tokens); }
  Status settle(const Op& op) override { return inner_->settle(op); }
  [[nodiscard]] Place& base() override { return inner_->base(); }
  [[nodiscard]] FileClock clock() const override { return inner_->clock(); }
  [[nodiscard]] std::string describe() const override { return inner_->describe(); }

 protected:
  [[nodiscard]] Place& inner() { return *inner_; }
  void release() { inner_.reset(); }  // nothing may be called after this

 private:
  std::unique_ptr<Place> inner_;
};

}  // namespace duskline::sync
