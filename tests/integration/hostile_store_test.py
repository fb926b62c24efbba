#!/usr/bin/env python3
"""A store that fails in every way it can, under the program itself: each failure is survived or explained.

usage: hostile_store_test.py --duskline PROGRAM [--soak]

Survived: the target shows the new release, or the head the new one. Explained: the program ends with its exit code and a
message that says what to do, the target shows what it showed, the head names what it named, and the next run succeeds.
"""
import argparse
import datetime
import pathlib
import shutil
import socket
import sys
import threading
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True
from bad_store import BUCKET, BadStore, Misdeed  # noqa: E402
from support import Failure, Program, Result, expect, fingerprint  # noqa: E402

ALWAYS = 10**9
HEAD, DELTA, MANIFEST, PACK, NUMBER = "/channel/", "/delta/", "/release/", "/pack/", "/number/"
LATER = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")


@dataclass
class Case:
    """`once`: whether one such answer is survived, wherever it comes. `says`: words of the message when it never ends,
    for each kind of object ("" for any). `codes`: exit codes other than 1, likewise. A delta may fail as it likes: a pull goes by
    the manifest then."""

    name: str
    misdeed: Misdeed
    once: bool
    says: dict[str, tuple[str, ...] | None]
    codes: dict[str, int] = field(default_factory=dict)

    def hurry(self) -> dict[str, str]:
        """To give up soon. Only a stall may be told by time: a loaded machine is slow to answer too."""
        limit = "500ms" if self.misdeed.kind.startswith("stall") else "30s"
        return {"DUSKLINE_MAX_TRIES": "2", "DUSKLINE_STALL_LIMIT": limit}

    def words(self, part: str) -> tuple[str, ...] | None:
        if part == DELTA:
            return None
        return self.says[part] if part in self.says else self.says[""]

    def code(self, part: str) -> int:
        return self.codes.get(part, self.codes.get("", 1))


def answer(status: int, code: str, **headers: str) -> Misdeed:
    return Misdeed("answer", status, code, {name.replace("_", "-"): value for name, value in headers.items()})


def any_of(*words: str) -> dict[str, tuple[str, ...]]:
    return {"": words}


WRONG = {HEAD: ("head of channel", "altered on the way"), MANIFEST: ("manifest",), PACK: ("does not hold what the signed manifest promises", "--upload-all")}

PULLS = [
    Case("403 AccessDenied", answer(403, "AccessDenied"), False, any_of("403", "check the credentials")),
    Case("403 without a document", answer(403, ""), False, any_of("403", "check the credentials")),
    Case("403 SignatureDoesNotMatch", answer(403, "SignatureDoesNotMatch"), False, any_of("AWS_SECRET_ACCESS_KEY")),
    Case("404 NoSuchKey", answer(404, "NoSuchKey"), False,
         {HEAD: ("no channel", "duskline releases"), MANIFEST: ("still be on its way",), PACK: ("still be on its way",)}),
    Case("404 NoSuchBucket", answer(404, "NoSuchBucket"), False, any_of("make the bucket", "correct its name"), {"": 2}),
    Case("409 OperationAborted", answer(409, "OperationAborted"), True, any_of("409", "gave up after")),
    Case("412 PreconditionFailed", answer(412, "PreconditionFailed"), False, any_of("412", "no condition", "--endpoint-url")),
    Case("416 InvalidRange", answer(416, "InvalidRange"), False, {HEAD: ("416",), MANIFEST: ("416",), PACK: WRONG[PACK]}),
    Case("429 TooManyRequests", answer(429, "TooManyRequests"), True, any_of("429", "gave up after", "--max-requests")),
    Case("429 with Retry-After", answer(429, "", Retry_After="0"), True, any_of("429", "gave up after", "--max-requests")),
    Case("500 InternalError", answer(500, "InternalError"), True, any_of("500", "gave up after")),
    Case("503 SlowDown", answer(503, "SlowDown"), True, any_of("SlowDown", "gave up after", "--max-requests")),
    Case("a reset", Misdeed("reset"), True, any_of("gave up after", "check the network")),
    Case("a reset in mid-body", Misdeed("reset_in_body"), True, any_of("gave up after")),
    Case("a stall", Misdeed("stall"), True, any_of("nothing was received", "gave up after")),
    Case("a stalled body", Misdeed("stall_in_body"), True, any_of("nothing was received", "gave up after")),
    Case("a short body", Misdeed("short_body"), True, any_of("gave up after")),
    Case("wrong bytes", Misdeed("wrong_bytes"), False, WRONG, {HEAD: 5}),
    Case("a wrong length", Misdeed("wrong_length"), False, {**WRONG, PACK: ("another range", "gave up after")}, {HEAD: 5}),
    Case("an endless body", Misdeed("endless_body"), False,
         {HEAD: ("more than 65536 bytes",), "": ("longer than the", "that can be expected of it")}),
    Case("endless headers", Misdeed("endless_headers"), True, any_of("gave up after")),
    Case("what is not HTTP", Misdeed("garbage"), True, any_of("not HTTP", "gave up after")),
    Case("clock skew", answer(403, "RequestTimeTooSkewed", Date=LATER), False, any_of("clocks differ", "set this machine's clock")),
    Case("clock skew without a document", answer(403, "", Date=LATER), False, any_of("clocks differ", "set this machine's clock")),
    Case("an expired token", answer(400, "ExpiredToken"), True, any_of("ran out", "renew them")),
]

PUBLISHES = [
    *(case for case in PULLS if case.name.startswith(("403", "404 NoSuchBucket", "429", "5", "a reset", "a stall", "what", "clock", "an exp")) and "body" not in case.name),
    Case("409 ConditionalRequestConflict", answer(409, "ConditionalRequestConflict"), False,
         {HEAD: ("another publisher wrote", "publish again"), NUMBER: ("release numbers", "all taken"), "": ("409",)}),
    Case("412 PreconditionFailed", answer(412, "PreconditionFailed"), False,
         {HEAD: ("another publisher wrote", "publish again"), NUMBER: ("release numbers", "all taken"), "": ("412", "no condition")}),
    Case("a lost answer", Misdeed("lost_answer"), True, {HEAD: None, "": ("gave up after",)}),
    Case("a used up quota", answer(403, "QuotaExceeded"), False, any_of("quota is used up")),
    Case("507 Insufficient Storage", answer(507, ""), False, any_of("quota is used up")),
    Case("400 BadDigest", answer(400, "BadDigest"), False, any_of("BadDigest")),
]


def chosen(cases: list[Case], parts: tuple[str, ...], soak: bool) -> list[tuple[Case, str, str]]:
    """All of it, or of each case two for the first part and one for one of the others."""
    every = [(case, part, often) for case in cases for part in parts for often in ("once", "always")]
    if soak:
        return every
    few = []
    for number, case in enumerate(cases):
        other = parts[1 + number % (len(parts) - 1)]
        few += [(case, parts[0], "once"), (case, parts[0], "always"), (case, other, "always")]
    return few


class HostileStore:
    def __init__(self, program: Program, soak: bool) -> None:
        self.soak = soak
        self.program = program
        self.store = BadStore()
        program.environment |= {
            "AWS_ENDPOINT_URL": self.store.url, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "a secret of the tests", "NO_PROXY": "127.0.0.1",
            "DUSKLINE_STORE": f"s3://{BUCKET}/p", "DUSKLINE_STALL_LIMIT": "2s",
        }
        self.source = program.work / "source"
        self.target = program.work / "target"
        self.passed = self.failed = 0

    def write_source(self, text: str) -> dict[str, str]:
        self.source.mkdir(exist_ok=True)
        for number in range(20):
            (self.source / f"file {number}").write_text(f"{text} {number} " * (number + 1) * 10)
        return fingerprint(self.source)

    def publish(self, code: int | None = 0, **env: str) -> Result:
        return self.program.run("publish", "set", "--from", self.source, code=code, env=env)

    def pull(self, code: int | None = 0, **env: str) -> Result:
        return self.program.run("pull", "set", "--to", self.target, code=code, env=env)

    def shown(self) -> dict[str, str]:
        return fingerprint(self.target / "current")

    def head(self) -> bytes | None:
        return self.store.objects.get("p/set/channel/live")

    def check(self, name: str, work, *arguments) -> None:
        self.said = ""
        try:
            work(*arguments)
            self.passed += 1
            print(f"ok {name}" + (f": {self.said}" if self.said else ""), flush=True)
        except Failure as failure:
            self.failed += 1
            print(f"FAILED {name}: {failure}", flush=True)
        finally:
            self.store.forgive()

    # Pull

    def prepare_pulls(self) -> None:
        self.old = self.write_source("old")
        self.publish()
        self.pull()
        self.new = self.write_source("new")
        self.publish()
        self.target.rename(self.program.work / "template")

    def fresh_target(self) -> None:
        shutil.rmtree(self.target, ignore_errors=True)
        shutil.copytree(self.program.work / "template", self.target, symlinks=True)

    def explained(self, result: Result, code: int, words: tuple[str, ...]) -> None:
        self.said = (result.err.strip().splitlines() or [""])[-1]
        expect(result.code == code, f"ended with {result.code}, not {code}: {result.err}")
        for word in words:
            expect(word in result.err, f"the message does not say {word!r}: {result.err}")
        expect(result.err.strip() != "" and "terminate called" not in result.err, f"no explanation: {result.err!r}")
        expect("a secret of the tests" not in result.err + result.out, "the secret is in the output")

    def order_for_pull(self, case: Case, part: str, times: int) -> None:
        self.fresh_target()
        if part == MANIFEST:  # which is read only where there is no delta
            self.store.order(answer(404, "NoSuchKey"), "GET", DELTA, ALWAYS)
        self.store.order(case.misdeed, "GET", part, times)

    def pull_once(self, case: Case, part: str) -> None:
        self.order_for_pull(case, part, 1)
        result = self.pull(code=None)
        expect(self.store.forgive() > (part == MANIFEST), "the misdeed was never met")
        if case.once:
            expect(result.code == 0, f"one such answer ends the pull: {result.err}")
        if result.code == 0:
            expect(self.shown() == self.new, "a pull that succeeded shows something else")
            return
        expect(self.shown() == self.old, "a pull that failed changed the target")
        self.pull()
        expect(self.shown() == self.new, "the next pull does not mend it")

    def pull_always(self, case: Case, part: str) -> None:
        self.order_for_pull(case, part, ALWAYS)
        result = self.pull(code=None, **case.hurry())
        expect(self.store.forgive() > (part == MANIFEST), "the misdeed was never met")
        words = case.words(part)
        if words is None:
            expect(result.code == 0 and self.shown() == self.new, f"not survived: {result.err}")
            expect("going by the manifest" in result.err, f"nothing says that the delta was of no use: {result.err}")
            return
        self.explained(result, case.code(part), words)
        expect(self.shown() == self.old, "the target was changed")
        self.pull()
        expect(self.shown() == self.new, "the next pull does not mend it")

    def pulls(self) -> None:
        self.prepare_pulls()
        for case, part, often in chosen(PULLS, (PACK, HEAD, DELTA, MANIFEST), self.soak):
            work = self.pull_once if often == "once" else self.pull_always
            self.check(f"pull: {case.name}, {often}, {part}", work, case, part)

    # Publish

    def publish_once(self, case: Case, method: str, part: str) -> None:
        before = self.head()
        new = self.write_source(f"{case.name} {part} {method} once")
        self.store.order(case.misdeed, method, part)
        result = self.publish(code=None)
        expect(self.store.forgive() == 1, "the misdeed was never met")
        if case.once:
            expect(result.code == 0, f"one such answer ends the publish: {result.err}")
        if result.code != 0:
            expect(self.head() == before, "a publish that failed moved the head")
            self.publish()
        self.shows_published(new)

    def publish_always(self, case: Case, method: str, part: str) -> None:
        before = self.head()
        new = self.write_source(f"{case.name} {part} {method} always")
        self.store.order(case.misdeed, method, part, ALWAYS)
        result = self.publish(code=None, **case.hurry())
        expect(self.store.forgive() > 0, "the misdeed was never met")
        words = case.words(part)
        if words is None:
            expect(result.code == 0, f"not survived: {result.err}")
        else:
            self.explained(result, case.code(part), words)
            expect(self.head() == before, "the head was moved")
            self.publish()
        self.shows_published(new)

    def shows_published(self, new: dict[str, str]) -> None:
        shutil.rmtree(self.target, ignore_errors=True)
        self.pull()
        expect(self.shown() == new, "the store does not show what was published")

    def publishes(self) -> None:
        for case, part, often in chosen(PUBLISHES, (PACK, HEAD, MANIFEST, NUMBER), self.soak):
            work = self.publish_once if often == "once" else self.publish_always
            self.check(f"publish: {case.name}, {often}, PUT {part}", work, case, "PUT", part)
        self.check("publish: a second publisher", self.second_publisher)
        for case in PULLS if self.soak else PULLS[::4]:
            if HEAD in case.says or "" in case.says:
                self.check(f"publish: {case.name}, once, GET {HEAD}", self.publish_once, case, "GET", HEAD)

    def second_publisher(self) -> None:
        """The first is held back at its last step until the second is done."""
        begun, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            go_on.wait(120)

        self.store.order(Misdeed("late", work=hold), "PUT", HEAD)
        self.write_source("the slower publisher's")
        first = self.program.start("publish", "set", "--from", str(self.source))
        try:
            expect(begun.wait(120), "the first publisher never came to the head")
            elsewhere = {"DUSKLINE_CACHE_DIR": str(self.program.work / "cache of another")}
            new = self.write_source("the faster publisher's")
            self.publish(**elsewhere)
        finally:
            go_on.set()
        head = self.head()
        self.explained(self.program.finish(first), 1, ("was faster", "ublish again"))
        expect(self.head() == head, "the slower one moved the head")
        self.shows_published(new)

    # No store at all

    def unreachable(self, name: str, words: tuple[str, ...], **env: str) -> None:
        before = self.head()
        self.fresh_target()
        self.explained(self.pull(code=None, DUSKLINE_MAX_TRIES="2", **env), 1, words)
        expect(self.shown() == self.old, "the target was changed")
        self.write_source(name)
        self.explained(self.publish(code=None, DUSKLINE_MAX_TRIES="2", **env), 1, words)
        expect(self.head() == before, "the head was moved")

    def unreachables(self) -> None:
        advice = ("gave up after", "check the network")
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # and never listens
            nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
            for name, words, env in (
                ("a name that DNS does not know", ("store.invalid", *advice), {"AWS_ENDPOINT_URL": "http://store.invalid"}),
                ("nobody listens", ("onnect", *advice), {"AWS_ENDPOINT_URL": nobody}),
                ("a proxy that is not there", ("onnect", *advice), {"AWS_ENDPOINT_URL": "http://store.invalid", "http_proxy": nobody}),
            ):
                self.check(f"unreachable: {name}", lambda n=name, w=words, e=env: self.unreachable(n, w, **e))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--soak", action="store_true")
    arguments = parser.parse_args()
    with Program(arguments.duskline, "hostile-store") as program:
        test = HostileStore(program, arguments.soak)
        try:
            test.pulls()
            test.unreachables()
            test.publishes()
        finally:
            test.store.close()
    print(f"{test.passed} passed, {test.failed} failed")
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
