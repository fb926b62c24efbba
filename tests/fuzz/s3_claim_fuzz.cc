// A signed request as a server receives it: "METHOD PATH?QUERY", then a header per line.
#include <algorithm>

#include "fuzz.h"
#include "s3/sigv4_check.h"

namespace {

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  std::string_view text = text_of(fuzz::view(data, size));
  const std::string_view first = take_line(text);
  const auto space = std::min(first.find(' '), first.size());
  const std::string_view target = first.substr(std::min(space + 1, first.size()));
  const auto question = std::min(target.find('?'), target.size());
  s3::ReceivedRequest request{std::string(first.substr(0, space)), std::string(target.substr(0, question)), {}, {}};
  const auto query = s3::parse_query(target.substr(std::min(question + 1, target.size())));
  if (!query) return 0;
  request.query = *query;
  auto again = s3::parse_query(s3::canonical_query(*query));
  auto sorted = *query;
  std::erase_if(sorted, [](const auto& pair) { return pair.first.empty() && pair.second.empty(); });
  fuzz::require(again.has_value(), "a canonical query can be parsed");
  if (again) std::erase_if(*again, [](const auto& pair) { return pair.first.empty() && pair.second.empty(); });
  fuzz::require(std::ranges::is_permutation(*again, sorted), "and holds the same");
  while (!text.empty() && request.headers.size() < 50) {
    const std::string_view line = take_line(text);
    const auto colon = std::min(line.find(':'), line.size());
    request.headers.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
  }
  if (const auto claim = s3::parse_claim(request)) {
    const auto verdict = s3::check_claim(*claim, request, "a secret that nobody guesses", claim->time);
    fuzz::require(verdict == s3::Verdict::wrong, "no signature is guessed");
  }
  return 0;
}
