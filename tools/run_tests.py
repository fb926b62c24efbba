#!/usr/bin/env python3
"""Runs every test, stage by stage, and closes with "N passed, N failed".

  run_tests.py            what CI runs: dev build, all of ctest, style, the program as processes under kills
  run_tests.py --quick    the inner loop: dev build, unit, contract, golden, short simulation, style
  run_tests.py --soak     long forms: kill loops, an hour of fuzzing, ten thousand simulated histories
  run_tests.py --only S   one stage (build, ctest, style, tidy, sanitizers, fuzz, integration)
  run_tests.py --all      every stage
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent


class Run:
    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []
        self.skipped: list[str] = []

    def command(self, name: str, command: list[str], env: dict[str, str] | None = None, log: str | None = None) -> bool:
        """One command is one test: it passes when it ends with 0. With a log, its output is shown only when it fails."""
        began = time.monotonic()
        print(f"--- {name}", flush=True)
        environment = {**os.environ, **(env or {})}
        if log:
            path = TOP / "build" / log
            path.parent.mkdir(exist_ok=True)
            with open(path, "wb") as out:
                code = subprocess.run(command, cwd=TOP, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
            if code != 0:
                print(path.read_text(errors="replace")[-8000:])
        else:
            code = subprocess.run(command, cwd=TOP, env=environment, check=False).returncode
        ok = code == 0
        print(f"    {'ok' if ok else f'FAILED ({code})'}  {time.monotonic() - began:.1f} s", flush=True)
        if ok:
            self.passed += 1
        else:
            self.failed.append(name)
        return ok

    def ctest(self, name: str, folder: str, arguments: list[str], env: dict[str, str] | None = None) -> None:
        """Each test that ctest counts is one test here."""
        began = time.monotonic()
        print(f"--- {name}", flush=True)
        command = ["ctest", "--test-dir", str(TOP / "build" / folder), "--output-on-failure", "--no-tests=error", "--repeat", "until-pass:2", *arguments]
        done = subprocess.run(command, cwd=TOP, env={**os.environ, **(env or {})}, capture_output=True, text=True, errors="replace", check=False)
        counts = re.search(r"(\d+)% tests passed, (\d+) tests failed out of (\d+)", done.stdout)
        if done.returncode != 0 or not counts:
            print(done.stdout[-20000:] + done.stderr[-4000:])
        if not counts:
            self.failed.append(name)
            return
        bad, total = int(counts.group(2)), int(counts.group(3))
        self.passed += total - bad
        self.failed += [f"{name}: {test}" for test in re.findall(r"^\s*\d+ - (\S+) \((?:Failed|Timeout|SEGFAULT|Subprocess).*$", done.stdout, re.M)]
        for reason in sorted(set(re.findall(r"SKIPPED: .*", done.stdout))):
            print("    " + reason)
        print(f"    {total - bad} of {total}  {time.monotonic() - began:.1f} s", flush=True)


def build(run: Run, preset: str, targets: list[str] | None = None) -> bool:
    if not run.command(f"configure {preset}", ["cmake", "--preset", preset], log=f"configure-{preset}.log"):
        return False
    chosen = ["--target", *targets] if targets else []
    return run.command(f"build {preset}", ["cmake", "--build", "--preset", preset, *chosen], log=f"build-{preset}.log")


def style(run: Run) -> None:
    run.command("layering", ["python3", "tests/layering.py"])
    run.command("naming", ["python3", "tests/naming.py"])
    sources = subprocess.run(["git", "ls-files", "*.cc", "*.h"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
    run.command("format", ["clang-format-19", "--dry-run", "--Werror", *sources], log="format.log")


def tidy(run: Run, changed_only: bool) -> None:
    """clang-tidy over the sources: with an old base, only over what has changed since."""
    listing = ["git", "diff", "--name-only", "--diff-filter=d", "HEAD", "--", "src/*.cc"] if changed_only else ["git", "ls-files", "src/*.cc"]
    sources = subprocess.run(listing, cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
    sources = [s for s in sources if not s.endswith("_test.cc")]
    if sources:
        run.command(f"tidy ({len(sources)} files)", ["xargs", "-P2", "-n4", "-a", write_list(sources), "clang-tidy-19", "-p", "build/dev", "--quiet"], log="tidy.log")


def write_list(names: list[str]) -> str:
    path = TOP / "build" / "files.txt"
    path.write_text("\n".join(names) + "\n")
    return str(path)


def sanitizers(run: Run) -> None:
    for preset in ("asan", "tsan"):
        if build(run, preset):
            run.ctest(f"{preset}: unit, contract, golden, simulation", preset, ["-R", r"^(unit|contract|golden|sim)\."])


def fuzz(run: Run, seconds: int) -> None:
    if not build(run, "fuzz"):
        return
    programs = sorted((TOP / "build" / "fuzz" / "tests" / "fuzz").glob("*_fuzz"))
    if not programs:
        run.failed.append("fuzz: no program was built")
    for program in programs:
        name = program.name
        corpus = TOP / "tests" / "fuzz" / "corpus" / name.removesuffix("_fuzz")
        grown = TOP / "build" / "fuzz" / "corpus" / name
        grown.mkdir(parents=True, exist_ok=True)
        each = max(3, seconds // max(1, len(programs)))
        run.command(
            f"fuzz {name} {each} s",
            [str(program), f"-max_total_time={each}", "-rss_limit_mb=1024", "-timeout=20", f"-artifact_prefix={grown}/", str(grown), *([str(corpus)] if corpus.is_dir() else [])],
            log=f"{name}.log",
        )


def integration(run: Run, soak: bool) -> None:
    scripts = sorted((TOP / "tests" / "integration").glob("*_test.py"))
    for script in scripts:
        run.command(f"integration {script.stem}", ["python3", str(script), "--duskline", "build/dev/duskline", *(["--soak"] if soak else [])])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only")
    chosen = parser.parse_args()
    run = Run()
    began = time.monotonic()

    def wanted(stage: str) -> bool:
        if chosen.only:
            return chosen.only == stage
        if chosen.quick:
            return stage in ("build", "ctest", "style", "tidy")
        return chosen.all or chosen.soak or stage in ("build", "ctest", "style", "integration")

    built = not wanted("build") and not wanted("ctest") or build(run, "dev")
    if built and wanted("ctest"):
        seeds = {"DUSKLINE_SIM_SEEDS": "10000" if chosen.soak else "20" if chosen.quick else "200"}
        run.ctest("unit, contract, golden, command line, simulation", "dev", ["-j2"], env=seeds)
    if wanted("style"):
        style(run)
    if wanted("tidy"):
        tidy(run, changed_only=chosen.quick)
    if wanted("sanitizers"):
        sanitizers(run)
    if wanted("fuzz"):
        fuzz(run, 3600 if chosen.soak else 60)
    if wanted("integration"):
        integration(run, chosen.soak)

    print(f"\nall stages: {time.monotonic() - began:.0f} s")
    for name in run.failed:
        print(f"FAILED: {name}")
    print(f"{run.passed} passed, {len(run.failed)} failed")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
