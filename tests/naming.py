#!/usr/bin/env python3
"""Checks file names, namespaces and a few words that clang-tidy does not see (it checks identifiers, see .clang-tidy).

With --self-test's planted violations run first, so that a check that finds nothing means something.
"""
import pathlib
import re
import subprocess
import sys

FILE_NAME = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)*\.(h|cc|c|py|sh|md|txt|cmake|json|toml|service)$")
OTHER_NAMES = {"CMakeLists.txt", "LICENSE", "README.md", "GOALS.md", "CONTRIBUTING.md", "Makefile", "CMakePresets.json"}
LIMIT_LINES = 600
# Words of unfinished work never reach the tree.
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SLEEP = re.compile(r"\bsleep_for\s*\(|\busleep\s*\(|\btime\.sleep\b")
# file -> why its length is right
LONG = {}


def check(path: str, text: str) -> list[str]:
    problems = []
    name = path.rsplit("/", 1)[-1]
    source = path.startswith("src/") and path.endswith((".h", ".cc"))
    if path.startswith("src/") and not FILE_NAME.match(name) and name not in OTHER_NAMES:
        problems.append(f"{path}: file names are snake_case")
    if source:
        folder = path.split("/")[1]
        opened = re.findall(r"^namespace (duskline[\w:]*) \{", text, re.M)
        wanted = "duskline" if folder in ("base", "bin") else f"duskline::{folder}"
        for space in opened:
            if not (space == wanted or space.startswith(wanted + "::")):
                problems.append(f"{path}: namespace {space} in folder {folder}/ (wanted: {wanted})")
        if path.endswith(".h") and "#pragma once" not in text:
            problems.append(f"{path}: no #pragma once")
        if path.endswith(".h") and not text.startswith("//"):
            problems.append(f"{path}: a header begins with what it is for")
        if text.count("\n") > LIMIT_LINES and path not in LONG:
            problems.append(f"{path}: {text.count(chr(10))} lines; split it, or say in LONG why not")
    if (source or path.startswith("tests/")) and path != "tests/naming.py":
        for number, line in enumerate(text.splitlines(), 1):
            if UNFINISHED.search(line):
                problems.append(f"{path}:{number}: unfinished word")
    if path.endswith(("_test.cc", "_test.py")):
        for number, line in enumerate(text.splitlines(), 1):
            if SLEEP.search(line):
                problems.append(f"{path}:{number}: a test synchronises, it does not sleep")
    return problems


def self_test() -> list[str]:
    planted = {
        "src/base/BadName.h": "// x\n#pragma once\n",
        "src/store/a.h": "// x\n#pragma once\nnamespace duskline::site {\n}\n",
        "src/store/b.h": "// x\n",
        "src/store/c.cc": "int a;  // TO" + "DO later\n",
        "src/store/d.cc": "\n" * (LIMIT_LINES + 1),
        "src/store/e_test.cc": "void f() { std::this_thread::sleep_for" + "(x); }\n",
    }
    return [f"the naming check does not find what is wrong in {p}" for p, t in planted.items() if not check(p, t)]


def main() -> int:
    top = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=top, capture_output=True, check=False).stdout.decode().split("\0")
    paths = [p for p in listed if p] or [p.relative_to(top).as_posix() for p in (top / "src").rglob("*") if p.is_file()]
    problems = self_test()
    for path in paths:
        if path.endswith((".h", ".cc", ".py", ".sh", ".c")) and (top / path).is_file():
            problems += check(path, (top / path).read_text())
    for problem in problems:
        print(problem)
    print(f"naming: {len(paths)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
