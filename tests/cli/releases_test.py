"""duskline releases, show, cat, diff, prune."""
from cases import expect, main, refused


def two_releases(p):
    source = p.work / "source"
    source.mkdir()
    (source / "same").write_text("same")
    (source / "changed").write_text("one")
    (source / "gone").write_text("x")
    store = p.work / "store"
    first = p.json("published", "publish", "set", "--from", source, "--store", store)
    (source / "changed").write_text("two")
    (source / "gone").unlink()
    (source / "new").write_text("n")
    second = p.json("published", "publish", "set", "--from", source, "--store", store)
    return source, store, first, second


def test_releases_lists_both(p):
    _, store, first, second = two_releases(p)
    result = p.run("releases", "set", "--store", store, "--json")
    listed = {e["number"]: e["release"] for e in result.events if e["event"] == "release"}
    expect(listed == {1: first["release"], 2: second["release"]}, f"listed: {listed}")
    out = p.run("releases", "set", "--store", store).out
    expect("live" in out and second["release"][:12] in out, "the channel is not shown")


def test_show_and_cat(p):
    _, store, first, _ = two_releases(p)
    out = p.run("show", "set", "--store", store).out
    expect("new" in out and "gone" not in out, "show lists other files")
    expect("gone" in p.run("show", "set", "--release", "1", "--store", store).out, "an older release cannot be shown")
    expect(p.run("cat", "set", "changed", "--store", store).out == "two", "cat gives other bytes")
    expect(p.run("cat", "set", "changed", "--store", store, "--release", first["release"][:10]).out == "one", "cat of an older release")
    refused(p.run("cat", "set", "nothing", "--store", store, code=1), "nothing")


def test_diff_between_releases_and_with_a_directory(p):
    source, store, _, _ = two_releases(p)
    out = p.run("diff", "set", "1", "2", "--store", store).out
    expect("+ new" in out and "- gone" in out and "* changed" in out and "same" not in out, f"diff says:\n{out}")
    (source / "new").write_text("m")
    out = p.run("diff", "set", "2", "--with", source, "--store", store).out
    expect("* new" in out and "* changed" not in out, f"diff with the directory says:\n{out}")


def test_diff_tells_by_its_exit_code_where_asked(p):
    source, store, _, _ = two_releases(p)
    expect("+ new" in p.run("diff", "set", "1", "2", "--store", store, "--exit-code", code=3).out, "nothing is said")
    p.run("diff", "set", "2", "2", "--store", store, "--exit-code")
    p.run("diff", "set", "2", "--with", source, "--store", store, "--exit-code")
    (source / "new").unlink()
    p.run("diff", "set", "2", "--with", source, "--store", store, "--exit-code", code=3)
    p.run("diff", "set", "1", "9", "--store", store, "--exit-code", code=1)


def test_diff_names_the_top_where_it_differs(p):
    source, store, _, _ = two_releases(p)
    source.chmod(0o700)
    p.run("publish", "set", "--from", source, "--store", store)
    out = p.run("diff", "set", "2", "3", "--store", store, "--exit-code", code=3).out
    expect(out.splitlines()[0] == "* .", f"diff says:\n{out}")


def test_prune_keeps_what_heads_need(p):
    _, store, _, _ = two_releases(p)
    p.run("prune", "set", "--store", store, "--keep-last", "1", "--keep-within", "0s", "--grace", "0s")
    p.run("prune", "set", "--store", store, "--keep-last", "1", "--keep-within", "0s", "--grace", "0s")
    p.run("pull", "set", "--to", p.work / "target", "--store", store)
    expect((p.work / "target" / "current" / "changed").read_text() == "two", "the pruned store is broken")
    expect(p.run("cat", "set", "gone", "--store", store, "--release", "1", code=1).code == 1, "release 1 is still there")


def test_prune_names_a_set_that_is_not_there(p):
    (p.work / "source").mkdir()
    (p.work / "source" / "file").write_text("x")
    p.run("publish", "set", "--from", p.work / "source", "--store", p.work / "store")
    refused(p.run("prune", "sett", "--store", p.work / "store", code=1), '"sett"')
    expect(not (p.work / "store" / "sett").exists(), "a prune of nothing left something")


main(globals())
