#include "bin/wiring.h"

#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>

#include "http/transport.h"
#include "s3/credentials.h"
#include "store/s3_store.h"
#include "store/stores.h"

namespace duskline {
namespace {

struct BucketAndPrefix {
  std::string bucket, prefix;
};

std::string without_slashes(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

Result<BucketAndPrefix> parse_s3_url(const std::string& url) {
  const std::string rest = url.substr(std::string_view("s3://").size());
  const auto slash = rest.find('/');
  BucketAndPrefix result{rest.substr(0, slash), slash == std::string::npos ? "" : without_slashes(rest.substr(slash))};
  if (result.bucket.empty())
    return Error{Code::usage, "\"" + printable(url) + "\" names no bucket: write s3://bucket/prefix"};
  return result;
}

Result<store::S3Options::Addressing> parse_addressing(const std::string& text) {
  if (text == "auto") return store::S3Options::Addressing::automatic;
  if (text == "path") return store::S3Options::Addressing::path;
  if (text == "host") return store::S3Options::Addressing::virtual_host;
  return Error{Code::usage, "--addressing: \"" + printable(text) + "\" is none of auto, path, host"};
}

Result<std::string> read_key_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string key(33, '\0');
  file.read(key.data(), 33);
  key.resize(static_cast<std::size_t>(file.gcount()));
  if (key.size() != 32) {
    return Error{Code::usage, "--sse-c-key-file: " + printable(path) + " must hold exactly 32 bytes"};
  }
  return key;
}

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
  DL_ASSIGN(const auto place, parse_s3_url(arguments.url));
  const s3::CredentialOptions credentials{.profile = arguments.profile, .environment = environment_value};
  const auto first_of = [&](std::initializer_list<std::optional<std::string>> values) -> std::string {
    for (const auto& value : values) {
      if (value && !value->empty()) return *value;
    }
    return "";
  };
  store::S3Options options{.bucket = place.bucket, .prefix = place.prefix};
  options.endpoint =
      first_of({arguments.endpoint, environment_value("AWS_ENDPOINT_URL_S3"), environment_value("AWS_ENDPOINT_URL"),
                s3::shared_config_value(credentials, "endpoint_url")});
  options.region = first_of({arguments.region, environment_value("AWS_REGION"), environment_value("AWS_DEFAULT_REGION"),
                             s3::shared_config_value(credentials, "region"), "us-east-1"});
  DL_ASSIGN(options.addressing, parse_addressing(arguments.addressing));
  options.encryption = arguments.encryption;
  options.kms_key_id = arguments.kms_key_id;
  if (!arguments.customer_key_file.empty()) {
    DL_ASSIGN(options.customer_key, read_key_file(arguments.customer_key_file));
  }
  http::TransportOptions transport_options;
  transport_options.ca_file = first_of({arguments.ca_file, environment_value("AWS_CA_BUNDLE")});
  transport_options.stall_limit = std::chrono::ceil<std::chrono::milliseconds>(arguments.stall_limit);
  auto transport = http::open_curl_transport(transport_options);
  auto source = s3::default_credentials(*transport, clock, credentials);
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
