#include "gateway/post_form.h"

#include <algorithm>
#include <optional>

#include "gateway/digests.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_boundary = 70, max_part_headers = 4096;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// Up to the next ';' that does not stand in quotes.
std::string_view take_parameter(std::string_view& text) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (quoted || text[end] != ';'); ++end) {
    if (text[end] == '"') quoted = !quoted;
    if (text[end] == '\\' && quoted) ++end;
  }
  end = std::min(end, text.size());
  const std::string_view parameter = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return parameter;
}

// Browsers escape a quote as %22 or as \"; a backslash before anything else is of a Windows path.
std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '"') ++i;
    out += text[i];
  }
  return out;
}

// Of "form-data; name=\"key\"; filename=\"a.txt\"".
std::optional<std::string> parameter_of(std::string_view value, std::string_view name) {
  take_parameter(value);
  while (!value.empty()) {
    const std::string_view parameter = trimmed(take_parameter(value));
    const auto equals = std::min(parameter.find('='), parameter.size());
    if (lower(trimmed(parameter.substr(0, equals))) != name) continue;
    return unquoted(trimmed(parameter.substr(std::min(equals + 1, parameter.size()))));
  }
  return std::nullopt;
}

std::string_view header_of(std::string_view headers, std::string_view name) {
  while (!headers.empty()) {
    const auto end = std::min(headers.find("\r\n"), headers.size());
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(std::min(end + 2, headers.size()));
    const auto colon = std::min(line.find(':'), line.size());
    if (lower(trimmed(line.substr(0, colon))) == name) return trimmed(line.substr(std::min(colon + 1, line.size())));
  }
  return {};
}

// Some browsers send the whole path.
std::string last_component(std::string_view path) {
  return std::string(
      path.substr(path.find_last_of("/\\") == std::string_view::npos ? 0 : path.find_last_of("/\\") + 1));
}

}  // namespace

const std::string* Form::field(std::string_view lower_case_name) const { return find_header(fields, lower_case_name); }

Expected<FormParser> FormParser::open(std::string_view content_type) {
  std::string_view rest = content_type;
  if (lower(trimmed(take_parameter(rest))) != "multipart/form-data") {
    return ErrorCode::request_is_not_multipart_content;
  }
  const auto boundary = parameter_of(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > max_boundary) return ErrorCode::malformed_post_request;
  return FormParser("\r\n--" + *boundary);
}

Done FormParser::write(ByteView piece, FormSink& sink) {
  pending_.append(text_of(piece));
  for (;;) {
    DL_ASSIGN(const bool more, step(sink));
    if (!more) return {};
  }
}

Done FormParser::finish() {
  if (state_ != State::end) return ErrorCode::malformed_post_request;
  if (!had_file_) {
    return invalid_argument("POST requires exactly one file upload per request.", "file", "0");
  }
  return {};
}

Expected<bool> FormParser::step(FormSink& sink) {
  switch (state_) {
    case State::delimiter:
      return after_delimiter();
    case State::headers:
      return read_headers(sink);
    case State::field:
      return read_field();
    case State::file:
      return read_file(sink);
    case State::end:
      pending_.clear();  // an epilogue
      return false;
    case State::preamble:
    case State::dropped:
      break;
  }
  const auto found = pending_.find(delimiter_);
  if (found == std::string::npos) {
    pending_.erase(0, release());
    return false;
  }
  pending_.erase(0, found + delimiter_.size());
  state_ = State::delimiter;
  return true;
}

// How much of `pending_` cannot be the beginning of a delimiter.
std::size_t FormParser::release() {
  const std::size_t kept = delimiter_.size() - 1;
  return pending_.size() > kept ? pending_.size() - kept : 0;
}

// Either another part follows, or "--" and the end.
Expected<bool> FormParser::after_delimiter() {
  constexpr std::size_t max_padding = 64;
  const auto begin = std::min(pending_.find_first_not_of(" \t"), pending_.size());
  if (begin > max_padding) return ErrorCode::malformed_post_request;
  if (pending_.size() < begin + 2) return false;
  const std::string_view next = std::string_view(pending_).substr(begin, 2);
  if (next == "--") {
    state_ = State::end;
  } else if (next == "\r\n") {
    state_ = State::headers;
  } else {
    return ErrorCode::malformed_post_request;
  }
  // The line's end may also be the first of the empty line behind no headers at all.
  pending_.erase(0, state_ == State::headers ? begin : begin + 2);
  return true;
}

Expected<bool> FormParser::read_headers(FormSink& sink) {
  const auto end = pending_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (pending_.size() > max_part_headers) return ErrorCode::malformed_post_request;
    return false;
  }
  if (end > max_part_headers) return ErrorCode::malformed_post_request;
  const std::string headers = pending_.substr(std::min<std::size_t>(2, end), end > 2 ? end - 2 : 0);
  pending_.erase(0, end + 4);
  DL_TRY(begin_part(headers, sink));
  return true;
}

Done FormParser::begin_part(std::string_view headers, FormSink& sink) {
  form_bytes_ += had_file_ ? 0 : headers.size();
  const std::string_view disposition = header_of(headers, "content-disposition");
  const auto name = parameter_of(disposition, "name");
  if (!name || !lower(disposition).starts_with("form-data")) return ErrorCode::malformed_post_request;
  if (had_file_) {
    state_ = State::dropped;
    return {};
  }
  name_ = lower(*name);
  if (name_ != "file") {
    state_ = State::field;
    return {};
  }
  had_file_ = true;
  state_ = State::file;
  form_.file_name = last_component(parameter_of(disposition, "filename").value_or(""));
  return sink.file_begins(form_);
}

Expected<bool> FormParser::read_field() {
  const auto found = pending_.find(delimiter_);
  const std::size_t length = found == std::string::npos ? release() : found;
  if (form_bytes_ + length > max_form_bytes) return ErrorCode::max_post_pre_data_length_exceeded;
  if (found == std::string::npos) return false;
  form_bytes_ += length;
  form_.fields.emplace_back(name_, pending_.substr(0, found));
  pending_.erase(0, found + delimiter_.size());
  state_ = State::delimiter;
  return true;
}

Expected<bool> FormParser::read_file(FormSink& sink) {
  const auto found = pending_.find(delimiter_);
  const std::size_t length = found == std::string::npos ? release() : found;
  if (length > 0) DL_TRY(sink.file_bytes(bytes_of(std::string_view(pending_).substr(0, length))));
  if (found == std::string::npos) {
    pending_.erase(0, length);
    return false;
  }
  pending_.erase(0, found + delimiter_.size());
  state_ = State::delimiter;
  return true;
}

}  // namespace duskline::gateway
