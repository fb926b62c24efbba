#!/usr/bin/env python3
"""A target that fails under the program: disks that fill up, that cannot be written, links and mounts put in the way while
a pull runs, two pulls at once. What was shown stays whole, the message says why, and the next pull mends it.

usage: hostile_target_test.py --duskline PROGRAM [--soak]

Needs root for mounts and for other users' files; without it those cases are passed over, and it says so.
"""
import argparse
import contextlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True
from bad_store import BUCKET, BadStore, Misdeed  # noqa: E402
from support import Failure, Program, Result, expect, fingerprint  # noqa: E402


class Skipped(Exception):
    pass


@contextlib.contextmanager
def mounted(place: pathlib.Path, options: str) -> Iterator[pathlib.Path]:
    """A small file system in memory at `place`."""
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skipped(f"no mount: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def remount(place: pathlib.Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


class HostileTarget:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.store = BadStore()
        program.environment |= {
            "AWS_ENDPOINT_URL": self.store.url, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "a secret of the tests", "NO_PROXY": "127.0.0.1",
            "DUSKLINE_STORE": f"s3://{BUCKET}/p",
        }
        self.choice = random.Random(7)
        self.source = program.work / "source"
        self.folder = program.work / "folder"

    def publish(self, files: int = 20, most_bytes: int = 3000) -> dict[str, str]:
        """A release whose files are all new."""
        shutil.rmtree(self.source, ignore_errors=True)
        (self.source / "sub").mkdir(parents=True)
        for number in range(files):
            where = self.source / "sub" if number % 2 else self.source
            (where / f"file {number}").write_bytes(self.choice.randbytes(most_bytes - number))
        self.program.run("publish", "set", "--from", self.source, "--allow-shrink")
        return fingerprint(self.source)

    def pull(self, target: pathlib.Path, *more: str, code: int | None = 0) -> Result:
        return self.program.run("pull", "set", "--to", target, *more, code=code)

    def during_the_fetch(self, work: Callable[[], None]) -> None:
        """Done when the next pull has asked for content, and before it gets any."""
        self.store.order(Misdeed("late", work=work), "GET", "/pack/")

    def says(self, result: Result, code: int, *words: str) -> None:
        expect(result.code == code, f"ended with {result.code}, not {code}: {result.err}")
        for word in words:
            expect(word in result.err, f"the message does not say {word!r}: {result.err}")
        expect("terminate called" not in result.err, result.err)

    # Disks

    def test_a_disk_too_small_is_refused_before_anything_is_fetched(self) -> None:
        with mounted(self.folder, "size=7m") as disk:
            old = self.publish()
            self.pull(disk / "target")
            self.publish(files=4, most_bytes=900_000)
            asked = len(self.store.requests)
            self.says(self.pull(disk / "target", code=None), 1, "free", "make room")
            expect(not any("/pack/" in request for request in self.store.requests[asked:]), "content was fetched all the same")
            expect(fingerprint(disk / "target" / "current") == old, "the target was changed")

    def full_midway(self, mode: str) -> None:
        shown = "target/current" if mode == "switched" else "target"
        with mounted(self.folder, "size=12m") as disk:
            old = self.publish()
            self.pull(disk / "target", "--mode", mode)
            new = self.publish(files=6, most_bytes=500_000)

            def fill() -> None:
                with open(disk / "filler", "wb") as filler, contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(4096))
                        filler.flush()

            self.during_the_fetch(fill)
            flags = ["--delete", "--allow-mass-delete"] if mode == "in-place" else []
            self.says(self.pull(disk / "target", *flags, code=None), 1, "no space left", "free some and run again")
            expect(fingerprint(disk / shown) == old, "the target was changed")
            expect(self.pull(disk / "target", *flags, code=None).code == 1, "there is still no room")
            (disk / "filler").unlink()
            self.pull(disk / "target", *flags)
            expect(fingerprint(disk / shown) == new, "not mended when there is room")

    def test_a_disk_full_midway_switched(self) -> None:
        self.full_midway("switched")

    def test_a_disk_full_midway_in_place(self) -> None:
        self.full_midway("in-place")

    def test_a_disk_without_inodes(self) -> None:
        with mounted(self.folder, "size=12m,nr_inodes=100") as disk:
            old = self.publish(files=10)
            self.pull(disk / "target")
            new = self.publish(files=120)
            self.says(self.pull(disk / "target", code=None), 1, "no space left")
            expect(fingerprint(disk / "target" / "current") == old, "the target was changed")
            remount(disk, "nr_inodes=1000")
            self.pull(disk / "target")
            expect(fingerprint(disk / "target" / "current") == new, "not mended")

    def test_files_that_may_not_grow(self) -> None:
        """As with ulimit -f, or a quota for single files."""
        target = self.program.work / "limited"
        old = self.publish()
        self.pull(target)
        self.publish(files=2, most_bytes=3_000_000)
        binary, self.program.binary = self.program.binary, "/usr/bin/prlimit"
        try:
            result = self.program.run("--fsize=1000000", binary, "pull", "set", "--to", target, code=None)
        finally:
            self.program.binary = binary
        self.says(result, 1, "larger than this file system or the process limit allows")
        expect(fingerprint(target / "current") == old, "the target was changed")
        self.pull(target)

    def test_a_disk_that_can_only_be_read(self) -> None:
        with mounted(self.folder, "size=12m") as disk:
            old = self.publish()
            self.pull(disk / "target")
            new = self.publish()
            remount(disk, "ro")
            self.says(self.pull(disk / "target", code=None), 1, "ead-only")
            self.says(self.pull(disk / "another", code=None), 1, "ead-only")
            self.program.run("verify", disk / "target")
            remount(disk, "rw")
            expect(fingerprint(disk / "target" / "current") == old, "the target was changed")
            self.pull(disk / "target")
            expect(fingerprint(disk / "target" / "current") == new, "not mended")

    def test_a_target_of_another_user(self) -> None:
        if os.geteuid() != 0:
            raise Skipped("not root")
        target = self.program.work / "theirs"
        self.publish()
        self.pull(target)
        os.chown(target / ".duskline", 65534, 65534)
        self.publish()
        self.says(self.pull(target, code=None), 5, "belongs to user 65534")
        os.chown(target / ".duskline", 0, 0)
        (target / ".duskline").chmod(0o777)
        self.says(self.pull(target, code=None), 5, "chmod it to 0700")

    def test_a_target_that_is_a_file(self) -> None:
        self.publish()
        target = self.program.work / "file"
        target.write_text("mine")
        self.says(self.pull(target, code=None), 5, "is not a directory")
        self.says(self.pull(target / "below", code=None), 5, "directory")
        self.says(self.pull(self.program.work / "no" / "such" / "folder", code=None), 1, "make it first")
        expect(target.read_text() == "mine", "it was changed")

    # Links put in the way

    def replaced_by_a_symlink(self, mode: str) -> None:
        target, moved, trap = (self.program.work / f"{name}-{mode}" for name in ("target", "moved", "trap"))
        shown = "current" if mode == "switched" else "."
        old = self.publish()
        self.pull(target, "--mode", mode)
        new = self.publish(files=30)
        trap.mkdir()

        def replace() -> None:
            target.rename(moved)
            target.symlink_to(trap)

        self.during_the_fetch(replace)
        self.pull(target, code=None)  # goes on where it began, or gives up
        expect(os.listdir(trap) == [], "something was written through the link")
        expect(fingerprint(moved / shown) in (old, new), "what was there is broken")
        self.says(self.pull(target, code=None), 5, "is a symlink")
        expect(os.listdir(trap) == [], "something was written through the link")
        self.pull(moved)
        expect(fingerprint(moved / shown) == new, "not mended")

    def test_the_target_becomes_a_symlink_midway_switched(self) -> None:
        self.replaced_by_a_symlink("switched")

    def test_the_target_becomes_a_symlink_midway_in_place(self) -> None:
        self.replaced_by_a_symlink("in-place")

    def test_a_folder_in_place_becomes_a_symlink_midway(self) -> None:
        target, trap = self.program.work / "linked", self.program.work / "linked-trap"
        self.publish()
        self.pull(target, "--mode", "in-place")
        new = self.publish()
        trap.mkdir()

        def replace() -> None:
            (target / "sub").rename(self.program.work / "linked-sub")
            (target / "sub").symlink_to(trap)

        self.during_the_fetch(replace)
        self.says(self.pull(target, code=None), 5, "has become a symlink", "pull again")
        expect(os.listdir(trap) == [], "something was written through the link")
        (target / "sub").unlink()
        self.pull(target)
        expect(fingerprint(target) == new, "not mended")

    def test_own_folders_that_are_symlinks(self) -> None:
        target, trap = self.program.work / "own", self.program.work / "own-trap"
        trap.mkdir()
        self.publish()
        target.mkdir()
        (target / ".duskline").symlink_to(trap)
        self.says(self.pull(target, code=None), 5, "is not a directory")
        (target / ".duskline").unlink()
        self.pull(target)
        for name in ("staging", "trees", "files", "receipts"):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(target / ".duskline" / name)
            (target / ".duskline" / name).symlink_to(trap)
            new = self.publish()
            result = self.pull(target, code=None)
            expect(os.listdir(trap) == [], f"something was written through {name}")
            if result.code == 0:
                expect(fingerprint(target / "current") == new, "not pulled")
            else:
                expect("duskline/" + name in result.err, f"the message does not name it: {result.err}")
            link = target / ".duskline" / name
            if link.is_symlink():
                link.unlink()
            self.pull(target)
            expect(fingerprint(target / "current") == new, "not mended")

    # Mounts

    def test_mounts_are_never_crossed(self) -> None:
        target = self.program.work / "with-mount"
        self.publish()
        self.pull(target, "--mode", "in-place")
        with mounted(target / "media", "size=1m") as media:
            (media / "upload").write_text("of the site")
            self.publish()
            self.pull(target, "--delete", "--allow-mass-delete")
            expect((media / "upload").read_text() == "of the site", "--delete crossed a mount")
            shutil.rmtree(self.source)
            self.source.mkdir()
            (self.source / "media").write_text("a file of that name")
            self.program.run("publish", "set", "--from", self.source, "--allow-shrink")
            self.says(self.pull(target, "--delete", "--allow-mass-delete", code=None), 5, "mount point")
            expect((media / "upload").read_text() == "of the site", "a mount was emptied")
            self.pull(target, "--delete", "--allow-mass-delete", "--keep", "/media/", code=None)
            expect((media / "upload").read_text() == "of the site", "what is kept was touched")

    def test_a_kept_mount_in_a_switched_tree_is_refused(self) -> None:
        target = self.program.work / "switched-mount"
        self.publish()
        self.pull(target)
        uploads = (target / "current").resolve() / "uploads"
        with mounted(uploads, "size=1m"):
            (uploads / "picture").write_text("of the site")
            self.publish()
            self.says(self.pull(target, "--keep", "/uploads/", code=None), 5, "uploads", "in place")
            expect((uploads / "picture").read_text() == "of the site", "what is kept was touched")

    # Two at once

    def test_another_pull_on_the_same_target(self) -> None:
        target = self.program.work / "shared"
        self.publish()
        self.pull(target)
        new = self.publish()
        begun, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            go_on.wait(120)

        self.during_the_fetch(hold)
        first = self.program.start("pull", "set", "--to", str(target))
        expect(begun.wait(120), "the first pull never asked for content")
        try:
            self.says(self.pull(target, code=None), 6, "is in use by process " + str(first.pid), "wait for it")
            self.says(self.program.run("rollback", target, code=None), 6, "in use")
            second = self.program.start("pull", "set", "--to", str(target), "--wait", "2m")
        finally:
            go_on.set()
        expect(self.program.finish(first).code == 0, "the first was disturbed")
        expect(self.program.finish(second).code == 0, "the second did not wait")
        expect(fingerprint(target / "current") == new, "not pulled")

    def run(self) -> int:
        failed = 0
        for name in [name for name in dir(self) if name.startswith("test_")]:
            what = name.removeprefix("test_").replace("_", " ")
            try:
                getattr(self, name)()
                print(f"ok {what}", flush=True)
            except Skipped as skipped:
                print(f"skipped {what}: {skipped}", flush=True)
            except Failure as failure:
                failed += 1
                print(f"FAILED {what}: {failure}", flush=True)
            finally:
                self.store.forgive()
        return failed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--soak", action="store_true", help="the same: it is short")
    arguments = parser.parse_args()
    with Program(arguments.duskline, "hostile-target") as program:
        test = HostileTarget(program)
        try:
            failed = test.run()
        finally:
            test.store.close()
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
