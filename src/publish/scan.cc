#include "publish/scan.h"

#include <utility>

#include "base/units.h"
#include "publish/listing.h"

namespace duskline::publish {
namespace {

// Directory handles kept open along the way down; ancestors further up are opened again on the way back, so that
// neither deep trees nor the limit of open files end a walk.
constexpr std::size_t max_open_directories = 64;

std::string_view name_of(disk::FileKind kind) {
  switch (kind) {
    case disk::FileKind::fifo:
      return "a FIFO";
    case disk::FileKind::socket:
      return "a socket";
    case disk::FileKind::character_device:
    case disk::FileKind::block_device:
      return "a device";
    default:
      return "";
  }
}

Error may_not_read(std::string_view path, Error cause) {
  return {Code::refused,
          "directory \"" + printable(path) +
              "\" of the source may not be read; leave it out by --exclude, or publish as a user who may read it",
          std::move(cause)};
}

}  // namespace

std::optional<std::string_view> reason_to_skip(disk::FileKind kind) {
  const std::string_view name = name_of(kind);
  if (name.empty()) return std::nullopt;
  return name;
}

Error source_error(Code code, std::string_view path, std::string_view why) {
  return Error{code, "\"" + printable(path) + "\" in the source " + std::string(why)};
}

Status check_attributes(const std::vector<model::Attribute>& attributes, std::string_view path) {
  if (model::check_attributes(attributes)) return {};
  return source_error(
      Code::refused, path,
      "has more than 256 extended attributes, or more than 1 MiB of them; leave it out by --exclude, or "
      "publish without --xattrs");
}

struct Scanner::Frame {
  std::shared_ptr<disk::Directory> handle;  // null: open it again
  Listing entries;
  std::size_t at = 0;
  std::size_t path_bytes = 0;   // of this directory
  std::size_t name_offset = 0;  // in the path
  disk::Stat stat;
  bool has_rules = false;
};

Scanner::Scanner(const Op& op, disk::Directory& top, const Filter& filter, Reporter& reporter)
    : op_(op), top_(top), filter_(filter), reporter_(reporter) {}
Scanner::~Scanner() = default;

const std::shared_ptr<disk::Directory>& Scanner::parent() const { return frames_.back().handle; }

Result<const Step*> Scanner::next() {
  if (!started_) {
    started_ = true;
    DL_ASSIGN(entry_, top_.stat());
    Frame frame;
    frame.handle = {std::shared_ptr<disk::Directory>(), &top_};  // not owned
    return enter(std::move(frame), entry_, "");
  }
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    path_.resize(frame.path_bytes);
    if (frame.at == frame.entries.size()) return leave();
    const std::string_view name = frame.entries.name(frame.at);
    entry_ = frame.entries.stat(frame.at++);
    if (!path_.empty()) path_ += '/';
    const std::size_t name_offset = path_.size();
    path_ += name;
    const bool is_directory = entry_.kind == disk::FileKind::directory;
    if (filter_.excludes(path_, is_directory ? Pattern::Kind::directory : Pattern::Kind::other)) continue;
    if (name == reserved_name) {
      skip("this name is reserved for Duskline's own state");
      continue;
    }
    if (const auto reason = reason_to_skip(entry_.kind)) {
      skip(*reason);
      continue;
    }
    DL_TRY(check(name));
    DL_TRY(open(frame));
    if (is_directory) {
      Frame below;
      below.name_offset = name_offset;
      return enter(std::move(below), entry_, name);
    }
    const auto kind = entry_.kind == disk::FileKind::symlink ? Step::Kind::symlink : Step::Kind::file;
    step_ = {kind, path_, std::string_view(path_).substr(name_offset), &entry_,
             static_cast<std::uint32_t>(frames_.size() - 1)};
    return &step_;
  }
  return nullptr;
}

Result<const Step*> Scanner::enter(Frame frame, const disk::Stat& stat, std::string_view name) {
  DL_TRY(op_.check());
  frame.stat = stat;
  frame.path_bytes = path_.size();
  const bool is_mount_point =
      !frames_.empty() && (stat.device != frames_.back().stat.device || stat.mount != frames_.back().stat.mount);
  if (!frame.handle) {
    auto opened = frames_.back().handle->open_directory(name);
    if (!opened) {
      const Code code = opened.error().code;
      if (code == Code::denied) return may_not_read(path_, std::move(opened).error());
      if (code == Code::not_found || code == Code::refused) {
        return Error{Code::changing, "directory \"" + printable(path_) + "\" of the source vanished while it was read",
                     std::move(opened).error()};
      }
      return std::move(opened).error();
    }
    frame.handle = std::move(*opened);
  }
  DL_TRY(list(frame));
  frames_.push_back(std::move(frame));
  // The top cannot be opened again.
  if (frames_.size() > max_open_directories + 1) frames_[frames_.size() - 1 - max_open_directories].handle.reset();
  const Frame& top = frames_.back();
  step_ = {Step::Kind::enter,
           path_,
           std::string_view(path_).substr(top.name_offset),
           &top.stat,
           static_cast<std::uint32_t>(frames_.size() - 1),
           is_mount_point};
  return &step_;
}

Result<const Step*> Scanner::leave() {
  const Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (frame.has_rules) filter_.leave();
  entry_ = frame.stat;
  step_ = {Step::Kind::leave, path_, std::string_view(path_).substr(frame.name_offset), &entry_,
           static_cast<std::uint32_t>(frames_.size())};
  return &step_;
}

Status Scanner::open(Frame& frame) {
  if (frame.handle) return {};
  DL_ASSIGN(frame.handle, top_.open_directory(std::string_view(path_).substr(0, frame.path_bytes)));
  return {};
}

Status Scanner::list(Frame& frame) {
  auto listed = Listing::read(*frame.handle);
  if (!listed) {
    if (listed.error().code != Code::denied) return std::move(listed).error();
    return may_not_read(path_, std::move(listed).error());
  }
  frame.entries = std::move(*listed);
  const auto rules = frame.entries.kind_of(ignore_file_name);
  return rules ? read_rules(frame, *rules) : Status{};
}

Status Scanner::read_rules(Frame& frame, disk::FileKind kind) {
  const std::string where = path_.empty() ? std::string(ignore_file_name) : path_ + "/" + std::string(ignore_file_name);
  if (kind != disk::FileKind::file) {
    return Error{Code::refused, "\"" + printable(where) +
                                    "\" is not a regular file, so what it shall leave out is not known; make it one"};
  }
  auto bytes = frame.handle->read_all(ignore_file_name, max_ignore_file_bytes);
  if (!bytes)
    return Error{Code::refused, "the rules in \"" + printable(where) + "\" cannot be read", std::move(bytes).error()};
  if (!*bytes) return {};  // gone since it was listed
  DL_ASSIGN(auto rules, parse_ignore_file(text_of(**bytes), where));
  if (rules.empty()) return {};
  filter_.enter(path_, std::move(rules));
  frame.has_rules = true;
  return {};
}

Status Scanner::check(std::string_view name) const {
  if (name.size() > model::max_name_bytes) {
    return source_error(Code::refused, path_, "has a name of more than 255 bytes; leave it out by --exclude");
  }
  if (path_.size() > model::max_path_bytes) {
    return source_error(Code::refused, path_, "has a path of more than 65,536 bytes; leave it out by --exclude");
  }
  if (frames_.size() > model::max_depth) {
    return source_error(Code::refused, path_, "lies deeper than 1,024 directories; leave it out by --exclude");
  }
  return {};
}

void Scanner::skip(std::string_view reason) {
  ++skipped_;
  reporter_.record({path_, "skip", 0, "", reason});
}

}  // namespace duskline::publish
