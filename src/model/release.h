// What is signed: a release's root statement and a channel's head. JSON inside a signed envelope, so that
// people can read them with any tool. Formats: docs/formats/signed.md, head.md, manifest.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/signing.h"
#include "model/ids.h"
#include "model/tree.h"

namespace duskline::model {

inline constexpr std::size_t max_signed_bytes = 64 << 10;  // a head or root statement with its envelope
inline constexpr std::size_t max_signatures = 16;
inline constexpr std::size_t max_realm_bytes = 200;
inline constexpr std::size_t max_note_bytes = 1000;
inline constexpr std::size_t max_head_deltas = 16;
inline constexpr std::size_t max_top_attribute_bytes = 32 << 10;  // encoded, since the statement is a small text

// An envelope: a line "duskline-signed-1", one line per signature ("<public key text> <base64>"), an empty
// line, and the payload. Signed is "duskline-signed-1\n\n" and the payload, byte for byte.
struct SignedBytes {
  std::string payload;
  std::vector<std::pair<PublicKey, Signature>> signatures;  // 1 to max_signatures, of different keys
};
[[nodiscard]] Result<std::string> seal(std::string payload, const Signer& signer);
[[nodiscard]] Result<SignedBytes> open_envelope(ByteView in);  // splits; verifies nothing
// The payload, if one of `trusted` signed it. Else Code::untrusted; the message gives the fingerprints seen.
[[nodiscard]] Result<std::string> verify_envelope(ByteView in, const std::vector<PublicKey>& trusted);

// The root of a release. Its SHA-256 is the release id; it also says what it is (PROTOCOL: type, realm, set).
struct Release {
  std::string realm;
  std::string set;
  ReleaseNumber number = 0;
  WallTime published{};
  Hash256 tree;  // hash of the top directory node
  TreeStats stats;
  std::uint32_t top_mode = 0755;
  std::int64_t top_mtime_ns = 0;
  std::vector<Attribute> top_attributes;  // see check_top_attributes
  std::string chunking = "gear-1";        // how long files were cut (tree.md); readers need not know it
  std::string note;                       // a free text by the publisher, UTF-8, at most max_note_bytes
  bool operator==(const Release&) const = default;
};
// JSON in one line without white space, members in a fixed order. `realm` and `note` must be valid UTF-8 (see
// check_text). Decoding refuses what breaks a rule, names it, and ignores members it does not know.
[[nodiscard]] std::string encode_release(const Release& release);
[[nodiscard]] Result<Release> decode_release(std::string_view json);
// Code::invalid unless a release can hold them: as check_attributes, and encoded at most max_top_attribute_bytes.
[[nodiscard]] Status check_top_attributes(const std::vector<Attribute>& attributes);
// Code::usage unless `text` is valid UTF-8 of at most `most` bytes; `what` names it in the message.
[[nodiscard]] Status check_text(std::string_view what, std::string_view text, std::size_t most);
[[nodiscard]] ReleaseId release_id(std::string_view release_json);

struct DeltaRef {
  ReleaseId from;
  std::uint64_t index_bytes = 0;  // the index lies at the object's start
  std::uint64_t total_bytes = 0;
  bool operator==(const DeltaRef&) const = default;
};

struct Head {
  std::string realm;
  std::string set;
  std::string channel;
  std::uint64_t version = 0;  // grows by one with every write of this head
  ReleaseId release;
  ReleaseNumber number = 0;
  WallTime published{};  // of the release
  WallTime signed_at{};
  WallTime expires{};
  Hash256 previous;                        // SHA-256 of the envelope that this one replaced; zero for the first
  std::uint64_t epoch = 0;                 // bumped by prune before it deletes
  std::uint64_t manifest_bytes = 0;        // size of the manifest object
  std::uint64_t manifest_index_bytes = 0;  // how much of its start holds envelope and index
  std::vector<DeltaRef> deltas;            // at most max_head_deltas
  bool operator==(const Head&) const = default;
};
[[nodiscard]] std::string encode_head(const Head& head);
[[nodiscard]] Result<Head> decode_head(std::string_view json);

// Whether the publisher (or core) should sign an unchanged head again: past half its life.
[[nodiscard]] bool is_due_for_signing(const Head& head, WallTime now);

}  // namespace duskline::model
