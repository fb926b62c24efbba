// Small unsigned JSON objects in a store: leases and release numbers.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "store/object_store.h"

namespace duskline::release {

// Nothing where the object is absent; an empty JSON object where what lies there is none, since nothing depends on it.
[[nodiscard]] Result<std::optional<boost::json::object>> read_small_json(store::ObjectStore&, const Op&,
                                                                         const store::Key&);
[[nodiscard]] std::optional<std::string> text_member(const boost::json::object& object, std::string_view name);

}  // namespace duskline::release
