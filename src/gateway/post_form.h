// Uploads by HTML forms (multipart/form-data, RFC 7578), taken apart while they come.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "gateway/error.h"
#include "http/server.h"

namespace duskline::gateway {

inline constexpr std::size_t max_form_bytes = 20 << 10;  // of all that stands before the file

// Fields in their order, names in lower case.
struct Form {
  http::Headers fields;
  std::string file_name;
  [[nodiscard]] const std::string* field(std::string_view lower_case_name) const;
};

class FormSink {
 public:
  virtual ~FormSink() = default;
  virtual Done file_begins(const Form& form) = 0;  // all fields before the file have come
  virtual Done file_bytes(ByteView piece) = 0;
};

class FormParser {
 public:
  // Of a Content-Type. RequestIsNotMultiPartContent, MalformedPOSTRequest.
  [[nodiscard]] static Expected<FormParser> open(std::string_view content_type);
  // Fields behind the file are read and dropped. MalformedPOSTRequest, MaxPostPreDataLengthExceeded, or what `sink`
  // says.
  Done write(ByteView piece, FormSink& sink);
  // MalformedPOSTRequest where the form is not at its end; InvalidArgument where it held no file.
  Done finish();

 private:
  enum class State : std::uint8_t { preamble, delimiter, headers, field, file, dropped, end };
  explicit FormParser(std::string delimiter) : delimiter_(std::move(delimiter)) {}
  // Each takes what it can from `pending_`, and says whether there may be more to do.
  Expected<bool> step(FormSink& sink);
  Expected<bool> after_delimiter();
  Expected<bool> read_headers(FormSink& sink);
  Expected<bool> read_field();
  Expected<bool> read_file(FormSink& sink);
  Done begin_part(std::string_view headers, FormSink& sink);
  std::size_t release();

  std::string delimiter_;         // "\r\n--boundary"
  std::string pending_ = "\r\n";  // so that a delimiter may stand at the very beginning
  State state_ = State::preamble;
  std::string name_;  // of the field that is being read
  Form form_;
  std::size_t form_bytes_ = 0;
  bool had_file_ = false;
};

}  // namespace duskline::gateway
