"""duskline pull, verify, rollback, pin, unpin."""
import os

from cases import expect, fingerprint, main, refused


def published(p, text="one"):
    source = p.work / "source"
    source.mkdir(exist_ok=True)
    (source / "sub").mkdir(exist_ok=True)
    (source / "file").write_text(text)
    (source / "sub" / "other").write_text("the same")
    p.run("publish", "set", "--from", source, "--store", p.work / "store")
    return source


def pull(p, *more, **how):
    return p.run("pull", "set", "--to", p.work / "target", "--store", p.work / "store", *more, **how)


def test_pull_and_nothing_new(p):
    source = published(p)
    pull(p)
    expect(fingerprint(p.work / "target" / "current") == fingerprint(source), "the target is not the source")
    again = pull(p, "--json").event("pulled")
    expect(again["outcome"] == "current" and again["requests"] == 1, "a pull of nothing new costs more than one request")


def test_unknown_key_is_refused_with_its_fingerprint(p):
    published(p)
    stranger = {"DUSKLINE_CONFIG_DIR": str(p.work / "other")}
    key = p.json("key", "key", "show")
    refused(pull(p, env=stranger, code=5), key["fingerprint"], "key trust")
    expect(not os.path.lexists(p.work / "target" / "current"), "something was activated")
    pull(p, "--trust", key["public_key"], env=stranger)
    p.run("key", "trust", "core", key["public_key"], env=stranger)
    pull(p, env=stranger)


def test_rollback_pins_until_unpin(p):
    source = published(p)
    first = fingerprint(source)
    pull(p)
    published(p, "two")
    pull(p)
    refused(p.run("rollback", p.work / "nowhere", code=1), "nowhere")
    (p.work / "store").rename(p.work / "far away")  # it needs no store
    p.run("rollback", p.work / "target")
    (p.work / "far away").rename(p.work / "store")
    expect(fingerprint(p.work / "target" / "current") == first, "rollback shows something else")
    expect(pull(p, "--json").event("pulled")["outcome"] == "pinned", "the pin does not hold")
    p.run("unpin", p.work / "target")
    pull(p)
    expect(fingerprint(p.work / "target" / "current") == fingerprint(source), "unpin does not let it follow again")


def test_verify_and_repair(p):
    source = published(p)
    pull(p)
    p.run("verify", p.work / "target")
    victim = p.work / "target" / "current" / "file"
    info = victim.stat()
    victim.write_text("eno")
    os.utime(victim, ns=(info.st_atime_ns, info.st_mtime_ns))
    result = p.run("verify", p.work / "target", code=3)
    expect("changed  file" in result.out, "the changed file is not named")
    p.run("verify", p.work / "target", "--repair")
    expect(fingerprint(p.work / "target" / "current") == fingerprint(source), "not repaired")


def test_releases_that_share_what_was_changed_are_named_and_mended(p):
    source = published(p)
    pull(p, "--link", "hardlink")
    (source / "file").write_text("two")
    p.run("publish", "set", "--from", source, "--store", p.work / "store")
    pull(p, "--link", "hardlink")
    victim = p.work / "target" / "current" / "sub" / "other"
    info = victim.stat()
    victim.write_text("THE SAME")
    os.utime(victim, ns=(info.st_atime_ns, info.st_mtime_ns))
    result = p.run("verify", p.work / "target", code=3)
    expect("1 of them is changed in release 1" in result.err, f"the release is not named: {result.err}")
    event = p.run("verify", p.work / "target", "--json", code=3).event("shared")
    expect(event["number"] == 1 and event["files"] == 1, f"another event: {event}")
    refused(p.run("rollback", p.work / "target", "--read-all", code=3), "sub/other")
    p.run("verify", p.work / "target", "--repair")
    expect("sizes and times" not in p.run("rollback", p.work / "target", "--read-all").err, "all was read")
    expect((p.work / "target" / "current" / "sub" / "other").read_text() == "the same", "not mended in the kept release")
    expect("sizes and times" in p.run("rollback", p.work / "target", "--to", "2").err, "it does not say what it did not read")
    expect(fingerprint(p.work / "target" / "current") == fingerprint(source), "another content")


def test_a_hard_link_to_a_file_outside_of_the_subtree_is_a_file(p):
    source = published(p)
    os.link(source / "file", source / "sub" / "linked")
    p.run("publish", "set", "--from", source, "--store", p.work / "store")
    pull(p, "--only", "sub")
    expect("inode" not in p.run("verify", p.work / "target").err, "a file of its own is taken for a broken link")
    pull(p, "--only", ".")
    linked = p.work / "target" / "current" / "sub" / "linked"
    linked.unlink()
    linked.write_text("one")
    expect("inode" in p.run("verify", p.work / "target", code=3).err, "a broken link is not seen")


def test_rollback_lists_each_release_once(p):
    for mode in ("in-place", "switched"):
        target = p.work / mode
        for text in ("one", "two", "three"):
            published(p, mode + text)
            p.run("pull", "set", "--to", target, "--store", p.work / "store", "--mode", mode)
        for _ in range(2):  # back and forth
            p.run("rollback", target)
            p.run("unpin", target)
            p.run("pull", "set", "--to", target, "--store", p.work / "store", "--keep", f"{_}")
        listed = p.run("rollback", target, "--to", "99", code=1).err.split("here are:")[1]
        numbers = [word for word in listed.split() if word.isdigit()]
        expect(sorted(set(numbers)) == sorted(numbers), f"{mode}: listed twice: {listed}")


def test_in_place_keeps_what_belongs_to_the_site(p):
    published(p)
    target = p.work / "target"
    target.mkdir()
    (target / ".env").write_text("secret of the site")
    (target / "extra").write_text("x")
    pull(p, "--mode", "in-place", "--keep", ".env")
    expect((target / ".env").read_text() == "secret of the site" and (target / "extra").exists(), "something was removed")
    pull(p, "--delete", "--allow-mass-delete")
    published(p, "two")
    pull(p, "--delete", "--allow-mass-delete")
    expect((target / ".env").exists() and not (target / "extra").exists(), "--delete went wrong")
    expect((target / "file").read_text() == "two", "not updated")


def test_a_delete_of_more_than_half_is_refused(p):
    published(p)
    target = p.work / "target"
    (target / "own").mkdir(parents=True)
    for number in range(10):
        (target / "own" / str(number)).write_text("of the site")
    refused(pull(p, "--mode", "in-place", "--delete", code=5), "10 of the target's 10 files", "--allow-mass-delete")
    expect(len(list((target / "own").iterdir())) == 10 and not (target / "file").exists(), "something was changed")
    pull(p, "--mode", "in-place")
    expect(len(list((target / "own").iterdir())) == 10 and (target / "file").exists(), "extras go without --delete")


def test_a_head_past_its_life_is_stale_not_current(p):
    source = published(p)
    pull(p)
    (source / "file").write_text("two")
    p.run("publish", "set", "--from", source, "--store", p.work / "store", "--lifetime", "1ms")
    refused(pull(p, code=5), "stale, not current", "--allow-stale")
    expect((p.work / "target" / "current" / "file").read_text() == "one", "what is stale was activated")
    pull(p, "--allow-stale")
    expect((p.work / "target" / "current" / "file").read_text() == "two", "--allow-stale does nothing")


def test_failing_check_rolls_back(p):
    published(p)
    pull(p)
    published(p, "bad")
    failed = pull(p, "--check", "grep -q one current/file", "--json", code=1)
    event = failed.event("pulled")
    expect(event["outcome"] == "rolled_back" and event["rolled_back"], f"called {event['outcome']}")
    expect(event["shown"] and event["shown"] != event["release"], "what is shown is not said")
    expect((p.work / "target" / "current" / "file").read_text() == "one", "not rolled back")
    pull(p, "--check", "grep -q one current/file")
    expect((p.work / "target" / "current" / "file").read_text() == "one", "the bad release came back")
    published(p, "one more")
    pull(p, "--check", "grep -q one current/file")
    expect((p.work / "target" / "current" / "file").read_text() == "one more", "a newer release is not tried")


def test_a_failed_check_says_what_is_shown(p):
    published(p)
    result = pull(p, "--check", "false", code=1)
    refused(result, "--check failed", "shows nothing yet", "is not tried again")
    expect("is at release" not in result.out + result.err, "it says that the release is shown")
    published(p, "two")
    pull(p)
    published(p, "three")
    result = pull(p, "--check", "false", code=1)
    refused(result, "--check failed", "shows release 2 (", "release 3 is not tried again")
    expect("is at release" not in result.out + result.err, "it says that the release is shown")


def test_a_check_that_is_stopped_is_tried_again(p):
    published(p)
    pull(p)
    published(p, "two")
    result = pull(p, "--check", "kill -INT $PPID; sleep 60", code=130)
    refused(result, "stopped during --check", "shows release 1 (", "the next pull tries release 2 again")
    expect("not tried again" not in result.err, "it says that the release is not tried again")
    expect((p.work / "target" / "current" / "file").read_text() == "one", "not rolled back")
    pull(p, "--check", "true")
    expect((p.work / "target" / "current" / "file").read_text() == "two", "not tried again")


def test_a_command_after_that_failed_is_run_again(p):
    published(p)
    refused(pull(p, "--after", "false", code=1), "the release is shown", "after")
    expect((p.work / "target" / "current" / "file").read_text() == "one", "not shown")
    pull(p, "--after", "false", code=1)
    pull(p, "--after", "echo ran >> log", "--check", "false")  # the check is over
    pull(p, "--after", "echo ran >> log")
    expect((p.work / "target" / "log").read_text() == "ran\n", "not run just once")


def test_hooks_see_no_credentials(p):
    published(p)
    pull(p, "--after", "env > hook-environment", env={"AWS_SECRET_ACCESS_KEY": "planted", "AWS_ACCESS_KEY_ID": "planted"})
    seen = (p.work / "target" / "hook-environment").read_text()
    expect("planted" not in seen and "DUSKLINE_SET=set" in seen, f"wrong environment: {seen}")


def test_before_fails_and_nothing_is_activated(p):
    published(p)
    pull(p, "--before", "exit 3", code=1)
    expect(not os.path.lexists(p.work / "target" / "current"), "activated all the same")


def test_target_that_is_a_symlink_is_refused(p):
    published(p)
    (p.work / "elsewhere").mkdir()
    (p.work / "target").symlink_to(p.work / "elsewhere")
    refused(pull(p, code=5), "symlink")
    expect(os.listdir(p.work / "elsewhere") == [], "something was written through the link")


def test_no_such_channel_or_store(p):
    published(p)
    refused(pull(p, "--channel", "canary", code=1), "canary")
    refused(p.run("pull", "set", "--to", p.work / "t", "--store", p.work / "no-store", code=1), "no-store")


def test_dry_run_changes_nothing(p):
    published(p)
    plan = pull(p, "--dry-run", "--json").event("pulled")
    expect(plan["outcome"] == "planned" and plan["files_changed"] == 2 and plan["requests"] > 0, f"odd plan: {plan}")
    said = pull(p, "--dry-run").out
    expect("would fetch" in said and "B in " in said and f"{plan['requests']} requests" in said, f"no cost: {said}")
    expect(not os.path.lexists(p.work / "target" / "current"), "something was activated")
    done = pull(p, "--json").event("pulled")
    expect(all(done[part] == plan[part] for part in ("requests", "fetched_bytes", "pack_bytes")), f"{plan} but {done}")


def test_only_a_subtree(p):
    published(p)
    pull(p, "--only", "sub")
    names = sorted(str(f.relative_to(p.work / "target" / "current")) for f in (p.work / "target" / "current").rglob("*"))
    expect(names in (["sub", "sub/other"], ["other"]), f"unexpected: {names}")


def test_release_by_number_pins(p):
    published(p)
    published(p, "two")
    pull(p, "--release", "1")
    expect((p.work / "target" / "current" / "file").read_text() == "one", "another release")
    expect(pull(p, "--json").event("pulled")["outcome"] == "pinned", "not pinned")


def test_seed_is_adopted(p):
    source = p.work / "source"
    source.mkdir()
    (source / "big").write_bytes(os.urandom(3_000_000))
    p.run("publish", "set", "--from", source, "--store", p.work / "store")
    answer = pull(p, "--seed", source, "--json").event("pulled")
    expect(answer["seed_bytes"] == 3_000_000 and answer["pack_bytes"] == 0, f"fetched although it is here: {answer}")


main(globals())
