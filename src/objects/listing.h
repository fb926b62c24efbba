// Listings of objects, versions and uploads: an ordered walk that seeks past what it does not return, so that a page
// costs what it holds. Keys are ordered by their bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "objects/codec.h"
#include "objects/database.h"
#include "objects/objects.h"

namespace duskline::objects {

class Lister {
 public:
  static Result<Lister> prepare(Database& database);
  // Inside a read transaction. `bucket` is the id of the request's bucket.
  Result<ListResult> list(std::uint64_t bucket, const ListRequest& request);
  Result<UploadList> uploads(std::uint64_t bucket, const UploadListRequest& request);
  // The sequence of a version that a listing ended with, where it can be known.
  Result<std::optional<std::uint64_t>> sequence_of(std::uint64_t bucket, const std::string& key, const std::string& id);

 private:
  Statement objects_, older_, uploads_, object_, older_null_;
};

// The least text greater than all that begin with `text`; nothing where there is none.
[[nodiscard]] std::optional<std::string> after_all_with_prefix(std::string text);

}  // namespace duskline::objects
