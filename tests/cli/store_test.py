"""duskline store: keys, serve, scrub, check."""
import json
import os

from cases import expect, main, refused


def test_keys_are_made_listed_changed_and_removed(p):
    store = p.work / "store"
    made = p.json("key", "store", "key", "add", "alice", "--dir", store)
    expect(made["access_key"] and made["secret_key"] and len(made["user_id"]) == 64, f"made {made}")
    second = p.json("key", "store", "key", "add", "alice-2", "--user", "alice", "--dir", store)
    expect(second["user_id"] == made["user_id"] and second["access_key"] != made["access_key"], "a second key has another user")
    narrow = p.json("key", "store", "key", "add", "site-a", "--dir", store, "--allow", "read,list", "--prefix", "site-a/")
    expect(narrow["user_id"] != made["user_id"] and narrow["prefix"] == "site-a/", f"made {narrow}")

    listed = p.run("store", "key", "list", "--dir", store, "--json")
    by_name = {e["name"]: e for e in listed.events}
    expect(set(by_name) == {"alice", "alice-2", "site-a"}, f"lists {sorted(by_name)}")
    expect(by_name["site-a"]["allow"] == "read,list", f"lists {by_name['site-a']}")
    out = p.run("store", "key", "list", "--dir", store).out
    for text in (out, json.dumps(listed.events)):
        expect(made["secret_key"] not in text, "the list shows a secret")
    expect("read,list under site-a/" in out, f"the list says:\n{out}")

    p.run("store", "key", "disable", "alice-2", "--dir", store)
    p.run("store", "key", "remove", narrow["access_key"], "--dir", store)
    left = {e["name"]: e["enabled"] for e in p.run("store", "key", "list", "--dir", store, "--json").events}
    expect(left == {"alice": True, "alice-2": False}, f"left {left}")
    p.run("store", "key", "enable", second["access_key"], "--dir", store)
    left = {e["name"]: e["enabled"] for e in p.run("store", "key", "list", "--dir", store, "--json").events}
    expect(left == {"alice": True, "alice-2": True}, f"left {left}")


def test_keys_refuse_what_makes_no_sense(p):
    store = p.work / "store"
    p.run("store", "key", "add", "alice", "--dir", store)
    refused(p.run("store", "key", "add", "alice", "--dir", store, code=1), "alice")
    refused(p.run("store", "key", "add", "a b", "--dir", store, code=1), "name")
    refused(p.run("store", "key", "add", "bob", "--dir", store, "--allow", "read,fly", code=2), "fly")
    refused(p.run("store", "key", "remove", "nobody", "--dir", store, code=1), "nobody")
    refused(p.run("store", "key", "list", code=2), "--dir")
    refused(p.run("store", "key", "add", "--dir", store, code=2), "NAME")


def test_secrets_lie_sealed(p):
    store = p.work / "store"
    made = p.json("key", "store", "key", "add", "alice", "--dir", store)
    for folder, _, names in os.walk(store):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                expect(made["secret_key"].encode() not in file.read(), f"the secret lies open in {name}")
    sealing = p.work / "config" / "store-sealing.key"
    expect(sealing.stat().st_mode & 0o077 == 0, "others may read the sealing key")
    # Another machine's configuration folder cannot open them.
    refused(p.run("store", "key", "list", "--dir", store, env={"DUSKLINE_CONFIG_DIR": str(p.work / "other")}, code=5), "key")


main(globals())
