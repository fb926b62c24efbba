#!/usr/bin/env python3
"""Updates of a 1 GiB disk image: bytes on the wire. v1 -> v2: 64 KiB edits, a move, an insertion; v1 -> v3: 4 KiB edits.

Peers: rsync -z (bytes it says it sent and received), zsync (bytes its range requests fetched, and its control file).
"""
import re
import shutil
import subprocess

from harness import Bench, Cost, have, measure, table


def rsync_bytes(before, after, folder) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy2(before, folder / "image")
    # Over a local pair rsync copies whole files; --no-whole-file makes it do what it would over a link.
    done = measure(["rsync", "-az", "--no-whole-file", "--stats", str(after), str(folder / "image")])
    return sum(int(n.replace(",", "")) for n in re.findall(r"Total bytes (?:sent|received): ([\d,]+)", done.output))


def zsync_bytes(before, after, folder) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run(["zsyncmake", "-q", "-u", "http://127.0.0.1:28731/image", "-o", str(folder / "image.zsync"), str(after)], check=True, capture_output=True)
    (folder / "image").symlink_to(after)
    server = subprocess.Popen(["/usr/bin/python3", str(__file__).replace("image.py", "range_server.py"), str(folder), "28731"], stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    try:
        measure(["zsync", "-q", "-i", str(before), "-o", str(folder / "out"), "http://127.0.0.1:28731/image.zsync"], cwd=str(folder))
    finally:
        server.terminate()
        sent = int(server.communicate()[0].strip().splitlines()[-1])
    if subprocess.run(["cmp", str(folder / "out"), str(after)], check=False).returncode != 0:
        raise SystemExit("zsync made another image")
    return sent


def main() -> None:
    with Bench("image") as bench:
        images = bench.data("image")
        rows = []
        for number, what in ((2, "64 KiB edits, move, insertion"), (3, "4 KiB edits")):
            source, store, target = bench.fresh("source"), bench.fresh("store"), bench.fresh("target")
            shutil.rmtree(bench.work / "cache", ignore_errors=True)
            source.mkdir()
            shutil.copy2(images / "v1.img", source / "disk.img")
            bench.duskline("publish", "image", "--from", str(source), "--store", str(store))
            bench.duskline("pull", "image", "--to", str(target), "--store", str(store))
            shutil.copy2(images / f"v{number}.img", source / "disk.img")
            published: Cost = bench.duskline("publish", "image", "--from", str(source), "--store", str(store))
            pulled: Cost = bench.duskline("pull", "image", "--to", str(target), "--store", str(store))
            subprocess.run(["cmp", str(source / "disk.img"), str(target / "current" / "disk.img")], check=True)
            answer = pulled.report("pulled")
            row = [what, f"{answer['fetched_bytes'] / 1e6:.2f}", answer["requests"], f"{pulled.cpu:.2f}", f"{published.cpu:.2f}", f"{pulled.memory_bytes / (1 << 20):.0f}"]
            print("#   " + "  ".join(map(str, row)), flush=True)
            work = bench.work / "peer"
            row.append(f"{rsync_bytes(images / 'v1.img', images / f'v{number}.img', work) / 1e6:.2f}" if have("rsync") else "-")
            row.append(f"{zsync_bytes(images / 'v1.img', images / f'v{number}.img', work) / 1e6:.2f}" if have("zsync") else "-")
            rows.append(row)
        table(["1 GiB image", "duskline MB", "requests", "pull CPU s", "publish CPU s", "pull peak MiB", "rsync -z MB", "zsync MB"], rows)


if __name__ == "__main__":
    main()
