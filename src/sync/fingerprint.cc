#include "sync/fingerprint.h"

#include <algorithm>
#include <array>

#include "sync/md5_lanes.h"

namespace duskline::sync {
namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t max_parts = 10'000;

std::uint64_t parts_of(std::uint64_t size_bytes, std::uint64_t part_bytes) {
  return std::max<std::uint64_t>((size_bytes + part_bytes - 1) / part_bytes, 1);
}

}  // namespace

Result<Bytes> md5_of(const Op& op, const ReadAt& read, Range range) {
  DL_ASSIGN(const auto digests, md5_of_ranges(op, read, {&range, 1}));
  return Bytes(digests.front().begin(), digests.front().end());
}

Result<bool> matches(const Op& op, const ReadAt& read, std::uint64_t size_bytes, const Fingerprint& wanted) {
  const EtagForm form = form_of(wanted.etag);
  if (!form.is_md5) return false;
  if (form.parts == 0) {
    DL_ASSIGN(const Bytes md5, md5_of(op, read, {0, size_bytes}));
    return to_hex(md5) == wanted.etag;
  }
  for (const std::uint64_t part_bytes : wanted.part_bytes) {
    std::vector<Range> ranges;
    for (std::uint64_t at = 0; at < size_bytes; at += part_bytes) {
      ranges.push_back({at, std::min(part_bytes, size_bytes - at)});
    }
    DL_ASSIGN(const auto digests, md5_of_ranges(op, read, ranges));
    std::vector<std::string> etags;
    for (const auto& digest : digests) etags.push_back(to_hex(digest));
    if (etag_of_parts(etags) == wanted.etag) return true;
  }
  return false;
}

Fingerprint fingerprint_of(std::string_view etag, std::uint64_t size_bytes, std::uint64_t part_bytes) {
  Fingerprint result{std::string(etag), {}, false};
  const EtagForm form = form_of(etag);
  if (!form.is_md5) return result;
  const bool is_known = part_bytes != 0 && parts_of(size_bytes, part_bytes) == form.parts;
  result.is_certain = form.parts <= 1 || is_known;
  if (form.parts == 0) return result;
  std::vector<std::uint64_t> candidates{is_known ? part_bytes : piece_bytes_for(size_bytes, default_piece_bytes)};
  if (form.parts == 1) candidates = {std::max<std::uint64_t>(size_bytes, 1)};
  if (!result.is_certain) {
    for (const std::uint64_t common : {8, 5, 15, 16, 32, 64, 10, 20, 25, 50, 100, 128, 256, 512, 1024}) {
      candidates.push_back(common * mib);
    }
    // Whoever must stay below 10,000 parts, or divides a file by a round number, comes to whole MiB.
    const std::uint64_t exact = (size_bytes + form.parts - 1) / form.parts;
    candidates.push_back((exact + mib - 1) / mib * mib);
    candidates.push_back(exact);
  }
  for (const std::uint64_t part : candidates) {
    if (part == 0 || parts_of(size_bytes, part) != form.parts) continue;
    if (std::ranges::find(result.part_bytes, part) == result.part_bytes.end()) result.part_bytes.push_back(part);
  }
  return result;
}

Fingerprint fingerprint_of(const Version& version) {
  if (!version.has_md5_etag) return {};
  return fingerprint_of(version.stamp.etag, version.stamp.size_bytes, version.part_bytes);
}

std::uint64_t piece_bytes_for(std::uint64_t size_bytes, std::uint64_t wanted) {
  const std::uint64_t least = (size_bytes + max_parts - 1) / max_parts;
  return wanted >= least ? wanted : (least + mib - 1) / mib * mib;
}

std::string etag_of_parts(const std::vector<std::string>& etags) {
  Bytes all;
  for (const std::string& etag : etags) {
    const auto bytes = form_of(etag).parts == 0 ? from_hex(etag) : std::nullopt;
    if (!bytes || bytes->size() != md5_bytes) return {};
    all.insert(all.end(), bytes->begin(), bytes->end());
  }
  return to_hex(md5_of_bytes(all)) + "-" + std::to_string(etags.size());
}

}  // namespace duskline::sync
