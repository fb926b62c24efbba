"""What the tests of `duskline sync` share: services with a bucket, trees to carry, and a wire that counts what goes over it."""
from __future__ import annotations

import contextlib
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import threading
import traceback
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from store_server import send  # noqa: E402
from support import Failure, Program, expect  # noqa: E402

LAB = pathlib.Path(__file__).resolve().parent / "lab"


class Skipped(Exception):
    pass


class Service:
    """An S3 service, its credentials, and buckets in it."""

    def __init__(self, name: str, url: str, key: tuple[str, str]) -> None:
        self.name, self.url, self.key = name, url, key
        self._made = 0

    def bucket(self) -> str:
        self._made += 1
        name = f"sync-test-{self.name}-{self._made}"
        answer = send(self.url, self.key, "PUT", f"/{name}")
        expect(answer.status == 200, f"no bucket {name} at {self.name}: {answer.body!r}")
        return name

    def put(self, bucket: str, key: str, body: bytes) -> None:
        answer = send(self.url, self.key, "PUT", f"/{bucket}/{urllib.parse.quote(key, safe='')}", body)
        expect(answer.status == 200, f"{key!r} was not stored: {answer.body!r}")

    def environment(self, url: str = "") -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.key[0], "AWS_SECRET_ACCESS_KEY": self.key[1], "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": url or self.url, "AWS_EC2_METADATA_DISABLED": "true"}


@contextlib.contextmanager
def rgw(work: pathlib.Path):
    """Ceph's gateway, where it is installed."""
    if shutil.which("radosgw", path=os.environ["PATH"] + ":/usr/bin:/usr/sbin") is None:
        raise Skipped("Ceph RGW: radosgw is not installed")
    folder = work / "rgw"
    up = subprocess.run([str(LAB / "rgw-up"), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    try:
        expect(up.returncode == 0, f"RGW did not start: {up.stderr.decode(errors='replace')}")
        settings = dict(word.split("=", 1) for word in up.stdout.decode().split())
        yield Service("rgw", settings["S3_ENDPOINT"], (settings["AWS_ACCESS_KEY_ID"], settings["AWS_SECRET_ACCESS_KEY"]))
    finally:
        subprocess.run([str(LAB / "rgw-down"), str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


class Wire:
    """A way to a service that counts the bytes on it, and calls `at_limit` once when so many have passed."""

    def __init__(self, url: str) -> None:
        where = urllib.parse.urlsplit(url)
        self._far = (where.hostname, where.port)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self, limit: int = 0, at_limit=None) -> None:
        with self._lock:
            self.sent = self.received = 0
            self._limit, self._at_limit = limit, at_limit

    @property
    def total(self) -> int:
        return self.sent + self.received

    def close(self) -> None:
        self._listener.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._far)
            except OSError:
                return
            for source, sink, name in ((near, far, "sent"), (far, near, "received")):
                threading.Thread(target=self._carry, args=(source, sink, name), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, name: str) -> None:
        try:
            while data := source.recv(1 << 18):
                act = None
                with self._lock:
                    setattr(self, name, getattr(self, name) + len(data))
                    if self._at_limit is not None and self.total >= self._limit:
                        act, self._at_limit = self._at_limit, None
                if act is not None:
                    act()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def random_tree(top: pathlib.Path, choice: random.Random, files: int, most_bytes: int = 20_000) -> None:
    """Files that a bucket can hold, nested, of odd sizes, some with old times."""
    for number in range(files):
        folder = top.joinpath(*[choice.choice(["a", "a.b", "a-b", "ünï", "with space"]) for _ in range(choice.randrange(4))])
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number}{choice.choice(['', '.txt', ' x', '+&%', '#?'])}"
        path.write_bytes(choice.randbytes(choice.choice([0, 1, choice.randrange(1, most_bytes)])))
        if choice.random() < 0.5:
            os.utime(path, ns=(0, choice.randrange(1, 2**31) * 10**9 + choice.randrange(10**9)))


def contents(top: pathlib.Path) -> dict[str, tuple[bytes, int]]:
    """path -> content and time."""
    return {str(p.relative_to(top)): (p.read_bytes(), p.stat().st_mtime_ns) for p in top.rglob("*") if p.is_file() and not p.is_symlink()}


def expect_same(a: pathlib.Path, b: pathlib.Path, what: str) -> None:
    left, right = contents(a), contents(b)
    for path in sorted(left.keys() | right.keys()):
        expect(path in right, f"{what}: {path!r} is missing")
        expect(path in left, f"{what}: {path!r} should not be there")
        expect(left[path][0] == right[path][0], f"{what}: {path!r} has other content")
        expect(left[path][1] == right[path][1], f"{what}: {path!r} has another time: {left[path][1]}, {right[path][1]}")


def no_leftovers(top: pathlib.Path) -> None:
    left = [str(p) for p in top.rglob(".duskline-tmp-*")]
    expect(not left, f"unfinished files were left: {left}")


def run_cases(cases: list, program_path: str, only: str) -> int:
    """Each case is a function of a Program. Prints what passed; the exit code."""
    passed, failed = 0, []
    for case in cases:
        name = case.__name__
        if only and only not in name:
            continue
        try:
            with Program(program_path, name.replace("_", "-")) as program:
                case(program)
            passed += 1
            print(f"ok      {name}", flush=True)
        except Skipped as skipped:
            print(f"SKIPPED: {name}: {skipped}", flush=True)
        except Failure as failure:
            failed.append(name)
            print(f"FAILED  {name}: {failure}", flush=True)
        except Exception:  # noqa: BLE001  (one broken case must not hide the others)
            failed.append(name)
            print(f"FAILED  {name}:\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0
