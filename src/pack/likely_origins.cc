#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

#include "pack/delta.h"

namespace duskline::pack {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool joins_versions(char c) { return c == '.' || c == '-' || c == '+' || c == '~' || c == '_' || c == ':'; }

// "3f2a9c1b": a part of a name made from its content, as web builds do.
bool is_content_hash(std::string_view word) {
  constexpr std::size_t least = 6;
  return word.size() >= least && std::all_of(word.begin(), word.end(), is_hex_digit) &&
         std::any_of(word.begin(), word.end(), is_digit);
}

// Appends '#' for a number; numbers joined by one separator are one version.
void append_number(std::string& out, std::size_t begin) {
  const std::size_t size = out.size();
  if (size > begin && out[size - 1] == '#') return;
  if (size >= begin + 2 && out[size - 2] == '#' && joins_versions(out[size - 1])) {
    out.pop_back();
    return;
  }
  out += '#';
}

// Where what is added to a version ends: "+deb12u1", "~bpo11+1".
std::size_t end_of_suffixes(std::string_view path, std::size_t at) {
  const auto is_part = [&](std::size_t i) { return i < path.size() && (is_digit(path[i]) || is_letter(path[i])); };
  while (at < path.size() && (path[at] == '+' || path[at] == '~') && is_part(at + 1)) {
    for (++at; is_part(at);) ++at;
  }
  return at;
}

// Appends `path` with its versions, numbers and content hashes replaced: "6.1.0-28-amd64" gives "#-amd#".
void append_without_versions(std::string_view path, std::string& out) {
  const std::size_t begin = out.size();
  for (std::size_t at = 0; at < path.size();) {
    std::size_t end = at;
    while (end < path.size() && (is_digit(path[end]) || is_letter(path[end]))) ++end;
    if (end == at) {
      out += path[at++];
      continue;
    }
    const std::string_view word = path.substr(at, end - at);
    const bool hash = is_content_hash(word);
    at = end;
    for (const char c : word) {
      if (hash || is_digit(c)) {
        append_number(out, begin);
      } else {
        out += c;
      }
    }
    if (out.back() == '#') at = end_of_suffixes(path, at);
  }
}

struct SplitPath {
  std::string_view folder, name;
  explicit SplitPath(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    folder = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
    name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  }
};

// What two paths must have in common to be taken for versions of one file; from the surest sign to the weakest.
enum class Likeness : std::uint8_t {
  same_but_folder_versions,
  same_but_versions,
  same_parent,
  same_name,
  similar_name
};
constexpr std::array all_likenesses{Likeness::same_but_folder_versions, Likeness::same_but_versions,
                                    Likeness::same_parent, Likeness::same_name, Likeness::similar_name};

void make_key(std::string_view path, Likeness likeness, std::string& key) {
  const SplitPath parts(path);
  key.clear();
  switch (likeness) {
    case Likeness::same_but_folder_versions:
      append_without_versions(parts.folder, key);
      key.append("/").append(parts.name);
      break;
    case Likeness::same_but_versions:
      append_without_versions(path, key);
      break;
    case Likeness::same_parent:
      append_without_versions(SplitPath(parts.folder).name, key);
      key.append("/").append(parts.name);
      break;
    case Likeness::same_name:
      key = parts.name;
      break;
    case Likeness::similar_name:
      append_without_versions(parts.name, key);
      break;
  }
}

// Old files by one likeness; among those alike the one nearest in size is taken.
class OriginTable {
 public:
  OriginTable(const std::vector<NamedSize>& files, Likeness likeness) : likeness_(likeness) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (files[i].size_bytes == 0) continue;
      make_key(files[i].path, likeness, key_);
      rows_.push_back({key_, files[i].size_bytes, i});
    }
    std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.order() < b.order(); });
  }

  [[nodiscard]] const std::size_t* find(const NamedSize& file) {
    make_key(file.path, likeness_, key_);
    const auto above = std::lower_bound(rows_.begin(), rows_.end(),
                                        std::tuple(std::string_view(key_), file.size_bytes, std::size_t{0}),
                                        [](const Row& row, const auto& wanted) { return row.order() < wanted; });
    const Row* best = nullptr;
    const auto consider = [&](const Row& row) {
      if (row.key != key_) return;
      if (best == nullptr || distance(row, file) < distance(*best, file)) best = &row;
    };
    if (above != rows_.end()) consider(*above);
    if (above != rows_.begin()) consider(*std::prev(above));
    return best == nullptr ? nullptr : &best->file;
  }

 private:
  struct Row {
    std::string key;
    std::uint64_t size_bytes;
    std::size_t file;
    [[nodiscard]] std::tuple<std::string_view, std::uint64_t, std::size_t> order() const {
      return {key, size_bytes, file};
    }
  };
  static std::uint64_t distance(const Row& row, const NamedSize& file) {
    return std::max(row.size_bytes, file.size_bytes) - std::min(row.size_bytes, file.size_bytes);
  }

  Likeness likeness_;
  std::string key_;
  std::vector<Row> rows_;
};

}  // namespace

std::vector<std::string> likely_origins(const std::vector<NamedSize>& removed, const std::vector<NamedSize>& added) {
  std::vector<std::string> origins(added.size());
  for (const Likeness likeness : all_likenesses) {
    OriginTable table(removed, likeness);
    for (std::size_t i = 0; i < added.size(); ++i) {
      if (!origins[i].empty() || added[i].size_bytes == 0) continue;
      if (const std::size_t* file = table.find(added[i])) origins[i] = removed[*file].path;
    }
  }
  return origins;
}

}  // namespace duskline::pack
