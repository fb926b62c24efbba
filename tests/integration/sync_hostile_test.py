#!/usr/bin/env python3
"""duskline sync where everything is against it: keys, names, disks, links, stores that lie. What it holds to: nothing outside
of the target is touched, what stood there stays whole until the new is there whole, and nothing is removed for an error's sake.

usage: sync_hostile_test.py --duskline PROGRAM [--soak] [--seed N] [--only NAME]
"""
import argparse
import contextlib
import ctypes
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from sync_lab import Service, Skipped, Wire, contents, expect, expect_same, no_leftovers, random_tree, run_cases  # noqa: E402
from bad_store import BUCKET, BadStore, Misdeed  # noqa: E402
from store_server import SKIPPED, Server, boto3  # noqa: E402

options = argparse.Namespace()
PIECE = 16 << 20
OFTEN = 1_000_000
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


@contextlib.contextmanager
def own(program):
    with Server(program) as server:
        yield Service("own", server.url, server.key)


@contextlib.contextmanager
def bad_store():
    store = BadStore()
    try:
        yield store
    finally:
        store.close()


def sync(program, url, *arguments, code=0, stall="30s", **env):
    return program.run("sync", *arguments, "--endpoint-url", url, "--stall-limit", stall, "--max-tries", "2", env={**ENVIRONMENT, **env}, code=code)


def patience(name: str) -> str:
    """Short only where the store is meant to say nothing: a machine that is busy shall not look like one."""
    return "1s" if "stall" in name else "30s"


def whole(top: pathlib.Path) -> dict[str, bytes]:
    return {path: content for path, (content, _) in contents(top).items()}


# Names


HOSTILE_KEYS = ["../outside", "/absolute", "a//b", "./dot", "x/./y", "x/../../outside", "..", "plain/below", "n" * 300, "d/" + "n" * 256, ".duskline-tmp-s1", "marked/"]
GOOD_KEYS = ["plain", "ok/file", "new\nline", "tab\tx", "back\\slash", "per%20cent", "pl+us", "q?x", "h#x", "ünï", "emoji\U0001f600", "con", "trail.", "UPPER", "upper",
             "n" * 255, "empty/", "a.b", "a/b", "a-b", "*", "-rf", " ", "\x01control", "d/.duskline", "\ufffe"]


def test_keys_that_cannot_be_files_are_refused_one_by_one(program):
    with own(program) as service:
        bucket, top = service.bucket(), program.work / "deep" / "top"
        for key in HOSTILE_KEYS + GOOD_KEYS:
            service.put(bucket, key, b"" if key == "empty/" else f"body of {key}".encode())
        for round_ in range(2):
            result = sync(program, service.url, f"s3://{bucket}", top, "--json", code=1, **service.environment())
            report = result.event("synced")
            expect(report["refused"] == len(HOSTILE_KEYS), f"round {round_}: {report['refused']} were refused, not {len(HOSTILE_KEYS)}:\n{result.err}")
            expect(report["failed"] == 0 and report["added"] == (0 if round_ else len(GOOD_KEYS)), f"{report}")
        expect(whole(top) == {k: f"body of {k}".encode() for k in GOOD_KEYS if k != "empty/"}, f"other files: {sorted(whole(top))}")
        expect(sorted(os.listdir(program.work / "deep")) == ["top"], f"something lies outside: {os.listdir(program.work / 'deep')}")
        copied = sync(program, service.url, f"s3://{bucket}", f"s3://{service.bucket()}", "--json", code=1, **service.environment()).event("synced")
        expect(copied["added"] == len(GOOD_KEYS + HOSTILE_KEYS) - 1 and copied["refused"] == 1, f"between buckets more was refused: {copied}")


def test_files_that_a_bucket_cannot_hold_are_refused_one_by_one(program):
    with own(program) as service:
        source = program.work / "source"
        source.mkdir()
        (source / "good").write_text("1")
        pathlib.Path(os.fsdecode(os.fsencode(source) + b"/not utf-8 \xff")).write_text("2")
        deep = source.joinpath(*["d" * 250] * 4)
        deep.mkdir(parents=True)
        (deep / ("e" * 100)).write_text("3")
        os.mkfifo(source / "fifo")
        (source / "link").symlink_to("good")
        (source / "dangling").symlink_to("nowhere")
        result = sync(program, service.url, source, f"s3://{service.bucket()}", "--json", code=1, **service.environment())
        report = result.event("synced")
        expect((report["added"], report["refused"], report["skipped"]) == (1, 2, 3), f"{report}\n{result.err}")


def test_removal_does_not_reach_what_could_not_be_copied(program):
    """`a` and `a/b` cannot both be files: the one that is there is not given up for the one that is not."""
    with own(program) as service:
        bucket, top = service.bucket(), program.work / "top"
        for number in range(20):
            service.put(bucket, f"other/{number}", b"x")
        service.put(bucket, "a/b", b"below")
        sync(program, service.url, f"s3://{bucket}", top, **service.environment())
        service.put(bucket, "a", b"a file")
        sync(program, service.url, f"s3://{bucket}", top, "--delete", code=1, **service.environment())
        expect(whole(top).get("a/b") == b"below", "a copy of what the bucket has was removed")


# Directories and disks


def test_links_in_the_target_are_not_followed(program):
    with own(program) as service:
        bucket, outside, top = service.bucket(), program.work / "outside", program.work / "top"
        for key in ("way/file", "file", "fine"):
            service.put(bucket, key, b"new")
        outside.mkdir()
        top.mkdir()
        (outside / "file").write_text("theirs")
        (top / "way").symlink_to(outside)
        (top / "file").symlink_to(outside / "file")
        result = sync(program, service.url, f"s3://{bucket}", top, code=1, **service.environment())
        expect("way" in result.err, result.err)
        expect(sorted(os.listdir(outside)) == ["file"] and (outside / "file").read_text() == "theirs", "something went through a link")
        expect((top / "file").read_text() == "new" and not (top / "file").is_symlink(), "the link at a file's place was not replaced")
        # The top itself was named by the user: there a link is as good as a directory.
        (program.work / "named").symlink_to(top)
        (top / "way").unlink()
        sync(program, service.url, f"s3://{bucket}", program.work / "named", **service.environment())
        expect((top / "way" / "file").read_text() == "new", "a target that is a link was not followed")


@contextlib.contextmanager
def small_disk(program, size: str):
    if os.geteuid() != 0:
        raise Skipped("needs root to mount a small file system")
    disk = program.work / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], stderr=subprocess.DEVNULL, check=False).returncode == 0
    if not mounted:
        raise Skipped("a tmpfs cannot be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], stderr=subprocess.DEVNULL, check=False)


def test_a_full_disk_leaves_whole_files(program):
    with own(program) as service, small_disk(program, "24m") as disk:
        source, top, bucket = program.work / "source", disk / "top", f"s3://{service.bucket()}"
        source.mkdir()
        choice = random.Random(f"{options.seed} disk")
        random_tree(source, choice, 40)
        sync(program, service.url, source, bucket, **service.environment())
        sync(program, service.url, bucket, top, **service.environment())
        (source / "large").write_bytes(choice.randbytes(20 << 20))
        before = whole(top)
        for path in list(before)[::3]:
            (source / path).write_bytes(choice.randbytes(100))
        sync(program, service.url, source, bucket, **service.environment())
        (disk / "ballast").write_bytes(bytes(12 << 20))
        result = sync(program, service.url, bucket, top, "--delete", code=1, **service.environment())
        expect("No space" in result.err or "full" in result.err, result.err)
        now = {path: content for path, content in whole(top).items() if ".duskline-tmp-" not in path}
        allowed = whole(source)
        for path in before:
            expect(now.get(path) in (before[path], allowed[path]), f"{path} is neither the old nor the new version")
        expect("large" not in now, "a part of the large file stands in its place")
        (disk / "ballast").unlink()
        sync(program, service.url, bucket, top, **service.environment())
        expect_same(source, top, "once there was room")
        no_leftovers(top)


def test_a_disk_that_is_not_mounted_is_not_filled_below(program):
    source = program.work / "source"
    source.mkdir()
    (source / "file").write_text("x")
    for place in ("", "deeper/below"):
        with small_disk(program, "8m") as disk:
            program.run("sync", source, disk / place)
            subprocess.run(["umount", str(disk)], check=True)
            refused = program.run("sync", source, disk / place, code=5)
            expect("--allow-other-mount" in refused.err and not os.listdir(disk), f"the disk below was written to: {refused.err}")
            program.run("sync", source, disk / place, "--allow-other-mount")
        for path in sorted(disk.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        disk.rmdir()


def without_rights(program, *arguments) -> subprocess.CompletedProcess:
    """The program as a user who may not read everything, also where the test runs as root."""
    drop = None
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)

        def drop() -> None:
            os.setgroups([])
            libc.setresgid(65534, 65534, 65534)
            libc.setresuid(65534, 65534, 65534)

    return subprocess.run([program.binary, "sync", *map(str, arguments)], preexec_fn=drop, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
                          env={**program.environment, **ENVIRONMENT, "DUSKLINE_CACHE_DIR": str(program.work / "shared" / "cache"), "HOME": str(program.work / "shared")}, check=False)


def test_what_cannot_be_read_stops_no_more_than_it_must(program):
    shared = program.work / "shared"
    source, top = shared / "source", shared / "top"
    source.mkdir(parents=True)
    for number in range(20):
        (source / str(number)).write_text("x")
    program.work.chmod(0o755)
    shared.chmod(0o777)
    done = without_rights(program, source, top)
    if done.returncode != 0 and "denied" in done.stderr.lower() and str(program.binary) in done.stderr:
        raise Skipped("the program lies where another user may not run it")
    expect(done.returncode == 0, done.stderr)
    (source / "secret").write_text("x")
    (source / "secret").chmod(0)
    (source / "7").unlink()
    done = without_rights(program, source, top, "--delete")
    expect(done.returncode == 1 and "secret" in done.stderr, f"{done.returncode}: {done.stderr}")
    expect((top / "7").exists(), "something was removed although not everything could be copied")
    (source / "secret").unlink()
    hidden = source / "hidden"
    hidden.mkdir()
    hidden.chmod(0)
    done = without_rights(program, source, top, "--delete")
    expect(done.returncode == 5 and "hidden" in done.stderr and (top / "7").exists(), f"{done.returncode}: {done.stderr}")
    hidden.chmod(0o755)
    locked = top / "locked"
    locked.mkdir()
    (locked / "f").write_text("x")
    locked.chmod(0)
    if os.geteuid() == 0:
        os.chown(locked, 0, 0)
    done = without_rights(program, source, top, "--delete")
    expect(done.returncode == 5 and "destination" in done.stderr and "locked" in done.stderr, f"a directory of the target that may not be read: {done.returncode}: {done.stderr}")
    locked.chmod(0o755)


# Objects that change


def test_objects_that_change_while_they_are_fetched(program):
    """A version is taken whole or not at all: no mixture of two, in one request or in many."""
    for size in (1000, 3 << 20, 2 * PIECE + 5):
        with bad_store() as store:
            old, new = (random.Random(f"{options.seed} {which}").randbytes(size) for which in ("old", "new"))
            store.objects["file"] = old
            top = program.work / f"top-{size}"

            def replace(store=store, new=new) -> None:
                store.objects["file"] = new

            # The second GET of the object, where it takes more than one.
            if size > PIECE:
                store.order(Misdeed("late"), "GET", "/file", 1)
            store.order(Misdeed("late", work=replace), "GET", "/file", 1)
            sync(program, store.url, f"s3://{BUCKET}", top, "--workers", "1")
            expect((top / "file").read_bytes() in (old, new), f"{size} bytes: a mixture of two versions")
            sync(program, store.url, f"s3://{BUCKET}", top)
            expect((top / "file").read_bytes() == new, "the new version was missed")
            no_leftovers(top)


def test_files_that_change_while_they_are_sent(program):
    with own(program) as service, Wire(service.url) as wire:
        source, bucket, back = program.work / "source", f"s3://{service.bucket()}", program.work / "back"
        source.mkdir()
        old, new = (random.Random(f"{options.seed} {which}").randbytes(2 * PIECE + 5) for which in ("old", "new"))
        (source / "file").write_bytes(old)

        def replace() -> None:
            (source / "file").write_bytes(new)

        wire.reset(PIECE, replace)
        sync(program, wire.url, source, bucket, "--workers", "1", **service.environment(wire.url))
        sync(program, service.url, bucket, back, **service.environment())
        expect((back / "file").read_bytes() == new, "a mixture of two versions, or the old one, was stored")


# Stores that lie


def answer(status: int, code: str) -> Misdeed:
    return Misdeed(status=status, code=code)


# What happens, and whether a second try is in order.
CASES = [
    ("403", answer(403, "AccessDenied"), False), ("404", answer(404, "NoSuchKey"), False), ("500", answer(500, "InternalError"), True),
    ("503", answer(503, "SlowDown"), True), ("200 with nothing", answer(200, ""), False), ("a reset", Misdeed("reset"), True), ("a stall", Misdeed("stall"), True),
    ("a reset in a body", Misdeed("reset_in_body"), True), ("a stall in a body", Misdeed("stall_in_body"), True), ("a short body", Misdeed("short_body"), True),
    ("a long body", Misdeed("long_body"), True), ("wrong bytes", Misdeed("wrong_bytes"), True), ("half of it", Misdeed("wrong_length"), True), ("no HTTP", Misdeed("garbage"), True),
    ("endless headers", Misdeed("endless_headers"), True), ("an endless body", Misdeed("endless_body"), False),
]


def test_a_store_that_misbehaves_spoils_nothing(program):
    """Down, by each misdeed to the listing and to objects small and large: whole versions only, and nothing removed."""
    choice = random.Random(f"{options.seed} store")
    new = {"small": choice.randbytes(1000), "middle": choice.randbytes(2 << 20), "large": choice.randbytes(PIECE + 7)}
    old = {name: b"old " + name.encode() for name in new}
    cases = [(case, part, often) for case in CASES for part in ("list-type", "small", "middle", "large") for often in (1, OFTEN)]
    if not options.soak:
        # A body that stalls further on each time is progress, and takes its time.
        cases = [(case, part, often) for case, part, often in cases if case[0] != "a stall in a body" or often == 1]
        cases = [(case, part, often) for number, (case, part, often) in enumerate(cases) if (number + options.seed) % 10 == 0]
    for number, ((name, misdeed, _), part, often) in enumerate(cases):
        what = f"{name} for {part}, {'once' if often == 1 else 'always'}"
        top = program.work / f"top-{number}"
        top.mkdir()
        for path, content in {**old, **{f"surplus-{n}": b"x" for n in range(3)}}.items():
            (top / path).write_bytes(content)
        with bad_store() as store:
            store.objects.update(new)
            store.order(misdeed, "GET", part, often)
            result = sync(program, store.url, f"s3://{BUCKET}", top, "--delete", "--max-delete", "3", code=None, stall=patience(name))
            # On a busy machine a run that has little patience may fail before it comes to that.
            expect(store.forgive() > 0 or result.code != 0, f"{what}: it never happened")
            expect(result.code in (0, 1, 2, 5), f"{what}: exit code {result.code}: {result.err}")
            now = {path: content for path, content in whole(top).items() if ".duskline-tmp-" not in path}
            for path, content in new.items():
                expect(now.get(path) in (old[path], content), f"{what}: {path} is neither the old nor the new version")
            if result.code == 0 and "removed from the source meanwhile" in result.out:
                expect(name == "404" and part in result.out, f"{what}: {result.out}")  # which is what a 404 says
            elif result.code == 0:
                expect(now == new, f"{what}: it said that all was done, and left {sorted(now)}")
            else:
                expect(result.err != "", f"{what}: it failed and said nothing")
                surplus = [path for path in now if path.startswith("surplus")]
                expect(len(surplus) == 3, f"{what}: removed although not everything was copied")
            sync(program, store.url, f"s3://{BUCKET}", top, "--delete", "--max-delete", "3")
            expect(whole(top) == new, f"{what}: the next run did not mend it")


def test_a_store_that_takes_nothing_is_told_of(program):
    source = program.work / "source"
    source.mkdir()
    (source / "small").write_bytes(b"new")
    (source / "middle").write_bytes(bytes(2 << 20))
    for name, misdeed, passes in CASES:
        if "body" in name or name in ("wrong bytes", "half of it", "200 with nothing"):
            continue
        for often in (1, OFTEN) if options.soak else (1 if passes else OFTEN,):
            with bad_store() as store:
                store.order(misdeed, "PUT", "", often)
                result = sync(program, store.url, source, f"s3://{BUCKET}", code=None, stall="3s" if "stall" in name else "30s")
                done = store.objects == {p: c for p, c in whole(source).items()}
                expect((result.code == 0) == done, f"{name}: exit code {result.code}, and the store holds {sorted(store.objects)}\n{result.err}")
                expect(done or result.err != "", f"{name}: it failed and said nothing")
                if often == 1 and passes:
                    expect(done, f"{name}, once: not tried again: {result.err}")


def test_a_listing_that_shrinks_removes_no_more_than_allowed(program):
    """A store that has lost its objects, or says so, costs no copies."""
    with bad_store() as store:
        top = program.work / "top"
        for number in range(100):
            store.objects[f"{number}"] = b"x"
        sync(program, store.url, f"s3://{BUCKET}", top)
        saved = dict(store.objects)
        for lost, flag in ((100, "--allow-empty"), (60, "--allow-shrink"), (20, "--max-delete 20")):
            store.objects = dict(list(saved.items())[lost:])
            result = sync(program, store.url, f"s3://{BUCKET}", top, "--delete", code=5)
            expect(flag in result.err and len(whole(top)) == 100, f"{lost} objects lost: {result.err}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--only", default="")
    parser.parse_args(namespace=options)
    if boto3 is None:
        print("SKIPPED: python3-boto3 is not installed")
        return SKIPPED
    print(f"seed {options.seed}", flush=True)
    cases = [case for name, case in globals().items() if name.startswith("test_")]
    return run_cases(cases, options.duskline, options.only)


if __name__ == "__main__":
    sys.exit(main())
