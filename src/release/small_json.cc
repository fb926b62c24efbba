#include "release/small_json.h"

#include <boost/json.hpp>
#include <utility>

namespace duskline::release {
namespace {

constexpr std::uint64_t max_bytes = 4096;

}  // namespace

Result<std::optional<boost::json::object>> read_small_json(store::ObjectStore& store, const Op& op,
                                                           const store::Key& key) {
  store::GetOptions options;
  options.freshness = store::Freshness::revalidated;
  auto body = store::get_all(store, op, key, max_bytes, options);
  if (!body && body.error().code == Code::not_found) return std::optional<boost::json::object>{};
  if (!body && body.error().code == Code::too_large) return std::optional<boost::json::object>{boost::json::object{}};
  if (!body) return std::move(body).error();
  boost::json::error_code failed;
  boost::json::value value = boost::json::parse(text_of(*body), failed);
  if (failed || !value.is_object()) return std::optional<boost::json::object>{boost::json::object{}};
  return std::optional<boost::json::object>{std::move(value.get_object())};
}

std::optional<std::string> text_member(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

}  // namespace duskline::release
