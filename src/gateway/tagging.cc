#include "gateway/hooks.h"

namespace duskline::gateway {

Done take_tagging(const Context&, const http::Headers&, objects::Properties&) { return {}; }
std::size_t tag_count(const objects::Properties&) { return 0; }

}  // namespace duskline::gateway
