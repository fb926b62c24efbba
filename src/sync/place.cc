#include "sync/place.h"

namespace duskline::sync {
namespace {

// Nothing else that a place does fails with this code.
constexpr Code way_code = Code::already_exists;

}  // namespace

Error in_the_way(std::string message) { return {way_code, std::move(message)}; }

bool is_in_the_way(const Error& error) { return error.code == way_code; }

}  // namespace duskline::sync
