"""duskline publish."""
import os
import shutil

from cases import expect, main, refused


def source_of(p, files=3):
    source = p.work / "source"
    source.mkdir()
    for number in range(files):
        (source / f"file{number}").write_text(f"content {number}\n" * 50)
    return source


def test_help_names_the_flags(p):
    out = p.run("publish", "--help").out
    for flag in ("--from", "--store", "--exclude", "--settle", "--allow-shrink", "--dry-run"):
        expect(flag in out, f"help does not name {flag}")


def test_first_publish_makes_a_key_and_says_where(p):
    source = source_of(p)
    result = p.run("publish", "set", "--from", source, "--store", p.work / "store")
    expect(str(p.work / "config" / "signing.key") in result.err, "it does not say where the key is")
    expect((p.work / "config" / "signing.key").stat().st_mode & 0o777 == 0o600, "the key is not private")
    secret = (p.work / "config" / "signing.key").read_text().strip().split(":")[-1]
    expect(secret not in result.err + result.out, "the secret was printed")
    again = p.json("published", "publish", "set", "--from", source, "--store", p.work / "store")
    expect(again["outcome"] == "unchanged" and again["sent_bytes"] == 0, "the second publish wrote")


def test_dry_run_writes_nothing(p):
    source = source_of(p)
    answer = p.json("published", "publish", "set", "--from", source, "--store", p.work / "store", "--dry-run")
    expect(answer["outcome"] == "dry_run" and answer["files"] == 3, "the plan is wrong")
    for folder in ("cache", "store", "config"):
        expect(not (p.work / folder).exists(), f"the {folder} was made")
    (p.work / "tmp").mkdir()
    p.run("publish", "set", "--from", source, "--store", p.work / "store", "--dry-run", env={"TMPDIR": str(p.work / "tmp")})
    expect(not list((p.work / "tmp").iterdir()), "something was left in the temporary folder")
    expect(p.run("pull", "set", "--to", p.work / "t", "--store", p.work / "store", code=1).code == 1, "something was published")
    # With a folder from an earlier run, a dry run knows what is new.
    p.run("publish", "set", "--from", source, "--store", p.work / "store")
    (source / "one more").write_text("new")
    answer = p.json("published", "publish", "set", "--from", source, "--store", p.work / "store", "--dry-run")
    expect(answer["new_bytes"] == 3, f"it does not know what the store has: {answer}")


def test_usage_errors_end_with_2(p):
    refused(p.run("publish", code=2), "--from", "--help")
    refused(p.run("publish", "set", "--from", p.work, code=2), "--store")
    refused(p.run("publish", "Bad/Name", "--from", p.work, "--store", p.work / "s", code=2), "Bad/Name")
    refused(p.run("publish", "set", "--from", p.work, "--store", "ftp://host/x", code=2), "ftp://host/x", "s3://")
    refused(p.run("publish", "set", "--from", p.work, "--store", p.work / "s", "--limit", "20", code=2), "20", "MiB/s")
    refused(p.run("publish", "set", "--frmo", p.work, code=2), "--frmo")
    refused(p.run("publish", "set", "--from", p.work, "--from", p.work, "--store", p.work / "s", code=2), "more than once")


def test_malformed_patterns_end_with_2(p):
    source = source_of(p)
    for flag in ("--exclude", "--include"):
        for pattern in ("[", "a/[b", "x\\"):
            refused(p.run("publish", "set", "--from", source, "--store", p.work / "s", flag, pattern, code=2), "pattern")
    (source / ".dusklineignore").write_text("fine\nsecret[\n")
    refused(p.run("publish", "set", "--from", source, "--store", p.work / "s", code=2), "line 2 of .dusklineignore")


def test_missing_source_is_refused(p):
    refused(p.run("publish", "set", "--from", p.work / "none", "--store", p.work / "store", code=5), "none")


def test_empty_source_is_refused_unless_meant(p):
    (p.work / "empty").mkdir()
    arguments = ["publish", "set", "--from", p.work / "empty", "--store", p.work / "store"]
    refused(p.run(*arguments, code=5), "--allow-empty")
    p.run(*arguments, "--allow-empty")


def test_shrunken_source_is_refused_unless_meant(p):
    source = source_of(p, 10)
    arguments = ["publish", "set", "--from", source, "--store", p.work / "store"]
    p.run(*arguments)
    for number in range(7):
        (source / f"file{number}").unlink()
    refused(p.run(*arguments, code=5), "--allow-shrink")
    p.run(*arguments, "--allow-shrink")


def test_shrunken_source_is_refused_without_the_cache(p):
    source = source_of(p, 10)
    arguments = ["publish", "set", "--from", source, "--store", p.work / "store"]
    p.run(*arguments)
    shutil.rmtree(p.work / "cache")
    for number in range(7):
        (source / f"file{number}").unlink()
    refused(p.run(*arguments, code=5), "--allow-shrink")


def test_filters_in_order(p):
    source = source_of(p)
    (source / "keep.tmp").write_text("x")
    (source / "other.tmp").write_text("x")
    (source / "cache").mkdir()
    (source / "cache" / "a").write_text("x")
    p.run("publish", "set", "--from", source, "--store", p.work / "store", "--include", "keep.tmp", "--exclude", "*.tmp", "--exclude", "/cache/")
    p.run("pull", "set", "--to", p.work / "target", "--store", p.work / "store")
    expect(sorted(os.listdir(p.work / "target" / "current")) == ["file0", "file1", "file2", "keep.tmp"], "the filters chose otherwise")


def test_environment_and_file_give_flags(p):
    source = source_of(p)
    (p.work / "config").mkdir(mode=0o700)
    (p.work / "config" / "config.toml").write_text(f'store = "{p.work}/from-file"\n[publish]\nnote = "by file"\n')
    p.run("publish", "set", "--from", source)
    expect((p.work / "from-file").is_dir(), "the file was not used")
    p.run("publish", "set", "--from", source, env={"DUSKLINE_STORE": str(p.work / "from-environment")})
    expect((p.work / "from-environment").is_dir(), "the environment does not come before the file")
    p.run("publish", "set", "--from", source, "--store", p.work / "from-flag", env={"DUSKLINE_STORE": str(p.work / "unused")})
    expect((p.work / "from-flag").is_dir() and not (p.work / "unused").exists(), "the flag does not come first")
    (p.work / "config" / "config.toml").write_text('stoer = "x"\n')
    refused(p.run("publish", "set", "--from", source, code=2), "stoer")
    (p.work / "config" / "config.toml").write_text("store = [\n")
    refused(p.run("publish", "set", "--from", source, code=2), "config.toml", "line")


def test_special_files_are_skipped_with_a_record(p):
    source = source_of(p)
    os.mkfifo(source / "pipe")
    result = p.run("publish", "set", "--from", source, "--store", p.work / "store", "-v")
    expect("pipe" in result.err and "skip" in result.err, "the FIFO has no record")


def test_store_and_source_in_each_other_are_refused(p):
    (p.work / "source").mkdir()
    (p.work / "source" / "file").write_text("x")
    for store in ("source", "source/store", "."):
        refused(p.run("publish", "set", "--from", p.work / "source", "--store", store, code=5), "lie in each other")
    p.run("publish", "set", "--from", p.work / "source", "--store", "source-store")
    for target in ("source-store", "source-store/t", "."):
        refused(p.run("pull", "set", "--to", target, "--store", p.work / "source-store", code=5), "lie in each other")
    expect(not (p.work / ".duskline").exists(), "a target was made")


main(globals())
