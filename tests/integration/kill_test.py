#!/usr/bin/env python3
"""kill -9 in a loop: of publish and of pull, switched and in-place; store and target are checked after each kill.

usage: kill_test.py --duskline PROGRAM [--soak] [--seed N]
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Failure, Program, edit_tree, expect, fingerprint, make_tree  # noqa: E402


def kill_after(process, seconds: float) -> bool:
    """Lets it run for so long, then kills it; whether it was still running."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        os.sched_yield()
    running = process.poll() is None
    if running:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return running


class Torture:
    def __init__(self, program: Program, seed: int) -> None:
        self.program = program
        self.choice = random.Random(seed)
        self.source = program.work / "source"
        self.store = program.work / "store"
        self.source.mkdir()
        make_tree(self.source, self.choice, 400)
        (self.source / "large").write_bytes(self.choice.randbytes(6_000_000))
        self.publish_seconds = 0.5
        self.pull_seconds = 0.5

    def publish_arguments(self) -> list[str]:
        return ["publish", "t", "--from", str(self.source), "--store", str(self.store)]

    def pull_arguments(self, target: pathlib.Path, *more: str) -> list[str]:
        return ["pull", "t", "--to", str(target), "--store", str(self.store), *more]

    def edit(self) -> None:
        edit_tree(self.source, self.choice, 30, spared=("large",))
        large = bytearray((self.source / "large").read_bytes())
        for _ in range(5):
            at = self.choice.randrange(len(large) - 5000)
            large[at : at + 4096] = self.choice.randbytes(4096)
        (self.source / "large").write_bytes(large)

    def publish(self) -> None:
        began = time.monotonic()
        self.program.run(*self.publish_arguments())
        self.publish_seconds = time.monotonic() - began

    def check_store(self, allowed: list[dict]) -> int:
        """What the head names can be pulled whole and is one of `allowed`: which."""
        target = self.program.work / "check"
        shutil.rmtree(target, ignore_errors=True)
        self.program.run(*self.pull_arguments(target))
        seen = fingerprint(target / "current")
        expect(seen in allowed, "the head names a release that is neither the old nor the new one")
        return allowed.index(seen)

    def kill_publish(self, rounds: int) -> None:
        self.publish()
        old = fingerprint(self.source)
        killed = moved = 0
        for _ in range(rounds):
            self.edit()
            new = fingerprint(self.source)
            process = self.program.start(*self.publish_arguments())
            killed += kill_after(process, self.choice.uniform(0, 1.2 * self.publish_seconds))
            which = self.check_store([old, new] if old != new else [old])
            moved += which
            self.publish()
            expect(self.check_store([new]) == 0, "the publish after a kill completes")
            old = new
        print(f"publish: {rounds} runs, {killed} killed before their end, {moved} heads had moved by then")

    def kill_pull(self, rounds: int, mode: str) -> None:
        target = self.program.work / f"target-{mode}"
        shown = target / "current" if mode == "switched" else target
        self.publish()
        flags = ["--mode", mode, "--delete", "--allow-mass-delete"] if mode == "in-place" else ["--mode", mode]
        began = time.monotonic()
        self.program.run(*self.pull_arguments(target, *flags))
        self.pull_seconds = time.monotonic() - began
        old = fingerprint(self.source)
        killed = 0
        for _ in range(rounds):
            self.edit()
            self.publish()
            new = fingerprint(self.source)
            for _ in range(self.choice.randrange(1, 4)):
                process = self.program.start(*self.pull_arguments(target, *flags))
                killed += kill_after(process, self.choice.uniform(0, 1.2 * self.pull_seconds))
                seen = fingerprint(shown)
                if mode == "switched":
                    expect(seen in (old, new), "a switched target shows something that is neither the old nor the new release")
                else:
                    for path, what in seen.items():
                        known = (old.get(path), new.get(path))
                        # A directory made by the journal gets its own mode at the journal's end.
                        expect(what in known or what.startswith("directory"), f"in-place: {path!r} is neither old nor new: {what}")
            self.program.run(*self.pull_arguments(target, *flags))
            expect(fingerprint(shown) == new, f"{mode}: the pull after the kills completes")
            self.program.run("verify", str(target))
            old = new
        print(f"pull {mode}: {rounds} updates, {killed} pulls killed before their end")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    chosen = parser.parse_args()
    rounds = 150 if chosen.soak else 12
    print(f"seed {chosen.seed} (replay with --seed {chosen.seed})")
    try:
        with Program(chosen.duskline, "kill") as program:
            torture = Torture(program, chosen.seed)
            torture.kill_publish(rounds)
            torture.kill_pull(rounds, "switched")
            torture.kill_pull(rounds, "in-place")
    except Failure as failure:
        print(f"FAILED with seed {chosen.seed}: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
