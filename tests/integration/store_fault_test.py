#!/usr/bin/env python3
"""Our own server over a disk that fails: flushes, writes and reads that end with EIO, and a disk that is full.

usage: store_fault_test.py --duskline PROGRAM --failing-disk LIBRARY

Whatever was acknowledged is there, byte for byte, during the fault where the disk can still be read, after it without a restart, and after
kill -9; what was refused is absent or whole. The full disk is a small file system of its own, for which this needs root.
"""
import argparse
import contextlib
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from store_server import SKIPPED, Server, boto3, send  # noqa: E402
from support import Failure, Program, expect  # noqa: E402

SMALL, LARGE = 2_000, 300_000  # in the log, and in a file of its own


class Ledger:
    """What was acknowledged, and what was tried besides: absent or whole."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server, self.random = server, random.Random(seed)
        self.kept: dict[str, bytes] = {}
        self.tried: dict[str, bytes] = {}

    def put(self, key: str, size: int) -> int:
        body = self.random.randbytes(size)
        answer = send(self.server.url, self.server.key, "PUT", f"/bucket/{key}", body)
        (self.kept if answer.status == 200 else self.tried)[key] = body
        if answer.status != 200:
            expect(answer.status in (500, 503, 507), f"PUT {key} is refused with {answer.status} {answer.code}")
            expect(answer.code != "", f"PUT {key} is refused with {answer.status} without saying why")
        return answer.status

    def remove(self, key: str) -> int:
        status = send(self.server.url, self.server.key, "DELETE", f"/bucket/{key}").status
        if status == 204:
            del self.kept[key]
            expect(self.get(key).status == 404, f"{key} was removed and is still there")
        return status

    def get(self, key: str):
        return send(self.server.url, self.server.key, "GET", f"/bucket/{key}")

    def check(self) -> None:
        for key, body in self.kept.items():
            answer = self.get(key)
            expect(answer.status == 200 and answer.body == body, f"{key} was acknowledged and reads as {answer.status} {answer.code}")
        for key, body in self.tried.items():
            answer = self.get(key)
            expect(answer.status == 404 or answer.body == body, f"{key} was refused and is there with other content")


def restart(server: Server, *arguments: str) -> None:
    server.process.kill()
    server.process.wait()
    server.start(*arguments)


@contextlib.contextmanager
def fault(orders: pathlib.Path, kind: str):
    order = orders.with_name(orders.name + "." + kind)
    order.touch()
    try:
        yield
    finally:
        order.unlink()


def failing_calls(program: Program, library: str, seed: int) -> None:
    orders = program.work / "orders"
    program.environment |= {"LD_PRELOAD": library, "FAILING_DISK": str(orders)}
    try:
        with Server(program) as server:
            expect(send(server.url, server.key, "PUT", "/bucket").status == 200, "the bucket cannot be made")
            ledger = Ledger(server, seed)
            for kind in ("sync", "write"):
                for round_ in range(3):
                    for size in (SMALL, LARGE):
                        expect(ledger.put(f"before-{kind}-{round_}-{size}", size) == 200, "a PUT before the fault fails")
                    with fault(orders, kind):
                        for size in (SMALL, LARGE):
                            status = ledger.put(f"during-{kind}-{round_}-{size}", size)
                            expect(status != 200, f"a PUT of {size} bytes is acknowledged though every {kind} fails")
                        ledger.check()
                    for size in (SMALL, LARGE):
                        status = ledger.put(f"after-{kind}-{round_}-{size}", size)
                        expect(status == 200, f"a PUT after the fault ({kind}) ends with {status}: the server does not recover")
                    ledger.check()
                restart(server)
                ledger.check()
                print(f"ok {kind}: EIO refuses what cannot be kept, and is over when it is over", flush=True)
            failing_reads(server, ledger, orders)
    finally:
        del program.environment["LD_PRELOAD"], program.environment["FAILING_DISK"]


def failing_reads(server: Server, ledger: Ledger, orders: pathlib.Path) -> None:
    restart(server)  # nothing is remembered as verified
    wrong = 0
    with fault(orders, "read"):
        for key, body in ledger.kept.items():
            try:
                answer = ledger.get(key)
            except (OSError, Exception) as error:  # noqa: BLE001 broken off: the client knows that it has not everything
                expect(not isinstance(error, Failure), str(error))
                wrong += 1
                continue
            expect(answer.status >= 500 or answer.body == body, f"GET {key} gives wrong bytes, or {answer.status}, while reads fail")
            wrong += answer.status >= 500
    expect(wrong > 0, "no read failed: the fault was not met")
    ledger.check()
    print("ok read: EIO is an error, never wrong bytes", flush=True)


def full_disk(program: Program, seed: int) -> None:
    image, mount = program.work / "image", program.work / "small-disk"
    mount.mkdir()
    with open(image, "wb") as file:
        file.truncate(128 << 20)  # of which the server keeps 64 MiB for removals
    done = subprocess.run(["sh", "-c", f"mkfs.ext4 -q -F -m 0 {image} && mount -o loop {image} {mount}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"SKIPPED: full disk: needs root and a loop device ({done.stderr.strip()})")
        return
    server = Server.__new__(Server)
    try:
        server.program, server.directory = program, mount / "store"
        server.key = server.add_key("main")
        server.start()
        expect(send(server.url, server.key, "PUT", "/bucket").status == 200, "the bucket cannot be made")
        ledger = Ledger(server, seed)
        for round_ in range(3):
            number = 0
            while ledger.put(f"{round_}-{number}", (SMALL, LARGE)[number % 4 != 0]) == 200:
                number += 1
                expect(number < 1000, "the disk holds more than can be")
            expect(number > 10 or round_ > 0, f"the disk is full after {number} objects")
            # Not everything fits any more; small ones may still do.
            for extra in range(20):
                ledger.put(f"{round_}-more-{extra}", SMALL)
            ledger.check()
            if round_ == 1:
                restart(server)
                ledger.check()
            for key in [key for key in ledger.kept if key.startswith(f"{round_}-")][: number // 2]:
                status = ledger.remove(key)
                expect(status == 204, f"DELETE on a full disk ends with {status}: there is no way out")
            ledger.check()
        expect(ledger.put("at-last", LARGE) == 200, "there is room again, and a PUT is refused")
        ledger.check()
        filler = mount / "of somebody else"
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)) > 0:
                pass
        expect(ledger.put("to-the-brim", SMALL) == 507, "a PUT is acknowledged by a disk without a free block")
        with contextlib.suppress(OSError):
            ledger.remove("at-last")  # whether it can or not
        ledger.check()
        filler.unlink()
        expect(ledger.put("after-all", LARGE) == 200, "somebody else made room, and a PUT is refused")
        restart(server)
        ledger.check()
        print("ok a full disk: refused, kept, and removals make room", flush=True)
    finally:
        with contextlib.suppress(AttributeError, ProcessLookupError):
            server.stop()
        subprocess.run(["umount", "-l", str(mount)], check=False)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--failing-disk", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    arguments = parser.parse_args()
    if boto3 is None:
        print("SKIPPED: needs python3-boto3")
        return SKIPPED
    print(f"seed {arguments.seed}")
    with Program(arguments.duskline, "store-fault") as program:
        try:
            full_disk(program, arguments.seed)
            failing_calls(program, os.path.abspath(arguments.failing_disk), arguments.seed)
        except Failure as failure:
            print(f"FAILED: {failure} (seed {arguments.seed})")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
