// What is left out of a source: a path in the first line, then an ignore file.
#include <algorithm>

#include "fuzz.h"
#include "model/ids.h"
#include "model/tree.h"
#include "publish/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  using Kind = publish::Pattern::Kind;
  const std::string_view text = text_of(fuzz::view(data, size));
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view path = text.substr(0, end);
  const std::string_view file = text.substr(std::min(end + 1, text.size()));
  if (!model::check_path(path)) return 0;
  (void)publish::parse_rule(file).has_value();
  if (const auto pattern = publish::Pattern::parse(file)) {
    fuzz::require(pattern->matches(path, Kind::directory) || !pattern->matches(path, Kind::other),
                  "a directory matches whatever a file does");
  }
  auto rules = publish::parse_ignore_file(file, "an ignore file");
  if (!rules) return 0;
  auto filter = publish::Filter::parse({});
  fuzz::require(filter && !filter->excludes(path, Kind::other), "without rules nothing is left out");
  filter->enter("", std::move(*rules));
  (void)filter->excludes(path, Kind::other);
  (void)filter->excludes(path, Kind::directory);
  filter->leave();
  fuzz::require(!filter->excludes(path, Kind::other), "rules end with their directory");
  return 0;
}
