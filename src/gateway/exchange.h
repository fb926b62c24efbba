// One S3 request on its way through authentication, routing, its operation, and into an answer.
#pragma once

#include <memory>
#include <string>

#include "gateway/service.h"
#include "http/server.h"

namespace duskline::gateway {

[[nodiscard]] std::unique_ptr<http::Exchange> s3_exchange(Service& service,
                                                          std::shared_ptr<const http::RequestHead> head,
                                                          std::string request_id);
// With an answer that is known already.
[[nodiscard]] std::unique_ptr<http::Exchange> page_exchange(http::Answer page);

}  // namespace duskline::gateway
