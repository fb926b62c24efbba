#include <boost/json.hpp>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/console.h"
#include "cli/s3_arguments.h"
#include "s3/client.h"

namespace duskline::cli {
namespace {

constexpr std::uint64_t max_answer_bytes = 64 << 10;

std::string location_document(const std::string& region) {
  if (region.empty() || region == "us-east-1") return {};  // S3's default has no name of its own
  return "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>" + region +
         "</LocationConstraint></CreateBucketConfiguration>";
}

class BucketAddCommand final : public Command {
 public:
  Spec spec() override {
    Spec spec{.path = "store bucket add",
              .summary = "make a bucket in an S3 service",
              .details = "One that you own already is fine.",
              .arguments = {{"URL", "s3://NAME", to_text(store_.url)}},
              .flags = {}};
    for (Flag& flag : store_flags(store_, Needed::optional)) {
      const bool is_way_there = flag.name == "--endpoint-url" || flag.name == "--region" || flag.name == "--profile" ||
                                flag.name == "--addressing" || flag.name == "--ca-file";
      if (is_way_there) spec.flags.push_back(std::move(flag));
    }
    return spec;
  }

  Result<int> run(const Op& op, Context& context) override {
    DL_ASSIGN(const auto s3, s3_options(store_, context.environment));
    if (!s3.prefix.empty()) {
      return Error{Code::usage, "\"" + printable(store_.url) + "\" names more than a bucket: write s3://NAME"};
    }
    DL_TRY(make(op, context, s3));
    context.console.text("bucket " + s3.bucket + " is there");
    context.console.object({{"event", "bucket"}, {"name", s3.bucket}});
    return 0;
  }

 private:
  Status make(const Op& op, Context& context, const store::S3Options& s3) {
    DL_ASSIGN(auto bucket, bucket_of(s3));
    const std::string region = bucket.region;
    const auto transport = http::open_curl_transport(transport_options(store_, context.environment));
    auto credentials =
        s3::default_credentials(*transport, context.clock, credential_options(store_, context.environment));
    s3::Client client(std::move(bucket), *transport, std::move(credentials), context.clock);
    const std::string document = location_document(region);
    BufferSource body(bytes_of(document));
    s3::Call call{.method = "PUT", .key = {}, .query = {}, .headers = {}, .body = nullptr};
    if (!document.empty()) {
      call.body = &body;
      call.payload = sha256(document).hex();
    }
    const auto made = client.call_for_text(op, call, max_answer_bytes);
    if (made || made.error().code == Code::already_exists) return {};
    return made.error();
  }

  StoreArguments store_;
};

}  // namespace

std::unique_ptr<Command> bucket_add_command() { return std::make_unique<BucketAddCommand>(); }

}  // namespace duskline::cli
