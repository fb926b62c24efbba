#include "bin/wiring.h"

#include <cstdlib>
#include <mutex>
#include <random>

#include "cli/s3_arguments.h"
#include "http/transport.h"
#include "s3/credentials.h"
#include "store/s3_store.h"
#include "store/stores.h"

namespace duskline {
namespace {

// Keeps the transport alive as long as the store that uses it.
class OwningStore final : public store::ObjectStore {
 public:
  OwningStore(std::unique_ptr<http::Transport> transport, std::unique_ptr<store::ObjectStore> inner)
      : transport_(std::move(transport)), inner_(std::move(inner)) {}
  Result<store::ObjectInfo> get(const Op& op, const store::Key& key, const store::GetOptions& options,
                                Sink& sink) override {
    return inner_->get(op, key, options, sink);
  }
  Result<std::optional<store::ObjectInfo>> head(const Op& op, const store::Key& key) override {
    return inner_->head(op, key);
  }
  Result<store::ObjectInfo> put(const Op& op, const store::Key& key, Source& source,
                                const store::PutOptions& options) override {
    return inner_->put(op, key, source, options);
  }
  Result<store::Listing> list(const Op& op, const store::ListQuery& query) override { return inner_->list(op, query); }
  Result<store::RemoveReport> remove(const Op& op, std::span<const store::Key> keys) override {
    return inner_->remove(op, keys);
  }
  [[nodiscard]] std::string describe() const override { return inner_->describe(); }

 private:
  std::unique_ptr<http::Transport> transport_;
  std::unique_ptr<store::ObjectStore> inner_;
};

Result<std::unique_ptr<store::ObjectStore>> open_s3(const cli::StoreArguments& arguments, Clock& clock) {
  DL_ASSIGN(const auto options, cli::s3_options(arguments, environment_value));
  auto transport = http::open_curl_transport(cli::transport_options(arguments, environment_value));
  auto source = s3::default_credentials(*transport, clock, cli::credential_options(arguments, environment_value));
  DL_ASSIGN(auto opened, store::open_s3_store(options, *transport, std::move(source), clock));
  return std::unique_ptr<store::ObjectStore>(std::make_unique<OwningStore>(std::move(transport), std::move(opened)));
}

Result<std::unique_ptr<store::ObjectStore>> open_plain(const cli::StoreArguments& arguments, disk::Filesystem& disk,
                                                       Clock& clock) {
  if (arguments.url.starts_with("s3://")) return open_s3(arguments, clock);
  constexpr std::string_view file_scheme = "file://";
  std::string path = arguments.url;
  if (path.starts_with(file_scheme)) path = path.substr(file_scheme.size());
  if (path.empty() || path.find("://") != std::string::npos) {
    return Error{Code::usage,
                 "--store: \"" + printable(arguments.url) + "\" is none of s3://bucket/prefix, file:///dir, or a path"};
  }
  if (arguments.absent == cli::StoreArguments::Absent::is_error) {
    const auto there = disk.open(path);
    if (!there && there.error().code == Code::not_found) {
      return Error{Code::not_found,
                   "the store directory " + printable(path) + " does not exist; is its file system mounted?"};
    }
  }
  return store::open_dir_store(disk, path);
}

}  // namespace

std::optional<std::string> environment_value(const std::string& name) {
  const char* const value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Result<std::unique_ptr<store::ObjectStore>> open_store(const cli::StoreArguments& arguments, disk::Filesystem& disk,
                                                       Clock& clock, Reporter& reporter) {
  DL_ASSIGN(auto plain, open_plain(arguments, disk, clock));
  const auto random = [generator = std::make_shared<std::mt19937_64>(std::random_device{}()),
                       mutex = std::make_shared<std::mutex>()] {
    const std::lock_guard lock(*mutex);
    return std::uniform_real_distribution<double>(0, 1)(*generator);
  };
  const store::Limits limits{.bytes_per_second_down = arguments.limit_bytes_per_second,
                             .bytes_per_second_up = arguments.limit_bytes_per_second,
                             .max_requests = arguments.max_requests};
  // Retries outermost: the limits below then see each answer that asks for fewer requests.
  auto limited = store::limit_store(std::move(plain), limits, clock);
  store::RetryPolicy policy;
  policy.max_tries = arguments.max_tries;
  const auto stall_limit = std::chrono::ceil<std::chrono::milliseconds>(arguments.stall_limit);
  policy.progress_deadline = std::max(policy.progress_deadline, 4 * stall_limit);  // a stall is not yet the end
  return store::retry_store(std::move(limited), policy, clock, random, reporter);
}

}  // namespace duskline
