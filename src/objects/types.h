// What the storage engine keeps: buckets, versions of objects, multipart uploads. Meaning that only S3 gives to them
// (content type, ACL, tags, retention, policy documents) is text in Properties that the engine carries unread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace duskline::objects {

using Properties = std::map<std::string, std::string>;  // values may hold any bytes

enum class Versioning : std::uint8_t { never, on, suspended };

struct Bucket {
  std::string name;
  std::string owner;  // user id
  WallTime created{};
  Versioning versioning = Versioning::never;
  Properties properties;  // "policy", "cors", "acl", ...
};

// Where bytes lie: a run of one data file.
struct Extent {
  std::uint64_t file = 0;
  std::uint64_t offset_bytes = 0, length_bytes = 0;
};

struct Part {
  std::uint32_t number = 0;  // 1 to 10,000
  std::uint64_t size_bytes = 0;
  std::string etag;  // MD5 in hex, no quotes
  WallTime modified{};
  Properties properties;  // checksums
  std::vector<Extent> extents;
};

inline constexpr const char* null_version = "null";

struct Version {
  std::string bucket, key;
  std::string id = null_version;  // of S3's form: URL-safe text; "null" where the bucket was not versioned
  bool latest = false;
  bool delete_marker = false;
  std::uint64_t size_bytes = 0;
  std::string etag;  // no quotes
  WallTime modified{};
  std::string owner;
  Properties properties;
  std::vector<Part> parts;      // of a multipart object, in order; their extents make up the object's
  std::vector<Extent> extents;  // of an object that was put whole
  // While it lives, the bytes stay where they are, for up to a minute after the version is gone. From find().
  std::shared_ptr<const void> hold;
};

struct Upload {
  std::string bucket, key;
  std::string id;
  WallTime begun{};
  std::string owner;
  Properties properties;
};

}  // namespace duskline::objects
