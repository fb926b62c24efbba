#!/usr/bin/env python3
"""Runs every test, stage by stage, and closes with "N passed, N failed".

  run_tests.py            what CI runs: every stage in short form but clang-tidy
  run_tests.py --quick    the inner loop: dev build, unit, contract, golden, short simulation, style
  run_tests.py --soak     long forms: kill loops, an hour of fuzzing, ten thousand simulated histories
  run_tests.py --only S   one stage (build, ctest, style, integration, asan, fuzz, tsan, tidy)
  run_tests.py --all      every stage, clang-tidy over all sources
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

TOP = pathlib.Path(__file__).resolve().parent.parent
# The stages in their order: what fails most often, and soonest, first.
STAGES = ["build", "ctest", "style", "integration", "asan", "fuzz", "tsan", "tidy"]
FUZZ_SECONDS = 4  # for each target, in CI
# CI ends after 40 minutes. On a machine so slow that a stage would begin later than this, it is left out, and said so.
# Fuzzing needs the build of the stage before it: without that, it has to begin as early.
BEGINS_WITHIN_SECONDS = {"asan": 14 * 60, "fuzz": 30 * 60, "fuzz, with its build": 17 * 60, "tsan": 20 * 60, "tidy": 31 * 60}
# What has threads: the thread sanitizer has nothing to see in the rest. Program -> its name for ctest.
THREADED = {
    "base_tests": "unit.base",
    "http_tests": "unit.http",
    "store_tests": "unit.store",
    "release_tests": "unit.release",
    "publish_tests": "unit.publish",
    "site_tests": "unit.site",
    "sync_tests": "unit.sync",
    "objects_tests": "unit.objects",
    "gateway_tests": "unit.gateway",
    "object_store_contract_test": "contract.object_store",
    "sim_main_job": "sim.main_job",
}
# Beyond what the build sets: findings end the run, and say where.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={TOP}/tests/tsan.supp",
    "LSAN_OPTIONS": f"print_suppressions=0:suppressions={TOP}/tests/lsan.supp",
    # Slow tests take fewer rounds.
    "DUSKLINE_SIM_SEEDS": "10",
}


class Run:
    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []
        self.second_tries: list[str] = []
        self.times: list[tuple[str, float]] = []

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
        """Each test that ctest counts is one test here. One that fails is tried again, and named: CI's machines are
        sometimes so busy that a server does not come up in time; but a test that needs this often is a bad test."""
        began = time.monotonic()
        print(f"--- {name}", flush=True)
        command = ["ctest", "--test-dir", str(TOP / "build" / folder), "--output-on-failure", "--no-tests=error", "--repeat", "until-pass:2", *arguments]
        done = subprocess.run(command, cwd=TOP, env={**os.environ, **(env or {})}, capture_output=True, text=True, errors="replace", check=False)
        counts = re.search(r"(\d+)% tests passed, (\d+) tests failed out of (\d+)", done.stdout)
        again = sorted({m for m in re.findall(r"Test +#\d+: (\S+) .*\*\*\*", done.stdout) if re.search(rf"Test +#\d+: {re.escape(m)} .* Passed ", done.stdout)})
        if done.returncode != 0 or not counts or again:
            print(done.stdout[-20000:] + done.stderr[-4000:])
        if not counts:
            self.failed.append(name)
            return
        bad, total = int(counts.group(2)), int(counts.group(3))
        self.passed += total - bad
        bad_names = re.findall(r"^\s*\d+ - (\S+) \((?:Failed|Timeout|SEGFAULT|Subprocess|Not Run|ILLEGAL|NUMERICAL|BUS|OTHER).*$", done.stdout, re.M)
        self.failed += [f"{name}: {test}" for test in bad_names] or ([name] if done.returncode != 0 else [])
        self.second_tries += [f"{name}: {test}" for test in again]
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
    """clang-tidy over the sources, or only those that the last commit and the working tree changed."""
    listing = ["git", "ls-files", "src/*.cc"]
    if changed_only:
        last = subprocess.run(["git", "rev-parse", "--quiet", "--verify", "HEAD~1"], cwd=TOP, capture_output=True, text=True, check=False).stdout.strip()
        listing = ["git", "diff", "--name-only", "--diff-filter=d", last or "HEAD", "--", "src/*.cc"]
    sources = subprocess.run(listing, cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
    sources = [s for s in sources if not s.endswith("_test.cc")]
    if sources and run.command("configure dev", ["cmake", "--preset", "dev"], log="configure-dev.log"):
        run.command(f"tidy ({len(sources)} files)", ["xargs", "-P2", "-n4", "-a", write_list(sources), "clang-tidy-19", "-p", "build/dev", "--quiet"], log="tidy.log")


def write_list(names: list[str]) -> str:
    path = TOP / "build" / "files.txt"
    path.write_text("\n".join(names) + "\n")
    return str(path)


def asan(run: Run) -> None:
    if build(run, "asan"):
        run.ctest("asan: unit, contract, golden, simulation", "asan", ["-j2", "-R", "^(unit|contract|golden|sim)"], env=SANITIZER_OPTIONS)


def tsan(run: Run) -> None:
    if build(run, "tsan", list(THREADED)):
        names = "|".join(re.escape(name) for name in THREADED.values())
        run.ctest("tsan: what has threads", "tsan", ["-j2", "-R", f"^({names})$"], env=SANITIZER_OPTIONS)


def fuzz(run: Run, preset: str, seconds: int) -> None:
    """Every target for so long, with the seeds that are kept, and whatever earlier runs in this folder found."""
    if not build(run, preset):
        return
    programs = sorted((TOP / "build" / preset / "tests" / "fuzz").glob("*_fuzz"))
    if not programs:
        run.failed.append("fuzz: no program was built")
    began = time.monotonic()
    print(f"--- fuzz {len(programs)} decoders, {seconds} s each", flush=True)
    with ThreadPoolExecutor(2) as both:
        logs = list(both.map(lambda program: fuzz_one(program, preset, seconds), programs))
    for program, log in zip(programs, logs):
        if log is None:
            run.passed += 1
        else:
            run.failed.append(f"fuzz: {program.stem}")
            print(log[-8000:])
    print(f"    {sum(log is None for log in logs)} of {len(programs)}  {time.monotonic() - began:.1f} s", flush=True)


def fuzz_one(program: pathlib.Path, preset: str, seconds: int) -> str | None:
    """Nothing, or what it printed when it failed. The input that it found lies in build/PRESET/corpus."""
    name = program.name.removesuffix("_fuzz")
    grown = TOP / "build" / preset / "corpus" / name
    grown.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-rss_limit_mb=1024", "-timeout=20", f"-artifact_prefix={grown}/"]
    command = [str(program), *limits, str(grown), str(TOP / "tests" / "fuzz" / "corpus" / name)]
    done = subprocess.run(command, cwd=TOP, env={**os.environ, **SANITIZER_OPTIONS}, capture_output=True, check=False)
    return None if done.returncode == 0 else done.stderr.decode(errors="replace")


def integration(run: Run, soak: bool) -> None:
    """The scripts that have a long form; ctest runs the rest."""
    for script in sorted((TOP / "tests" / "integration").glob("*_test.py")):
        if '"--soak"' not in script.read_text():
            continue
        run.command(f"integration {script.stem}", ["python3", str(script), "--duskline", "build/dev/duskline", *(["--soak"] if soak else [])])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", choices=STAGES)
    chosen = parser.parse_args()
    run = Run()
    began = time.monotonic()

    def wanted(stage: str) -> bool:
        if chosen.only:
            return chosen.only == stage
        if stage == "tidy":  # takes a quarter of an hour over all; `make check` looks at what changed
            return chosen.quick or chosen.all
        return not chosen.quick or stage in ("build", "ctest", "style", "tidy")

    long = chosen.soak or chosen.all
    left_out: list[str] = []
    built = True

    def run_stage(stage: str) -> None:
        nonlocal built
        if stage == "build":
            built = build(run, "dev")
        elif stage == "ctest" and built:
            seeds = {"DUSKLINE_SIM_SEEDS": "10000" if chosen.soak else "20" if chosen.quick else "200"}
            run.ctest("unit, contract, golden, command line, simulation", "dev", ["-j2"], env=seeds)
        elif stage == "style":
            style(run)
        elif stage == "integration" and built:
            integration(run, chosen.soak)
        elif stage == "asan":
            asan(run)
        elif stage == "tsan":
            tsan(run)
        elif stage == "fuzz":
            # Long runs are worth a build of their own, with optimisation.
            fuzz(run, "fuzz" if chosen.soak else "asan", 150 if chosen.soak else FUZZ_SECONDS)
        elif stage == "tidy":
            tidy(run, changed_only=not (long or chosen.only))

    for stage in STAGES:
        limit = "fuzz, with its build" if stage == "fuzz" and "asan" in left_out else stage
        if wanted(stage) and not (long or chosen.only) and time.monotonic() - began > BEGINS_WITHIN_SECONDS.get(limit, 3600):
            left_out.append(stage)
        elif wanted(stage):
            stage_began = time.monotonic()
            run_stage(stage)
            run.times.append((stage, time.monotonic() - stage_began))

    print(f"\nall stages: {time.monotonic() - began:.0f} s")
    print("  ".join(f"{stage} {seconds:.0f} s" for stage, seconds in run.times))
    for stage in left_out:
        print(f"LEFT OUT, this machine was too slow for it: {stage} (make {stage})")
    for name in run.second_tries:
        print(f"passed only at the second try: {name}")
    for name in run.failed:
        print(f"FAILED: {name}")
    print(f"{run.passed} passed, {len(run.failed)} failed")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
