#!/usr/bin/env python3
"""Runs the benchmarks.   usage: run.py [NAME...]   (make bench, make bench WHICH="small image")

Each is a program of its own: bench/NAME.py [--rounds N]. Without names: all of them, which takes about three hours on two cores.
"""
import os
import pathlib
import subprocess
import sys

NAMES = ["small", "no_change", "large", "image", "packages", "thin_link", "million", "store", "sync"]


def main() -> int:
    here = pathlib.Path(__file__).resolve().parent
    names = sys.argv[1:] or NAMES
    unknown = [n for n in names if n not in NAMES]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]}; there are: {' '.join(NAMES)}")
    commit = subprocess.run(["git", "-C", str(here), "describe", "--always", "--dirty"], check=False, capture_output=True, text=True).stdout.strip()
    print(f"commit {commit or 'unknown'}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}", flush=True)
    failed = []
    for name in names:
        print(f"\n## {name}\n", flush=True)
        if subprocess.run([sys.executable, str(here / f"{name}.py")], check=False).returncode != 0:
            failed.append(name)
    if failed:
        print(f"failed: {' '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
