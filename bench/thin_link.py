#!/usr/bin/env python3
"""2,000 incompressible files, 21 MB, over a link of 100 Mbit/s and 40 ms (bench/wan): pull from a real S3 server, beside rsync over the same link.

At line rate the bytes alone take 1.7 s. Each tool starts with no connection; wall time is what counts here.
"""
import argparse
import shutil
import subprocess

from harness import TOP, Bench, Cost, compare, have, measure, same_tree, table
from relay import Relay
from small import rsync_daemon

RATE_MBIT, ROUND_TRIP_MS = "100", "40"


def link(name: str) -> dict[str, str]:
    printed = subprocess.run([str(TOP / "bench" / "wan"), "up", name, RATE_MBIT, ROUND_TRIP_MS], check=True, capture_output=True, text=True).stdout
    return dict(word.split("=", 1) for word in printed.split())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    name, daemon = "dl-thin", None
    with Bench("thin-link") as bench:
        source = bench.data("dense")
        url = bench.start_s3()
        bench.duskline("publish", "dense", "--from", str(source), "--store", url)
        try:
            wan = link(name)
            near, far = (["ip", "netns", "exec", wan[side]] for side in ("WAN_NEAR", "WAN_FAR"))
            host, port = bench.endpoint.removeprefix("http://").split(":")
            relay = Relay((host, int(port)), wan["WAN_FAR_ADDRESS"], wan["WAN_FAR"])
            target = bench.work / "target"
            seen: dict[str, dict] = {}

            def pull(label: str, *flags: str):
                def run() -> Cost:
                    shutil.rmtree(target, ignore_errors=True)
                    bench.settle()
                    relay.reset()
                    cost = bench.duskline("pull", "dense", "--to", str(target), "--store", url, *flags, env={"AWS_ENDPOINT_URL": relay.url}, under=near)
                    same_tree(source, target / "current")
                    seen[label] = {**cost.report("pulled"), "wire": relay.to_client, "connections": relay.connections}
                    return cost

                return run

            runs = {label: pull(label, *flags) for label, flags in (("duskline pull", []), ("duskline pull --no-sync", ["--no-sync"]))}
            if have("rsync"):
                daemon, daemon_url = rsync_daemon(bench, source, wan["WAN_FAR_ADDRESS"], far)

                def rsync() -> Cost:
                    shutil.rmtree(target, ignore_errors=True)
                    target.mkdir()
                    bench.settle()
                    cost = measure([*near, "rsync", "-a", daemon_url, f"{target}/"])
                    same_tree(source, target)
                    return cost

                runs["rsync -a"] = rsync
            compare(rounds, runs, {"wall s": lambda c: c.seconds, "CPU s": lambda c: c.cpu, "peak MiB": lambda c: c.memory_bytes / (1 << 20)})
            table(["", "requests", "connections", "MB fetched", "MB on the wire"],
                  [[label, s["requests"], s["connections"], f"{s['fetched_bytes'] / 1e6:.2f}", f"{s['wire'] / 1e6:.2f}"] for label, s in seen.items()])
        finally:
            if daemon:
                daemon.terminate()
                daemon.wait()
            subprocess.run([str(TOP / "bench" / "wan"), "down", name], check=False)


if __name__ == "__main__":
    main()
