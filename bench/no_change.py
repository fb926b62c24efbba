#!/usr/bin/env python3
"""Nothing has changed: publish over 200,000 files, and pull of what is already there. Peers: rsync (dry comparison of the trees), rclone."""
import argparse
import subprocess

from harness import Bench, Cost, compare, have, measure, table


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with Bench("no-change") as bench:
        source = bench.data("huge")
        url = bench.start_s3()
        bench.duskline("publish", "huge", "--from", str(source), "--store", url)
        # Stamps written in the second of the scan are read again once (the racy rule): the second run settles that.
        bench.duskline("publish", "huge", "--from", str(source), "--store", url)

        seen: dict = {}

        def publish() -> Cost:
            cost = bench.duskline("publish", "huge", "--from", str(source), "--store", url)
            seen["publish"] = cost.report("published")
            if seen["publish"]["outcome"] != "unchanged":
                raise SystemExit("publish wrote although nothing had changed")
            return cost

        runs = {"duskline publish": publish}
        copy = bench.work / "copy"
        if have("rsync"):
            subprocess.run(["rsync", "-a", f"{source}/", f"{copy}/"], check=True)
            runs["rsync -a (local)"] = lambda: measure(["rsync", "-a", f"{source}/", f"{copy}/"])
        if have("rclone"):
            runs["rclone sync (local)"] = lambda: measure(["rclone", "sync", "-q", str(source), str(copy)], {"RCLONE_CONFIG": "/dev/null"})
        print("### publish, nothing changed, 200,000 files")
        compare(rounds, runs)
        answer = seen["publish"]
        table(["", "requests", "bytes received", "bytes sent"], [["duskline publish", answer["requests"], answer["received_bytes"], answer["sent_bytes"]]])

        target = bench.work / "target"
        bench.duskline("pull", "huge", "--to", str(target), "--store", url)

        def pull() -> Cost:
            cost = bench.duskline("pull", "huge", "--to", str(target), "--store", url)
            seen["pull"] = cost.report("pulled")
            if seen["pull"]["outcome"] != "current":
                raise SystemExit("pull moved something although nothing was new")
            return cost

        print("\n### pull, nothing new")
        compare(rounds * 3, {"duskline pull": pull}, {"CPU s": lambda c: c.cpu, "wall s": lambda c: c.seconds, "peak MiB": lambda c: c.memory_bytes / (1 << 20)})
        table(["", "requests", "bytes received"], [["duskline pull", seen["pull"]["requests"], seen["pull"]["fetched_bytes"]]])


if __name__ == "__main__":
    main()
