// The engine's directory: its mark, its lock, its folders.
#pragma once

#include <cstdint>
#include <string>

#include "objects/files.h"

namespace duskline::objects {

struct Home {
  std::string directory;
  std::uint64_t store = 0;  // random, made with the directory
  disk::UniqueFd lock;      // held as long as this lives
  [[nodiscard]] std::string index_path() const { return directory + "/index.sqlite"; }
  // Where it is there, the index on disk may not be what was written to it: it is made anew.
  [[nodiscard]] std::string suspect_path() const { return directory + "/index.suspect"; }
};

// Makes the directory where it is missing (its parent must be there). Code::locked where another process has it open;
// Code::refused where it holds something else.
[[nodiscard]] Result<Home> open_home(Files& files, const std::string& directory);

// Has the index made anew at the next start: a sync of it failed, and a later one that succeeds does not say what
// became of what was written before. As well as it can be done on such a disk.
void mark_suspect(Files& files, const Home& home);

// Removes an index with what belongs to it.
[[nodiscard]] Status remove_index(Files& files, const std::string& index_path);

}  // namespace duskline::objects
