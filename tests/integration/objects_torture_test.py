#!/usr/bin/env python3
"""kill -9 of a process that writes to a store, again and again; the store is compared with its ledger after each kill.

usage: objects_torture_test.py PROGRAM [--rounds N] [--seed N] [--directory DIR]
"""
import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile


def write_until_killed(program: str, store: pathlib.Path, ledger: pathlib.Path, seed: int, seconds: float) -> None:
    process = subprocess.Popen([program, "write", str(store), str(ledger), str(seed)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if seconds >= 0.05 and process.stdout.readline() != "ready\n":
        raise SystemExit(f"the writer did not start: exit code {process.wait()}")
    try:
        # It never ends by itself: what is waited for is the moment of the kill.
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return
    raise SystemExit(f"the writer ended by itself with exit code {process.returncode}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--directory", default=None)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    choice = random.Random(arguments.seed)
    work = pathlib.Path(arguments.directory or tempfile.mkdtemp(prefix="duskline-torture-"))
    store, ledger = work / "store", work / "ledger"
    for number in range(arguments.rounds):
        # Some kills come while the store is being opened.
        seconds = choice.uniform(0, 0.04) if number % 4 == 3 else choice.uniform(0.1, 1.0)
        write_until_killed(arguments.program, store, ledger, choice.randrange(1 << 30), seconds)
        if choice.random() < 0.3:
            for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
                (store / name).unlink(missing_ok=True)
        verified = subprocess.run([arguments.program, "verify", str(store), str(ledger)], capture_output=True, text=True)
        if verified.returncode != 0:
            print(verified.stdout + verified.stderr)
            print(f"round {number}, seed {arguments.seed}: store and ledger are left in {work}")
            return 1
    print(verified.stdout.strip())
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
