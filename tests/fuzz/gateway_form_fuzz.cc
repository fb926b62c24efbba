// An upload by HTML form: the first line is the boundary, the rest the body. However it is cut up, it means the same.
#include <algorithm>

#include "fuzz.h"
#include "gateway/post_form.h"

namespace {

using namespace duskline;
using namespace duskline::gateway;

class Kept final : public FormSink {
 public:
  Done file_begins(const Form& begun) override {
    form = begun;
    ++begun_;
    return {};
  }
  Done file_bytes(ByteView piece) override {
    fuzz::require(begun_ == 1, "bytes come after the one begin of a file");
    file += text_of(piece);
    return {};
  }
  Form form;
  std::string file;

 private:
  int begun_ = 0;
};

bool parse(std::string_view boundary, std::string_view body, std::size_t piece, Kept& kept) {
  auto parser = FormParser::open("multipart/form-data; boundary=\"" + std::string(boundary) + "\"");
  if (!parser) return false;
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) {
    if (!parser->write(bytes_of(body.substr(0, piece)), kept)) return false;
  }
  return parser->finish().has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = text_of(fuzz::view(data, size));
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view boundary = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  Kept whole, cut;
  const bool read = parse(boundary, text, text.size() + 1, whole);
  const bool read_cut = parse(boundary, text, 1 + text.size() % 7, cut);
  fuzz::require(read == read_cut, "it is a form or not, however it is cut up");
  if (!read) return 0;
  fuzz::require(
      whole.file == cut.file && whole.form.fields == cut.form.fields && whole.form.file_name == cut.form.file_name,
      "and means the same");
  return 0;
}
