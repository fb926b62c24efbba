"""duskline rollback, where the store is needed for it."""
import os

from cases import expect, fingerprint, main, refused


def publish(p, text):
    source = p.work / "source"
    source.mkdir(exist_ok=True)
    (source / "file").write_text(text)
    (source / f"only in {text}").write_text(text)
    p.run("publish", "set", "--from", source, "--store", p.work / "store")
    seen = fingerprint(source)
    (source / f"only in {text}").unlink()
    return seen


def pull(p, *more, **how):
    return p.run("pull", "set", "--to", p.work / "target", "--store", "store", "--mode", "in-place", *more, **how)


def test_in_place_fetches_what_it_no_longer_has(p):
    one = publish(p, "one")
    pull(p)
    refused(p.run("rollback", p.work / "target", code=1), "no release before")
    two = publish(p, "two")
    pull(p)
    expect(fingerprint(p.work / "target") == two, "the pull shows something else")
    (p.work / "target" / "of the site").write_text("stays")
    p.run("rollback", p.work / "target", cwd="/")  # the store was named by a relative path, from another directory
    shown = fingerprint(p.work / "target")
    expect(shown.pop("of the site", None) is not None, "what belongs to the site is gone")
    expect(shown == one, f"rollback shows something else: {shown} {one}")
    expect(pull(p, "--json").event("pulled")["outcome"] == "pinned", "the pin does not hold")
    p.run("verify", p.work / "target")
    p.run("unpin", p.work / "target")
    pull(p)
    os.unlink(p.work / "target" / "of the site")
    expect(fingerprint(p.work / "target") == two, "unpin does not let it follow again")
    p.run("rollback", p.work / "target", "--to", "1", "--store", p.work / "store")
    expect(fingerprint(p.work / "target") == one, "rollback by number shows something else")


def test_in_place_without_its_store_changes_nothing(p):
    publish(p, "one")
    pull(p)
    two = publish(p, "two")
    pull(p)
    (p.work / "store").rename(p.work / "away")
    refused(p.run("rollback", p.work / "target", code=1), "store")
    expect(fingerprint(p.work / "target") == two, "a rollback that failed changed the target")


main(globals())
