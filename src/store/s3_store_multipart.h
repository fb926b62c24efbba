// An upload in parts, which becomes one object when it is complete.
#pragma once

#include "s3/client.h"
#include "store/object_store.h"
#include "store/s3_store_requests.h"

namespace duskline::store {

struct MultipartPlan {
  std::string key;  // in the bucket
  std::uint64_t part_bytes = 0;
};
// One part in memory at a time. Whatever fails, the parts that were sent are given up (best effort, also after a
// cancellation).
[[nodiscard]] Result<ObjectInfo> put_in_parts(s3::Client&, const Op&, const MultipartPlan&, Source&, const PutOptions&,
                                              const EncryptionHeaders&);

}  // namespace duskline::store
