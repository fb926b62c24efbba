#!/usr/bin/env python3
"""Checks that each folder of src/ includes only headers of folders before it.

A dependency that breaks the order is named with its line. Each exemption carries its reason. With --self-test the check is run
on planted violations and must find them.
"""
import pathlib
import re
import sys

ORDER = [
    "base", "model", "disk", "http", "s3", "pack", "store", "release", "publish", "site", "sync", "objects", "fleet", "gateway", "core", "agent",
    "cli", "bin",
]
# "testing" is for tests only: it may use everything up to "objects", and only tests may use it.
TESTING_MAY_USE = set(ORDER[: ORDER.index("objects") + 1]) | {"testing"}
# Heavy headers stay in few files: (pattern, files that may include it, why).
CONFINED = [
    (r"^CLI/", {"src/cli/command_line.cc"}, "CLI11 costs 4 s in each translation unit"),
    (r"^toml\+\+/", {"src/cli/settings.cc"}, "toml++ is header-only"),
    (r"^curl/", {"src/http"}, "libcurl is an implementation detail of the transport"),
    (r"^boost/(beast|asio)", {"src/http", "src/testing"}, "Beast costs 16 s in each translation unit"),
    (r"^openssl/", {"src/base", "src/testing", "src/http", "src/store/s3_store"}, "cryptography has one room"),
    (r"^zstd", {"src/pack", "src/release"}, "compression has one room"),
    (r"^pugixml", {"src/s3", "src/store/s3_store", "src/gateway", "src/testing"}, "XML is S3's"),
    (r"^sqlite3", {"src/objects"}, "the database has one room"),
]
# Folders that depend on nothing below them in the list, though it would be allowed.
FORBIDDEN = {
    ("site", "publish"): "the target's half must not know the core's half",
    ("pack", "disk"): "pack is bytes in, bytes out",
    ("pack", "http"): "pack is bytes in, bytes out",
    ("model", "disk"): "model is pure",
}
# What tests of one folder share stands beside them: "test_kit.h", "pull_kit.h".
TEST_FILE = re.compile(r"(_test\.cc|/test_\w+\.h|_kit\.h)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)


def check(path: str, text: str) -> list[str]:
    problems = []
    folder = path.split("/")[1]
    is_test = TEST_FILE.search(path) is not None
    for match in INCLUDE.finditer(text):
        quoted, target = match.group(1) == '"', match.group(2)
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        if quoted:
            used = target.split("/")[0]
            if used == "testing":
                if not is_test and folder != "testing":
                    problems.append(f"{where}: only tests may include testing/")
            elif folder == "testing":
                if used not in TESTING_MAY_USE:
                    problems.append(f"{where}: testing/ may not include {used}/")
            elif used not in ORDER:
                problems.append(f'{where}: "{target}" is not below src/ (includes are written from src/)')
            elif ORDER.index(used) > ORDER.index(folder):
                problems.append(f"{where}: {folder}/ comes before {used}/ and may not include it")
            elif (folder, used) in FORBIDDEN:
                problems.append(f"{where}: {folder}/ may not include {used}/: {FORBIDDEN[folder, used]}")
        for pattern, rooms, why in CONFINED:
            if not is_test and re.search(pattern, target) and not any(path.startswith(room) for room in rooms):
                problems.append(f"{where}: <{target}> stays in {', '.join(sorted(rooms))}: {why}")
    return problems


def self_test() -> list[str]:
    planted = {
        "src/base/a.h": '#include "model/tree.h"\n',
        "src/site/a.cc": '#include "publish/publish.h"\n',
        "src/store/a.cc": '#include "testing/sim_disk.h"\n',
        "src/publish/a.cc": "#include <CLI/CLI.hpp>\n",
        "src/cli/a.cc": '#include "../base/op.h"\n',
    }
    missed = [f"the layering check does not find what is wrong in {p}" for p, t in planted.items() if not check(p, t)]
    if check("src/site/b.cc", '#include "release/heads.h"\n#include <vector>\n'):
        missed.append("the layering check objects to a right include")
    return missed


def main() -> int:
    top = pathlib.Path(__file__).resolve().parent.parent
    problems = self_test()
    files = sorted(p for p in (top / "src").rglob("*") if p.suffix in (".h", ".cc"))
    if not files:
        problems.append("no source file was found")
    for file in files:
        problems += check(file.relative_to(top).as_posix(), file.read_text())
    for problem in problems:
        print(problem)
    print(f"layering: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
