// What a setting's text means, kept as long as the same text is asked about: requests come in runs for one bucket, and
// a large policy or list of rules costs more to read than to act on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace duskline::gateway {

// Keep one as thread_local. The pointer holds until the next call.
template <typename Parsed>
class LastParsed {
 public:
  // Null where `parse`, which gives something like an optional of it, does not like the text.
  template <typename Parse>
  const Parsed* get(std::string_view text, const Parse& parse) {
    if (known_ && text == text_) return parsed_ ? &*parsed_ : nullptr;
    auto parsed = parse(text);
    text_ = text;
    known_ = true;
    parsed_.reset();
    if (parsed) parsed_.emplace(std::move(*parsed));
    return parsed_ ? &*parsed_ : nullptr;
  }

 private:
  bool known_ = false;
  std::string text_;
  std::optional<Parsed> parsed_;
};

}  // namespace duskline::gateway
