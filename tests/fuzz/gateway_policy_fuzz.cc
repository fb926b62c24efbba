// A bucket policy from a client, and a question asked of it: "ACTION\nKEY\n", then the document.
#include <algorithm>

#include "fuzz.h"
#include "gateway/policy.h"
#include "gateway/post_policy.h"

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
  using namespace duskline::gateway;
  std::string_view text = text_of(fuzz::view(data, size));
  PolicyQuestion question;
  question.user = "u";
  question.user_name = "anna";
  question.bucket = "bucket";
  question.action = take_line(text);
  question.key = take_line(text);
  question.condition = [](std::string_view key) { return ConditionValues{std::string(key), "203.0.113.7", "5"}; };
  if (const auto policy = Policy::parse(text, question.bucket)) {
    const auto verdict = policy->judge(question);
    const bool allows = std::any_of(policy->statements().begin(), policy->statements().end(),
                                    [](const auto& each) { return each.allows; });
    fuzz::require(verdict != PolicyVerdict::allows || allows, "nothing is allowed by denials alone");
    question.user = {};
    question.user_name = {};
    fuzz::require(
        policy->judge(question) != PolicyVerdict::allows || policy->is_public() || !policy->statements().empty(),
        "nobody is allowed anything by an empty policy");
  }
  if (const auto form = PostPolicy::parse(to_base64(bytes_of(text)))) {
    (void)form->check({{"bucket", "bucket"}, {"key", std::string(question.key)}}, WallTime{});
    fuzz::require(
        !form->check_size_so_far(std::uint64_t(-1)) || !form->most_bytes || *form->most_bytes == std::uint64_t(-1),
        "a limit holds");
  }
  return 0;
}
