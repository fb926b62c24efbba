#include "gateway/operation.h"

namespace duskline::gateway {

std::span<const Operation> configuration_operations() { return {}; }

}  // namespace duskline::gateway
