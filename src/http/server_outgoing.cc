#include "http/server_outgoing.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace duskline::http {
namespace {

// Up to here one copy and one call are cheaper than a call for the head and one for the file.
constexpr std::size_t small_bytes = 32 << 10;
// What one call may write of a large body, and what one connection may send before others have their turn.
constexpr std::size_t write_bytes = 256 << 10;
constexpr std::size_t turn_bytes = 2 << 20;

std::string_view reason_of(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

void append_clean(std::string& to, std::string_view value) {
  const std::size_t begin = to.size();
  to.append(value);
  std::replace_if(
      to.begin() + static_cast<std::ptrdiff_t>(begin), to.end(),
      [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }, ' ');
}

void append_number(std::string& to, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  to.append(digits, end);
}

bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

std::uint64_t length_of(const Answer& answer) {
  std::uint64_t total = answer.body.size();
  for (const FileSlice& slice : answer.files) total += slice.length_bytes;
  return total;
}

}  // namespace

ssize_t SharedFile::read_at(ByteSpan room, std::uint64_t offset_bytes) const {
  return ::pread(descriptor(), room.data(), room.size(), static_cast<off_t>(offset_bytes));
}

std::string render_head(const Answer& answer, const AnswerFraming& framing) {
  std::string text;
  text.reserve(512);
  text.append("HTTP/1.1 ");
  append_number(text, static_cast<std::uint64_t>(answer.status));
  text.append(" ").append(reason_of(answer.status)).append("\r\n");
  for (const auto& [name, value] : answer.headers) {
    append_clean(text, name);
    text.append(": ");
    append_clean(text, value);
    text.append("\r\n");
  }
  if (!has_no_body(answer.status)) {
    text.append("Content-Length: ");
    append_number(text, framing.head_only && answer.head_length ? *answer.head_length : length_of(answer));
    text.append("\r\n");
  }
  text.append("Date: ").append(framing.date).append("\r\n");
  if (!framing.keep_alive) text.append("Connection: close\r\n");
  if (framing.keep_alive && framing.http_1_0) text.append("Connection: keep-alive\r\n");
  text.append("\r\n");
  return text;
}

Outgoing::Outgoing(Answer answer, const AnswerFraming& framing) : head_(render_head(answer, framing)) {
  total_bytes_ = head_.size();
  if (framing.head_only || has_no_body(answer.status)) return;
  total_bytes_ += length_of(answer);
  body_ = std::move(answer.body);
  files_ = std::move(answer.files);
}

Outgoing::Sent Outgoing::send(Stream& stream, ByteSpan scratch) {
  std::size_t left_in_turn = turn_bytes;
  while (sent_bytes_ < total_bytes_) {
    if (left_in_turn == 0) return Sent::paused;
    const Moved moved = send_some(stream, scratch, left_in_turn);
    if (moved.kind == Moved::Kind::blocked) return Sent::blocked;
    if (moved.kind != Moved::Kind::some) return Sent::broken;
    advance(moved.bytes);
    left_in_turn -= std::min(left_in_turn, moved.bytes);
  }
  return Sent::all;
}

Moved Outgoing::send_some(Stream& stream, ByteSpan scratch, std::size_t most) {
  const std::uint64_t in_memory = head_.size() + body_.size();
  if (sent_bytes_ >= in_memory && total_bytes_ - sent_bytes_ > small_bytes) {
    while (files_[file_].length_bytes == file_sent_bytes_) {
      ++file_;
      file_sent_bytes_ = 0;
    }
    const FileSlice& slice = files_[file_];
    if (!slice.file->is_sent_as_it_lies()) return write_some(stream, scratch);
    const std::size_t length = std::min<std::uint64_t>(slice.length_bytes - file_sent_bytes_, most);
    const More more = file_ + 1 < files_.size() ? More::follows : More::no;
    const auto sent = stream.send_file(slice.file->descriptor(), slice.offset_bytes + file_sent_bytes_, length, more);
    if (sent) return *sent;
  }
  // Large bodies go out from where they are.
  if (sent_bytes_ >= head_.size() && sent_bytes_ < in_memory && in_memory - sent_bytes_ > scratch.size()) {
    const auto body = bytes_of(body_).subspan(sent_bytes_ - head_.size());
    return stream.write(body.first(std::min(body.size(), write_bytes)), More::no);
  }
  return write_some(stream, scratch);
}

Moved Outgoing::write_some(Stream& stream, ByteSpan scratch) {
  const std::uint64_t in_memory = head_.size() + body_.size();
  // Of an answer with large files just the head and body: the files need no copy.
  const bool large = total_bytes_ - sent_bytes_ > small_bytes && sent_bytes_ < in_memory;
  if (large) scratch = scratch.first(std::min<std::uint64_t>(scratch.size(), in_memory - sent_bytes_));
  const std::size_t count = gather(scratch);
  if (count == 0) return ended;
  return stream.write(scratch.first(count), sent_bytes_ + count < total_bytes_ ? More::follows : More::no);
}

// The next bytes, from wherever they come; fewer where a file has become shorter.
std::size_t Outgoing::gather(ByteSpan room) const {
  std::size_t count = 0;
  std::uint64_t at = sent_bytes_;
  for (const std::string* text : {&head_, &body_}) {
    if (at < text->size()) {
      const std::size_t take = std::min(text->size() - at, room.size() - count);
      std::memcpy(room.data() + count, text->data() + at, take);  // std::copy_n goes byte by byte from char to unsigned
      count += take;
      at = text->size();
    }
    at -= text->size();
  }
  std::uint64_t skip = file_sent_bytes_;
  for (std::size_t i = file_; i < files_.size() && count < room.size(); ++i, skip = 0) {
    const FileSlice& slice = files_[i];
    std::size_t want = std::min<std::uint64_t>(slice.length_bytes - skip, room.size() - count);
    std::uint64_t offset = slice.offset_bytes + skip;
    while (want > 0) {
      const ssize_t got = slice.file->read_at(room.subspan(count, want), offset);
      if (got <= 0) return count;
      count += static_cast<std::size_t>(got);
      offset += static_cast<std::uint64_t>(got);
      want -= static_cast<std::size_t>(got);
    }
  }
  return count;
}

void Outgoing::advance(std::size_t bytes) {
  const std::uint64_t in_memory = head_.size() + body_.size();
  const std::uint64_t before = std::max(sent_bytes_, in_memory);
  sent_bytes_ += bytes;
  std::uint64_t of_files = sent_bytes_ > before ? sent_bytes_ - before : 0;
  while (of_files > 0) {
    const std::uint64_t step = std::min(of_files, files_[file_].length_bytes - file_sent_bytes_);
    file_sent_bytes_ += step;
    of_files -= step;
    if (file_sent_bytes_ == files_[file_].length_bytes) {
      ++file_;
      file_sent_bytes_ = 0;
    }
  }
}

}  // namespace duskline::http
