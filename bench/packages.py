#!/usr/bin/env python3
"""Updates of real packages: two versions as `apt-get download` offers them, unpacked; publish v1, pull, publish v2, pull: bytes over the wire.

usage: packages.py [--no-peers] [NAME...]      names: see PAIRS; without: all

"wire" is what a relay before the S3 server counted towards the client, HTTP headers included. Peers get each changed file with the old file
of the same name (the versions in names made equal); a file without one goes under zstd -19. They have no index, no signature and no hashes to
carry. ".deb" is the new package itself, which is what a package manager would load. All of it is bytes, so one round is enough.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess

from harness import Bench, have, same_tree, table
from relay import Relay

KERNEL = r"linux-image-6\.1\.0-\d+-{}amd64"
# What is compared: a pattern of package names, and which two of the versions on offer, the newest being 0.
PAIRS = {
    **{f"kernel-cloud-{back}": (KERNEL.format("cloud-"), back + 1, back) for back in range(6)},
    "kernel-cloud-far": (KERNEL.format("cloud-"), 6, 1),
    "kernel": (KERNEL.format(""), 1, 0),
    "git": ("git", 1, 0),
    "libreoffice-common": ("libreoffice-common", 1, 0),
    "chromium": ("chromium", 1, 0),
}


def offers(pattern: str) -> list[tuple[str, str]]:
    """Packages and versions that the sources have now, newest first."""
    names = subprocess.run(["apt-cache", "pkgnames"], check=True, capture_output=True, text=True).stdout.split()
    names = [name for name in names if re.fullmatch(pattern, name)]
    printed = subprocess.run(["apt-cache", "madison", *names], check=True, capture_output=True, text=True).stdout
    found = {tuple(field.strip() for field in line.split("|")[:2]) for line in printed.splitlines()}
    numbers = lambda text: [int(n) for n in re.findall(r"\d+", text)]
    return sorted(found, key=lambda offer: (numbers(offer[1]), numbers(offer[0])), reverse=True)


def unpacked(bench: Bench, offer: tuple[str, str], into: pathlib.Path) -> int:
    """Downloads and unpacks; the package's size."""
    debs = bench.fresh("deb")
    debs.mkdir()
    subprocess.run(["apt-get", "-q", "download", "=".join(offer)], cwd=debs, check=True, capture_output=True, env={**os.environ, "APT_CONFIG": sandbox(bench)})
    (deb,) = debs.iterdir()
    subprocess.run(["dpkg-deb", "-x", str(deb), str(into)], check=True)
    return deb.stat().st_size


def sandbox(bench: Bench) -> str:
    """apt's download user cannot write below our folder; as root it says so for each package."""
    path = bench.base / "apt.conf"
    path.write_text('APT::Sandbox::User "root";\n')
    return str(path)


def plain_files(top: pathlib.Path) -> dict[str, pathlib.Path]:
    found = {}
    for below, _, names in os.walk(top):
        for name in names:
            path = pathlib.Path(below, name)
            if path.is_file() and not path.is_symlink():
                found[str(path.relative_to(top))] = path
    return found


def changed(old: pathlib.Path, new: pathlib.Path) -> list[tuple[pathlib.Path | None, pathlib.Path]]:
    bare = lambda path: re.sub(r"\d+(\.\d+)*(-\d+)?", "#", path)
    before = plain_files(old)
    by_shape = {bare(name): path for name, path in before.items()}
    pairs = []
    for name, path in sorted(plain_files(new).items()):
        base = before.get(name) or by_shape.get(bare(name))
        if base is None or base.read_bytes() != path.read_bytes():
            pairs.append((base, path))
    return pairs


def patch_bytes(pairs: list, command, folder: pathlib.Path) -> int:
    """The sum of `command(old, new, patch)` over the changed files."""

    def one(number: int) -> int:
        base, path = pairs[number]
        patch = folder / f"patch-{number}"
        words = command(str(base), str(path), str(patch)) if base else ["zstd", "-q", "-19", str(path), "-o", str(patch)]
        subprocess.run(words, check=True, capture_output=True)
        size = patch.stat().st_size
        patch.unlink()
        return size

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sum(pool.map(one, range(len(pairs))))


PEERS = {  # -D: a changelog.gz as the bytes it has; unpacked and packed again it need not come back the same
    "xdelta3": lambda old, new, patch: ["xdelta3", "-e", "-f", "-D", "-9", "-S", "djw", "-B", str(1 << max(20, os.path.getsize(old).bit_length())), "-s", old, new, patch],
    "bsdiff": lambda old, new, patch: ["bsdiff", old, new, patch],
}


def measured(bench: Bench, relay: Relay, url: str, name: str, peers: list[str]) -> list[str]:
    pattern, older, newer = PAIRS[name]
    found = offers(pattern)
    if len(found) <= older:
        return [name, f"only {len(found)} on offer", *["-"] * (7 + len(peers))]
    old, new = bench.fresh("old"), bench.fresh("new")
    unpacked(bench, found[older], old)
    deb = unpacked(bench, found[newer], new)
    source, target = bench.fresh("source"), bench.fresh("target")
    run = lambda *words: bench.duskline(*words, "--store", f"{url}/{name}", env={"AWS_ENDPOINT_URL": relay.url})
    old.rename(source)
    run("publish", "pair", "--from", str(source))
    run("pull", "pair", "--to", str(target))
    source.rename(old)
    new.rename(source)
    published = run("publish", "pair", "--from", str(source))
    relay.reset()
    pulled = run("pull", "pair", "--to", str(target))
    wire = relay.to_client
    same_tree(source, target / "current")
    answer = pulled.report("pulled")
    # Headers, and what was on its way when a slow request's rest was taken over by another.
    if not answer["fetched_bytes"] <= wire <= answer["fetched_bytes"] + 4096 * answer["requests"] + (1 << 20):
        raise SystemExit(f"{name}: the program counts {answer['fetched_bytes']} bytes, the relay {wire}")
    size = sum(path.stat().st_size for path in plain_files(source).values())
    row = [name, f"{found[older][1]} to {found[newer][1]}", f"{size / 1e6:.0f}", f"{deb / 1e6:.2f}", f"{wire / 1e6:.2f}", str(answer["requests"]),
           f"{published.cpu:.1f}", f"{published.memory_bytes / (1 << 20):.0f}", f"{pulled.cpu:.2f}"]
    if peers:
        pairs = changed(old, source)
        scratch = bench.fresh("patches")
        scratch.mkdir()
        row += [f"{patch_bytes(pairs, PEERS[peer], scratch) / 1e6:.2f}" for peer in peers]
    for folder in (old, source, target):
        shutil.rmtree(folder, ignore_errors=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--rounds", type=int, default=1, help="has no meaning here: bytes do not vary")
    parser.add_argument("names", nargs="*", choices=[[], *PAIRS])
    arguments = parser.parse_args()
    peers = [] if arguments.no_peers else [peer for peer in PEERS if have(peer)]
    header = ["package", "versions", "MB", ".deb MB", "wire MB", "requests", "publish CPU s", "publish MiB", "pull CPU s", *[f"{peer} MB" for peer in peers]]
    with Bench("packages") as bench:
        url = bench.start_s3()
        host, port = bench.endpoint.removeprefix("http://").split(":")
        relay = Relay((host, int(port)))
        rows = []
        for name in arguments.names or PAIRS:
            rows.append(measured(bench, relay, url, name, peers))
            print("#   " + "  ".join(rows[-1]), flush=True)
        table(header, rows)


if __name__ == "__main__":
    main()
