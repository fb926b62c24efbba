"""Help, version, completion, the man page, keys, signals."""
import shutil
import signal
import subprocess

from cases import expect, main, refused


def test_help_and_version(p):
    expect("publish" in p.run("--help").out, "help lists no commands")
    expect(p.run("--version").out.startswith("duskline "), "no version")
    refused(p.run(code=2), "--help")
    refused(p.run("pubish", code=2), "--help")


def test_completion_is_bash(p):
    script = p.run("completion").out
    (p.work / "completion").write_text(script)
    probe = 'source completion; COMP_WORDS=(duskline pub); COMP_CWORD=1; _duskline; echo "${COMPREPLY[@]}"; COMP_WORDS=(duskline key tr); COMP_CWORD=2; _duskline; echo "${COMPREPLY[@]}"; COMP_WORDS=(duskline pull set --st); COMP_CWORD=3; _duskline; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", probe], cwd=p.work, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    expect(lines[0] == "publish" and lines[1] == "trust" and "--store" in lines[2], f"completes to {lines} {done.stderr}")


def test_manual_is_troff_with_every_command(p):
    page = p.run("manual").out
    for word in (".TH DUSKLINE 1", ".SS duskline publish SET", ".SS duskline key trust NAME KEY", "EXIT STATUS"):
        expect(word in page, f"the man page lacks {word}")
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True, check=True)
        expect("warning" not in done.stderr, done.stderr)


def test_keys(p):
    made = p.json("key", "key", "generate")
    again = p.json("key", "key", "generate")
    expect(made["public_key"] == again["public_key"], "a second key replaced the first")
    refused(p.run("key", "trust", "core", "rubbish", code=2), "rubbish")
    (p.work / "config" / "signing.key").chmod(0o644)
    (p.work / "source").mkdir()
    (p.work / "source" / "f").write_text("x")
    refused(p.run("publish", "set", "--from", p.work / "source", "--store", p.work / "store", code=5), "signing.key")


def test_interrupt_ends_with_130(p):
    source = p.work / "source"
    source.mkdir()
    (source / "f").write_text("x")
    process = p.start("publish", "set", "--from", source, "--store", p.work / "store", "--settle", "10m", "-v")
    line = process.stderr.readline()  # it says that it waits
    expect(line != b"", "it says nothing while it waits")
    process.send_signal(signal.SIGINT)
    expect(p.finish(process, 20).code == 130, "not 130")


main(globals())
