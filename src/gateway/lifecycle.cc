#include "gateway/hooks.h"

namespace duskline::gateway {

void give_expiration(const objects::Bucket&, const objects::Version&, http::Headers&) {}
void give_abort_date(const objects::Bucket&, const objects::Upload&, http::Headers&) {}

}  // namespace duskline::gateway
