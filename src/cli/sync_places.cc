#include "cli/sync_places.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <random>

#include "base/workers.h"
#include "cli/console.h"
#include "cli/s3_arguments.h"
#include "s3/bucket.h"
#include "sync/bucket_place.h"
#include "sync/folder_place.h"
#include "sync/state.h"
#include "sync/sync.h"
#include "sync/wrapped_place.h"
#include "sync/wrappers.h"

namespace duskline::cli {
namespace {

constexpr std::string_view s3_scheme = "s3://", file_scheme = "file://";
constexpr unsigned bucket_workers = 16, remote_folder_workers = 64, remote_read_ahead = 16;
constexpr unsigned least_local_workers = 4;

// What a side is, before it is opened.
struct Side {
  bool is_bucket = false;
  std::string identity;      // the same for the same place, whatever the way of naming it
  std::string path;          // of a directory: as it was named
  bool is_remote = false;    // a directory reached over a network
  store::S3Options options;  // of a bucket
  std::string prefix;        // "" or "some/path/"
};

// The nearest directory that there is.
std::string existing_part(std::string path) {
  std::error_code failed;
  while (!path.empty() && !std::filesystem::exists(path, failed)) {
    path = std::filesystem::path(path).parent_path().native();
  }
  return path.empty() ? "." : path;
}

Result<Side> side_of(const StoreArguments& arguments, const Environment& environment) {
  Side side;
  side.is_bucket = arguments.url.starts_with(s3_scheme);
  if (side.is_bucket) {
    DL_ASSIGN(side.options, s3_options(arguments, environment));
    side.prefix = side.options.prefix.empty() ? "" : side.options.prefix + "/";
    side.identity = "s3 " + side.options.endpoint + " " + (side.options.endpoint.empty() ? side.options.region : "") +
                    " /" + side.options.bucket + "/" + side.prefix;
    return side;
  }
  side.path = arguments.url.starts_with(file_scheme) ? arguments.url.substr(file_scheme.size()) : arguments.url;
  if (side.path.empty() || side.path.find("://") != std::string::npos) {
    return Error{Code::usage,
                 "\"" + printable(arguments.url) + "\" is none of s3://bucket/prefix, file:///dir, or a path"};
  }
  std::error_code failed;
  // Absolute first: of a relative path that does not exist yet nothing would be made otherwise.
  const auto real = std::filesystem::weakly_canonical(std::filesystem::absolute(side.path), failed);
  side.identity = "folder " + (failed ? side.path : (real / "").native());
  side.is_remote = sync::is_remote_folder(existing_part(side.path));
  return side;
}

// A sync into its own source would never come to an end; one from its own destination would eat it.
Status check_apart(const Side& a, const Side& b, std::string_view words) {
  if (!a.identity.starts_with(b.identity) && !b.identity.starts_with(a.identity)) return {};
  return Error{Code::refused, std::string(words) + " lie in each other; name places that are apart"};
}

// Keeps the transport alive as long as the place that uses it.
class OwningPlace final : public sync::WrappedPlace {
 public:
  OwningPlace(std::unique_ptr<http::Transport> transport, std::unique_ptr<sync::Place> inner)
      : WrappedPlace(std::move(inner)), transport_(std::move(transport)) {}
  ~OwningPlace() override { release(); }

 private:
  std::unique_ptr<http::Transport> transport_;
};

class Opener {
 public:
  Opener(Context& context, const SyncArguments& arguments, const sync::Rules& rules)
      : context_(context), arguments_(arguments), rules_(rules) {}

  Result<SyncPlaces> run() {
    DL_ASSIGN(const Side source, side_of(arguments_.source, context_.environment));
    DL_ASSIGN(const Side destination, side_of(arguments_.destination, context_.environment));
    DL_TRY(check_apart(source, destination, "SRC and DST"));
    DL_TRY(read_backup(source, destination));
    SyncPlaces places;
    places.pair = sync::pair_name(source.identity, destination.identity);
    places.workers = arguments_.workers != 0 ? arguments_.workers : workers_for(source, destination);
    if (arguments_.limit_bytes_per_second != 0) {
      places.pacer = std::make_unique<sync::Pacer>(arguments_.limit_bytes_per_second, context_.clock);
    }
    auto opened = open(source, arguments_.source, Role::source, places);
    if (!opened && !source.is_bucket) return sync::cannot_read(printable(source.path), std::move(opened).error());
    if (!opened) return std::move(opened).error();
    places.source = std::move(*opened);
    if (places.pacer) places.source = sync::paced_place(std::move(places.source), *places.pacer);
    DL_ASSIGN(places.destination, open(destination, arguments_.destination, Role::destination, places));
    return places;
  }

 private:
  enum class Role : std::uint8_t { source, destination };

  static unsigned workers_for(const Side& source, const Side& destination) {
    if (source.is_remote || destination.is_remote) return remote_folder_workers;
    if (source.is_bucket || destination.is_bucket) return bucket_workers;
    return std::max(least_local_workers, 2 * default_workers());
  }

  Status read_backup(const Side& source, const Side& destination) {
    if (arguments_.backup.empty()) return {};
    StoreArguments arguments = arguments_.destination;
    arguments.url = arguments_.backup;
    DL_ASSIGN(backup_, side_of(arguments, context_.environment));
    if (backup_.is_bucket != destination.is_bucket) {
      return Error{Code::usage, "--backup-dir must be of the kind that DST is: " +
                                    std::string(destination.is_bucket ? "s3://bucket/prefix" : "a directory")};
    }
    DL_TRY(check_apart(backup_, source, "--backup-dir and SRC"));
    return check_apart(backup_, destination, "--backup-dir and DST");
  }

  Result<std::unique_ptr<sync::Place>> open(const Side& side, const StoreArguments& arguments, Role role,
                                            const SyncPlaces& places) {
    return side.is_bucket ? open_bucket(side, arguments, role) : open_folder(side, role, places);
  }

  Result<std::unique_ptr<sync::Place>> open_folder(const Side& side, Role role, const SyncPlaces& places) {
    sync::FolderOptions options{.path = side.path, .tag = places.pair.substr(0, 8)};
    if (role == Role::source) {
      options.tag.clear();
      if (arguments_.copy_links) options.links = sync::FolderOptions::Links::follow;
    } else {
      options.absent = sync::FolderOptions::Absent::is_empty;
      options.backup = backup_.path;
      options.pacer = places.pacer.get();
    }
    if (!arguments_.empty_folders) options.empty_folders = sync::FolderOptions::EmptyFolders::skip;
    if (side.is_remote) {
      options.read_ahead = remote_read_ahead;
      options.clock = sync::FileClock::another;
    }
    return sync::open_folder(context_.disk, options, rules_);
  }

  Result<std::unique_ptr<sync::Place>> open_bucket(const Side& side, const StoreArguments& arguments, Role role) {
    const store::S3Options& s3 = side.options;
    sync::BucketOptions options;
    DL_ASSIGN(options.bucket, bucket_of(s3));
    options.prefix = side.prefix;
    options.service = options.bucket.endpoint.origin() + " " + options.bucket.region + " " + arguments.profile;
    DL_ASSIGN(options.encryption, store::encryption_headers(s3));
    if (s3.encryption == "sse-c" && options.bucket.endpoint.scheme != "https") {
      return Error{Code::usage, "sse-c sends its key with every request: the endpoint must be https"};
    }
    options.etags = arguments_.opaque_etags               ? sync::EtagKind::opaque
                    : s3::is_aws(options.bucket.endpoint) ? sync::EtagKind::md5
                                                          : sync::EtagKind::md5_if_unencrypted;
    if (!arguments_.empty_folders) options.empty_folders = sync::BucketOptions::EmptyFolders::skip;
    if (role == Role::destination && backup_.is_bucket) {
      options.backup_bucket = backup_.options.bucket;
      options.backup_prefix = backup_.prefix;
    }
    auto transport = http::open_curl_transport(transport_options(arguments, context_.environment));
    auto credentials =
        s3::default_credentials(*transport, context_.clock, credential_options(arguments, context_.environment));
    auto place = sync::open_bucket(std::move(options), *transport, std::move(credentials), context_.clock, rules_);
    const auto random = [generator = std::make_shared<std::mt19937_64>(std::random_device{}()),
                         mutex = std::make_shared<std::mutex>()] {
      const std::lock_guard lock(*mutex);
      return std::uniform_real_distribution<double>(0, 1)(*generator);
    };
    store::RetryPolicy policy;
    policy.max_tries = arguments.max_tries;
    std::unique_ptr<sync::Place> owning = std::make_unique<OwningPlace>(std::move(transport), std::move(place));
    return sync::retry_place(std::move(owning), policy, context_.clock, random, context_.console);
  }

  Context& context_;
  const SyncArguments& arguments_;
  const sync::Rules& rules_;
  Side backup_;
};

}  // namespace

Result<SyncPlaces> open_sync_places(Context& context, const SyncArguments& arguments, const sync::Rules& rules) {
  return Opener(context, arguments, rules).run();
}

}  // namespace duskline::cli
