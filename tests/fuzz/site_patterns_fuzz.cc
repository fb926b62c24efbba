// What belongs to a site: a path in the first line, a pattern in each line after it.
#include <algorithm>

#include "fuzz.h"
#include "model/ids.h"
#include "model/tree.h"
#include "site/patterns.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  std::string_view text = text_of(fuzz::view(data, size));
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < 20) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (lines.empty() || !model::check_path(lines.front())) return 0;
  const std::string path = lines.front();
  lines.erase(lines.begin());
  const auto patterns = site::Patterns::parse(lines);
  if (!patterns) return 0;
  const bool as_directory = patterns->matches(path, true);
  fuzz::require(as_directory || !patterns->matches(path, false), "a directory matches whatever a file does");
  fuzz::require(as_directory || !patterns->matches_here(path, true), "what matches here matches");
  fuzz::require(!as_directory || patterns->matches(path + "/below", false), "a match covers what lies below");
  return 0;
}
