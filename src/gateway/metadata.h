// The headers that an object keeps and gives back: system metadata, user metadata, storage class.
#pragma once

#include <string>
#include <string_view>

#include "gateway/error.h"
#include "gateway/request.h"
#include "http/server.h"
#include "objects/types.h"

namespace duskline::gateway {

// From the headers of a put, a copy or a create, or the fields of a form, into properties. MetadataTooLarge,
// InvalidStorageClass, InvalidArgument.
[[nodiscard]] Done take_metadata(const http::Headers& headers, objects::Properties& properties);
[[nodiscard]] Done take_storage_class(const http::Headers& headers, objects::Properties& properties);
[[nodiscard]] std::string storage_class_of(const objects::Properties& properties);  // "STANDARD" where none is kept

// Of answers to GET and HEAD.
void give_metadata(const objects::Properties& properties, http::Headers& headers);
// The response-* parameters of a GET, which override what the object keeps. Only for signed requests.
[[nodiscard]] Done override_headers(const Request& request, const Caller& caller, http::Headers& headers);

// A value beyond ASCII as RFC 2047 writes it ("=?UTF-8?B?...?="), and back. Other text stays as it is.
[[nodiscard]] std::string encode_words(const std::string& value);
[[nodiscard]] std::string decode_words(const std::string& value);

}  // namespace duskline::gateway
