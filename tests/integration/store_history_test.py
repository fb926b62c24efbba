#!/usr/bin/env python3
"""Several clients put (also on conditions, and in parts), get, delete and list a few keys of our own server at once, which is killed
(kill -9) and started again in between. For each key, what the clients saw must be explained by one call at a time.

usage: store_history_test.py --duskline PROGRAM [--soak] [--seed N]

The seed replays the choices; when they meet each other is the machine's.
"""
import argparse
import hashlib
import http.client
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import register_history as history  # noqa: E402
from register_history import Call  # noqa: E402
from store_server import SKIPPED, Server, boto3, send  # noqa: E402
from support import Failure, Program, expect, wait_until  # noqa: E402

BUCKET = "history"
BROKEN = (OSError, http.client.HTTPException)


def etag_of(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def etag_of_parts(bodies: list[bytes]) -> str:
    return hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest() + f"-{len(bodies)}"


class World:
    """The server, the keys, and what was seen of them. A value is known by its ETag: no two puts have the same content."""

    def __init__(self, server: Server, keys: list[str]) -> None:
        self.server, self.keys = server, keys
        self.lock = threading.Lock()
        self.calls: dict[str, list[Call]] = {key: [] for key in keys}
        self.is_up = threading.Event()
        self.is_up.set()
        self.finished = 0  # calls
        self.odd: list[str] = []
        self.open_ended: list[Call] = []  # until the next kill

    def note(self, key: str, what: str, begin: float, step, is_known: bool = True, end: float | None = None) -> None:
        with self.lock:
            call = Call(f"{key}: {what}", begin, time.monotonic() if end is None else end, step, is_known)
            self.calls[key].append(call)
            if not is_known:
                self.open_ended.append(call)

    def kill_and_start(self) -> None:
        self.is_up.clear()
        self.server.process.kill()
        self.server.process.wait()
        with self.lock:  # a dead process does nothing more
            gone = time.monotonic()
            for call in self.open_ended:
                call.end = gone
            self.open_ended.clear()
        self.server.start()
        self.is_up.set()


class Client(threading.Thread):
    def __init__(self, world: World, number: int, calls: int, seed: str) -> None:
        super().__init__(daemon=True)
        self.world, self.number, self.left = world, number, calls
        self.choice = random.Random(seed)
        self.seen: dict[str, str] = {}  # key -> an ETag that was its value once
        self.count = 0

    def run(self) -> None:
        acts = [self.put] * 4 + [self.put_if_absent] * 3 + [self.put_if_match] * 3 + [self.put_in_parts] + [self.get] * 5 + [self.delete] * 2 + [self.list] * 2
        while self.left > 0:
            self.world.is_up.wait()
            self.left -= 1
            self.choice.choice(acts)(self.choice.choice(self.world.keys))
            with self.world.lock:
                self.world.finished += 1

    def body(self) -> bytes:
        """Like no other; some fit into the log, some do not."""
        self.count += 1
        text = f"client {self.number} value {self.count} ".encode()
        return text * self.choice.choice([1, 10, 2000, 20_000])

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None):
        """The answer, or nothing where the connection broke."""
        try:
            return send(self.world.server.url, self.world.server.key, method, f"/{BUCKET}{path}", body, headers)
        except BROKEN:
            return None

    def written(self, key: str, what: str, begin: float, answer, step, etag: str, refusals: dict) -> None:
        """`refusals`: by status, what such an answer says about the register."""
        if answer is not None and answer.status == 200:
            self.world.note(key, what, begin, step)
            self.seen[key] = etag
        elif answer is not None and answer.status in refusals:
            self.world.note(key, f"{what}: {answer.status}", begin, refusals[answer.status])
        elif answer is None or answer.status >= 500:
            self.world.note(key, what, begin, step, is_known=False)
        elif answer.status != 409:  # 409: a conflict, nothing was done, and nothing is said about what is there
            self.world.odd.append(f"{what}: {answer.status} {answer.code}")

    def put(self, key: str) -> None:
        body = self.body()
        begin = time.monotonic()
        answer = self.send("PUT", f"/{key}", body)
        self.written(key, f"put {etag_of(body)}", begin, answer, history.put(etag_of(body)), etag_of(body), {})

    def put_if_absent(self, key: str) -> None:
        body = self.body()
        begin = time.monotonic()
        answer = self.send("PUT", f"/{key}", body, {"if-none-match": "*"})
        self.written(key, f"put {etag_of(body)} if absent", begin, answer, history.put_if_absent(etag_of(body)), etag_of(body), {412: history.found_something()})

    def put_if_match(self, key: str) -> None:
        wanted = self.seen.get(key)
        if wanted is None:
            return self.put(key)
        body = self.body()
        begin = time.monotonic()
        answer = self.send("PUT", f"/{key}", body, {"if-match": f'"{wanted}"'})
        self.written(key, f"put {etag_of(body)} over {wanted}", begin, answer, history.put_if_match(wanted, etag_of(body)), etag_of(body),
                     {412: history.found_other_than(wanted), 404: history.read(None)})
        return None

    def put_in_parts(self, key: str) -> None:
        body = self.body()
        begun = self.send("POST", f"/{key}?uploads=")
        if begun is None or begun.status != 200:
            return
        upload = begun.body.decode().split("<UploadId>")[1].split("</UploadId>")[0]
        part = self.send("PUT", f"/{key}?partNumber=1&uploadId={upload}", body)
        if part is None or part.status != 200:
            return
        etag = etag_of_parts([body])
        document = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag_of(body)}</ETag></Part></CompleteMultipartUpload>"
        begin = time.monotonic()
        answer = self.send("POST", f"/{key}?uploadId={upload}", document.encode())
        if answer is not None and answer.status == 200 and "<Error>" in answer.body.decode():
            self.world.note(key, f"complete {etag}", begin, history.put(etag), is_known=False)
            return
        self.written(key, f"complete {etag}", begin, answer, history.put(etag), etag, {})

    def delete(self, key: str) -> None:
        begin = time.monotonic()
        answer = self.send("DELETE", f"/{key}")
        if answer is not None and answer.status == 204:
            self.world.note(key, "delete", begin, history.delete())
        elif answer is None or answer.status >= 500:
            self.world.note(key, "delete", begin, history.delete(), is_known=False)
        else:
            self.world.odd.append(f"delete {key}: {answer.status} {answer.code}")

    def get(self, key: str) -> None:
        begin = time.monotonic()
        answer = self.send("GET", f"/{key}")
        if answer is None or answer.status >= 500:
            return
        if answer.status == 404:
            self.world.note(key, "get nothing", begin, history.read(None))
            return
        etag = answer.headers.get("etag", "").strip('"')
        if answer.status != 200 or etag not in (etag_of(answer.body), etag_of_parts([answer.body])):
            self.world.odd.append(f"get {key}: {answer.status}, {len(answer.body)} bytes that are not those of {etag}")
            return
        self.world.note(key, f"get {etag}", begin, history.read(etag))
        self.seen[key] = etag

    def list(self, _: str) -> None:
        begin = time.monotonic()
        answer = self.send("GET", "?list-type=2")
        if answer is None or answer.status != 200:
            return
        end = time.monotonic()
        there = {}
        for row in answer.body.decode().split("<Contents>")[1:]:
            there[row.split("<Key>")[1].split("</Key>")[0]] = row.split("<ETag>")[1].split("</ETag>")[0].replace("&quot;", "").strip('"')
        for key in self.world.keys:
            self.world.note(key, f"list shows {there.get(key)}", begin, history.read(there.get(key)), end=end)


def run_round(world: World, seed: str, clients: int, calls: int, kills: int) -> None:
    threads = [Client(world, number, calls, f"{seed} client {number}") for number in range(clients)]
    choice = random.Random(f"{seed} kills")
    began = world.finished
    for thread in threads:
        thread.start()
    for at in sorted(choice.randrange(clients * calls) for _ in range(kills)):
        wait_until(lambda at=at: world.finished - began >= at or not any(t.is_alive() for t in threads), "calls to end", 300)
        world.kill_and_start()
    for thread in threads:
        thread.join(timeout=300)
        expect(not thread.is_alive(), "a client hangs")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    if boto3 is None:
        print("SKIPPED: python3-boto3 is not installed")
        return SKIPPED
    print(f"seed {options.seed}", flush=True)
    history.self_test()
    clients, calls, kills, rounds = (8, 250, 6, 60) if options.soak else (6, 120, 3, 2)
    with Program(options.duskline, "history") as program, Server(program) as server:
        expect(send(server.url, server.key, "PUT", f"/{BUCKET}").status == 200, "no bucket")
        total = unknown = 0
        for round_ in range(rounds):
            world = World(server, [f"round-{round_}-{n}" for n in range(3)])  # keys of its own: a short history is checked fast
            run_round(world, f"{options.seed} {round_}", clients, calls, kills)
            world.kill_and_start()
            last = Client(world, clients, 0, "")
            for key in world.keys:
                last.get(key)
            for key in world.keys:
                send(server.url, server.key, "DELETE", f"/{BUCKET}/{key}")
                total += len(world.calls[key])
                unknown += sum(not call.is_known for call in world.calls[key])
                wrong = history.check(world.calls[key])
                if wrong:
                    print(f"FAILED: seed {options.seed}, round {round_}: {wrong}")
                    return 1
            if world.odd:
                print(f"FAILED: seed {options.seed}: " + "; ".join(world.odd[:5]))
                return 1
        print(f"{total} calls, {unknown} of them with an end that nobody knows, {rounds * (kills + 1)} kills: all explained")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
