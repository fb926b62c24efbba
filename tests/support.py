"""What the tests that run the program as a process share."""
from __future__ import annotations

import hashlib
import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import tempfile
import time


class Failure(Exception):
    pass


def expect(condition: bool, claim: str) -> None:
    if not condition:
        raise Failure(claim)


def fingerprint(top: pathlib.Path, skip: tuple[str, ...] = (".duskline",)) -> dict[str, str]:
    """path -> what is there: kind, mode, mtime of files, content or link target."""
    found = {}
    for folder, folders, names in os.walk(top):
        if pathlib.Path(folder) == top:
            folders[:] = [f for f in folders if f not in skip]
        for name in folders + names:
            path = pathlib.Path(folder, name)
            info = path.lstat()
            relative = os.fsdecode(os.fsencode(path.relative_to(top)))
            if stat.S_ISLNK(info.st_mode):
                found[relative] = "link " + os.readlink(path)
            elif stat.S_ISDIR(info.st_mode):
                found[relative] = f"directory {stat.S_IMODE(info.st_mode):o}"
            else:
                found[relative] = f"file {stat.S_IMODE(info.st_mode):o} {info.st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        self.events = []
        for line in out.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                self.events.append(event)

    def event(self, name: str) -> dict:
        for event in self.events:
            if event.get("event") == name:
                return event
        raise Failure(f'no "{name}" in the output (exit {self.code}):\n{self.out}\n{self.err}')


class Program:
    """The program with its own configuration and cache, in a folder that is removed at the end."""

    def __init__(self, binary: str, name: str, environment: dict[str, str] | None = None) -> None:
        self.binary = str(pathlib.Path(binary).resolve())
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=f"duskline-{name}-"))
        self.environment = {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.work / "home"),
            "LANG": "C.UTF-8",
            "DUSKLINE_CONFIG_DIR": str(self.work / "config"),
            "DUSKLINE_CACHE_DIR": str(self.work / "cache"),
            **(environment or {}),
        }

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.work, ignore_errors=True)

    def start(self, *arguments: str, env: dict[str, str] | None = None, cwd: pathlib.Path | str | None = None) -> subprocess.Popen:
        return subprocess.Popen(
            [self.binary, *map(str, arguments)], env={**self.environment, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd or self.work)

    def finish(self, process: subprocess.Popen, limit: float = 300) -> Result:
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise Failure(f"{process.args} hung:\n{err.decode(errors='replace')}") from None
        return Result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def run(self, *arguments: str, env: dict[str, str] | None = None, code: int | None = 0, cwd: pathlib.Path | str | None = None) -> Result:
        result = self.finish(self.start(*arguments, env=env, cwd=cwd))
        if code is not None:
            expect(result.code == code, f"duskline {' '.join(map(str, arguments))} ended with {result.code}, not {code}:\n{result.err}{result.out}")
        return result

    def json(self, event: str, *arguments: str, env: dict[str, str] | None = None, code: int = 0) -> dict:
        return self.run(*arguments, "--json", env=env, code=code).event(event)


def make_tree(top: pathlib.Path, choice: random.Random, files: int, most_bytes: int = 20_000) -> None:
    """Files of odd sizes in nested folders, links, empty ones, names that need care."""
    for number in range(files):
        depth = choice.randrange(4)
        folder = top.joinpath(*[f"d{choice.randrange(5)}" for _ in range(depth)])
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / choice.choice([f"f{number}", f"with space {number}", f"new\nline {number}", f"ünïcode {number}"])
        path.write_bytes(choice.randbytes(choice.choice([0, 1, choice.randrange(most_bytes)])))
        path.chmod(choice.choice([0o644, 0o755, 0o600]))
        if choice.random() < 0.05:
            path.with_name(path.name + ".link").symlink_to(path.name)
    (top / "empty").mkdir(exist_ok=True)


def edit_tree(top: pathlib.Path, choice: random.Random, edits: int, spared: tuple[str, ...] = ()) -> None:
    """Files removed, added and changed; those named in `spared` stay as they are."""
    files = sorted(p for p in top.rglob("*") if p.is_file() and not p.is_symlink() and p.name not in spared)
    for number in range(edits):
        path = choice.choice(files)
        kind = choice.randrange(5)
        if kind == 0 and path.exists():
            path.unlink()
        elif kind == 1:
            new = path.with_name(f"new {number} {choice.randrange(10**6)}")
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(choice.randbytes(choice.randrange(30_000)))
        elif path.exists():
            content = bytearray(path.read_bytes())
            at = choice.randrange(len(content) + 1)
            content[at : at + choice.randrange(100)] = choice.randbytes(choice.randrange(200))
            path.write_bytes(content)


def wait_until(condition, what: str, limit: float = 60) -> None:
    """Polls for something that another process brings about; a bound on the wait, not a guess at its length."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"gave up waiting for {what}")
        os.sched_yield()
