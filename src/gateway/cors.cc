#include "gateway/hooks.h"

namespace duskline::gateway {

void give_cors(const Request&, const objects::Bucket&, http::Headers&) {}

}  // namespace duskline::gateway
