#!/usr/bin/env python3
"""20,000 small files, 213 MB, half compressible: publish, and pull by a target that has nothing; a real S3 server on loopback.

Peers: rsync from a daemon (client's CPU), restic, rclone; each result is compared byte for byte. Runs of every tool end without a
final sync, and one more column has each followed by one (`sync -f` for the peers; our own otherwise).
"""
import argparse
import pathlib
import shutil
import subprocess

from harness import Bench, Cost, compare, have, measure, same_tree, table


def rsync_daemon(bench: Bench, source: pathlib.Path, address: str = "127.0.0.1", under: list[str] | None = None) -> tuple[subprocess.Popen, str]:
    config = bench.base / "rsyncd.conf"
    config.write_text(f"use chroot = no\nport = 28730\naddress = {address}\n[data]\npath = {source}\nread only = yes\nuid = 0\ngid = 0\n")
    daemon = subprocess.Popen([*(under or []), "rsync", "--daemon", "--no-detach", f"--config={config}"])
    return daemon, f"rsync://{address}:28730/data/"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with Bench("small") as bench:
        source = bench.data("small")
        url = bench.start_s3()
        env = bench.environment
        rclone = {"RCLONE_CONFIG_B_TYPE": "s3", "RCLONE_CONFIG_B_PROVIDER": "Ceph", "RCLONE_CONFIG_B_ENV_AUTH": "true", "RCLONE_CONFIG_B_ENDPOINT": bench.endpoint, "RCLONE_CONFIG": "/dev/null"}
        restic = {"RESTIC_REPOSITORY": f"s3:{bench.endpoint}/bench/restic", "RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(bench.work / "restic-cache")}
        count = 0

        def fresh_store() -> str:
            nonlocal count
            count += 1
            return f"{url}/{count}"

        publishes: dict = {}

        def publish() -> Cost:
            shutil.rmtree(bench.work / "cache", ignore_errors=True)
            publishes["url"] = fresh_store()
            return bench.duskline("publish", "small", "--from", str(source), "--store", publishes["url"])

        def restic_backup() -> Cost:
            repository = {**restic, "RESTIC_REPOSITORY": f"s3:{bench.endpoint}/bench/restic{fresh_store()[-3:].replace('/', '')}"}
            measure(["restic", "init", "-q"], {**env, **repository})
            publishes["restic"] = repository
            return measure(["restic", "backup", "-q", "."], {**env, **repository}, cwd=str(source))

        def rclone_copy() -> Cost:
            publishes["rclone"] = f"b:bench/rclone{fresh_store()[-3:].replace('/', '')}"
            return measure(["rclone", "copy", str(source), publishes["rclone"], "--transfers", "16", "-q"], {**env, **rclone})

        print("### publish")
        runs = {"duskline publish": publish}
        if have("restic"):
            runs["restic backup"] = restic_backup
        if have("rclone"):
            runs["rclone copy"] = rclone_copy
        compare(rounds, runs)

        target = bench.work / "target"
        daemon, daemon_url = rsync_daemon(bench, source) if have("rsync") else (None, "")

        def pull(*flags: str):
            def run() -> Cost:
                shutil.rmtree(target, ignore_errors=True)
                bench.settle()
                cost = bench.duskline("pull", "small", "--to", str(target), "--store", publishes["url"], *flags)
                same_tree(source, target / "current")
                run.requests = cost.report("pulled")["requests"]
                return cost

            return run

        def other(command: list[str], extra: dict[str, str], below: str = "."):
            def run() -> Cost:
                shutil.rmtree(target, ignore_errors=True)
                target.mkdir()
                bench.settle()
                cost = measure(command, {**env, **extra})
                same_tree(source, target / below)
                return cost

            return run

        try:
            for title, flags, tail in (("without a final sync", ["--no-sync"], ""), ("with one sync at the end", [], f" && sync -f {target}")):
                print(f"\n### pull, {title}")
                ours = pull(*flags)
                runs = {"duskline pull": ours}
                if daemon:
                    runs["rsync -a"] = other(["sh", "-c", f"rsync -a {daemon_url} {target}/{tail}"], {})
                if "restic" in publishes:
                    runs["restic restore"] = other(["sh", "-c", f"restic restore -q latest --target {target}{tail}"], publishes["restic"])
                if "rclone" in publishes:
                    runs["rclone copy"] = other(["sh", "-c", f"rclone copy {publishes['rclone']} {target} --transfers 16 -q{tail}"], rclone)
                compare(rounds, runs)
                table(["", "requests"], [["duskline pull", ours.requests]])
        finally:
            if daemon:
                daemon.terminate()
                daemon.wait()


if __name__ == "__main__":
    main()
