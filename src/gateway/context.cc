#include "gateway/context.h"

#include <algorithm>

#include "s3/uri.h"

namespace duskline::gateway {

const std::string* Request::parameter(std::string_view name) const {
  const auto found = std::find_if(query.begin(), query.end(), [&](const auto& pair) { return pair.first == name; });
  return found == query.end() ? nullptr : &found->second;
}

RequestName Request::name() const {
  std::string resource = "/" + bucket;
  if (!key.empty()) resource += "/" + key;
  return {request_id, std::move(resource)};
}

Done Context::allow(std::string_view action, const objects::Version* version) const {
  AccessQuestion question{request, caller, action, bucket ? &*bucket : nullptr, request.key, version};
  if (auto refused = authorize(question)) return std::move(*refused);
  return {};
}

Done Context::allow_on(std::string_view action, const objects::Bucket& on, std::string_view key,
                       const objects::Version* version) const {
  if (auto refused = authorize({request, caller, action, &on, key, version})) return std::move(*refused);
  return {};
}

}  // namespace duskline::gateway
