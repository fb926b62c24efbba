// The XML documents that configure buckets and objects. What is read can be written, and read again as the same.
#include "fuzz.h"
#include "gateway/acl.h"
#include "gateway/cors.h"
#include "gateway/encryption.h"
#include "gateway/lifecycle.h"
#include "gateway/object_lock.h"
#include "gateway/public_access.h"
#include "gateway/tagging.h"

namespace {

using namespace duskline;
using namespace duskline::gateway;

class AnyUser final : public KeySource {
 public:
  std::shared_ptr<const AccessKey> find(std::string_view) override { return nullptr; }
  std::optional<std::string> display_name(std::string_view) override { return "name"; }
  std::optional<std::string> user_by_email(std::string_view) override { return std::string(64, 'e'); }
};

void check_acl(std::string_view xml) {
  AnyUser users;
  const std::string owner(64, 'a');
  const auto acl = parse_acl_document(xml, {owner, owner}, users);
  if (!acl) return;
  const auto again = parse_acl_document(acl_document(*acl, owner, users), {owner, owner}, users);
  fuzz::require(again && *again == *acl, "an ACL reads back");
  fuzz::require(Acl::of({{"acl", acl->encode()}}, owner) == *acl, "a stored ACL reads back");
}

void check_lifecycle(std::string_view xml) {
  const auto rules = parse_lifecycle(xml);
  if (!rules) return;
  const auto again = parse_lifecycle(lifecycle_document(*rules));
  fuzz::require(again && *again == *rules, "lifecycle rules read back");
  const LifecycleSubject subject{"logs/a", 5, {{"k", "v"}}, WallTime(std::chrono::days(20'000))};
  (void)expiry_of_current(*rules, subject, {});
  (void)expiry_of_noncurrent(*rules, subject, 3, {});
  (void)expiry_of_lone_marker(*rules, subject, {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view xml = text_of(fuzz::view(data, size));
  check_acl(xml);
  check_lifecycle(xml);
  if (const auto rules = parse_cors(xml)) {
    const auto again = parse_cors(cors_document(*rules));
    fuzz::require(again && *again == *rules, "CORS rules read back");
    for (const auto& [name, value] : cors_headers(*rules, {"http://a", "GET", {}})) {
      fuzz::require(value.find_first_of("\r\n") == std::string::npos, "no line ends in headers");
    }
  }
  if (const auto tags = parse_tag_document(xml, max_bucket_tags)) {
    fuzz::require(parse_tag_document(tag_document(*tags), max_bucket_tags).value() == *tags, "tags read back");
    fuzz::require(stored_tags(encode_tags(*tags)) == *tags, "stored tags read back");
  }
  if (const auto lock = parse_lock_configuration(xml)) {
    fuzz::require(parse_lock_configuration(lock_configuration_document(*lock)).value() == *lock, "a lock reads back");
  }
  if (const auto kept = parse_retention(xml, WallTime{}); kept && *kept) {
    fuzz::require(parse_retention(retention_document(**kept), WallTime{}).value() == *kept, "a retention reads back");
  }
  if (const auto access = parse_public_access_document(xml)) {
    fuzz::require(parse_public_access_document(public_access_document(*access)).value() == *access,
                  "a block reads back");
  }
  (void)parse_ownership_document(xml);
  (void)parse_legal_hold(xml);
  (void)parse_bucket_encryption(xml);
  return 0;
}
