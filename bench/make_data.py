#!/usr/bin/env python3
"""Deterministic data for the benchmarks.   usage: make_data.py FOLDER KIND...   (kinds: see KINDS below)

The same arguments make the same bytes on any machine, but for `image`, whose first part is real files of this machine.
"""
import math
import os
import random
import sys

EPOCH = 1_700_000_000


def generator(tag: str) -> random.Random:
    return random.Random(f"duskline:{tag}")


def write(path: str, content: bytes, number: int) -> None:
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, (EPOCH + number, EPOCH + number))


class HalfText:
    """Content that compresses to about a half: words, then random bytes."""

    def __init__(self) -> None:
        words = generator("words")
        self.words = [bytes(words.randrange(97, 123) for _ in range(words.randrange(3, 10))) for _ in range(4096)]

    def block(self, choice: random.Random, size: int) -> bytes:
        text = bytearray()
        while len(text) < size // 2:
            text += b" ".join(choice.choices(self.words, k=64)) + b"\n"
        del text[size // 2 :]
        return bytes(text) + choice.randbytes(size - len(text))


def small(folder: str, count: int = 20_000) -> None:
    """20,000 files of 1 to 32 KiB, 213 MB, half compressible."""
    choice, text, total = generator("small"), HalfText(), 0
    for number in range(count):
        below = f"{folder}/d{number % 20:02d}/e{number // 20 % 25:02d}/f{number // 500 // 10:02d}"
        os.makedirs(below, exist_ok=True)
        size = int(min(32768, max(1024, choice.lognormvariate(math.log(8192), 0.8))))
        write(f"{below}/file{number:06d}.bin", text.block(choice, size), number)
        total += size
    print(f"small: {count} files, {total} bytes")


def dense(folder: str, count: int = 2_000, total: int = 21_000_000) -> None:
    """2,000 incompressible files, 21 MB."""
    choice = generator("dense")
    for number in range(count):
        below = f"{folder}/d{number % 20:02d}"
        os.makedirs(below, exist_ok=True)
        write(f"{below}/file{number:06d}.bin", choice.randbytes(total // count), number)
    print(f"dense: {count} files, {total} bytes")


def many(folder: str, count: int, tag: str) -> None:
    choice = generator(tag)
    for number in range(count):
        below = f"{folder}/{number // 20000:02d}/{number // 200 % 100:02d}"
        if number % 200 == 0:
            os.makedirs(below, exist_ok=True)
        write(f"{below}/t{number:06d}.txt", b"%d\n" % number + choice.randbytes(choice.randrange(16, 112)), number)
    print(f"{tag}: {count} files")


def large(folder: str, gib: int = 2) -> None:
    """2 GiB of incompressible bytes in one file."""
    choice = generator("large")
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/large.bin", "wb") as file:
        for _ in range(gib << 10):
            file.write(choice.randbytes(1 << 20))
    os.utime(f"{folder}/large.bin", (EPOCH, EPOCH))
    print(f"large: {gib} GiB")


def real_files(tops: tuple[str, ...]):
    for top in tops:
        for below, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(below, name)
                if "__pycache__" not in below and os.path.isfile(path) and not os.path.islink(path) and 0 < os.path.getsize(path) <= 64 << 20:
                    yield path


def image(folder: str, size: int = 1 << 30) -> None:
    """v1: 1 GiB like a disk image; v2: 64 KiB edits, 16 MiB moved, 3 MB inserted; v3: 4 KiB edits."""
    os.makedirs(folder, exist_ok=True)
    first = bytearray()
    for path in real_files(("/usr/lib/x86_64-linux-gnu", "/usr/bin", "/usr/lib/python3", "/usr/lib/gcc", "/usr/include", "/usr/share")):
        with open(path, "rb") as file:
            first += file.read()
        first += bytes(-len(first) % 512)
        if len(first) >= size:
            break
    del first[size:]
    filler = generator("image")
    first += filler.randbytes(size - len(first)) if size - len(first) < 1 << 28 else b"".join(filler.randbytes(min(1 << 20, size - at)) for at in range(len(first), size, 1 << 20))
    second, choice = bytearray(first), generator("image-2")
    edits = size // 100 // 65536
    for _ in range(edits):
        at = choice.randrange(0, size - 65536)
        second[at : at + 65536] = choice.randbytes(65536)
    block = bytes(second[int(size * 0.7) : int(size * 0.7) + (16 << 20)])
    del second[int(size * 0.7) : int(size * 0.7) + (16 << 20)]
    second[int(size * 0.3) : int(size * 0.3)] = block
    second[5_000_001:5_000_001] = choice.randbytes(3_000_000)
    third, choice = bytearray(first), generator("image-3")
    for _ in range(size // 100 // 4096):
        at = choice.randrange(0, (size - 4096) // 4096) * 4096
        third[at : at + 4096] = choice.randbytes(4096)
    for number, content in enumerate((first, second, third), 1):
        with open(f"{folder}/v{number}.img", "wb") as file:
            file.write(content)
        os.utime(f"{folder}/v{number}.img", (EPOCH + number, EPOCH + number))
    print(f"image: v1 {len(first)}, v2 {len(second)} ({edits} edits of 64 KiB, 3 MB inserted, 16 MiB moved), v3 {len(third)} ({size // 100 // 4096} edits of 4 KiB)")


KINDS = {
    "small": small,
    "dense": dense,
    "large": large,
    "image": image,
    "huge": lambda folder: many(folder, 200_000, "huge"),
    "million": lambda folder: many(folder, 1_000_000, "million"),
}

if __name__ == "__main__":
    if len(sys.argv) < 3 or any(kind not in KINDS for kind in sys.argv[2:]):
        sys.exit(f"{__doc__}\nkinds: {' '.join(KINDS)}")
    for kind in sys.argv[2:]:
        KINDS[kind](os.path.join(sys.argv[1], kind))
