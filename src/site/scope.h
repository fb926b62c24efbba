// Which part of a release a target wants, and how it lays it down.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/tree.h"
#include "site/patterns.h"
#include "site/target.h"

namespace duskline::site {

class Scope {
 public:
  // Code::usage for an `only` that is no plain path, and for bad patterns.
  [[nodiscard]] static Result<Scope> make(const Layout& layout);

  // An ancestor is a directory on the way to the wanted subtree.
  enum class Part : std::uint8_t { outside, ancestor, inside };
  [[nodiscard]] Part part_of(std::string_view path) const;
  // Belongs to the site: itself or a directory above it matches a keep pattern.
  [[nodiscard]] bool is_kept(std::string_view path, bool is_directory) const {
    return !keep_.empty() && keep_.matches(path, is_directory);
  }
  [[nodiscard]] const Patterns& keep() const { return keep_; }
  [[nodiscard]] const std::string& only() const { return only_; }
  [[nodiscard]] std::uint32_t mode_of(std::uint32_t recorded) const { return recorded & mode_mask_; }
  [[nodiscard]] std::optional<model::Owner> owner_of(const std::optional<model::Owner>& recorded) const {
    return owner_ ? owner_ : recorded;
  }

 private:
  Patterns keep_;
  std::string only_;
  std::optional<model::Owner> owner_;
  std::uint32_t mode_mask_ = 07777;
};

// "a/b/" and "./a/b" as "a/b". Code::usage where it is absolute or has "..".
[[nodiscard]] Result<std::string> plain_subtree(std::string_view only);

}  // namespace duskline::site
