#!/usr/bin/env python3
"""duskline sync against real services: every direction, beside rclone and aws, under edits, and under kill -9.

usage: sync_test.py --duskline PROGRAM [--soak] [--seed N] [--only NAME]

The short form uses our own server; --soak adds Ceph RGW, aws, and many more rounds.
"""
import argparse
import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from sync_lab import Service, Skipped, Wire, contents, expect, expect_same, no_leftovers, random_tree, rgw, run_cases  # noqa: E402
from store_server import SKIPPED, Server, boto3, client  # noqa: E402

PIECE = 16 << 20  # of a large file
RCLONE_FLAGS = ["--config", "/dev/null", "--s3-force-path-style", "--s3-region", "us-east-1", "--s3-provider", "Other"]
options = argparse.Namespace()


@contextlib.contextmanager
def own(program):
    with Server(program) as server:
        yield Service("own", server.url, server.key)


@contextlib.contextmanager
def services(program):
    """Those that this run is to use, one after the other."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(own(program))]
        if options.soak:
            try:
                found.append(stack.enter_context(rgw(program.work)))
            except Skipped as skipped:
                print(f"SKIPPED: {skipped}")
        yield found


def choice_of(name: str) -> random.Random:
    return random.Random(f"{options.seed} {name}")


def sync(program, service, *arguments, code=0, url="", **more):
    return program.run("sync", *arguments, env=service.environment(url), code=code, **more)


def totals(program, service, *arguments, code=0, url=""):
    return sync(program, service, *arguments, "--json", code=code, url=url).event("synced")


# Directions


def test_up_down_and_nothing_to_do(program):
    with services(program) as found:
        for service in found:
            source, back = program.work / f"source-{service.name}", program.work / f"back-{service.name}"
            source.mkdir()
            random_tree(source, choice_of("tree"), 150)
            (source / "large").write_bytes(choice_of("large").randbytes((20 << 20) + 7))
            (source / "empty").mkdir()
            place = f"s3://{service.bucket()}/some/prefix"
            up = totals(program, service, source, place)
            expect(up["added"] == 152 and up["failed"] == 0, f"{service.name}: {up}")
            down = totals(program, service, place, back)
            expect(down["added"] == 152, f"{service.name}: {down}")
            expect_same(source, back, f"up to {service.name} and down")
            expect((back / "empty").is_dir(), "the empty directory is missing")
            for pair in ((source, place), (place, back)):
                again = totals(program, service, *pair)
                expect(again["kept"] == 152 and again["moved_bytes"] == 0, f"{service.name}: something to do again: {again}")
                expect(totals(program, service, *pair, "--check", "--checksum")["kept"] == 152, "a check found a difference")


def test_between_buckets_of_one_service_nothing_travels(program):
    with services(program) as found:
        for service in found:
            source, back = program.work / f"source-{service.name}", program.work / f"back-{service.name}"
            source.mkdir()
            random_tree(source, choice_of("tree"), 60)
            (source / "large").write_bytes(choice_of("large").randbytes((20 << 20) + 7))
            first, second = (f"s3://{service.bucket()}" for _ in range(2))
            sync(program, service, source, first)
            with Wire(service.url) as wire:
                copied = totals(program, service, first, second, url=wire.url)
                expect(copied["added"] == 61, f"{copied}")
                expect(wire.total < 1 << 20, f"{wire.total} bytes travelled for a copy within the service")
                expect(totals(program, service, first, second, url=wire.url)["kept"] == 61, "not at rest")
            sync(program, service, second, back)
            expect_same(source, back, f"by way of two buckets of {service.name}")


def test_between_services(program):
    with own(program) as here, own(program) as there:
        source, back = program.work / "source", program.work / "back"
        source.mkdir()
        random_tree(source, choice_of("tree"), 60)
        (source / "large").write_bytes(choice_of("large").randbytes((20 << 20) + 7))
        first, second = f"s3://{here.bucket()}/x", f"s3://{there.bucket()}"
        sync(program, here, source, first)
        shared = program.work / "home" / ".aws" / "credentials"
        shared.parent.mkdir(parents=True)
        shared.write_text("".join(f"[{name}]\naws_access_key_id = {s.key[0]}\naws_secret_access_key = {s.key[1]}\n" for name, s in (("here", here), ("there", there))))
        across = [first, second, "--src-endpoint-url", here.url, "--endpoint-url", there.url, "--src-profile", "here", "--profile", "there", "--region", "us-east-1"]
        expect(program.json("synced", "sync", *across)["added"] == 61, "not all was copied")
        expect(program.json("synced", "sync", *across)["kept"] == 61, "not at rest")
        sync(program, there, second, back)
        expect_same(source, back, "by way of two services")


def test_deletion_backup_and_filters_in_a_bucket(program):
    with own(program) as service:
        source, bucket = program.work / "source", service.bucket()
        place, old = f"s3://{bucket}/live", f"s3://{bucket}/old"
        for name in [*(f"keep/{n}" for n in range(20)), "gone/1", "gone/2", "cache/tmp"]:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(f"first {name}")
        sync(program, service, source, place)
        shutil.rmtree(source / "gone")
        (source / "cache" / "tmp").unlink()
        (source / "keep" / "7").write_text("second")
        kept = sync(program, service, source, place, "--dryrun", "--delete", "--exclude", "/cache/", code=0)
        expect("would remove  gone/1" in kept.out and "cache" not in kept.out, kept.out)
        refused = sync(program, service, source, place, "--delete", "--max-delete", "1", code=5)
        expect("--max-delete 3" in refused.err, refused.err)
        done = totals(program, service, source, place, "--delete", "--exclude", "/cache/", "--backup-dir", old)
        expect((done["removed"], done["changed"]) == (2, 1), f"{done}")
        back = program.work / "backup"
        sync(program, service, old, back)
        expect({p: c for p, (c, _) in contents(back).items()} == {p: f"first {p}".encode() for p in ("gone/1", "gone/2", "keep/7")}, "the backup holds other files")
        live = program.work / "live"
        sync(program, service, place, live)
        expect((live / "cache" / "tmp").exists() and not (live / "gone").exists(), "the filter did not spare what it excludes")


# Beside other tools


def rclone(program, service, *arguments, code=0) -> str:
    if shutil.which("rclone") is None:
        raise Skipped("rclone is not installed")
    command = ["rclone", *RCLONE_FLAGS, "--s3-endpoint", service.url, "--s3-access-key-id", service.key[0], "--s3-secret-access-key", service.key[1]]
    done = subprocess.run([*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, cwd=program.work,
                          env={"PATH": os.environ["PATH"], "HOME": str(program.work), "LANG": "C.UTF-8"}, timeout=300)
    expect(done.returncode == code, f"rclone {arguments} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode() + done.stderr.decode()


def test_rclone_agrees_both_ways(program):
    with services(program) as found:
        for service in found:
            source, back = program.work / f"source-{service.name}", program.work / f"back-{service.name}"
            source.mkdir()
            random_tree(source, choice_of("rclone"), 80)
            (source / "large").write_bytes(choice_of("large").randbytes((20 << 20) + 7))
            ours, theirs = service.bucket(), service.bucket()
            sync(program, service, source, f"s3://{ours}")
            for pair in ((source, f":s3:{ours}"), (f":s3:{ours}", source)):
                said = rclone(program, service, "sync", "--dry-run", "-v", *pair)
                expect("nothing to transfer" in said, f"rclone sees differences between {pair} at {service.name}:\n{said}")
            rclone(program, service, "copy", source, f":s3:{theirs}")
            down = totals(program, service, f"s3://{theirs}", back)
            expect(down["added"] == 81, f"{down}")
            expect_same(source, back, f"up by rclone to {service.name}, down by us")
            checked = totals(program, service, source, f"s3://{theirs}")
            expect(checked["kept"] == 81 and checked["moved_bytes"] == 0, f"we see differences to what rclone stored: {checked}")


def test_aws_agrees(program):
    if not options.soak:
        raise Skipped("only with --soak: aws takes seconds to start")
    if shutil.which("aws") is None:
        raise Skipped("aws is not installed")
    with own(program) as service:
        source = program.work / "source"
        source.mkdir()
        random_tree(source, choice_of("aws"), 30)
        for path in source.rglob("*"):  # aws sends again whatever is newer than its object, files from the future for ever
            os.utime(path, (1_500_000_000, 1_500_000_000))
        (source / "large").write_bytes(choice_of("large").randbytes((20 << 20) + 7))
        bucket, theirs, back = service.bucket(), service.bucket(), program.work / "back"
        sync(program, service, source, f"s3://{bucket}")
        env = {"PATH": os.environ["PATH"], "HOME": str(program.work), "LANG": "C.UTF-8", **service.environment(), "AWS_DEFAULT_REGION": "us-east-1"}

        def aws(*arguments):
            done = subprocess.run(["aws", "s3", "sync", "--no-progress", *map(str, arguments)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300)
            expect(done.returncode == 0, f"aws s3 sync {arguments}: {done.stderr.decode()}")
            return done.stdout.decode()

        expect(aws("--dryrun", source, f"s3://{bucket}") == "", "aws would upload what we have uploaded")
        aws(source, f"s3://{theirs}")
        expect(totals(program, service, source, f"s3://{theirs}")["kept"] == 31, "we see differences to what aws stored")
        sync(program, service, f"s3://{theirs}", back)
        expect({p: c for p, (c, _) in contents(back).items()} == {p: c for p, (c, _) in contents(source).items()}, "what aws stored came down otherwise")


def test_filters_choose_what_rsync_chooses(program):
    """Random rules over a tree of short names: rsync and we take the same files."""
    if shutil.which("rsync") is None:
        raise Skipped("rsync is not installed")
    source, empty = program.work / "source", program.work / "empty"
    empty.mkdir()
    choice = choice_of("filters")
    for _ in range(150):
        path = source.joinpath(*[choice.choice(["a", "b", "ab", "a.b"]) for _ in range(choice.randrange(1, 5))])
        with contextlib.suppress(OSError):  # a file stands where a directory is needed, or the other way round
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
    for round_ in range(200 if options.soak else 25):
        rules = []
        for _ in range(choice.randrange(1, 6)):
            text = "/".join(choice.choice(["a", "b", "ab", "*", "?", "a*", "*b", "**", "[ab]", "[!a]", "a.b", "*.b"]) for _ in range(choice.randrange(1, 4)))
            rules.append(f"--{choice.choice(['include', 'exclude', 'exclude'])}={choice.choice(['', '', '/'])}{text}{choice.choice(['', '', '/', '/***'])}")
        listed = subprocess.run(["rsync", "-rn", "--out-format=%n", *rules, f"{source}/", f"{empty}/"], stdout=subprocess.PIPE, check=True, text=True).stdout
        theirs = {line for line in listed.splitlines() if line and not line.endswith("/")}
        result = program.run("sync", source, empty, "--dry-run", "--json", "--no-empty-dirs", "--allow-empty", *rules)
        ours = {event["path"] for event in result.events if event["event"] == "file"}
        expect(ours == theirs, f"round {round_}, {rules}: rsync takes also {sorted(theirs - ours)}, we take also {sorted(ours - theirs)}")
        for path in choice.sample(sorted(ours | {"a/b", "b"}), 2):
            said = program.run("sync", source, empty, *rules, "--explain", path).out
            expect((": included" in said) == (path in ours) or not (source / path).is_file(), f"{rules}: {said}")


# Changes


def same_size_edit(path: pathlib.Path, choice: random.Random) -> None:
    """Other content of the same size under the same time, as careless or hostile programs leave it."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[choice.randrange(len(content))] ^= 1 + choice.randrange(255)
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_no_edit_is_missed_even_while_scanning(program):
    """One program edits all the time while runs follow each other; when it stops, one more run makes all the same."""
    with own(program) as service:
        source, copy, bucket = program.work / "source", program.work / "copy", f"s3://{service.bucket()}"
        source.mkdir()
        choice = choice_of("edits")
        random_tree(source, choice, 200, 3000)
        files = sorted(p for p in source.rglob("*") if p.is_file() and p.stat().st_size > 0)
        for round_ in range(20 if options.soak else 3):
            stop = threading.Event()

            def edit(stop=stop, seed=choice.randrange(1 << 30)):
                hand = random.Random(seed)
                while not stop.is_set():
                    same_size_edit(hand.choice(files), hand)

            editor = threading.Thread(target=edit)
            editor.start()
            try:
                for destination in (copy, bucket):
                    sync(program, service, source, destination, code=None)  # a file that will not hold still may fail
            finally:
                stop.set()
                editor.join()
            sync(program, service, source, copy)
            sync(program, service, source, bucket)
            expect_same(source, copy, f"round {round_}")
            back = program.work / f"back-{round_}"
            sync(program, service, bucket, back)
            expect_same(source, back, f"round {round_}, by way of the bucket")


def test_a_clock_that_is_wrong_changes_nothing(program):
    """Files from the future and from before 1970, on either side."""
    with own(program) as service:
        source, back, bucket = program.work / "source", program.work / "back", f"s3://{service.bucket()}"
        source.mkdir()
        for number, seconds in enumerate((-1_000_000, 0, 4_000_000_000, 9_000_000_000)):
            (source / str(number)).write_bytes(b"first")
            os.utime(source / str(number), ns=(0, seconds * 10**9 + 123_456_789))
        sync(program, service, source, bucket)
        sync(program, service, bucket, back)
        expect_same(source, back, "odd times")
        for number in range(4):
            same_size_edit(source / str(number), choice_of("clock"))
        expect(totals(program, service, source, bucket)["changed"] == 4, "an edit under an odd time was missed")
        expect(totals(program, service, bucket, back)["changed"] == 4, "an edit in the bucket was missed")


def test_limit_is_kept(program):
    with own(program) as service:
        source = program.work / "source"
        source.mkdir()
        (source / "file").write_bytes(bytes(6 << 20))
        took = totals(program, service, source, f"s3://{service.bucket()}", "--limit", "4MiB/s")["seconds"]
        expect(took > 0.9, f"6 MiB at 4 MiB/s took {took} s")


# Kill -9


def run_and_kill(program, service, wire, limit, *arguments) -> bool:
    """Kills a run once `limit` bytes have gone over the wire; whether it was killed."""
    wire.reset()
    process = program.start("sync", *arguments, env=service.environment(wire.url))

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

    wire.reset(limit, kill)
    process.communicate(timeout=300)
    return process.returncode == -signal.SIGKILL


def test_a_killed_transfer_goes_on_where_it_was(program):
    """Of a large file, no piece goes over the wire twice but those that were on their way at a kill."""
    workers, size = 2, 7 * PIECE + 12345
    with services(program) as found:
        for service in found:
            source, back, bucket = program.work / f"source-{service.name}", program.work / f"back-{service.name}", f"s3://{service.bucket()}"
            source.mkdir()
            choice = choice_of("resume")
            (source / "large").write_bytes(choice.randbytes(size))
            for pair, side in (((source, bucket), "up"), ((bucket, back), "down")):
                moved, kills = 0, 0
                with Wire(service.url) as wire:
                    while run_and_kill(program, service, wire, choice.randrange(PIECE, 3 * PIECE), *pair, "--workers", workers):
                        moved += wire.total
                        kills += 1
                        expect(kills < 100, f"{side} at {service.name}: it does not get any further")
                        if side == "down":
                            expect(not (back / "large").exists(), "a half of the file stands in its place")
                    moved += wire.total
                expect(kills > 0, "no kill came in time")
                bound = size + kills * workers * PIECE + (kills + 1) * (1 << 18)
                expect(moved <= bound, f"{side} at {service.name}: {moved} bytes went over the wire for {size} in {kills} kills, at most {bound} are explained")
            expect_same(source, back, "after kills")
            no_leftovers(back)


def test_killed_runs_leave_nothing_half_done(program):
    """Many small files and a large one, edits in between, kills at any moment; each file is always one whole version."""
    with own(program) as service:
        source, back, bucket = program.work / "source", program.work / "back", service.bucket()
        source.mkdir()
        choice = choice_of("kills")
        random_tree(source, choice, 300)
        (source / "large").write_bytes(choice.randbytes(PIECE + 4321))
        versions: dict[str, set[bytes]] = {p: {c} for p, (c, _) in contents(source).items()}
        store = client(service.url, service.key)
        killed = 0
        with Wire(service.url) as wire:
            for _ in range(40 if options.soak else 6):
                for path in choice.sample(sorted(versions), 30):
                    (source / path).write_bytes(choice.randbytes(choice.randrange(5000)))
                    versions[path].add((source / path).read_bytes())
                for pair in ((source, f"s3://{bucket}"), (f"s3://{bucket}", back)):
                    killed += run_and_kill(program, service, wire, choice.randrange(1000, 2_000_000), *pair, "--delete", "--max-delete", "100%")
                if back.exists():
                    for path, (content, _) in contents(back).items():
                        if not pathlib.Path(path).name.startswith(".duskline-tmp-"):
                            expect(content in versions[path], f"{path} is no version that there ever was")
                for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                    for row in page.get("Contents", []):
                        expect(row["Size"] in {len(c) for c in versions[row["Key"]]}, f"the object {row['Key']} is no version that there ever was")
            # By the same way: another endpoint's name makes another pair, which knows nothing of what was left.
            sync(program, service, source, f"s3://{bucket}", "--delete", url=wire.url)
            sync(program, service, f"s3://{bucket}", back, "--delete", "--max-delete", "100%", url=wire.url)
        expect(killed > 3, f"only {killed} runs were killed")
        expect_same(source, back, "after all kills")
        no_leftovers(back)
        # One that was begun in the moment of a kill nobody knows of; it has no parts.
        uploads = store.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        kept = [u["Key"] for u in uploads if store.list_parts(Bucket=bucket, Key=u["Key"], UploadId=u["UploadId"]).get("Parts")]
        expect(not kept, f"parts of unfinished uploads were left: {kept}")


def test_two_runs_of_a_pair_never_stack(program):
    with own(program) as service, Wire(service.url) as wire:
        source, bucket = program.work / "source", f"s3://{service.bucket()}"
        source.mkdir()
        (source / "file").write_bytes(b"x")
        begun, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            go_on.wait(60)

        wire.reset(1, hold)
        first = program.start("sync", source, bucket, env=service.environment(wire.url))
        expect(begun.wait(60), "the first run does not begin")
        refused = sync(program, service, source, bucket, "--no-wait", code=6, url=wire.url)
        expect("is running" in refused.err, refused.err)
        second = program.start("sync", source, bucket, env=service.environment(wire.url))
        go_on.set()
        expect(program.finish(first).code == 0, "the first run failed")
        waited = program.finish(second)
        expect(waited.code == 0 and "1 the same" in waited.out, f"the second did not wait and find all done: {waited.out}{waited.err}")


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
