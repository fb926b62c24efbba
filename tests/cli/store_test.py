"""duskline store: keys, serve, scrub, check."""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess

from cases import expect, main, refused
from support import wait_until


class Serving:
    """`duskline store serve` as a process, up to its end."""

    def __init__(self, p, *flags, listen="127.0.0.1:0", env=None):
        self.p = p
        self.store = p.work / "store"
        self.process = p.start("store", "serve", self.store, "--listen", listen, "--json", *flags, env=env)
        self.events = []
        while not self.events or self.events[-1]["event"] != "listening":
            line = self.process.stdout.readline()
            expect(line != b"", f"it does not listen: {p.finish(self.process, 20).err if line == b'' else ''}")
            self.events.append(json.loads(line))
        self.url = self.events[-1]["url"]
        self.address = self.url.split("://")[1]
        self.host, port = self.address.rsplit(":", 1)
        self.port = int(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def event(self, name):
        """The next event of that name."""
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == name:
                return self.events[-1]
        raise AssertionError(f"no {name} event; there were {self.events}")

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.p.finish(self.process, 60)


def signed(serving, key, method, path, body=b""):
    """A request by curl, which signs."""
    done = subprocess.run(
        ["curl", "-sS", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{key['access_key']}:{key['secret_key']}", "-X", method,
         "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-w", "\n%{http_code}", "--data-binary", "@-", serving.url + path],
        input=body, capture_output=True, check=False)
    text, _, code = done.stdout.rpartition(b"\n")
    return int(code or 0), text


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


def test_key_acts_are_recorded(p):
    store = p.work / "store"
    made = p.json("key", "store", "key", "add", "alice", "--dir", store)
    p.run("store", "key", "disable", "alice", "--dir", store)
    p.run("store", "key", "remove", "alice", "--dir", store)
    records = [json.loads(line) for line in (store / "audit.log").read_text().splitlines()]
    expect([r["act"] for r in records] == ["key add", "key disable", "key remove"], f"recorded: {records}")
    expect(all(r["who"] and r["time"] and r["from"] == "command line" for r in records), f"recorded: {records}")
    expect(records[0]["access_key"] == made["access_key"] and made["secret_key"] not in str(records), f"recorded: {records}")


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


def test_serve_says_where_and_stops_in_order(p):
    with Serving(p) as serving:
        expect(serving.url.startswith("http://127.0.0.1:"), f"it says {serving.url}")
        notes = [serving.event("note")]
        expect("store key add" in notes[0]["message"], f"it does not say how to make a key: {notes}")
        status, body = serving.ask("GET", "/")
        expect(status == 403 and b"AccessDenied" in body, f"an unsigned request gets {status} {body}")
        refused(p.run("store", "serve", serving.store, "--listen", "127.0.0.1:0", code=6), str(serving.store))
        refused(p.run("store", "scrub", serving.store, code=6), str(serving.store))
        refused(p.run("store", "serve", p.work / "other", "--listen", serving.address, code=1), serving.address)
        result = serving.stop()
        expect(result.code == 0, f"it ends with {result.code}: {result.err}")
        expect(result.event("stopped") is not None, "it does not say that it stopped")


def test_serve_takes_keys_as_they_come_and_go(p):
    with Serving(p) as serving:
        key = p.json("key", "store", "key", "add", "alice", "--dir", serving.store)
        expect(signed(serving, key, "PUT", "/bucket-a")[0] == 200, "a new key makes no bucket")
        expect(signed(serving, key, "PUT", "/bucket-a/key", b"bytes")[0] == 200, "a new key puts no object")
        expect(signed(serving, key, "GET", "/bucket-a/key") == (200, b"bytes"), "the object is another")
        p.run("store", "key", "disable", "alice", "--dir", serving.store)
        status, body = signed(serving, key, "GET", "/bucket-a/key")
        expect(status == 403 and b"InvalidAccessKeyId" in body, f"a disabled key gets {status} {body}")
        expect(serving.stop().code == 0, "it does not end well")
    # What was acknowledged is there, for scrub, check and the next server.
    expect(p.json("scrubbed", "store", "scrub", p.work / "store")["versions"] == 1, "scrub does not see the object")
    checked = p.json("checked", "store", "check", p.work / "store")
    expect(checked["problems"] == 0 and checked["versions"] == 1, f"check says {checked}")
    rebuilt = p.json("checked", "store", "check", p.work / "store", "--rebuild")
    expect(rebuilt["rebuilt"] and rebuilt["versions"] == 1, f"check --rebuild says {rebuilt}")
    p.run("store", "key", "enable", "alice", "--dir", p.work / "store")
    with Serving(p) as again:
        expect(signed(again, key, "GET", "/bucket-a/key") == (200, b"bytes"), "the object is gone after a restart")


def test_serve_lets_requests_end_when_it_stops(p):
    with Serving(p) as serving:
        key = p.json("key", "store", "key", "add", "alice", "--dir", serving.store)
        expect(signed(serving, key, "PUT", "/bucket-a")[0] == 200, "no bucket")
        slow = socket.create_connection((serving.host, serving.port))
        slow.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345")
        idle = socket.create_connection((serving.host, serving.port))
        serving.process.send_signal(signal.SIGTERM)
        expect(idle.recv(1) == b"", "an idle connection is not closed")
        slow.sendall(b"67890")
        expect(slow.recv(4096).startswith(b"HTTP/1.1 4"), "a request that ran got no answer")
        expect(p.finish(serving.process, 60).code == 0, "it does not end well")


def test_a_second_signal_does_not_wait(p):
    with Serving(p, "--drain", "10m") as serving:
        held = socket.create_connection((serving.host, serving.port))
        held.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345")
        # The drain has begun once new connections are refused.
        serving.process.send_signal(signal.SIGTERM)

        def refuses():
            try:
                socket.create_connection((serving.host, serving.port)).close()
                return False
            except OSError:
                return True

        wait_until(refuses, "the server to accept nothing more")
        serving.process.send_signal(signal.SIGTERM)
        expect(p.finish(serving.process, 60).code == 130, "a second signal waits")


def make_certificate(folder, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True)


def test_serve_speaks_tls_and_takes_a_new_certificate(p):
    make_certificate(p.work, "first")
    refused(p.run("store", "serve", p.work / "store", "--tls-cert", p.work / "cert.pem", code=2), "--tls-key")
    refused(p.run("store", "serve", p.work / "store", "--tls-cert", p.work / "cert.pem", "--tls-key", p.work / "absent.pem", code=2), "absent.pem")
    with Serving(p, "--tls-cert", p.work / "cert.pem", "--tls-key", p.work / "key.pem") as serving:
        expect(serving.url.startswith("https://"), f"it says {serving.url}")

        def name_shown():
            return b"first" in ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((serving.host, serving.port)))

        expect(name_shown(), "it shows another certificate")
        make_certificate(p.work, "second")
        serving.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not name_shown(), "the new certificate")
        expect(serving.stop().code == 0, "SIGHUP ended it")


def test_serve_tells_the_service_manager(p):
    path = str(p.work / "notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.settimeout(60)
    manager.bind(path)
    with Serving(p, env={"NOTIFY_SOCKET": path}) as serving:
        expect(manager.recv(4096).startswith(b"READY=1\n"), "it does not say that it is ready")
        serving.process.send_signal(signal.SIGHUP)
        expect(manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC="), "it does not say that it reloads")
        expect(manager.recv(4096).startswith(b"READY=1\n"), "it is not ready again")
        serving.process.send_signal(signal.SIGTERM)
        expect(manager.recv(4096) == b"STOPPING=1", "it does not say that it stops")
        p.finish(serving.process, 60)


def test_serve_is_configured_by_file_and_environment(p):
    (p.work / "c.toml").write_text('[store.serve]\nregion = "eu-west-3"\nlisten = "127.0.0.1:1"\n')
    with Serving(p, "--config", p.work / "c.toml", env={"DUSKLINE_ANONYMOUS": "1"}) as serving:
        status, body = serving.ask("GET", "/nothing-here?location", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=A/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"})
        expect(status >= 400, f"{status} {body}")
    refused(p.run("store", "serve", p.work / "s2", "--region", "EU WEST", code=2), "region")


def test_serve_logs_requests_and_acts(p):
    log = p.work / "access.log"
    with Serving(p, "--access-log", log) as serving:
        key = p.json("key", "store", "key", "add", "alice", "--dir", serving.store)
        expect(signed(serving, key, "PUT", "/bucket-a")[0] == 200, "no bucket")
        expect(signed(serving, key, "PUT", "/bucket-a/the-key", b"bytes")[0] == 200, "no object")
        wait_until(lambda: log.read_text().count("\n") == 2, "two lines in the access log")
        expect("REST.PUT.OBJECT" in log.read_text() and "the-key" in log.read_text(), log.read_text())
        # As logrotate does it.
        log.rename(p.work / "access.log.1")
        serving.process.send_signal(signal.SIGHUP)
        wait_until(log.exists, "a new access log")
        expect(signed(serving, key, "GET", "/bucket-a/the-key")[0] == 200, "no object")
        wait_until(lambda: "REST.GET.OBJECT" in log.read_text(), "a line in the new access log")
        expect(serving.stop().code == 0, "it does not end well")
        records = [json.loads(line) for line in (serving.store / "audit.log").read_text().splitlines()]
        made = [r for r in records if r["act"] == "CreateBucket"]
        expect(len(made) == 1 and made[0]["bucket"] == "bucket-a" and made[0]["access_key"] == key["access_key"], f"recorded: {records}")


def test_serve_tells_its_health(p):
    with Serving(p) as serving:
        expect(serving.ask("GET", "/healthz") == (200, b"ok\n"), "not healthy")
        expect(serving.ask("GET", "/readyz")[0] == 200, "not ready")
        status, text = serving.ask("GET", "/metrics")
        expect(status == 200 and b"duskline_" in text, f"{status} {text}")


def test_scrub_and_check_make_no_store(p):
    mount_point = p.work / "not-mounted"
    mount_point.mkdir()
    for command in (["scrub"], ["check"], ["check", "--rebuild"]):
        refused(p.run("store", *command, mount_point, code=1), str(mount_point), "no store")
        expect(list(mount_point.iterdir()) == [], f"store {command} leaves {list(mount_point.iterdir())}")


def test_serve_finds_rot_in_the_background(p):
    with Serving(p, "--scrub-every", "0s") as serving:
        key = p.json("key", "store", "key", "add", "alice", "--dir", serving.store)
        expect(signed(serving, key, "PUT", "/bucket-a")[0] == 200, "no bucket")
        expect(signed(serving, key, "PUT", "/bucket-a/large", b"x" * 5_000_000)[0] == 200, "no object")
        expect(serving.stop().code == 0, "it does not end well")
    large = [f for f in (p.work / "store").rglob("*") if f.is_file() and f.stat().st_size >= 5_000_000]
    expect(len(large) == 1, f"where the bytes lie: {large}")
    with open(large[0], "r+b") as file:
        file.seek(2_000_000)
        file.write(b"rot")
    with Serving(p, "--scrub-every", "100ms", "--scrub-limit", "1GiB/s") as serving:
        found = serving.event("note")
        expect(found["severity"] == "error" and "bucket-a/large" in found["message"], f"it says {found}")
        expect(signed(serving, key, "GET", "/bucket-a/large")[0] == 500, "rotten bytes are sent")
    result = p.run("store", "scrub", p.work / "store", "--json", code=3)
    expect(result.event("rotten")["key"] == "large", f"scrub says {result.out}")


# A log that lost records, or a part that waits for its upload's end, is no object's rot, and yet something is lost.
def test_scrub_tells_of_rot_in_the_log(p):
    with Serving(p, "--scrub-every", "0s") as serving:
        key = p.json("key", "store", "key", "add", "alice", "--dir", serving.store)
        expect(signed(serving, key, "PUT", "/bucket-a")[0] == 200, "no bucket")
        for i in range(20):
            expect(signed(serving, key, "PUT", f"/bucket-a/{i}", b"old")[0] == 200, "no object")
            expect(signed(serving, key, "PUT", f"/bucket-a/{i}", b"new")[0] == 200, "no object")
        expect(serving.stop().code == 0, "it does not end well")
    log = next((p.work / "store" / "log").iterdir())
    with open(log, "r+b") as file:
        file.seek(log.stat().st_size // 2)
        file.write(b"rot rot rot")
    result = p.run("store", "scrub", p.work / "store", "--json", code=3)
    expect("is damaged" in result.event("other_rot")["message"], f"scrub says {result.out}")
    with Serving(p, "--scrub-every", "100ms", "--scrub-limit", "1GiB/s") as serving:
        found = serving.event("note")
        expect(found["severity"] == "error" and "rotten" in found["message"], f"it says {found}")


def test_care_needs_a_store(p):
    for command in ("scrub", "check"):
        refused(p.run("store", command, p.work / "absent", code=1), "absent")
        expect(not (p.work / "absent").exists(), f"{command} made a store")


main(globals())
