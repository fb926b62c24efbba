// From and to buckets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/fingerprint.h"
#include "sync/sync_kit.h"

namespace duskline::sync {
namespace {

using ::testing::HasSubstr;
using testing::Misdeed;
using testing::S3Trait;
using Tree = std::map<std::string, std::string>;

std::string large_content() {
  std::string content;
  for (int i = 0; content.size() < 5'000'003; ++i) content += std::to_string(i) + ",";
  return content;
}

// All tries of one request fail, and with them its file.
void break_off(Kit& kit, const std::string& method, const std::string& part) {
  for (unsigned i = 0; i < store::RetryPolicy{}.max_tries; ++i) {
    kit.server.order({Misdeed::Kind::answer, testing::s3_error(503, "ServiceUnavailable")}, method, part);
  }
}

TEST(Buckets, hold_the_files_of_a_directory) {
  Kit kit;
  kit.write("source/a.html", "one");
  kit.write("source/d/ünï côde & <x>", "two");
  kit.write("source/d/new\nline", "three");
  std::filesystem::create_directory(kit.scratch.path("source/empty"));
  kit.age();
  EXPECT_EQ(must(kit.up()).added, 4U);
  EXPECT_EQ(kit.objects(),
            (Tree{{"a.html", "one"}, {"d/new\nline", "three"}, {"d/ünï côde & <x>", "two"}, {"empty/", ""}}));
  const auto object = kit.server.objects().at("pre/a.html");
  EXPECT_EQ(object.headers.at("x-amz-meta-mtime"), "1600000000.000000123");
  EXPECT_EQ(object.headers.at("content-type"), "text/html");
  EXPECT_EQ(must(kit.up()).kept, 4U);
  kit.options.extra = Options::Extra::remove;
  kit.options.max_removals = {100, MaxRemovals::Unit::percent};
  kit.options.meant.shrink = true;
  std::filesystem::remove_all(kit.scratch.path("source/d"));
  std::filesystem::remove_all(kit.scratch.path("source/empty"));
  EXPECT_EQ(must(kit.up()).removed, 2U);
  EXPECT_EQ(kit.objects(), (Tree{{"a.html", "one"}}));
}

TEST(Buckets, come_down_with_their_times) {
  Kit kit;
  kit.write("source/d/a", "one");
  kit.write("source/large", large_content());
  std::filesystem::create_directory(kit.scratch.path("source/empty"));
  kit.age();
  kit.options.piece_bytes = 1'000'000;
  must(kit.up());
  EXPECT_EQ(kit.server.open_uploads(), 0U);
  must(kit.down());
  EXPECT_EQ(kit.tree("target"), kit.tree("source"));
  EXPECT_EQ(kit.mtime("target/d/a"), kit.mtime("source/d/a"));
  EXPECT_EQ(kit.mtime("target/large"), kit.mtime("source/large"));
}

TEST(Buckets, are_compared_by_their_etags_where_nothing_is_known) {
  Kit kit;
  kit.write("source/a", "one");
  kit.write("source/b", "two");
  kit.write("source/large", large_content());
  kit.age();
  kit.options.piece_bytes = 1'000'000;
  must(kit.up());
  Kit other;  // another cache, the same server
  std::filesystem::remove_all(other.source());
  std::filesystem::copy(kit.source(), other.source(), std::filesystem::copy_options::recursive);
  other.age();
  other.write("source/b", "2wo");
  other.options.piece_bytes = 1'000'000;
  const Totals totals = must(other.sync(other.folder("source", true), kit.bucket()));
  EXPECT_EQ(totals.changed, 1U);
  EXPECT_EQ(totals.kept, 2U);
  EXPECT_EQ(kit.objects().at("b"), "2wo");
}

TEST(Buckets, with_opaque_etags_are_compared_by_their_content) {
  Kit kit(std::set<S3Trait>{});
  kit.write("source/a", "one");
  kit.write("source/b", "two");
  kit.age();
  must(kit.up());
  must(kit.cache().remove_file("records", disk::Missing::is_error));
  kit.write("source/b", "2wo");
  kit.age();
  const Totals totals = must(kit.up());
  EXPECT_EQ(totals.kept, 1U);
  EXPECT_EQ(totals.changed, 1U);
}

TEST(Buckets, get_another_time_without_another_upload) {
  Kit kit;
  kit.write("source/a.txt", "one");
  must(kit.up());
  kit.age();
  const std::size_t before = kit.server.requests().size();
  EXPECT_EQ(must(kit.up()).touched, 1U);
  EXPECT_LE(kit.server.requests().size(), before + 3);  // list, head, copy
  const auto object = kit.server.objects().at("pre/a.txt");
  EXPECT_EQ(object.headers.at("x-amz-meta-mtime"), "1600000000.000000123");
  EXPECT_EQ(object.headers.at("content-type"), "text/plain");
  EXPECT_EQ(must(kit.up()).touched, 0U);
}

TEST(Buckets, copy_within_their_service) {
  Kit kit;
  kit.write("source/a.html", "one");
  kit.write("source/large", large_content());
  kit.age();
  must(kit.up());
  const std::size_t before = kit.server.requests().size();
  must(kit.sync(kit.bucket("pre/"), kit.bucket("copy/")));
  EXPECT_EQ(kit.objects("copy/"), kit.objects("pre/"));
  EXPECT_EQ(kit.server.objects().at("copy/a.html").headers.at("content-type"), "text/html");
  const auto requests = kit.server.requests();
  for (std::size_t i = before; i < requests.size(); ++i) {
    const auto& request = requests[i];
    const bool fetches = request.method == "GET" && request.target.find("list-type") == std::string::npos;
    EXPECT_FALSE(fetches) << request.target;
  }
}

// As S3 demands it above 5 GiB, here with a lower limit.
TEST(Buckets, copy_large_objects_within_their_service_by_parts) {
  Kit kit;
  kit.max_copy_bytes = 1'000'000;
  kit.options.piece_bytes = 2'000'000;
  kit.write("source/large.html", large_content());
  kit.age();
  must(kit.up());
  const std::size_t before = kit.server.requests().size();
  EXPECT_EQ(must(kit.sync(kit.bucket("pre/"), kit.bucket("copy/"))).added, 1U);
  EXPECT_EQ(kit.objects("copy/"), kit.objects("pre/"));
  const auto copied = kit.server.objects().at("copy/large.html");
  EXPECT_EQ(copied.headers.at("content-type"), "text/html");
  EXPECT_EQ(copied.headers.at("x-amz-meta-mtime"), mtime_text(kit.mtime("source/large.html")));
  std::vector<std::string> ranges;
  for (std::size_t i = before; i < kit.server.requests().size(); ++i) {
    const auto request = kit.server.requests()[i];
    const auto range = request.headers.find("x-amz-copy-source-range");
    if (range != request.headers.end()) ranges.push_back(range->second);
    EXPECT_FALSE(request.method == "GET" && request.target.find("list-type") == std::string::npos) << request.target;
  }
  std::ranges::sort(ranges);
  EXPECT_EQ(ranges, (std::vector<std::string>{"bytes=0-1999999", "bytes=2000000-3999999",
                                              "bytes=4000000-" + std::to_string(large_content().size() - 1)}));
  EXPECT_EQ(must(kit.sync(kit.bucket("pre/"), kit.bucket("copy/"))).kept, 1U);
}

TEST(Buckets, keep_backups_and_times_of_large_objects_by_parts) {
  Kit kit;
  kit.max_copy_bytes = 2'000'000;
  kit.options.piece_bytes = 3'000'000;
  kit.backup = "old";
  kit.write("source/large.html", large_content());
  kit.age();
  must(kit.up());
  Kit::set_mtime(kit.source() + "/large.html", 1'650'000'000'123'456'789);
  EXPECT_EQ(must(kit.up()).touched, 1U);
  EXPECT_EQ(kit.server.objects().at("pre/large.html").headers.at("x-amz-meta-mtime"), "1650000000.123456789");
  EXPECT_EQ(kit.objects().at("large.html"), large_content());
  EXPECT_EQ(must(kit.up()).kept, 1U);
  kit.write("source/large.html", "small now");
  kit.options.meant.shrink = true;
  EXPECT_EQ(must(kit.up()).changed, 1U);
  EXPECT_EQ(kit.objects("old/").at("large.html"), large_content());
  EXPECT_EQ(kit.server.objects().at("old/large.html").headers.at("content-type"), "text/html");
  EXPECT_EQ(kit.server.open_uploads(), 0U);
}

// As consoles make them: a directory that holds something is none of the empty ones.
TEST(Buckets, with_markers_of_directories_that_hold_something_come_to_rest) {
  Kit kit;
  for (const char* key : {"d/", "d/e/", "d/e/f", "empty/", "g/", "g.txt"}) {
    kit.server.put("pre/" + std::string(key), std::string(key).ends_with("/") ? "" : "content");
  }
  kit.options.extra = Options::Extra::remove;
  EXPECT_EQ(must(kit.down()).added, 4U);
  EXPECT_EQ(kit.tree("target"), (Tree{{"d/e/f", "content"}, {"empty/", ""}, {"g/", ""}, {"g.txt", "content"}}));
  const Totals again = must(kit.down());
  EXPECT_EQ(again.added + again.removed, 0U);
  EXPECT_EQ(again.kept, 4U);
}

TEST(Buckets, copy_to_another_service_with_what_describes_the_content) {
  Kit kit;
  kit.write("source/a.html", "one");
  kit.write("source/large", large_content());
  kit.age();
  kit.options.piece_bytes = 1'000'000;
  must(kit.up());
  Kit other;
  other.options.piece_bytes = 1'000'000;
  // Of the same name, but not the same service: what tells them apart is given by whoever opens them.
  class Apart final : public WrappedPlace {
   public:
    using WrappedPlace::WrappedPlace;
    Place& base() override { return *this; }
  };
  must(other.sync(std::make_unique<Apart>(kit.bucket("pre/")), other.bucket("pre/")));
  EXPECT_EQ(other.objects(), kit.objects());
  const auto object = other.server.objects().at("pre/a.html");
  EXPECT_EQ(object.headers.at("content-type"), "text/html");
  EXPECT_EQ(object.headers.at("x-amz-meta-mtime"), "1600000000.000000123");
}

TEST(Buckets, keep_backups_in_the_service) {
  Kit kit;
  kit.backup = "backup";
  kit.write("source/a", "old");
  kit.write("source/b", "gone");
  must(kit.up());
  kit.write("source/a", "newer");
  std::filesystem::remove(kit.scratch.path("source/b"));
  kit.options.extra = Options::Extra::remove;
  must(kit.up());
  EXPECT_EQ(kit.objects("backup/"), (Tree{{"a", "old"}, {"b", "gone"}}));
  EXPECT_EQ(kit.objects(), (Tree{{"a", "newer"}}));
}

TEST(Names, that_the_other_side_cannot_hold_are_refused_one_by_one) {
  Kit kit;
  for (const char* key :
       {"pre/good", "pre/a//b", "pre/../x", "pre/x/../../y", "pre/f", "pre/f/below", "pre/g/", "pre/./z", "pre/"}) {
    kit.server.put(key, std::string_view(key).ends_with('/') ? "" : "content");
  }
  kit.server.put("pre/h/", "a directory with content");
  kit.server.put("pre/" + std::string(300, 'n'), "content");
  const Totals totals = must(kit.down());
  EXPECT_EQ(totals.refused, 7U);
  EXPECT_EQ(kit.tree("target"), (Tree{{"f", "content"}, {"g/", ""}, {"good", "content"}}));
  EXPECT_FALSE(std::filesystem::exists(kit.scratch.path("x")));
  EXPECT_FALSE(std::filesystem::exists(kit.scratch.path("y")));

  Kit up;
  up.write("source/good", "1");
  up.write("source/not utf8 \xff", "2");
  EXPECT_EQ(must(up.up()).refused, 1U);
  EXPECT_EQ(up.objects(), (Tree{{"good", "1"}}));
}

TEST(Server, that_misbehaves_once_is_asked_again) {
  using Kind = Misdeed::Kind;
  for (const Kind kind : {Kind::reset, Kind::lost_answer, Kind::reset_in_body, Kind::short_body, Kind::wrong_bytes,
                          Kind::wrong_length, Kind::garbage}) {
    Kit kit;
    kit.write("source/a", "the content of a file that travels");
    kit.age();
    kit.server.order(kind, "PUT", "pre/a");
    must(kit.up());
    kit.server.order(kind, "GET", "pre/a");
    kit.server.order(kind, "GET", "list-type");
    const Totals totals = must(kit.down());
    EXPECT_EQ(totals.failed, 0U) << static_cast<int>(kind);
    EXPECT_EQ(kit.tree("target"), kit.tree("source"));
  }
}

TEST(Server, that_keeps_sending_something_else_harms_nothing) {
  Kit kit;
  kit.server.put("pre/a", "right");
  kit.server.put("pre/b", "right too");
  for (int i = 0; i < 20; ++i) kit.server.order(Misdeed::Kind::wrong_bytes, "GET", "pre/a");
  kit.write("target/a", "older");
  const Totals totals = must(kit.down());
  EXPECT_EQ(totals.failed, 1U);
  EXPECT_EQ(kit.tree("target"), (Tree{{"a", "older"}, {"b", "right too"}}));
  EXPECT_THAT(kit.reporter.reasons, HasSubstr("spoiled"));
}

TEST(Server, whose_listing_is_out_of_order_or_does_not_end_is_not_believed) {
  Kit unsorted(std::set{S3Trait::unsorted_lists});
  unsorted.server.put("pre/a", "1");
  unsorted.server.put("pre/b", "2");
  const auto result = unsorted.down();
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().describe(), HasSubstr("not in order"));

  Kit endless;
  const std::string page =
      "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
      "</ListBucketResult>";
  for (int i = 0; i < 50; ++i) endless.server.order({Misdeed::Kind::answer, {200, {}, page}}, "GET", "list-type");
  endless.write("target/a", "kept");
  endless.options.extra = Options::Extra::remove;
  const auto stopped = endless.down();
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().describe(), HasSubstr("come to an end"));
  EXPECT_EQ(endless.read("target/a"), "kept");
}

TEST(Server, that_cannot_give_one_object_does_not_keep_the_others_back) {
  Kit kit;
  kit.options.workers = 1;
  for (int i = 0; i < 30; ++i) kit.server.put("pre/" + std::to_string(i), "content");
  break_off(kit, "GET", "pre/0");
  const Totals totals = must(kit.down());
  EXPECT_EQ(totals.failed, 1U);
  EXPECT_EQ(totals.added, 29U);
}

TEST(Server, that_gives_nothing_any_more_ends_the_run) {
  Kit kit;
  kit.options.workers = 1;
  for (int i = 0; i < 30; ++i) kit.server.put("pre/" + std::to_string(i), "content");
  for (int i = 0; i < 10; ++i) break_off(kit, "GET", "pre/");
  const auto totals = kit.down();
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().code, Code::unavailable);
}

// Some gateways forget keys in listings. What a listing leaves out is asked for before anything goes.
TEST(Server, whose_listing_leaves_objects_out_costs_no_copies) {
  class Forgetful final : public Lister {
   public:
    explicit Forgetful(std::unique_ptr<Lister> inner) : inner_(std::move(inner)) {}
    Result<const Entry*> next() override {
      DL_ASSIGN(const Entry* entry, inner_->next());
      if (entry != nullptr && entry->path == "5") return inner_->next();
      return entry;
    }

   private:
    std::unique_ptr<Lister> inner_;
  };
  class ForgetfulPlace final : public WrappedPlace {
   public:
    using WrappedPlace::WrappedPlace;
    Result<std::unique_ptr<Lister>> list(const Op& op, Reporter& reporter, const std::string& after) override {
      DL_ASSIGN(auto lister, inner().list(op, reporter, after));
      return std::unique_ptr<Lister>(std::make_unique<Forgetful>(std::move(lister)));
    }
  };
  Kit kit;
  for (int i = 0; i < 30; ++i) kit.server.put("pre/" + std::to_string(i), "content");
  must(kit.down());
  kit.write("target/surplus", "goes");
  kit.options.extra = Options::Extra::remove;
  const Totals totals = must(kit.sync(std::make_unique<ForgetfulPlace>(kit.bucket()), kit.folder("target", false)));
  EXPECT_EQ(kit.read("target/5"), "content");
  EXPECT_EQ(kit.read("target/surplus"), "absent");
  EXPECT_EQ(totals.failed, 1U);
  EXPECT_EQ(totals.removed, 1U);
}

TEST(Server, that_has_no_delete_objects_or_checksums_is_met_half_way) {
  Kit kit(
      std::set{S3Trait::md5_etags, S3Trait::refuses_multi_delete, S3Trait::refuses_checksums, S3Trait::pages_of_two});
  for (int i = 0; i < 10; ++i) kit.write("source/" + std::to_string(i), std::to_string(i));
  must(kit.up());
  std::filesystem::remove(kit.scratch.path("source/3"));
  kit.options.extra = Options::Extra::remove;
  EXPECT_EQ(must(kit.up()).removed, 1U);
  EXPECT_EQ(kit.objects().size(), 9U);
}

TEST(Objects, that_may_not_be_removed_are_named) {
  Kit kit;
  kit.write("source/a", "1");
  must(kit.up());
  kit.server.put("pre/locked", "x");
  kit.options.extra = Options::Extra::remove;
  const Totals totals = must(kit.up());
  EXPECT_EQ(totals.failed, 1U);
  EXPECT_TRUE(kit.reporter.recorded("fail locked"));
}

// A run that is broken off in the middle of a large file; the next one sends or fetches only what is missing.
TEST(LargeFiles, go_on_where_a_run_was_broken_off) {
  Kit kit;
  const std::string content = large_content();
  kit.write("source/large", content);
  kit.age();
  kit.options.piece_bytes = 500'000;
  kit.options.workers = 1;
  break_off(kit, "PUT", "partNumber=6&");
  EXPECT_EQ(must(kit.up()).failed, 1U);
  EXPECT_EQ(kit.server.open_uploads(), 1U);
  const auto count = [&](const std::string& method, const std::string& part) {
    std::size_t found = 0;
    for (const auto& request : kit.server.requests()) {
      if (request.method == method && request.target.find(part) != std::string::npos) ++found;
    }
    return found;
  };
  const std::size_t sent = count("PUT", "partNumber");
  must(kit.up());
  EXPECT_EQ(count("PUT", "partNumber") - sent, 11U - 5U);
  EXPECT_EQ(kit.objects().at("large"), content);
  EXPECT_EQ(kit.server.open_uploads(), 0U);
}

TEST(LargeFiles, come_down_from_where_a_run_was_broken_off) {
  Kit kit;
  kit.write("source/large", large_content());
  kit.age();
  kit.options.piece_bytes = 500'000;
  must(kit.up());
  kit.options.workers = 1;
  kit.write("target/large", "older");
  class Breaking final : public WrappedPlace {
   public:
    using WrappedPlace::WrappedPlace;
    Status read(const Op& op, const std::string& path, const Stamp& stamp, Range range, Sink& sink) override {
      if (is_broken && range.offset_bytes >= 2'500'000) return Error{Code::unavailable, "gone"};
      pieces += 1;
      return inner().read(op, path, stamp, range, sink);
    }
    bool is_broken = true;
    int pieces = 0;
  };
  EXPECT_EQ(must(kit.sync(std::make_unique<Breaking>(kit.bucket()), kit.folder("target", false))).failed, 1U);
  EXPECT_EQ(kit.read("target/large"), "older");
  auto again = std::make_unique<Breaking>(kit.bucket());
  again->is_broken = false;
  const Breaking& watched = *again;
  auto target = kit.folder("target", false);
  must(run({}, {*again, *target, kit.cache(), kit.clock, kit.reporter}, kit.options));
  EXPECT_EQ(watched.pieces, 11 - 5);
  EXPECT_EQ(kit.read("target/large"), large_content());
  EXPECT_EQ(kit.tree("target").size(), 1U);
}

TEST(LargeFiles, that_changed_meanwhile_begin_anew) {
  Kit kit;
  kit.write("source/large", large_content());
  kit.age();
  kit.options.piece_bytes = 500'000;
  kit.options.workers = 1;
  break_off(kit, "PUT", "partNumber=6&");
  EXPECT_EQ(must(kit.up()).failed, 1U);
  std::string other = large_content();
  other[100] = 'x';
  kit.write("source/large", other);
  kit.age();
  must(kit.up());
  EXPECT_EQ(kit.objects().at("large"), other);
  EXPECT_EQ(kit.server.open_uploads(), 0U);
}

TEST(LargeFiles, that_arrive_spoiled_are_not_put_in_place) {
  Kit kit;
  kit.options.piece_bytes = 1'000'000;
  kit.write("source/large", large_content());
  kit.age();
  must(kit.up());
  kit.write("target/large", "older");
  for (int i = 0; i < 3; ++i) kit.server.order(Misdeed::Kind::wrong_bytes, "GET", "pre/large");
  must(kit.down());  // the pieces are fetched again
  EXPECT_EQ(kit.read("target/large"), large_content());
}

TEST(Checks, tell_what_differs_between_a_directory_and_a_bucket) {
  Kit kit;
  kit.write("source/same", "1");
  kit.write("source/differs", "2");
  kit.write("source/new", "3");
  kit.server.put("pre/same", "1");
  kit.server.put("pre/differs", "x");
  kit.server.put("pre/extra", "4");
  kit.options.mode = Mode::check;
  kit.options.tell = Options::Tell::everything;
  const Totals totals = must(kit.up());
  EXPECT_EQ(totals.kept, 1U);
  for (const char* line : {"keep same", "change differs", "add new", "extra extra"})
    EXPECT_TRUE(kit.reporter.recorded(line)) << line;
  EXPECT_EQ(kit.objects().size(), 3U);
}

}  // namespace
}  // namespace duskline::sync
