#!/usr/bin/env python3
"""1,000,000 small files: peak memory of publish and of pull."""
import subprocess

from harness import Bench, table


def main() -> None:
    with Bench("million", size_gib=40) as bench:
        source = bench.data("million")
        store = bench.work / "store"
        rows = []
        published = bench.duskline("publish", "million", "--from", str(source), "--store", str(store))
        rows.append(["publish", f"{published.memory_bytes / (1 << 20):.0f}", f"{published.cpu:.1f}", f"{published.seconds:.1f}"])
        again = bench.duskline("publish", "million", "--from", str(source), "--store", str(store))
        rows.append(["publish, nothing changed", f"{again.memory_bytes / (1 << 20):.0f}", f"{again.cpu:.1f}", f"{again.seconds:.1f}"])
        target = bench.work / "target"
        pulled = bench.duskline("pull", "million", "--to", str(target), "--store", str(store))
        rows.append(["pull", f"{pulled.memory_bytes / (1 << 20):.0f}", f"{pulled.cpu:.1f}", f"{pulled.seconds:.1f}"])
        verified = bench.duskline("verify", str(target))
        if not verified.report("verified")["clean"]:
            raise SystemExit("the target is not what was signed")
        rows.append(["verify", f"{verified.memory_bytes / (1 << 20):.0f}", f"{verified.cpu:.1f}", f"{verified.seconds:.1f}"])
        subprocess.run(["diff", "-rq", str(source), str(target / "current")], check=True)
        table(["1,000,000 files", "peak MiB", "CPU s", "wall s"], rows)


if __name__ == "__main__":
    main()
