#!/usr/bin/env python3
"""The main job, shown: publish real content, pull it to five sites, verify, update, resume, repair, roll back.

usage: demo.py DUSKLINE

Works in a temporary folder, with a store of our own that is served on loopback (any S3 service would do) and about 300 MB of this machine's /usr as content. Each step proves what it
claims (trees are compared by this script's own reading, not by the program's word) and prints a table. Exit 0: all proved.
"""
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

SITES = ["tokyo", "berlin", "lagos", "lima", "sydney"]
CONTENT_BYTES = 300 << 20
MIB = 1 << 20


class Failure(Exception):
    pass


def prove(condition: bool, claim: str) -> None:
    if not condition:
        raise Failure(claim)


def table(title: str, header: list[str], rows: list[list]) -> None:
    cells = [header] + [[f"{c:,}" if isinstance(c, int) else f"{c:.2f}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        print("  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * w for w in widths))


class Demo:
    def __init__(self, program: str, work: pathlib.Path) -> None:
        self.program = str(pathlib.Path(program).resolve())
        self.work = work
        self.source = work / "source"
        self.store = "s3://demo/content"
        self.server: subprocess.Popen | None = None
        (work / "sites").mkdir()
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(work),
            "DUSKLINE_CONFIG_DIR": str(work / "config"),
            "DUSKLINE_CACHE_DIR": str(work / "cache"),
            "AWS_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
        }

    def serve(self) -> None:
        """A store of our own: a key, the server, a bucket."""
        place = str(self.work / "store")
        key = self.run("key", "store", "key", "add", "demo", "--dir", place)
        self.environment |= {"AWS_ACCESS_KEY_ID": key["access_key"], "AWS_SECRET_ACCESS_KEY": key["secret_key"]}
        self.server = self.start("store", "serve", place, "--listen", "127.0.0.1:0")
        for line in self.server.stdout:
            event = json.loads(line)
            if event.get("event") == "listening":
                self.environment["AWS_ENDPOINT_URL"] = event["url"]
                break
        prove("AWS_ENDPOINT_URL" in self.environment, "the store listens")
        self.run("bucket", "store", "bucket", "add", "s3://demo")

    def stop(self) -> None:
        """Ends the server as a service manager would."""
        self.server.send_signal(signal.SIGTERM)
        self.finish(self.server, "stopped")

    def end(self) -> None:
        if self.server and self.server.poll() is None:
            self.server.kill()
            self.server.wait()

    def command(self, *arguments: str) -> list[str]:
        return [self.program, *arguments, "--json", "--no-progress"]

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(self.command(*arguments), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process: subprocess.Popen, event: str, code: int = 0) -> dict:
        out, err = process.communicate()
        prove(process.returncode == code, f"{' '.join(process.args[1:4])} ended with {process.returncode} instead of {code}:\n{err}{out}")
        for line in out.splitlines():
            found = json.loads(line)
            if found.get("event") == event:
                return found
        raise Failure(f"{' '.join(process.args[1:4])} reported no \"{event}\":\n{out}")

    def run(self, event: str, *arguments: str, code: int = 0) -> dict:
        return self.finish(self.start(*arguments), event, code)

    def publish(self) -> dict:
        return self.run("published", "publish", "demo", "--from", str(self.source), "--store", self.store)

    def pull_arguments(self, site: str, *more: str) -> list[str]:
        return ["pull", "demo", "--to", str(self.site(site)), "--store", self.store, *more]

    def site(self, name: str) -> pathlib.Path:
        return self.work / "sites" / name


def gather(target: pathlib.Path) -> tuple[int, int]:
    """Copies about CONTENT_BYTES of /usr: headers, documents, programs, libraries, links; files of this machine, not made up."""
    files = total = 0
    shares = [("/usr/include", 0.04), ("/usr/share/doc", 0.06), ("/usr/lib/python3", 0.08), ("/usr/bin", 0.4), ("/usr/lib/x86_64-linux-gnu", 1.0), ("/usr/share", 1.0), ("/usr/lib", 1.0)]
    for top, share in shares:
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                if total >= CONTENT_BYTES * share:
                    break
                origin = pathlib.Path(folder, name)
                copy = target / origin.relative_to("/usr")
                try:
                    kind = origin.lstat()
                except OSError:
                    continue
                if os.path.lexists(copy) or kind.st_size > 64 * MIB:
                    continue
                if stat.S_ISLNK(kind.st_mode) or (stat.S_ISREG(kind.st_mode) and os.access(origin, os.R_OK)):
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(origin, copy, follow_symlinks=False)
                    files += 1
                    total += kind.st_size if stat.S_ISREG(kind.st_mode) else 0
    return files, total


def fingerprint(top: pathlib.Path) -> str:
    """A hash over every name, kind, mode, mtime and byte below a directory."""
    whole = hashlib.sha256()
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(folders + names):
            path = pathlib.Path(folder, name)
            info = path.lstat()
            whole.update(os.fsencode(path.relative_to(top)) + b"\0")
            if stat.S_ISLNK(info.st_mode):
                whole.update(b"link " + os.fsencode(os.readlink(path)))
                continue
            whole.update(f"{info.st_mode:o} {info.st_mtime_ns if stat.S_ISREG(info.st_mode) else 0} ".encode())
            if stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    while block := file.read(1 << 20):
                        whole.update(block)
    return whole.hexdigest()


def change_one_percent(source: pathlib.Path) -> tuple[int, int]:
    """Edits, adds and removes: 1 % of the files."""
    choice = random.Random(20)
    files = sorted(p for p in source.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_nlink == 1)
    picked = choice.sample(files, max(3, len(files) // 100))
    written = 0
    for number, path in enumerate(picked):
        content = bytearray(path.read_bytes())
        if number % 10 == 9:
            path.unlink()
            continue
        edit = f"changed in the demo, {number}\n".encode()
        at = choice.randrange(len(content) + 1)
        content[at:at] = edit
        path.chmod(path.stat().st_mode | 0o200)
        path.write_bytes(content)
        written += len(content)
        if number % 10 == 8:
            path.with_name(path.name + ".new").write_bytes(content)
            written += len(content)
    return len(picked), written


def stored_below(top: pathlib.Path) -> int:
    """Bytes that really lie on the disk: a file that is only made long counts nothing."""
    total = 0
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                pass
    return total


def pull_all(demo: Demo) -> list[list]:
    began = {site: demo.start(*demo.pull_arguments(site)) for site in SITES}
    pulled = {site: demo.finish(process, "pulled") for site, process in began.items()}
    wanted = fingerprint(demo.source)
    rows = []
    for site, result in pulled.items():
        verified = demo.run("verified", "verify", str(demo.site(site)))
        prove(verified["clean"], f"{site} is not what was signed")
        prove(fingerprint(demo.site(site) / "current") == wanted, f"{site} is not byte for byte the source")
        rows.append([site, result["files_changed"], result["fetched_bytes"], result["requests"], result["seconds"], "as signed"])
    return rows


def show(demo: Demo) -> None:
    pull_header = ["site", "files", "bytes moved", "requests", "seconds", "verified"]
    publish_header = ["release", "files", "bytes", "bytes stored", "requests", "seconds"]

    files, total = gather(demo.source)
    demo.serve()
    print(f"content: {files:,} files and links of /usr, {total / MIB:.0f} MiB; store: {demo.store} at {demo.environment['AWS_ENDPOINT_URL']}, "
          "our own server; five sites, one process each")

    first = demo.publish()
    prove(first["number"] == 1 and first["uploaded_bytes"] > 0, "the first release is made")
    table("1. publish", publish_header, [[first["number"], first["files"], first["bytes"], first["uploaded_bytes"], first["requests"], first["seconds"]]])

    table("2. pull to five sites at once", pull_header, pull_all(demo))
    first_tree = fingerprint(demo.source)

    changed, changed_bytes = change_one_percent(demo.source)
    second = demo.publish()
    prove(second["number"] == 2, "the second release is made")
    table(f"3. change 1 % ({changed} files, {changed_bytes / MIB:.1f} MiB) and publish", publish_header,
          [[second["number"], second["files"], second["bytes"], second["uploaded_bytes"], second["requests"], second["seconds"]]])
    rows = pull_all(demo)
    for row in rows:
        prove(row[2] < changed_bytes + MIB, f"{row[0]} fetched {row[2]:,} bytes for a change of {changed_bytes:,}")
    table("4. pull again: only the change travels", pull_header, rows)

    again = demo.publish()
    prove(again["outcome"] == "unchanged" and again["uploaded_bytes"] == 0, "an unchanged source writes nothing")
    nothing = demo.run("pulled", *demo.pull_arguments("tokyo"))
    prove(nothing["outcome"] == "current" and nothing["requests"] == 1, "a pull of nothing new is one request")
    table("5. again, with nothing new", ["what", "bytes moved", "requests", "seconds"],
          [["publish", again["sent_bytes"] + again["received_bytes"], again["requests"], again["seconds"]],
           ["pull", nothing["fetched_bytes"], nothing["requests"], nothing["seconds"]]])

    stored = first["pack_bytes"]
    slow = demo.start(*demo.pull_arguments("quito", "--limit", f"{max(1, stored // 6)}B/s"))
    staging = demo.site("quito") / ".duskline" / "staging"
    deadline = time.monotonic() + 60
    while stored_below(staging) < total // 3 and slow.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    prove(slow.poll() is None, "the slow pull is still running half-way")
    slow.send_signal(signal.SIGKILL)
    slow.communicate()
    prove(not os.path.lexists(demo.site("quito") / "current"), "a killed first pull shows nothing")
    resumed = demo.run("pulled", *demo.pull_arguments("quito"))
    prove(fingerprint(demo.site("quito") / "current") == fingerprint(demo.source), "the resumed pull is byte for byte the source")
    prove(resumed["fetched_bytes"] < 0.85 * stored, f"what was fetched is not fetched again ({resumed['fetched_bytes']:,} of {stored:,})")
    table("6. a pull killed half-way, and resumed", ["what", "bytes"],
          [["content kept from the killed run", resumed["resumed_bytes"]], ["fetched after the kill", resumed["fetched_bytes"]], ["a whole pull", stored]])

    victims = sorted(p for p in (demo.site("lima") / "current").rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_size > 1000)
    victim = victims[len(victims) // 2]
    info = victim.stat()
    victim.chmod(0o644)
    with open(victim, "r+b") as file:
        file.seek(500)
        byte = file.read(1)
        file.seek(500)
        file.write(bytes([byte[0] ^ 1]))
    victim.chmod(stat.S_IMODE(info.st_mode))
    os.utime(victim, ns=(info.st_atime_ns, info.st_mtime_ns))
    found = demo.run("verified", "verify", str(demo.site("lima")), code=3)
    prove(found["changed"] == 1, "one flipped bit is found")
    repaired = demo.run("repaired", "verify", str(demo.site("lima")), "--repair")
    prove(repaired["files"] == 1 and demo.run("verified", "verify", str(demo.site("lima")))["clean"], "it is repaired")
    prove(fingerprint(demo.site("lima") / "current") == fingerprint(demo.source), "the repaired tree is byte for byte the source")
    table("7. one bit flipped at lima, found and repaired", ["file", "bytes fetched"],
          [[str(victim.relative_to(demo.site("lima") / "current")), repaired["fetched_bytes"]]])

    began = time.monotonic()
    back = demo.run("rolled_back", "rollback", str(demo.site("berlin")))
    took = time.monotonic() - began
    prove(back["number"] == 1 and fingerprint(demo.site("berlin") / "current") == first_tree, "berlin shows the first release again")
    pinned = demo.run("pulled", *demo.pull_arguments("berlin"))
    prove(pinned["outcome"] == "pinned", "the nightly pull does not bring the bad release back")
    table("8. roll back at berlin, offline", ["site", "shows release", "seconds"], [["berlin", back["number"], took]])

    demo.stop()
    checked = demo.run("checked", "store", "check", str(demo.work / "store"))
    prove(checked["problems"] == 0, "the store is whole")
    scrubbed = demo.run("scrubbed", "store", "scrub", str(demo.work / "store"))
    prove(scrubbed["rotten"] == 0, "every stored byte is as it was written")
    table("9. the store, stopped and read again", ["objects", "bytes read", "rotten"], [[scrubbed["versions"], scrubbed["bytes"], scrubbed["rotten"]]])


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    began = time.monotonic()
    work = pathlib.Path(tempfile.mkdtemp(prefix="duskline-demo-"))
    demo = Demo(sys.argv[1], work)
    try:
        show(demo)
        print(f"\nAll of it proved, in {time.monotonic() - began:.0f} s. Next: README.md, or build/duskline --help")
        return 0
    except Failure as failure:
        print(f"\ndemo: NOT proved: {failure}", file=sys.stderr)
        return 1
    finally:
        demo.end()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
