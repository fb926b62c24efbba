#include "publish/source.h"

#include <utility>

#include "base/units.h"

namespace duskline::publish {
namespace {

Error cannot_open(const std::string& source, Error cause) {
  const std::string name = "source " + printable(source) + " ";
  switch (cause.code) {
    case Code::not_found:
      return {Code::refused, name + "does not exist; nothing was published. Is its file system mounted?",
              std::move(cause)};
    case Code::denied:
      return {Code::refused, name + "may not be read by this user; nothing was published", std::move(cause)};
    case Code::refused:
      return {Code::refused, name + "is no directory; nothing was published", std::move(cause)};
    default:
      return {Code::refused, name + "cannot be read; nothing was published", std::move(cause)};
  }
}

}  // namespace

Result<OpenSource> open_source(const PublishParts& parts, const PublishOptions& options, const SourceState& state) {
  OpenSource source;
  DL_ASSIGN(source.filter, Filter::parse(options.rules));
  auto opened = parts.disk.open(options.source);
  if (!opened) return cannot_open(options.source, std::move(opened).error());
  source.directory = std::move(*opened);
  auto stat = source.directory->stat();
  if (!stat) return cannot_open(options.source, std::move(stat).error());
  source.device = stat->device;
  DL_ASSIGN(source.volume, parts.disk.volume(*source.directory));
  DL_TRY(check_mount(state, source.volume, options.meant, options.source));
  return source;
}

}  // namespace duskline::publish
