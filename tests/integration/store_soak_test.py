#!/usr/bin/env python3
"""Our own server under more than it can take: more connections than --max-connections, bursts of more work than its workers and
their queue hold, slow, stalled and broken clients beside good ones. Memory and descriptors stay flat, nothing is refused but by 503
SlowDown (or a connection turned away), and whatever was acknowledged is there at the end.

usage: store_soak_test.py --duskline PROGRAM [--soak] [--seconds N] [--seed N]
"""
import argparse
import contextlib
import hashlib
import http.client
import os
import pathlib
import random
import socket
import struct
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from store_server import SKIPPED, Server, boto3, presigned, send  # noqa: E402
from support import Failure, Program, expect  # noqa: E402

BUCKET = "soak"
MAX_CONNECTIONS, BURST, WORKERS = 700, 680, 2
GOOD_CLIENTS = 6
MIB = 1 << 20
BROKEN = (OSError, http.client.HTTPException)


class World:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.counts: dict[str, int] = {}
        self.wrong: list[str] = []

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def report(self, what: str) -> None:
        with self.lock:
            self.wrong.append(what)
        self.stop.set()

    def connect(self) -> socket.socket:
        where = urllib.parse.urlsplit(self.server.url)
        return socket.create_connection((where.hostname, where.port), timeout=30)


# Good clients


class GoodClient(threading.Thread):
    """Puts, overwrites, gets, lists and deletes keys of its own, and knows what must be there: `sure` holds what was acknowledged,
    `maybe` what may be there instead, since an answer was lost."""

    def __init__(self, world: World, number: int, seed: str) -> None:
        super().__init__(daemon=True)
        self.world, self.number = world, number
        self.choice = random.Random(seed)
        self.sure: dict[str, bytes | None] = {}  # key -> MD5; None: absent
        self.maybe: dict[str, set] = {}

    def run(self) -> None:
        try:
            while not self.world.stop.is_set():
                key = f"client-{self.number}/{self.choice.randrange(40)}"
                self.choice.choice([self.put, self.put, self.get, self.get, self.get, self.delete, self.list])(key)
        except Exception as broken:  # noqa: BLE001  (a thread's end must be seen)
            self.world.report(f"client {self.number}: {broken!r}")

    def ask(self, method: str, path: str, body: bytes = b""):
        """The answer, once it is none of a server that has too much to do; nothing where the connection broke."""
        for attempt in range(1000):
            try:
                answer = send(self.world.server.url, self.world.server.key, method, f"/{BUCKET}{path}", body)
            except BROKEN:
                self.world.count("broken connections of good clients")
                return None
            if answer.status != 503:
                self.world.count("answers to good clients")
                return answer
            if answer.code != "SlowDown" and answer.body:
                self.world.report(f"503 {answer.code}, not SlowDown: {answer.body[:200]!r}")
            self.world.count("SlowDown to good clients")
            self.world.stop.wait(min(0.01 * (attempt + 1), 0.5))
        return None

    def settle(self, key: str, answer, status: int, value: bytes | None) -> None:
        if answer is None:
            self.maybe.setdefault(key, set()).add(value)
        elif answer.status == status:
            self.sure[key] = value
            self.maybe.pop(key, None)
        else:
            self.world.report(f"{key}: {answer.status} {answer.code}")

    def put(self, key: str) -> None:
        body = self.choice.randbytes(self.choice.choice([10, 4000, 60_000, 700_000]))
        self.settle(key, self.ask("PUT", f"/{key}", body), 200, hashlib.md5(body).digest())

    def delete(self, key: str) -> None:
        self.settle(key, self.ask("DELETE", f"/{key}"), 204, None)

    def allowed(self, key: str) -> set:
        return {self.sure.get(key)} | self.maybe.get(key, set())

    def get(self, key: str) -> None:
        answer = self.ask("GET", f"/{key}")
        if answer is None:
            return
        found = hashlib.md5(answer.body).digest() if answer.status == 200 else None
        if answer.status not in (200, 404) or found not in self.allowed(key):
            self.world.report(f"GET {key}: {answer.status} {answer.code}, {len(answer.body)} bytes: not what was put there")

    def list(self, _: str) -> None:
        answer = self.ask("GET", f"?list-type=2&prefix=client-{self.number}%2F")
        if answer is None:
            return
        text = answer.body.decode()
        listed = {row.split("</Key>")[0] for row in text.split("<Key>")[1:]}
        for key in self.sure.keys() | self.maybe.keys():
            possible = {value is not None for value in self.allowed(key)}
            if (key in listed) not in possible:
                self.world.report(f"the listing {'shows' if key in listed else 'lacks'} {key}")

    def verify(self) -> int:
        for key in sorted(self.sure.keys() | self.maybe.keys()):
            answer = send(self.world.server.url, self.world.server.key, "GET", f"/{BUCKET}/{key}")
            found = hashlib.md5(answer.body).digest() if answer.status == 200 else None
            expect(answer.status in (200, 404) and found in self.allowed(key), f"at the end, {key} is not what was acknowledged: {answer.status}")
        return len(self.sure)


# Bad ones; each call of these is one act


def crowd(world: World, choice: random.Random) -> None:
    """More connections than there may be, which say nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(choice.randrange(50, MAX_CONNECTIONS + 100)):
            with contextlib.suppress(OSError):
                stack.enter_context(world.connect())
            if world.stop.is_set():
                return
        world.count("crowds")


def burst(world: World, choice: random.Random) -> None:
    """More requests at one moment than the workers and their queue can hold."""
    path = presigned(world.server.url, world.server.key, "PUT", f"/{BUCKET}/burst")
    host = urllib.parse.urlsplit(world.server.url).netloc
    body = choice.randbytes(2000)
    request = f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(BURST):
            with contextlib.suppress(OSError):
                sockets.append(stack.enter_context(world.connect()))
        for one in sockets:
            with contextlib.suppress(OSError):
                one.sendall(request)
        for one in sockets:
            try:
                head = one.recv(4096)
            except OSError:
                head = b""
            status = head[9:12].decode(errors="replace") if head.startswith(b"HTTP/1.1 ") else "none"
            world.count(f"burst: {status}")
            if status not in ("200", "503", "none"):  # none: turned away, since it was idle
                world.report(f"an answer to a burst: {head[:300]!r}")


def slow_head(world: World, choice: random.Random) -> None:
    with world.connect() as one:
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"y" * 200:
            one.sendall(bytes([byte]))
            if world.stop.wait(choice.random() * 0.02):
                return


def slow_body(world: World, choice: random.Random) -> None:
    path = presigned(world.server.url, world.server.key, "PUT", f"/{BUCKET}/slow-{choice.randrange(5)}")
    with world.connect() as one:
        one.sendall(f"PUT {path} HTTP/1.1\r\nHost: {urllib.parse.urlsplit(world.server.url).netloc}\r\nContent-Length: 10000000\r\n\r\n".encode())
        for _ in range(choice.randrange(40)):
            one.sendall(choice.randbytes(10_000))
            if world.stop.wait(choice.random() * 0.02):
                return


def slow_reader(world: World, choice: random.Random) -> None:
    path = presigned(world.server.url, world.server.key, "GET", f"/{BUCKET}/large")
    with world.connect() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: {urllib.parse.urlsplit(world.server.url).netloc}\r\n\r\n".encode())
        for _ in range(choice.randrange(60)):
            one.recv(1000)
            if world.stop.wait(choice.random() * 0.02):
                return


def resetter(world: World, choice: random.Random) -> None:
    path = presigned(world.server.url, world.server.key, choice.choice(["PUT", "GET"]), f"/{BUCKET}/large")
    with world.connect() as one:
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: {urllib.parse.urlsplit(world.server.url).netloc}\r\nContent-Length: 5000\r\n\r\n".encode()[: choice.randrange(1, 400)])
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_closer(world: World, _: random.Random) -> None:
    path = presigned(world.server.url, world.server.key, "GET", f"/{BUCKET}/large")
    with world.connect() as one:
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: {urllib.parse.urlsplit(world.server.url).netloc}\r\n\r\n".encode() * 3)
        one.shutdown(socket.SHUT_WR)
        while one.recv(65536):
            pass


def garbage(world: World, choice: random.Random) -> None:
    with world.connect() as one:
        one.sendall(choice.choice([choice.randbytes(3000), b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * 100_000, b"\r\n" * 5000, b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"]))
        one.recv(4096)


BAD_ACTS = [[crowd], [burst], [slow_head], [slow_body], [slow_reader], [resetter, half_closer, garbage]]


class BadClient(threading.Thread):
    def __init__(self, world: World, acts: list, seed: str) -> None:
        super().__init__(daemon=True)
        self.world, self.acts, self.choice = world, acts, random.Random(seed)

    def run(self) -> None:
        while not self.world.stop.is_set():
            act = self.choice.choice(self.acts)
            try:
                act(self.world, self.choice)
            except OSError:  # turned away: as it should be
                pass
            self.world.count(act.__name__)
            self.world.stop.wait(self.choice.random())


# What the server uses


class Gauge:
    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.samples: list[tuple[int, int]] = []  # bytes of its own memory, descriptors

    def take(self) -> None:
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        anonymous = sum(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))
        self.samples.append((anonymous, len(os.listdir(f"/proc/{self.pid}/fd"))))

    def thirds(self, which: int, choose) -> tuple[int, int]:
        """The most, or the least, in the first and in the last third."""
        values = [sample[which] for sample in self.samples]
        third = len(values) // 3
        return choose(values[:third]), choose(values[-third:])


def load(world: World, seconds: float, seed: int) -> tuple[list[GoodClient], Gauge]:
    good = [GoodClient(world, number, f"{seed} good {number}") for number in range(GOOD_CLIENTS)]
    bad = [BadClient(world, acts, f"{seed} bad {number}") for number, acts in enumerate(BAD_ACTS)]
    gauge = Gauge(world.server.process.pid)
    for thread in good + bad:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not world.stop.wait(min(0.5, seconds / 60)):
        gauge.take()
    world.stop.set()
    for thread in good + bad:
        thread.join(timeout=120)
        expect(not thread.is_alive(), f"{thread} hangs: the server does not answer it")
    return good, gauge


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    if boto3 is None:
        print("SKIPPED: python3-boto3 is not installed")
        return SKIPPED
    print(f"seed {options.seed}", flush=True)
    limits = ["--max-connections", str(MAX_CONNECTIONS), "--workers", str(WORKERS), "--drain", "5s"]
    with Program(options.duskline, "soak") as program:
        server = Server(program, *limits)
        try:
            world = World(server)
            expect(send(server.url, server.key, "PUT", f"/{BUCKET}").status == 200, "no bucket")
            expect(send(server.url, server.key, "PUT", f"/{BUCKET}/large", bytes(8 * MIB)).status == 200, "no large object")
            good, gauge = load(world, options.seconds or (600 if options.soak else 15), options.seed)
            print(", ".join(f"{name} {count}" for name, count in sorted(world.counts.items())))
            expect(not world.wrong, "; ".join(world.wrong[:3]))
            # Connections come and go in crowds, up to their limit: what would leak stays when they are gone.
            memory, descriptors, most = gauge.thirds(0, max), gauge.thirds(1, min), max(gauge.thirds(1, max))
            print(f"its own memory, most: {memory[0] / MIB:.1f} MiB in the first third, {memory[1] / MIB:.1f} in the last; "
                  f"descriptors, least: {descriptors[0]}, {descriptors[1]}, most: {most}")
            expect(memory[1] <= memory[0] * 1.25 + 8 * MIB, f"memory grows: {memory}")
            expect(descriptors[1] <= descriptors[0] + 64, f"descriptors are left open: {descriptors}")
            expect(most <= MAX_CONNECTIONS + 200, f"{most} descriptors for {MAX_CONNECTIONS} connections")
            expect(memory[1] <= 96 * MIB, f"more memory than it is meant to take: {memory}")
            broken, answered = world.counts.get("broken connections of good clients", 0), world.counts.get("answers to good clients", 0)
            expect(answered > 100 and broken <= answered / 10, f"good clients suffer: {broken} broken connections, {answered} answers")
            expect(world.counts.get("SlowDown to good clients", 0) + world.counts.get("burst: 503", 0) > 0, "the limits were never reached: the test proves nothing")
            server.stop()
            server.start(*limits)
            print(f"{sum(client.verify() for client in good)} keys are as they were acknowledged, after a restart")
        finally:
            with contextlib.suppress(ProcessLookupError):
                server.stop()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
