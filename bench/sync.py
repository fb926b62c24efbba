#!/usr/bin/env python3
"""duskline sync beside rclone, s5cmd, aws, rsync and cp: small files, nothing changed, 2 GiB, directory to directory, a slow mount.

usage: sync.py [--rounds N] [--server ours|rgw] [--only small,unchanged,large,folders,slow]

CPU is the client's alone; the server runs beside it and is not counted. What was copied is compared byte for byte. A peer that is not
installed is left out, and named.
"""
import argparse
import itertools
import pathlib
import shutil
import subprocess

from harness import TOP, Bench, Cost, compare, have, measure, same_tree

PARTS = ["small", "unchanged", "large", "folders", "slow"]


class SyncBench(Bench):
    def start(self, server: str) -> None:
        """The peers' settings for either server, with a bucket "bench"."""
        if server == "rgw":
            self.start_s3()
        else:
            self.start_store()
        self.rclone = {
            "RCLONE_CONFIG_B_TYPE": "s3", "RCLONE_CONFIG_B_PROVIDER": "Other", "RCLONE_CONFIG_B_ENV_AUTH": "true",
            "RCLONE_CONFIG_B_ENDPOINT": self.endpoint, "RCLONE_CONFIG": "/dev/null"}
        self.env = {**self.environment, **self.rclone, "S3_ENDPOINT_URL": self.endpoint, "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}

    def forget(self) -> None:
        """The next run of ours is a first one."""
        shutil.rmtree(self.work / "cache", ignore_errors=True)

    def peers(self, commands: dict[str, list[str]], prepare=None, check=None) -> dict:
        def run_of(command: list[str]):
            def run() -> Cost:
                if prepare:
                    prepare()
                self.settle()
                cost = measure(command, self.env)
                if check:
                    check()
                return cost

            return run

        return {name: run_of(command) for name, command in commands.items() if have(command[0])}


def both_ways(bench: SyncBench, kind: str, rounds: int) -> None:
    source, target = bench.data(kind), bench.work / "target"

    def empty() -> None:
        shutil.rmtree(target, ignore_errors=True)

    # Each peer has a prefix of its own, emptied before: what is there already would not be sent again.
    numbers = iter(range(1000))

    def fresh(name: str) -> str:
        return f"{name}-{kind}-{next(numbers)}"

    def up_ours() -> Cost:
        bench.forget()
        bench.settle()
        return bench.duskline("sync", str(source), f"s3://bench/{fresh('ours')}")

    def up_of(command):
        def run() -> Cost:
            bench.settle()
            return measure(command(fresh("peer")), bench.env)

        return run

    print(f"### {kind}, up")
    runs = {"duskline sync": up_ours}
    if have("rclone"):
        runs["rclone copy"] = up_of(lambda to: ["rclone", "copy", str(source), f"b:bench/{to}", "--transfers", "16", "-q"])
    if have("s5cmd"):
        runs["s5cmd cp"] = up_of(lambda to: ["s5cmd", "--log", "error", "cp", f"{source}/", f"s3://bench/{to}/"])
    if have("aws") and kind == "large":  # half a minute of CPU for the small files
        runs["aws s3 cp"] = up_of(lambda to: ["aws", "s3", "cp", "--only-show-errors", "--recursive", str(source), f"s3://bench/{to}"])
    compare(rounds, runs)

    bench.forget()
    bench.duskline("sync", str(source), f"s3://bench/{kind}")

    def down_ours() -> Cost:
        bench.forget()
        empty()
        bench.settle()
        cost = bench.duskline("sync", f"s3://bench/{kind}", str(target), "--no-sync")
        same_tree(source, target)
        return cost

    print(f"\n### {kind}, down, without a final sync")
    compare(rounds, {"duskline sync": down_ours, **bench.peers({
        "rclone copy": ["rclone", "copy", f"b:bench/{kind}", str(target), "--transfers", "16", "-q"],
        "s5cmd cp": ["s5cmd", "--log", "error", "cp", f"s3://bench/{kind}/*", f"{target}/"],
        **({"aws s3 cp": ["aws", "s3", "cp", "--only-show-errors", "--recursive", f"s3://bench/{kind}", str(target)]} if kind == "large" else {}),
    }, prepare=empty, check=lambda: same_tree(source, target))})
    empty()


def unchanged(bench: SyncBench, rounds: int) -> None:
    source = bench.data("huge")
    bench.duskline("sync", str(source), "s3://bench/huge")

    def ours() -> Cost:
        cost = bench.duskline("sync", str(source), "s3://bench/huge")
        if cost.report("synced")["kept"] != 200_000:
            raise SystemExit("sync did something although nothing had changed")
        return cost

    print("\n### nothing changed, 200,000 files")
    compare(rounds, {"duskline sync": ours, **bench.peers({
        "rclone, unsafe": ["rclone", "sync", str(source), "b:bench/huge", "--update", "--use-server-modtime", "--checkers", "16", "-q"],
    })})


def folders(bench: SyncBench, rounds: int) -> None:
    source, target = bench.data("small"), bench.work / "target"

    def empty() -> None:
        shutil.rmtree(target, ignore_errors=True)

    def ours() -> Cost:
        bench.forget()
        empty()
        bench.settle()
        cost = bench.duskline("sync", str(source), str(target), "--no-sync")
        same_tree(source, target)
        return cost

    print("\n### directory to directory, 20,000 small files")
    compare(rounds, {"duskline sync": ours, **bench.peers({
        "cp -a": ["cp", "-a", str(source), str(target)],
        "rsync -a": ["rsync", "-a", f"{source}/", f"{target}/"],
    }, prepare=empty, check=lambda: same_tree(source, target))})
    empty()


def slow(bench: SyncBench, rounds: int) -> None:
    """Over sshfs, whose server answers 5 ms late; a twentieth of the small files, since one at a time takes its time."""
    if not have("sshfs"):
        return
    source, mount, target = bench.data("small") / "d00", bench.work / "slow", bench.work / "far"
    mount.mkdir()
    target.mkdir()
    subprocess.run(["sshfs", "-o", f"ssh_command={TOP}/bench/slow_mount.py 2.5", f"x:{bench.work}", str(mount)], check=True)
    columns = {"wall s": lambda c: c.seconds, "CPU s": lambda c: c.cpu}
    numbers = itertools.count()

    def runs(from_mount: bool) -> dict:
        """Each run has a target of its own: what sshfs remembers of one that was emptied behind its back would mislead."""
        from_ = mount / "data" / "small" / "d00" if from_mount else source

        def run_of(command):
            def run() -> Cost:
                name = f"copy{next(numbers)}"
                to = bench.work / name if from_mount else mount / "far" / name
                cost = command(str(from_), str(to))
                there = bench.work / name if from_mount else target / name
                same_tree(source, there)
                shutil.rmtree(there)
                return cost

            return run

        peers = {"rsync -a": lambda a, b: measure(["rsync", "-a", a + "/", b + "/"]), "cp -a": lambda a, b: measure(["cp", "-a", a, b])}
        return {"duskline sync": run_of(lambda a, b: bench.duskline("sync", a, b)), **{n: run_of(c) for n, c in peers.items() if have(n.split()[0])}}

    try:
        for title, from_mount in (("from", True), ("to", False)):
            print(f"\n### {title} a mount with 5 ms of delay, 1,000 small files")
            compare(rounds, runs(from_mount), columns)
    finally:
        subprocess.run(["fusermount", "-u", "-z", str(mount)], check=False)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=["ours", "rgw"], default="rgw")
    parser.add_argument("--only", default=",".join(PARTS))
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    with SyncBench("sync", 40) as bench:
        bench.start(arguments.server)
        for kind in ("small", "large"):
            if kind in wanted:
                both_ways(bench, kind, arguments.rounds)
        if "folders" in wanted:
            folders(bench, arguments.rounds)
        if "slow" in wanted:
            slow(bench, arguments.rounds)
        if "unchanged" in wanted:
            unchanged(bench, arguments.rounds)


if __name__ == "__main__":
    main()
