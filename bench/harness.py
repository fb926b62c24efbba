"""What the benchmarks share: a fresh file system, a real S3 server, measured runs, byte-for-byte checks, tables.

Figures are CPU seconds (user + system of the client and its children), peak memory, bytes and requests; wall time only where a shaped
link sets it. Peers run interleaved in the same rounds; medians are printed, and medians of the ratios to the first peer.
"""
from __future__ import annotations

import dataclasses
import filecmp
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
LAB = TOP / "tests" / "integration" / "lab"
PROGRAM = str(TOP / "build" / "duskline")


@dataclasses.dataclass
class Cost:
    seconds: float
    cpu: float
    memory_bytes: int
    output: str = ""

    def report(self, event: str) -> dict:
        """Our program's JSON answer."""
        for line in self.output.splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and found.get("event") == event:
                return found
        raise SystemExit(f"no \"{event}\" in: {self.output[-2000:]}")


def measure(command: list[str], env: dict[str, str] | None = None, cwd: str | None = None, ok: tuple[int, ...] = (0,)) -> Cost:
    environment = {**os.environ, **(env or {})}
    environment.pop("AWS_CA_BUNDLE", None)  # rclone breaks off on it; the servers here speak plain HTTP
    with tempfile.TemporaryFile("w+") as out:
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        high_water = HighWater(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        memory = high_water.end(usage.ru_maxrss << 10)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode not in ok:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{text[-4000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, memory, text)


class HighWater:
    """The most memory that a program held. What the kernel says at the end counts what this interpreter held when it forked; where the
    program held less, it is what was seen of it every 10 ms."""

    def __init__(self, pid: int) -> None:
        self.seen = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look, args=(pid,), daemon=True)
        self.thread.start()

    def look(self, pid: int) -> None:
        own = os.readlink("/proc/self/exe")
        while True:
            try:
                text = pathlib.Path(f"/proc/{pid}/status").read_text()
                if os.readlink(f"/proc/{pid}/exe") != own and (found := re.search(r"VmHWM:\s*(\d+) kB", text)):
                    self.seen = max(self.seen, int(found[1]) << 10)
            except OSError:
                pass
            if self.ended.wait(0.01):
                return

    def end(self, by_kernel: int) -> int:
        self.ended.set()
        self.thread.join()
        floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        return by_kernel if by_kernel > floor * 1.2 or self.seen == 0 else self.seen


def same_tree(a: pathlib.Path, b: pathlib.Path) -> None:
    """Every name and byte; raises where they differ."""
    pending = [(a, b)]
    while pending:
        one, two = pending.pop()
        left, right = sorted(os.listdir(one)), sorted(os.listdir(two))
        if left != right:
            raise SystemExit(f"{one} and {two} hold other names: {set(left) ^ set(right)}")
        links = [n for n in left if (one / n).is_symlink()]
        if wrong := [n for n in links if not (two / n).is_symlink() or os.readlink(one / n) != os.readlink(two / n)]:
            raise SystemExit(f"{one} and {two} differ in the links {wrong}")
        files = [n for n in left if n not in links and not (one / n).is_dir()]
        wrong = filecmp.cmpfiles(one, two, files, shallow=False)
        if wrong[1] or wrong[2]:
            raise SystemExit(f"{one} and {two} differ in {wrong[1:]}")
        pending += [(one / n, two / n) for n in left if (one / n).is_dir() and not (one / n).is_symlink()]


class Bench:
    """A work folder on a fresh file system, and what runs beside it."""

    def __init__(self, name: str, size_gib: int = 24) -> None:
        self.name = name
        self.base = pathlib.Path(tempfile.mkdtemp(prefix=f"duskline-bench-{name}-"))
        self.work = self.base / "mnt"
        self.work.mkdir()
        self.mounted = False
        self.rgw: pathlib.Path | None = None
        self.store: subprocess.Popen | None = None
        self.environment: dict[str, str] = {"DUSKLINE_CONFIG_DIR": str(self.base / "config"), "DUSKLINE_CACHE_DIR": str(self.work / "cache")}
        disk = self.base / "disk"
        with open(disk, "wb") as file:
            file.truncate(size_gib << 30)
        done = subprocess.run(["sh", "-c", f"mkfs.ext4 -q -F -E lazy_itable_init=0 {disk} && mount -o loop {disk} {self.work}"], capture_output=True, text=True, check=False)
        self.mounted = done.returncode == 0
        if not self.mounted:
            print(f"# no loop mount here ({done.stderr.strip()}): measuring on {self.base}, which may be slow at creating files")

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_store()
        if self.rgw:
            subprocess.run([str(LAB / "rgw-down"), str(self.rgw), "--wipe"], check=False)
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.work)], check=False)
        shutil.rmtree(self.base, ignore_errors=True)

    def start_s3(self) -> str:
        """A Ceph RADOS gateway on loopback with a bucket; the store URL for our program."""
        self.rgw = self.base / "rgw"
        printed = subprocess.run([str(LAB / "rgw-up"), str(self.rgw), "--size", "12"], capture_output=True, text=True, check=True).stdout
        settings = dict(word.split("=", 1) for word in printed.split())
        self.endpoint = settings.pop("S3_ENDPOINT")
        self.environment |= settings | {"AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "us-east-1", "NO_PROXY": "127.0.0.1,10.77.0.2"}
        self.aws("s3", "mb", "s3://bench")
        return "s3://bench/duskline"

    def start_store(self, *flags: str) -> str:
        """Our own server over a folder on the fresh file system, with a bucket "bench", at the same address when it is started again;
        the store URL for our program."""
        directory = self.work / "store"
        first = not directory.exists()
        environment = {**os.environ, **self.environment}
        if first:
            made = subprocess.run([PROGRAM, "store", "key", "add", "bench", "--dir", str(directory), "--json"], env=environment, capture_output=True, text=True, check=True)
            keys = next(event for event in map(json.loads, made.stdout.splitlines()) if "access_key" in event)
            self.environment |= {"AWS_ACCESS_KEY_ID": keys["access_key"], "AWS_SECRET_ACCESS_KEY": keys["secret_key"], "AWS_REGION": "us-east-1", "NO_PROXY": "127.0.0.1"}
        listen = "127.0.0.1:0" if first else self.endpoint.removeprefix("http://")
        command = [PROGRAM, "store", "serve", str(directory), "--listen", listen, "--json", *flags]
        self.store = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for line in self.store.stdout:
            event = json.loads(line)
            if event.get("event") == "listening":
                self.endpoint = self.environment["AWS_ENDPOINT_URL"] = event["url"]
                break
        if first:
            self.aws("s3", "mb", "s3://bench")
        return "s3://bench/duskline"

    def stop_store(self) -> None:
        if self.store:
            self.store.terminate()
            self.store.wait()
            self.store = None

    def aws(self, *arguments: str) -> None:
        env = {**os.environ, **self.environment}
        code = (
            "import os,sys,boto3;"
            "boto3.client('s3',endpoint_url=os.environ['AWS_ENDPOINT_URL']).create_bucket(Bucket=sys.argv[1][5:])"
        )
        subprocess.run(["/usr/bin/python3", "-c", code, arguments[-1]], env=env, check=True)

    def data(self, kind: str) -> pathlib.Path:
        subprocess.run([sys.executable, str(TOP / "bench" / "make_data.py"), str(self.work / "data"), kind], check=True)
        return self.work / "data" / kind

    def duskline(self, *arguments: str, env: dict[str, str] | None = None, under: list[str] | None = None) -> Cost:
        return measure([*(under or []), PROGRAM, *arguments, "--json", "--no-progress"], {**self.environment, **(env or {})})

    def fresh(self, name: str) -> pathlib.Path:
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def settle(self) -> None:
        os.sync()


def compare(rounds: int, runs: dict[str, callable], columns: dict[str, callable] | None = None) -> dict[str, list[Cost]]:
    """Runs each in turn, round by round, and prints medians; the first is what ratios refer to."""
    columns = columns or {"CPU s": lambda c: c.cpu, "wall s": lambda c: c.seconds, "peak MiB": lambda c: c.memory_bytes / (1 << 20)}
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for number in range(rounds):
        for name, run in runs.items():
            costs[name].append(run())
            print(f"#   round {number + 1} {name}: " + "  ".join(f"{label} {read(costs[name][-1]):.2f}" for label, read in columns.items()), flush=True)
    first = next(iter(runs))
    label, read = next(iter(columns.items()))
    rows = []
    for name, seen in costs.items():
        ratio = statistics.median(read(one) / max(1e-9, read(base)) for one, base in zip(seen, costs[first]))
        rows.append([name, *[f"{statistics.median(read_(c) for c in seen):.2f}" for read_ in columns.values()], f"{ratio:.2f}"])
    table(["", *columns, f"{label}, ratio"], rows)
    return costs


def table(header: list[str], rows: list[list]) -> None:
    cells = [header, *[[str(c) for c in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for number, row in enumerate(cells):
        print("| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))) + " |")
        if number == 0:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")


def have(program: str) -> bool:
    if shutil.which(program):
        return True
    print(f"# {program} is not installed (tools/install-deps bench): left out")
    return False
