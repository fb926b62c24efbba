// Collecting what verify finds, from several threads, and telling it directory by directory.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "site/verify.h"

namespace duskline::site {

// Counts findings and passes them on, one at a time.
class FindingSink {
 public:
  using Found = std::function<void(Finding, const std::string&)>;
  explicit FindingSink(const Found& found) : found_(found) {}
  void emit(std::vector<std::pair<std::string, Finding>>& findings);  // sorts and clears them
  void count_into(VerifyResult& result) const;

 private:
  const Found& found_;
  std::mutex mutex_;
  std::uint64_t changed_ = 0, missing_ = 0, extra_ = 0, attributes_ = 0;
};

// Of one directory. Told when the last of those who hold it lets go. Any thread.
class DirectoryFindings {
 public:
  explicit DirectoryFindings(FindingSink& sink) : sink_(sink) {}
  ~DirectoryFindings() { sink_.emit(findings_); }
  DirectoryFindings(const DirectoryFindings&) = delete;
  DirectoryFindings& operator=(const DirectoryFindings&) = delete;
  void add(Finding finding, std::string path);

 private:
  FindingSink& sink_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, Finding>> findings_;
};

}  // namespace duskline::site
