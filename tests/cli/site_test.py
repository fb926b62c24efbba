"""What belongs to the site, and targets of which something was lost."""
import os

from cases import expect, main, refused


def published(p, text):
    source = p.work / "source"
    source.mkdir(exist_ok=True)
    (source / "file").write_text(text)
    p.run("publish", "set", "--from", source, "--store", p.work / "store")


def pull(p, *more, **how):
    return p.run("pull", "set", "--to", p.work / "target", "--store", p.work / "store", *more, **how)


def test_kept_files_go_back_and_forth(p):
    published(p, "one")
    pull(p, "--keep", "/up/", "--keep", ".env")
    current = p.work / "target" / "current"
    (current / ".env").write_text("E1")
    published(p, "two")
    pull(p, "--before", "mkdir current/up && echo early >current/up/order-1")
    os.unlink(current / ".env")
    (current / ".env").write_text("E2")
    p.run("rollback", p.work / "target")
    expect((current / "file").read_text() == "one", "not rolled back")
    expect((current / ".env").read_text() == "E2", "an older .env is shown")
    expect((current / "up" / "order-1").read_text() == "early\n", "lost in the rollback")
    (current / "up" / "order-4711").write_text("precious")
    p.run("unpin", p.work / "target")
    pull(p)
    expect((current / "file").read_text() == "two", "not at the second release")
    expect((current / "up" / "order-4711").read_text() == "precious", "lost in the pull")
    published(p, "three")
    pull(p, "--check", "echo late >current/up/order-2; false", code=None)
    expect((current / "file").read_text() == "two", "not taken back")
    expect((current / "up" / "order-2").read_text() == "late\n", "lost in the failed check")


def test_a_lost_state(p):
    published(p, "one")
    pull(p)
    state = p.work / "target" / ".duskline" / "state.json"
    state.write_text("")
    refused(p.run("verify", p.work / "target", code=None), "move it away and pull again")
    state.unlink()
    pull(p)
    expect("follows set/live again" in p.run("unpin", p.work / "target").out, "the channel is not known")
    p.run("verify", p.work / "target")


def test_damaged_records_are_repaired(p):
    published(p, "one")
    pull(p)
    for record in (p.work / "target" / ".duskline" / "trees").iterdir():
        content = bytearray(record.read_bytes())
        content[60:64] = b"XXXX"
        record.write_bytes(content)
    p.run("verify", p.work / "target", code=1)
    p.run("verify", p.work / "target", "--repair")
    p.run("verify", p.work / "target")


def test_what_the_release_does_not_have_is_set_aside(p):
    published(p, "one")
    pull(p)
    (p.work / "target" / "current" / "extra").write_text("x")
    p.run("verify", p.work / "target", code=3)
    expect("set aside 1" in p.run("verify", p.work / "target", "--repair").out, "not said")
    p.run("verify", p.work / "target")
    expect((p.work / "target" / ".duskline" / "set-aside" / "extra").read_text() == "x", "lost")


main(globals())
