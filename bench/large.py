#!/usr/bin/env python3
"""2 GiB of incompressible bytes in one file, pulled from a real S3 server on loopback, every byte verified. Peers: rsync, and hashing alone
(openssl, since Debian's sha256sum does without the CPU's SHA instructions); then verify, which reads it all again."""
import argparse
import shutil
import subprocess

from harness import Bench, Cost, compare, have, measure, same_tree, table
from small import rsync_daemon


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with Bench("large") as bench:
        source = bench.data("large")
        url = bench.start_s3()
        published = bench.duskline("publish", "large", "--from", str(source), "--store", url)
        table(["", "CPU s", "wall s", "peak MiB"], [["duskline publish", f"{published.cpu:.2f}", f"{published.seconds:.2f}", f"{published.memory_bytes / (1 << 20):.0f}"]])
        target = bench.work / "target"

        def pull() -> Cost:
            shutil.rmtree(target, ignore_errors=True)
            bench.settle()
            cost = bench.duskline("pull", "large", "--to", str(target), "--store", url)
            same_tree(source, target / "current")
            return cost

        runs = {"duskline pull": pull, "openssl sha256 (alone)": lambda: measure(["openssl", "dgst", "-sha256", str(source / "large.bin")])}
        daemon = None
        if have("rsync"):
            daemon, daemon_url = rsync_daemon(bench, source)

            def rsync() -> Cost:
                shutil.rmtree(target, ignore_errors=True)
                target.mkdir()
                bench.settle()
                cost = measure(["rsync", "-a", daemon_url, f"{target}/"])
                same_tree(source, target)
                return cost

            runs["rsync -a"] = rsync
        try:
            compare(rounds, runs)
            pull()
            print("\n### verify")
            compare(rounds, {"duskline verify": lambda: bench.duskline("verify", str(target))})
        finally:
            if daemon:
                daemon.terminate()
                daemon.wait()


if __name__ == "__main__":
    main()
