#include "model/ids.h"

#include <algorithm>
#include <cstdio>

#include "base/units.h"

namespace duskline::model {
namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_name_character(char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

template <typename Tag>
Result<Name<Tag>> Name<Tag>::parse(std::string_view text) {
  constexpr std::size_t most = 64;
  if (text.empty() || text.size() > most || !is_letter_or_digit(text.front()) ||
      !std::all_of(text.begin(), text.end(), is_name_character)) {
    return Error{Code::usage, "\"" + printable(text.substr(0, 2 * most)) +
                                  "\" is not a name: use 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a "
                                  "letter or digit"};
  }
  Name name;
  name.text_ = text;
  return name;
}

template class Name<struct SetTag>;
template class Name<struct ChannelTag>;

Result<ReleaseId> ReleaseId::parse(std::string_view hex64) {
  const auto hash = Hash256::from_hex(hex64);
  if (!hash) {
    return Error{Code::usage, "\"" + printable(hex64.substr(0, 80)) + "\" is not a release id: expected 64 hex digits"};
  }
  return ReleaseId{*hash};
}

std::string head_key(const SetName& set, const ChannelName& channel) {
  return set.text() + "/channel/" + channel.text();
}

std::string release_key(const SetName& set, const ReleaseId& id) { return set.text() + "/release/" + id.hex(); }

std::string pack_key(const SetName& set, const Hash256& pack) { return set.text() + "/pack/" + pack.hex(); }

std::string delta_key(const SetName& set, const ReleaseId& from, const ReleaseId& to) {
  return set.text() + "/delta/" + from.hex() + "-" + to.hex();
}

std::string number_key(const SetName& set, ReleaseNumber number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%012llu", static_cast<unsigned long long>(number));
  return set.text() + "/number/" + digits;
}

std::string lease_key(const SetName& set, std::string_view publisher) {
  // A publisher's name is free text (a host name, usually): what is not safe in a key is written as hex.
  // Written out, a byte takes three; the whole stays a file name.
  constexpr std::size_t most = 80;
  std::string safe;
  for (const char c : publisher.substr(0, most)) {
    if (is_name_character(c) || (c >= 'A' && c <= 'Z')) {
      safe += c;
    } else {
      safe += "%" + to_hex(bytes_of({&c, 1}));
    }
  }
  if (safe.empty() || safe.front() == '.') safe.insert(0, "_");
  return set.text() + "/lease/" + safe;
}

std::string tombstone_key(const SetName& set) { return set.text() + "/tombstone"; }

}  // namespace duskline::model
