#include "testing/scratch.h"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "disk/real_disk.h"
#include "testing/must.h"

namespace duskline::testing {

Scratch::Scratch() {
  const char* folder = std::getenv("TMPDIR");
  path_ = std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/duskline-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make the directory " + path_);
}

Scratch::~Scratch() {
  const auto disk = disk::open_real_disk();
  const auto [parent, name] = disk::split_path(path_);
  auto holder = disk->open(std::string(parent));
  const Status removed = holder ? (*holder)->remove_tree(name, disk::Missing::is_absent) : Status(holder.error());
  if (!removed) std::fprintf(stderr, "a test left %s behind: %s\n", path_.c_str(), removed.error().describe().c_str());
}

}  // namespace duskline::testing
