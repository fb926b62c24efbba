#include "gateway/hooks.h"

namespace duskline::gateway {

Done take_encryption(const Context&, const http::Headers&, objects::Properties&) { return {}; }
void give_encryption(const objects::Properties&, http::Headers&) {}

}  // namespace duskline::gateway
