#include "cli/common.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/units.h"
#include "release/heads.h"

namespace duskline::cli {
namespace {

Result<std::chrono::nanoseconds> parse_stall_limit(std::string_view text) {
  DL_ASSIGN(const std::chrono::nanoseconds limit, parse_duration(text));
  if (limit >= std::chrono::milliseconds(1) && limit <= std::chrono::hours(24)) return limit;
  return Error{Code::usage, "\"" + printable(text) + "\" is not between 1ms and 24h"};
}

}  // namespace

std::vector<Flag> store_flags(StoreArguments& arguments, Needed url) {
  return {
      {"--store", "URL", "where releases lie: s3://bucket/prefix, file:///dir or a path", to_text(arguments.url),
       Repeats::no, url},
      {"--endpoint-url", "URL", "the S3 service, when it is not AWS (also AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL)",
       to_text(arguments.endpoint)},
      {"--region", "NAME", "the S3 region (also AWS_REGION)", to_text(arguments.region)},
      {"--profile", "NAME", "the profile in the shared AWS files (also AWS_PROFILE)", to_text(arguments.profile)},
      {"--addressing", "STYLE", "how the bucket is named in requests: auto, path or host",
       to_text(arguments.addressing)},
      {"--ca-file", "FILE", "certificates (PEM) that sign the service's certificate", to_text(arguments.ca_file)},
      {"--sse", "KIND", "server-side encryption: AES256, aws:kms, aws:kms:dsse or sse-c",
       to_text(arguments.encryption)},
      {"--sse-kms-key-id", "ID", "the key for --sse aws:kms", to_text(arguments.kms_key_id)},
      {"--sse-c-key-file", "FILE", "32 bytes, the key for --sse sse-c", to_text(arguments.customer_key_file)},
      {"--limit", "RATE", "at most this much each way, e.g. 20MiB/s or 8Mbit/s",
       to_parsed(arguments.limit_bytes_per_second, parse_rate)},
      {"--max-requests", "N", "at most N requests in flight (fewer when the service asks for it)",
       to_number(arguments.max_requests, 1U, 256U)},
      {"--stall-limit", "TIME", "break off a request on which nothing moves for so long, and try again (default: 30s)",
       to_parsed(arguments.stall_limit, parse_stall_limit)},
      {"--max-tries", "N", "try a request N times without progress before giving up (default: 8)",
       to_number(arguments.max_tries, 1U, 1000U)},
  };
}

Status check_apart(const StoreArguments& store, const std::string& directory, std::string_view what) {
  constexpr std::string_view file_scheme = "file://";
  const bool is_file_url = store.url.starts_with(file_scheme);
  if (!is_file_url && store.url.find("://") != std::string::npos) return {};
  std::error_code failed;
  const auto real = [&](const std::string& path) { return std::filesystem::weakly_canonical(path, failed) / ""; };
  const auto a = real(is_file_url ? store.url.substr(file_scheme.size()) : store.url);
  const auto b = real(directory);
  if (failed) return {};  // whoever opens it says why
  const auto lies_in = [](const std::filesystem::path& inner, const std::filesystem::path& outer) {
    return inner.native().starts_with(outer.native());
  };
  if (!lies_in(a, b) && !lies_in(b, a)) return {};
  return Error{Code::refused, "the store " + printable(store.url) + " and the " + std::string(what) + " " +
                                  printable(directory) + " lie in each other; give the store a directory of its own"};
}

std::vector<Flag> trust_flags(TrustArguments& arguments) {
  return {{"--trust", "KEY", "also trust this public key (its text, or a file that holds it)", to_list(arguments.keys),
           Repeats::yes}};
}

Result<std::vector<PublicKey>> trusted_keys(const TrustArguments& arguments) {
  DL_ASSIGN(const auto known, release::KeyFolder(release::default_key_folder()).trusted());
  std::vector<PublicKey> keys;
  for (const auto& trusted : known) keys.push_back(trusted.key);
  for (const std::string& argument : arguments.keys) {
    DL_ASSIGN(const PublicKey key, release::parse_key_argument(argument));
    keys.push_back(key);
  }
  return keys;
}

model::ChannelName live_channel() { return *model::ChannelName::parse("live"); }

Result<model::ReleaseId> find_release(store::ObjectStore& store, const Op& op, const model::SetName& set,
                                      const std::string& text, const model::ChannelName& channel,
                                      const std::vector<PublicKey>& trusted) {
  if (text.empty()) {
    DL_ASSIGN(const auto seen, release::read_head(store, op, set, channel, trusted));
    if (!seen) {
      return Error{Code::not_found, "set \"" + set.text() + "\" has no channel \"" + channel.text() + "\" in " +
                                        store.describe() + "; check --store and --channel"};
    }
    return seen->head.release;
  }
  if (text.size() == 64) return model::ReleaseId::parse(text);
  DL_ASSIGN(const auto releases, release::list_releases(store, op, set));
  std::vector<model::ReleaseId> matches;
  constexpr std::size_t least_digits = 6;
  for (const auto& listed : releases) {
    const bool by_number = text == std::to_string(listed.number);
    const bool by_start = text.size() >= least_digits && listed.id.hex().starts_with(text);
    if (by_number || by_start) matches.push_back(listed.id);
  }
  if (matches.size() == 1) return matches.front();
  return Error{Code::not_found, "\"" + printable(text) + "\" names " + (matches.empty() ? "no" : "more than one") +
                                    " release of set \"" + set.text() + "\"; see: duskline releases " + set.text()};
}

Flag wait_flag(TargetArguments& arguments) {
  return {"--wait", "TIME", "wait so long for another run on the same target, e.g. 10m",
          to_parsed(arguments.wait, parse_duration)};
}

Result<std::unique_ptr<site::Target>> open_target(const Op& op, Context& context, const TargetArguments& arguments,
                                                  site::Target::Make make) {
  return site::Target::open(op, context.disk, arguments.path, make, arguments.wait, context.clock, context.console);
}

Result<TargetSource> open_source_of(Context& context, const site::State& state, StoreArguments arguments,
                                    const TrustArguments& trust) {
  if (arguments.url.empty()) arguments.url = state.store_url;
  DL_ASSIGN(auto set, model::SetName::parse(state.set));
  // Not known after the state was lost.
  DL_ASSIGN(auto channel, model::ChannelName::parse(state.channel.empty() ? live_channel().text() : state.channel));
  DL_ASSIGN(auto trusted, trusted_keys(trust));
  DL_ASSIGN(auto store, context.open_store(arguments));
  return TargetSource{std::move(store),
                      std::move(trusted),
                      {.set = std::move(set), .channel = std::move(channel), .store_url = state.store_url}};
}

Result<ScratchFolder> ScratchFolder::make(disk::Filesystem& disk) {
  const char* const folder = std::getenv("TMPDIR");
  std::string path = std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/duskline-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return errno_error("make a temporary folder " + printable(path), errno);
  DL_ASSIGN(auto directory, disk.open(path));
  return ScratchFolder(std::move(path), std::move(directory));
}

ScratchFolder::ScratchFolder(std::string path, std::unique_ptr<disk::Directory> directory)
    : path_(std::move(path)), directory_(std::move(directory)) {}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})), directory_(std::move(other.directory_)) {}

ScratchFolder::~ScratchFolder() {
  if (path_.empty()) return;
  if (auto entries = directory_->list()) {
    for (const auto& entry : *entries) {
      // A leftover in the temporary folder is not worth an error at the end of a command.
      const bool is_directory = entry.stat.kind == disk::FileKind::directory;
      static_cast<void>(is_directory ? directory_->remove_tree(entry.name, disk::Missing::is_absent)
                                     : directory_->remove_file(entry.name, disk::Missing::is_absent));
    }
  }
  static_cast<void>(rmdir(path_.c_str()));
}

std::string cache_folder() {
  const auto variable = [](const char* name) -> std::string {
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  if (const auto own = variable("DUSKLINE_CACHE_DIR"); !own.empty()) return own;
  if (const auto xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return xdg + "/duskline";
  const auto home = variable("HOME");
  return (home.empty() ? "/var/cache" : home + "/.cache") + "/duskline";
}

}  // namespace duskline::cli
