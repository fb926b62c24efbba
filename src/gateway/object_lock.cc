#include "gateway/hooks.h"

namespace duskline::gateway {

Done take_object_lock(const Context&, const http::Headers&, objects::Properties&) { return {}; }
void give_object_lock(const Context&, const objects::Version&, http::Headers&) {}
std::optional<S3Error> locked(const objects::Version&, WallTime, Bypass) { return std::nullopt; }
Bypass bypass_of(const Context&, std::string_view) { return Bypass::no; }
bool has_object_lock(const objects::Bucket&) { return false; }

}  // namespace duskline::gateway
