#include "gateway/configuration.h"

namespace duskline::gateway {

Done change_bucket(const Context& context, const std::function<Done(objects::Bucket&)>& change) {
  std::optional<S3Error> refusal;
  const auto changed =
      context.services.objects.change_bucket(context.op, context.bucket->name, [&](objects::Bucket& bucket) -> Status {
        Done done = change(bucket);
        if (done) return {};
        refusal = std::move(done).error();
        return Error{Code::precondition, "refused by the gateway"};
      });
  if (changed) return {};
  if (refusal) return std::move(*refusal);
  if (changed.error().code == Code::not_found) return ErrorCode::no_such_bucket;
  return from_engine(changed.error());
}

Expected<objects::Version> change_version(const Context& context, const objects::Version& version,
                                          const std::function<Done(objects::Version&)>& change) {
  std::optional<S3Error> refusal;
  auto changed = context.services.objects.change(context.op, context.bucket->name, version.key, version.id,
                                                 [&](objects::Version& current) -> Status {
                                                   Done done = change(current);
                                                   if (done) return {};
                                                   refusal = std::move(done).error();
                                                   return Error{Code::precondition, "refused by the gateway"};
                                                 });
  if (changed) return std::move(*changed);
  if (refusal) return std::move(*refusal);
  return from_engine(changed.error());
}

}  // namespace duskline::gateway
