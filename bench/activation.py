#!/usr/bin/env python3
"""What an update of one file costs where 200,000 lie: a switched target makes a whole new tree of links, an in-place one renames one file.

The figures behind docs/design/004-activation.md, where it decides that switched targets make a new tree for each release. The peer is
`cp -al`, which makes such a tree and nothing else.
"""
import argparse
import subprocess

from harness import Bench, Cost, compare, measure, same_tree


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with Bench("activation") as bench:
        source = bench.data("huge")
        changed = min(path for path in source.rglob("*") if path.is_file())
        store = str(bench.work / "store")
        targets = {mode: bench.work / mode for mode in ("switched", "in-place")}

        def publish() -> None:
            bench.duskline("publish", "huge", "--from", str(source), "--store", store)

        def pull(mode: str) -> Cost:
            cost = bench.duskline("pull", "huge", "--to", str(targets[mode]), "--store", store, "--mode", mode, "--no-sync")
            if cost.report("pulled")["outcome"] != "activated":
                raise SystemExit("there was nothing to pull")
            return cost

        def switched() -> Cost:
            # One edit for both targets: this one pulls first.
            changed.write_bytes(changed.read_bytes() + b"x")
            publish()
            return pull("switched")

        def links() -> Cost:
            copy = bench.fresh("links")
            return measure(["cp", "-al", f"{source}/", f"{copy}/"])

        publish()
        for mode in targets:
            pull(mode)
        print("### update of one file of 200,000, without the final sync")
        compare(rounds, {"switched": switched, "in-place": lambda: pull("in-place"), "cp -al": links})
        same_tree(source, targets["switched"] / "current")
        subprocess.run(["rm", "-rf", str(targets["in-place"] / ".duskline")], check=True)
        same_tree(source, targets["in-place"])


if __name__ == "__main__":
    main()
