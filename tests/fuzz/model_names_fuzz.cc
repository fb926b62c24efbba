// Names, paths and case folding. Two names with a newline between.
#include "fuzz.h"
#include "model/ids.h"
#include "model/tree.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const std::string_view text = text_of(fuzz::view(data, size));
  const std::size_t middle = text.find('\n');
  const std::string_view a = text.substr(0, middle);
  const std::string_view b = middle == std::string_view::npos ? std::string_view{} : text.substr(middle + 1);
  fuzz::require(model::same_when_folded(a, a), "a name is itself");
  fuzz::require(model::same_when_folded(a, b) == model::same_when_folded(b, a), "folding is symmetric");
  if (model::check_path(a)) {
    fuzz::require(a.front() != '/' && a.back() != '/' && a.find("//") == std::string_view::npos, "a path is relative");
    const std::string framed = "/" + std::string(a) + "/";
    fuzz::require(framed.find("/../") == std::string::npos && framed.find("/./") == std::string::npos, "and goes down");
  }
  if (const auto set = model::SetName::parse(a)) {
    const std::string key = model::lease_key(*set, b);
    fuzz::require(bool(model::check_path(key)), "a lease's key is a path");
  }
  return 0;
}
