#include "gateway/hooks.h"

namespace duskline::gateway {

Done take_object_acl(const Context&, const http::Headers&, objects::Properties&) { return {}; }
Done take_bucket_settings(const Context&, const http::Headers&, objects::Bucket&) { return {}; }
std::string owner_of_put(const Context& context, const objects::Properties&) { return context.caller.user; }

}  // namespace duskline::gateway
