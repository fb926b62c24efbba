"""Runs every function named test_* of the calling script, each with a Program of its own."""
import inspect
import pathlib
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True
from support import Failure, Program, Result, expect, fingerprint, make_tree  # noqa: E402, F401


def refused(result: Result, *words: str) -> None:
    """The message is one line for a person, and says these things."""
    for word in words:
        expect(word in result.err, f"the message does not say {word!r}: {result.err}")
    expect("terminate called" not in result.err, "the program broke off")


def main(module: dict) -> None:
    failed = []
    tests = {n: f for n, f in module.items() if n.startswith("test_") and inspect.isfunction(f)}
    if not tests:
        sys.exit("no test here")
    for name, test in tests.items():
        try:
            with Program(sys.argv[1], name.replace("_", "-")) as program:
                test(program)
            print(f"ok      {name}")
        except Failure as failure:
            failed.append(name)
            print(f"FAILED  {name}: {failure}")
        except Exception:  # noqa: BLE001  (one broken test must not hide the others)
            failed.append(name)
            print(f"FAILED  {name}:\n{traceback.format_exc()}")
    print(f"{len(tests) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)
