// Small objects of a store that nobody signed: leases and release numbers.
#include "fuzz.h"
#include "release/small_json.h"
#include "store/stores.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  static RealClock clock;
  static const auto store = store::open_mem_store(clock);
  static const store::Key key("fuzz/number/1");
  const Op op;
  fuzz::require(store::put_all(*store, op, key, fuzz::view(data, size), {}).has_value(), "anything can be stored");
  const auto object = release::read_small_json(*store, op, key);
  if (!object) return 0;
  fuzz::require(object->has_value(), "what lies there is not absent");
  for (const char* name : {"taken", "release", "published", "holder", "expires"}) {
    (void)release::text_member(**object, name);
  }
  return 0;
}
