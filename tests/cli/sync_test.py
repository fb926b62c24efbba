#!/usr/bin/env python3
"""duskline sync between directories: what it does, says, refuses, and its exit codes."""
import fcntl
import json
import os
import signal
import time

from cases import expect, fingerprint, main, make_tree, refused

import random


def tree_of(p, name="source", files=40):
    make_tree(p.work / name, random.Random(7), files)
    for link in (p.work / name).rglob("*.link"):
        link.unlink()
    return p.work / name


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_help(p):
    result = p.run("sync", "--help")
    for word in ("SRC", "DST", "--delete", "--max-delete", "--dry-run", "--checksum", "--filter-from", "--explain", "--combined", "--check"):
        expect(word in result.out, f"the help does not name {word}")


def test_a_directory_becomes_the_same(p):
    source = tree_of(p)
    report = p.json("synced", "sync", source, p.work / "copy")
    expect(fingerprint(source) == fingerprint(p.work / "copy"), "the copy differs")
    expect(report["added"] == report["source_files"] + 1, f"not all was added: {report}")  # and the empty directory
    again = p.run("sync", source, p.work / "copy")
    expect("the same" in again.out and "add" not in again.out, again.out)


def test_lines_and_totals(p):
    write(p.work / "a" / "new", b"x" * 2000)
    result = p.run("sync", "a", "b")
    expect(result.out.splitlines()[0] == "add  new  (2.0 KiB)", result.out)
    expect("1 added" in result.out, result.out)
    expect(p.run("sync", "a", "b", "-q").out == "", "--quiet is not quiet")
    write(p.work / "a" / "new", b"y" * 2000)
    result = p.run("sync", "a", "b", "--json")
    expect(result.event("file")["action"] == "change", result.out)
    expect(result.event("synced")["changed"] == 1, result.out)


def test_edits_of_the_same_size_and_time_are_seen(p):
    write(p.work / "a" / "f", b"one")
    os.utime(p.work / "a" / "f", (1_500_000_000, 1_500_000_000))
    p.run("sync", "a", "b")
    for side in ("a", "b"):
        write(p.work / side / "f", b"two")
        os.utime(p.work / side / "f", (1_500_000_000, 1_500_000_000))
        p.run("sync", "a", "b")
        expect((p.work / "b" / "f").read_bytes() == (p.work / "a" / "f").read_bytes(), f"an edit on side {side} was missed")


def test_checksum_reads_everything(p):
    write(p.work / "a" / "f", b"one")
    p.run("sync", "a", "b")
    expect(p.json("synced", "sync", "a", "b", "--checksum")["kept"] == 1, "not the same")


def test_deleting_and_its_limit(p):
    for number in range(20):
        write(p.work / "a" / str(number), b"x")
        write(p.work / "b" / str(number), b"x")
    for number in range(3):
        (p.work / "a" / str(number)).unlink()
    result = p.run("sync", "a", "b")
    expect("3 only in DST" in result.out, result.out)
    result = p.run("sync", "a", "b", "--delete", code=5)
    refused(result, "3 of", "--max-delete 3")
    expect((p.work / "b" / "0").exists(), "removed all the same")
    dry = p.run("sync", "a", "b", "--delete", "--max-delete", "15%", "--dryrun")
    expect("would remove  0" in dry.out and (p.work / "b" / "0").exists(), dry.out)
    expect(p.json("synced", "sync", "a", "b", "--delete", "--max-delete", "15%")["removed"] == 3, "not removed")
    expect(sorted(os.listdir(p.work / "a")) == sorted(os.listdir(p.work / "b")), "they differ")
    for bad in ("x", "-1", "101%", ""):
        p.run("sync", "a", "b", "--delete", f"--max-delete={bad}", code=2)


def test_dry_run_changes_nothing(p):
    source = tree_of(p)
    result = p.run("sync", source, "copy", "--dry-run")
    expect("would add" in result.out and "to add" in result.out, result.out)
    expect(not (p.work / "copy").exists(), "the destination was made")


def test_check_and_combined(p):
    for name, left, right in (("same", b"1", b"1"), ("differs", b"2", b"x"), ("new", b"3", None), ("extra", None, b"4")):
        if left:
            write(p.work / "a" / name, left)
        if right:
            write(p.work / "b" / name, right)
    result = p.run("sync", "a", "b", "--check", "--combined", "report", code=3)
    refused(result, "3 files differ")
    expect(sorted((p.work / "report").read_text().splitlines()) == ["* differs", "+ new", "- extra", "= same"], (p.work / "report").read_text())
    result = p.run("sync", "a", "b", "--check", "--combined", "-", "-q", code=3)
    expect(sorted(result.out.splitlines()) == ["* differs", "+ new", "- extra", "= same"], result.out)
    p.run("sync", "a", "b", "--delete", "--max-delete", "100%")
    result = p.run("sync", "a", "b", "--check")
    expect("3 the same" in result.out, result.out)


def test_check_counts_whatever_else_is_asked(p):
    write(p.work / "a" / "f", b"1")
    for flags in (["--check", "--dry-run"], ["--dryrun", "--check"], ["--check", "--delete"]):
        expect(p.run("sync", "a", "b", *flags, code=3).out.startswith("add"), f"{flags}: not compared")
    expect(not (p.work / "b").exists(), "a check wrote")


def test_the_combined_report_has_one_line_for_each_file(p):
    write(p.work / "a" / "odd\n= forged", b"1")
    report = p.run("sync", "a", "b", "--check", "--combined", "-", code=3).out
    expect("+ odd\\x0a= forged" in report.splitlines() and "= forged" not in report.splitlines(), report)


def test_filters_and_explain(p):
    for name in ("a.txt", "b.tmp", "keep.tmp", "cache/x", "d/cache/y", "d/e/f.o"):
        write(p.work / "a" / name, b"x")
    (p.work / "rules").write_text("# what is left out\n+ keep.tmp\n- *.tmp\n- /cache/\n- /d/**/*.o\n")
    p.run("sync", "a", "b", "--filter-from", "rules")
    found = sorted(str(f.relative_to(p.work / "b")) for f in (p.work / "b").rglob("*") if f.is_file())
    expect(found == ["a.txt", "d/cache/y", "keep.tmp"], str(found))
    out = p.run("sync", "a", "b", "--filter-from", "rules", "--explain", "b.tmp", "--explain", "cache/x", "--explain", "a.txt").out.splitlines()
    expect(out[0] == 'b.tmp: excluded: "- *.tmp" (line 3 of rules)', out[0])
    expect(out[1] == 'cache/x: excluded: "- /cache/" (line 4 of rules) matches its directory cache/', out[1])
    expect(out[2] == "a.txt: included: no rule matches", out[2])
    order = p.run("sync", "a", "b", "--exclude", "*.tmp", "--include", "keep.tmp", "--explain", "keep.tmp").out
    expect("excluded" in order, order)
    order = p.run("sync", "a", "b", "--include", "keep.tmp", "--exclude", "*.tmp", "--explain", "keep.tmp").out
    expect("included" in order, order)
    refused(p.run("sync", "a", "b", "--filter-from", "absent", code=2), "absent")
    (p.work / "bad").write_text("+ a\nb\n")
    refused(p.run("sync", "a", "b", "--filter-from", "bad", code=2), "line 2")


def test_sources_that_look_lost_are_refused(p):
    refused(p.run("sync", "absent", "b", code=5), "absent", "does not exist")
    (p.work / "a").mkdir()
    refused(p.run("sync", "a", "b", code=5), "empty", "--allow-empty")
    expect(not (p.work / "b").exists(), "the destination was made")
    (p.work / "file").write_text("x")
    refused(p.run("sync", "file", "b", code=5), "file")
    for number in range(10):
        write(p.work / "a" / str(number), b"x")
    p.run("sync", "a", "b")
    for number in range(6):
        (p.work / "a" / str(number)).unlink()
    refused(p.run("sync", "a", "b", "--delete", code=5), "--allow-shrink")
    expect(len(os.listdir(p.work / "b")) == 10, "something was removed")
    p.run("sync", "a", "b", "--delete", "--allow-shrink", "--max-delete", "6")
    expect(len(os.listdir(p.work / "b")) == 4, "not removed")


def test_a_directory_that_may_not_be_read_is_refused(p):
    if os.geteuid() == 0:
        return  # root may read everything
    write(p.work / "a" / "d" / "f", b"x")
    (p.work / "a" / "d").chmod(0)
    try:
        refused(p.run("sync", "a", "b", code=5), "may not be read", "--exclude")
    finally:
        (p.work / "a" / "d").chmod(0o755)


def test_places_in_each_other_are_refused(p):
    write(p.work / "a" / "f", b"x")
    for source, destination in (("a", "a"), ("a", "a/b"), ("a/../a", "a/b"), (".", "a")):
        refused(p.run("sync", source, destination, code=5), "lie in each other")
    refused(p.run("sync", "a", "b", "--backup-dir", "b/old", code=5), "--backup-dir and DST")
    refused(p.run("sync", "a", "ftp://x/y", code=2), "none of")
    refused(p.run("sync", "a", "s3:///x", code=2), "names no bucket")
    p.run("sync", "a", code=2)


def test_backup_dir(p):
    write(p.work / "a" / "f", b"new")
    write(p.work / "b" / "f", b"older")
    write(p.work / "b" / "d" / "gone", b"x")
    p.run("sync", "a", "b", "--delete", "--max-delete", "100%", "--backup-dir", "old")
    expect((p.work / "old" / "f").read_bytes() == b"older" and (p.work / "old" / "d" / "gone").read_bytes() == b"x", "no backup")
    expect(os.listdir(p.work / "b") == ["f"], "not removed")


def test_links_and_special_files(p):
    write(p.work / "a" / "f", b"x")
    os.symlink("f", p.work / "a" / "link")
    os.mkfifo(p.work / "a" / "pipe")
    result = p.run("sync", "a", "b")
    expect("skip  link: a symbolic link" in result.out and "skip  pipe: a FIFO" in result.out, result.out)
    expect(os.listdir(p.work / "b") == ["f"], str(os.listdir(p.work / "b")))
    p.run("sync", "a", "b", "--copy-links")
    expect((p.work / "b" / "link").read_bytes() == b"x" and not (p.work / "b" / "link").is_symlink(), "not copied")


def test_the_lock(p):
    write(p.work / "a" / "f", b"x")
    p.run("sync", "a", "b")
    pair = next((p.work / "cache" / "sync").iterdir())
    with open(pair / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(p.run("sync", "a", "b", "--no-wait", code=6), "another sync")
        p.run("sync", "a", "c", "--no-wait")  # another pair
        waiting = p.start("sync", "a", "b", "-v")
        line = waiting.stderr.readline().decode()
        expect("waits for another sync" in line, line)
    result = p.finish(waiting)
    expect(result.code == 0, result.err)


def test_an_interrupted_run_says_so(p):
    write(p.work / "a" / "f", b"x" * 3_000_000)
    process = p.start("sync", "a", "b", "--limit", "1MiB/s")
    deadline = time.monotonic() + 30
    while not any((p.work / "b").glob(".duskline-tmp-*")):
        expect(time.monotonic() < deadline, "it never began")
    process.send_signal(signal.SIGINT)
    result = p.finish(process)
    expect(result.code == 130, f"ended with {result.code}: {result.err}")
    expect(not (p.work / "b" / "f").exists(), "half a file")
    p.run("sync", "a", "b")
    expect(os.listdir(p.work / "b") == ["f"], str(os.listdir(p.work / "b")))


def test_names_of_all_kinds(p):
    names = ["with space", "new\nline", "ünïcode", "-dash", "back\\slash", "a*b", "tab\t", b"not\xffutf8"]
    (p.work / "a").mkdir()
    for name in names:
        with open(os.path.join(os.fsencode(p.work / "a"), os.fsencode(name)), "wb") as file:
            file.write(b"x")
    p.run("sync", "a", "b")
    expect(sorted(os.listdir(os.fsencode(p.work / "a"))) == sorted(os.listdir(os.fsencode(p.work / "b"))), "names differ")


def test_the_log_file_has_a_line_for_each_file(p):
    write(p.work / "a" / "f", b"x")
    p.run("sync", "a", "b", "--log-file", "log")
    lines = [json.loads(line) for line in (p.work / "log").read_text().splitlines()]
    expect(any(line.get("path") == "f" and line.get("action") == "add" for line in lines), str(lines))


main(globals())
