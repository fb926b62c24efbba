// The one state behind all handles of a simulated disk.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "testing/sim_disk.h"
#include "testing/sim_inode.h"

namespace duskline::testing::sim {

// Whether a call changes the disk, and whether it has taken place when the power goes in the middle of it.
enum class Effect : std::uint8_t { none, change, sync };

class State {
 public:
  State(Clock& clock_of, SimDiskOptions options_of);

  // Runs `body` under the lock as one operation, unless the disk is off, a fault is due, or the handle is older than
  // the last crash. `what` gives the message's first words.
  template <typename What, typename Body>
  auto run(Effect effect, std::uint64_t generation_of_handle, What&& what, Body&& body) -> decltype(body()) {
    std::unique_lock lock(mutex);
    if (std::optional<Error> refused = admit(effect, generation_of_handle)) {
      return Error{refused->code, what() + ": " + refused->message};
    }
    auto result = body();
    if (effect == Effect::change && changes == cut_at) {
      has_power = false;
      lock.unlock();  // a lock that `result` may hold takes the mutex when it goes
      return Error{Code::io, what() + ": " + std::string(no_power)};
    }
    return result;
  }

  [[nodiscard]] std::int64_t now() const;
  [[nodiscard]] InodePtr make_inode(disk::FileKind kind, std::uint32_t mode, std::uint64_t device);
  // A change of what is known about `inode`, pending from now on.
  void touch(Inode& inode, Change change);
  void touch_meta(Inode& inode);  // as it is now
  void set_content_time(Inode& inode);
  void add_names(NameChange change);  // to the log, and to what is live
  void sync(const InodePtr& inode);
  void lose_changes(Inode& inode);  // a sync of them failed
  void sync_device(std::uint64_t device);
  void lose_device(std::uint64_t device);  // the same for all files there
  [[nodiscard]] bool is_alive(std::uint64_t generation_of_handle) const {
    return has_power && generation_of_handle == generation;
  }
  void crash();
  void restart();

  [[nodiscard]] Entries::iterator find(Inode& directory, std::string_view name) const;

  static constexpr std::string_view no_power = "the power went (simulated)";

  Clock& clock;
  const SimDiskOptions options;
  std::mutex mutex;
  std::mt19937_64 random;
  std::shared_ptr<Ledger> ledger;
  InodePtr root;
  NameLog names;
  std::unordered_map<Inode*, InodePtr> dirty;  // with changes that are not durable
  std::unordered_map<std::uint64_t, Code> faults;
  std::uint64_t operations = 0, changes = 0, cut_at = 0, generation = 0, last_device = 1;
  bool has_power = true, read_only = false;

 private:
  [[nodiscard]] std::optional<Error> admit(Effect effect, std::uint64_t generation_of_handle);
  void apply_live(const NameChange& change);
};

// What a path leads to: the directory that holds its last name, and that name. `error` is an errno value.
struct Found {
  InodePtr holder;
  std::string name;
  InodePtr inode;  // null where nothing has the name
  int error = 0;
};
// Follows no symlink. ENOENT, ENOTDIR, ELOOP where the path cannot be walked.
[[nodiscard]] Found walk(const State& state, const InodePtr& from, std::string_view path);

}  // namespace duskline::testing::sim
