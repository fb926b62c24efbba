// Connections to the index for reading: each is lent to one thread at a time, made when all are lent, up to a limit.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "objects/database.h"
#include "objects/listing.h"
#include "objects/lookups.h"

namespace duskline::objects {

struct Reader {
  Database database;
  Lookups lookups;
  Lister lister;
};

class Readers {
 public:
  Readers(std::string path, std::uint64_t cache_bytes_each) : path_(std::move(path)), cache_bytes_(cache_bytes_each) {}

  class Lease {
   public:
    Lease(Readers& from, std::unique_ptr<Reader> reader) : from_(&from), reader_(std::move(reader)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) = delete;
    ~Lease() {
      if (reader_) from_->give_back(std::move(reader_));
    }
    Reader* operator->() const { return reader_.get(); }

   private:
    Readers* from_;
    std::unique_ptr<Reader> reader_;
  };
  // Waits where as many are lent as there may be.
  Result<Lease> lend();
  void close();  // those that are not lent

 private:
  void give_back(std::unique_ptr<Reader> reader);
  Result<std::unique_ptr<Reader>> make();

  const std::string path_;
  const std::uint64_t cache_bytes_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> idle_;
  std::size_t made_ = 0;
};

}  // namespace duskline::objects
