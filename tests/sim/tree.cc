#include "tree.h"

#include <stdexcept>
#include <vector>

#include "base/stream.h"
#include "base/units.h"
#include "release/content.h"
#include "site/target.h"
#include "testing/must.h"

namespace duskline::sim {
namespace {

using disk::FileKind;
using testing::must;

constexpr std::uint64_t max_file_bytes = 4 << 20;

std::string join(const std::string& above, std::string_view name) {
  return above.empty() ? std::string(name) : above + "/" + std::string(name);
}

void read_below(disk::Directory& top, const std::string& path, Tree& into) {
  for (const auto& found : must(must(top.open_directory(path))->list())) {
    if (path.empty() && found.name == site::private_folder_name) continue;
    const std::string below = join(path, found.name);
    Item item{.mode = found.stat.mode, .mtime_ns = found.stat.mtime_ns};
    if (found.stat.kind == FileKind::symlink) {
      item.kind = model::EntryKind::symlink;
      item.mode = 0;
      item.target = must(top.read_link(below));
    } else if (found.stat.kind == FileKind::directory) {
      item.kind = model::EntryKind::directory;
      item.attributes = must(must(top.open_directory(below))->attributes());
      read_below(top, below, into);
    } else {
      item.content = sha256(must(top.read_all(below, max_file_bytes)).value());
      item.attributes = must(must(top.open_read(below))->attributes());
    }
    into.emplace(below, std::move(item));
  }
}

void read_below(release::Manifest& manifest, release::ContentReader& reader, const release::NodeRef& directory,
                const std::string& path, Tree& into) {
  const Op op;
  release::DirectoryCursor cursor(op, manifest, directory);
  std::vector<std::pair<std::string, release::NodeRef>> directories;
  while (const auto* found = must(cursor.next())) {
    const model::Entry& entry = *found->entry;
    Item item{entry.kind, entry.mode, entry.mtime_ns, {}, entry.target, entry.attributes};
    if (entry.kind == model::EntryKind::directory) directories.emplace_back(join(path, entry.name), found->directory());
    if (entry.kind == model::EntryKind::file) {
      Bytes content;
      BufferSink sink(content, entry.size_bytes);
      must(reader.read_all(op, *found, sink));
      item.content = sha256(content);
    }
    into.emplace(join(path, entry.name), std::move(item));
  }
  for (const auto& [below, node] : directories) read_below(manifest, reader, node, below, into);
}

}  // namespace

Tree read_tree(disk::Directory& top) {
  Tree tree;
  read_below(top, "", tree);
  return tree;
}

Tree read_tree(store::ObjectStore& store, const model::SetName& set, release::Manifest& manifest) {
  release::ContentReader reader(store, set, manifest);
  Tree tree;
  read_below(manifest, reader, manifest.top(), "", tree);
  return tree;
}

std::string difference(const Tree& wanted, const Tree& found, const std::set<Hash256>& spoilt) {
  constexpr std::size_t enough = 1000;
  std::string text;
  for (const auto& [path, item] : wanted) {
    if (text.size() > enough) return text + "  ...\n";
    const auto other = found.find(path);
    if (other == found.end()) {
      text += "  missing: " + printable(path) + "\n";
      continue;
    }
    Item seen = other->second;
    if (spoilt.contains(seen.content)) seen.content = item.content;
    if (seen == item) continue;
    text += "  differs: " + printable(path);
    if (seen.kind != item.kind) text += " (kind)";
    if (seen.mode != item.mode) text += " (mode)";
    if (seen.mtime_ns != item.mtime_ns) text += " (mtime)";
    if (seen.content != item.content) text += " (content)";
    if (seen.target != item.target) text += " (where it leads)";
    if (seen.attributes != item.attributes) text += " (attributes)";
    text += "\n";
  }
  for (const auto& [path, item] : found) {
    if (!wanted.contains(path)) text += "  extra: " + printable(path) + "\n";
    if (text.size() > enough) return text + "  ...\n";
  }
  return text;
}

void Gardener::plant(disk::Directory& top) {
  for (const char* path : {"bin", "lib", "lib/deep", "lib/deep/er", "empty"}) must(top.make_directory(path, 0755));
  const std::uint64_t files = 8 + below(16);
  for (std::uint64_t i = 0; i < files; ++i) write(top, new_path(top), some_content());
  Bytes image(140'000 + below(80'000));  // of several chunks
  for (auto& byte : image) byte = static_cast<std::uint8_t>(random_());
  write(top, "image", image);
  must(top.make_symlink("image", "link"));
  must(top.sync_filesystem());
}

void Gardener::edit(disk::Directory& top) {
  const std::uint64_t edits = 1 + below(6);
  for (std::uint64_t i = 0; i < edits; ++i) edit_once(top);
  must(top.sync_filesystem());
}

void Gardener::edit_once(disk::Directory& top) {
  const std::string file = some_path(top, FileKind::file);
  switch (below(11)) {
    case 0:
    case 1:
      return write(top, new_path(top), some_content());
    case 2:
    case 3:
      return change_bytes(top, below(3) == 0 ? "image" : file);
    case 4:
      if (file != "image") must(top.remove_file(file, disk::Missing::is_absent));
      return;
    case 5:
      if (!file.empty()) must(top.set_mode(file, below(2) == 0 ? 0644 : 0600));
      return;
    case 6:
      if (!file.empty() && file != "image") must(top.rename(file, top, new_path(top)));
      return;
    case 7: {
      const std::string path = new_path(top);
      if (below(2) == 0) return must(top.make_directory(path, 0755));
      return must(top.make_symlink(file.empty() ? "nowhere" : file, path));
    }
    case 8:
      return change_attributes(top);
    case 9: {  // a directory becomes a file, or goes
      const std::string directory = some_path(top, FileKind::directory);
      if (directory.empty() || below(2) == 0) return;
      must(top.remove_tree(directory, disk::Missing::is_error));
      return below(2) == 0 ? write(top, directory, some_content()) : void();
    }
    default:
      if (file.empty() || file == "image") return;
      if (below(2) == 0) return must(top.make_hard_link(file, top, new_path(top)));
      must(top.remove_file(file, disk::Missing::is_error));  // a file becomes a directory
      must(top.make_directory(file, 0755));
      return write(top, file + "/inner", some_content());
  }
}

void Gardener::write(disk::Directory& top, const std::string& path, const Bytes& content) {
  must(top.remove_file(path, disk::Missing::is_absent));
  const auto file = must(top.create(path, below(4) == 0 ? 0755 : 0644));
  must(file->write_at(0, content));
}

// In the file as it lies, its size the same or not.
void Gardener::change_bytes(disk::Directory& top, const std::string& path) {
  if (path.empty() || !must(top.stat(path))) return;
  const auto file = must(top.open_write(path));
  const std::uint64_t size = must(file->stat()).size_bytes;
  Bytes bytes(1 + below(200));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
  if (below(4) == 0) return must(file->resize(below(size + 1)));
  must(file->write_at(size == 0 ? 0 : below(size), bytes));
}

// Of a directory: what is made in it later may get some of them.
void Gardener::change_attributes(disk::Directory& top) {
  const std::string path = some_path(top, FileKind::directory);
  if (path.empty()) return;
  std::vector<model::Attribute> attributes;
  if (below(2) == 0) attributes.push_back({"system.posix_acl_default", {static_cast<std::uint8_t>(below(3))}});
  if (below(2) == 0) attributes.push_back({"user.note", {static_cast<std::uint8_t>(below(3))}});
  must(must(top.open_directory(path))->set_attributes(attributes));
}

Bytes Gardener::some_content() {
  static constexpr std::uint64_t sizes[] = {0, 1, 200, 3000, 20'000};
  Bytes content(sizes[below(5)]);
  const bool is_text = below(2) == 0;
  for (auto& byte : content) byte = static_cast<std::uint8_t>(is_text ? 'a' + random_() % 8 : random_());
  return content;
}

std::string Gardener::some_path(disk::Directory& top, FileKind kind) {
  std::vector<std::string> paths;
  for (const auto& [path, item] : read_tree(top)) {
    const bool is_directory = item.kind == model::EntryKind::directory;
    if (item.kind != model::EntryKind::symlink && is_directory == (kind == FileKind::directory)) paths.push_back(path);
  }
  return paths.empty() ? "" : paths[below(paths.size())];
}

std::string Gardener::new_path(disk::Directory& top) {
  const std::string directory = below(3) == 0 ? "" : some_path(top, FileKind::directory);
  return join(directory, std::string(1, static_cast<char>('a' + below(26))) + std::to_string(named_++));
}

}  // namespace duskline::sim
