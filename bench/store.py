#!/usr/bin/env python3
"""`duskline store serve` beside nginx and Ceph's RADOS gateway: small and large GETs and PUTs, listings, memory under load.

usage: store.py [--rounds N] [--seconds S] [--only put,get,large,upload,list,memory] [--keys N]

Needs wrk; nginx and RGW are left out, and named, where they are missing. Load and server share the CPUs, so requests per second say how
much both cost; the server's own CPU time is beside them. What was put is read back and compared byte for byte.
"""
import argparse
import collections
import concurrent.futures
import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import time
import urllib.parse
import urllib.request

from harness import TOP, Bench, have, table

PARTS = ["put", "get", "large", "upload", "list", "memory"]
EMPTY = hashlib.sha256(b"").hexdigest()
SMALL, LARGE = 4096, 1 << 20
SMALL_COUNT, LARGE_COUNT = 10_000, 2_500


class Signer:
    """AWS Signature Version 4 in headers, as few bytes as it takes."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str) -> None:
        self.host = endpoint.removeprefix("http://")
        self.access_key = access_key
        self.now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.now[:8]}/us-east-1/s3/aws4_request"
        key = b"AWS4" + secret_key.encode()
        for part in self.scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        self.key = key

    def headers(self, method: str, path: str, query: str = "", payload: str = EMPTY) -> dict[str, str]:
        names = "host;x-amz-content-sha256;x-amz-date"
        canonical = f"{method}\n{path}\n{query}\nhost:{self.host}\nx-amz-content-sha256:{payload}\nx-amz-date:{self.now}\n\n{names}\n{payload}"
        text = f"AWS4-HMAC-SHA256\n{self.now}\n{self.scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self.key, text.encode(), "sha256").hexdigest()
        return {
            "Host": self.host, "x-amz-content-sha256": payload, "x-amz-date": self.now,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self.access_key}/{self.scope}, SignedHeaders={names}, Signature={signature}"}

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        headers = self.headers(method, path, payload=hashlib.sha256(body).hexdigest())
        return wire(method, path, headers, body)


def wire(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    if method == "PUT":
        headers = {**headers, "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def key(kind: str, number: int) -> str:
    return f"/bench/{kind}-{number:06d}"


def content(kind: str, number: int) -> bytes:
    return random.Random(f"{kind} {number}").randbytes(SMALL if kind == "small" else LARGE)


class Server:
    """One that is measured: where it is, how requests are signed (nginx takes them unsigned), what its processes cost."""

    def __init__(self, name: str, endpoint: str, signer: Signer | None, pids: list[int]) -> None:
        self.name, self.endpoint, self.signer, self.pids = name, endpoint, signer, pids

    def cpu(self) -> float:
        ticks = 0
        for pid in self.pids:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        seen = [re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()) for pid in self.pids]
        return sum(int(found[1]) for found in seen) / 1024

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        if self.signer:
            return self.signer.request(method, path, body)
        return wire(method, path, {"Host": self.endpoint.removeprefix("http://")}, body)

    def get(self, path: str, query: str = "") -> bytes:
        headers = self.signer.headers("GET", path, query) if self.signer else {}
        url = f"{self.endpoint}{path}{'?' + query if query else ''}"
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.read()

    def counters(self) -> dict[str, float]:
        """Of our server."""
        found = collections.Counter()
        with urllib.request.urlopen(self.endpoint + "/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if not line.startswith("#"):
                    found[line.rsplit(" ", 1)[0]] += float(line.rsplit(" ", 1)[1])
        return found


class StoreBench(Bench):
    def start(self, rgw: bool) -> None:
        self.servers: dict[str, Server] = {}
        self.nginx: subprocess.Popen | None = None
        self.start_ours()
        if have("nginx"):
            self.start_nginx()
        # Last, for its settings take the place of ours in the environment.
        if rgw:
            ours = dict(self.environment)
            self.start_s3()
            pids = subprocess.run(["pgrep", "-f", f"{self.rgw}/ceph.conf"], capture_output=True, text=True, check=True).stdout.split()
            self.servers["RGW"] = Server("RGW", self.endpoint, self.signer(), [int(pid) for pid in pids])
            self.environment = ours

    def signer(self) -> Signer:
        return Signer(self.endpoint, self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"])

    def start_ours(self) -> None:
        self.start_store()
        self.endpoint = self.environment["AWS_ENDPOINT_URL"]
        self.servers = {"duskline": Server("duskline", self.endpoint, self.signer(), [self.store.pid]), **{n: s for n, s in self.servers.items() if n != "duskline"}}

    def restart_ours(self) -> None:
        self.stop_store()
        self.endpoint = self.environment["AWS_ENDPOINT_URL"]
        self.start_ours()

    def start_nginx(self) -> None:
        """As for static files: sendfile, open files remembered, two workers."""
        root = self.work / "nginx"
        (root / "bench").mkdir(parents=True, exist_ok=True)
        self.nginx_port = random.randrange(20_000, 30_000)
        settings = root / "nginx.conf"
        settings.write_text(f"""daemon off; worker_processes 2; pid {root}/pid; error_log {root}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; open_file_cache max=20000 inactive=600s; open_file_cache_valid 600s;
  keepalive_requests 100000000; server {{ listen 127.0.0.1:{self.nginx_port}; root {root}; }} }}
""")
        os.chmod(self.work, 0o755)
        os.chmod(self.base, 0o755)
        self.nginx = subprocess.Popen(["nginx", "-c", str(settings), "-e", f"{root}/error.log"])
        for number in range(SMALL_COUNT):
            path = root / key("small", number)[1:]
            if not path.exists():
                path.write_bytes(content("small", number))
        workers: list[str] = []
        while len(workers) < 2:
            if self.nginx.poll() is not None:
                raise SystemExit(f"nginx ended: {(root / 'error.log').read_text()}")
            workers = subprocess.run(["pgrep", "-P", str(self.nginx.pid)], capture_output=True, text=True, check=False).stdout.split()
        self.servers["nginx"] = Server("nginx", f"http://127.0.0.1:{self.nginx_port}", None, [int(pid) for pid in workers])

    def stop_nginx(self) -> None:
        if self.nginx:
            self.nginx.terminate()
            self.nginx.wait()
            self.nginx = None

    def __exit__(self, *details: object) -> None:
        self.stop_nginx()
        super().__exit__(*details)

    def prepared(self, server: Server, name: str, requests: list[bytes]) -> str:
        path = self.base / f"{server.name}-{name}.requests"
        if not path.exists():
            path.write_bytes(b"".join(b"%d\n%s" % (len(one), one) for one in requests))
        return str(path)

    def load(self, server: Server, requests: str, connections: int, seconds: float) -> dict:
        """What wrk says, and the server's CPU time."""
        before = server.cpu()
        command = ["wrk", "-t", "2", "-c", str(connections), "-d", f"{seconds:.0f}", "--timeout", "30", "-s",
                   str(TOP / "bench" / "s3_requests.lua"), server.endpoint, "--", requests]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seen = json.loads(done.stdout.strip().splitlines()[-1])
        if seen["not_200"] or seen["broken"]:
            raise SystemExit(f"{server.name}: {seen}")
        return seen | {"cpu": server.cpu() - before, "per_second": seen["requests"] / seen["seconds"]}


def rounds_of(bench: StoreBench, names: list[str], rounds: int, work) -> dict[str, list[dict]]:
    seen: dict[str, list[dict]] = {name: [] for name in names if name in bench.servers}
    for number in range(rounds):
        for name in seen:
            os.sync()
            seen[name].append(work(bench.servers[name]))
            print(f"#   round {number + 1} {name}: " + "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in seen[name][-1].items()), flush=True)
    return seen


def show(seen: dict[str, list[dict]], columns: dict, ratio) -> None:
    """Medians, and the median of the ratios of ours to each peer."""
    rows = []
    for name, costs in seen.items():
        ratios = [ratio(ours) / ratio(one) for ours, one in zip(seen["duskline"], costs)]
        rows.append([name, *[f"{statistics.median(read(c) for c in costs):.2f}" for read in columns.values()], f"{statistics.median(ratios):.2f}"])
    table(["", *columns, "ours to it"], rows)


def check_content(server: Server, kind: str, count: int) -> None:
    for number in random.Random(7).sample(range(count), min(count, 100)):
        if server.get(key(kind, number)) != content(kind, number):
            raise SystemExit(f"{server.name} gives other bytes for {key(kind, number)} than were put")


def puts_of(bench: StoreBench, server: Server) -> str:
    return bench.prepared(server, "put", [server.request("PUT", key("small", n), content("small", n)) for n in range(SMALL_COUNT)])


def gets_of(bench: StoreBench, server: Server, kind: str, count: int) -> str:
    return bench.prepared(server, f"get-{kind}-{count}", [server.request("GET", key(kind, n)) for n in range(count)])


def fill(bench: StoreBench, kind: str, count: int) -> None:
    def put_some(server: Server, first: int) -> None:
        connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
        for number in range(first, count, 8):
            body = content(kind, number)
            connection.request("PUT", key(kind, number), body, server.signer.headers("PUT", key(kind, number), payload=hashlib.sha256(body).hexdigest()))
            answer = connection.getresponse()
            if answer.read() or answer.status != 200:
                raise SystemExit(f"{server.name}: {answer.status} for {key(kind, number)}")

    for server in bench.servers.values():
        if server.signer:
            with concurrent.futures.ThreadPoolExecutor(8) as eight:
                list(eight.map(lambda first, server=server: put_some(server, first), range(8)))
        else:
            for number in range(count):
                (bench.work / "nginx" / key(kind, number)[1:]).write_bytes(content(kind, number))
        check_content(server, kind, count)
    os.sync()


def put(bench: StoreBench, rounds: int, seconds: float) -> None:
    def one(server: Server) -> dict:
        before = server.counters() if server.name == "duskline" else {}
        seen = bench.load(server, puts_of(bench, server), 16, seconds)
        if before:
            after = server.counters()
            flushes = after["duskline_fsyncs_total"] - before["duskline_fsyncs_total"]
            seen |= {"flushes_per_second": flushes / seen["seconds"], "puts_per_flush": seen["requests"] / max(1, flushes)}
        return seen

    print("### PUT 4 KiB, 16 connections, durable (RGW keeps them in memory)")
    seen = rounds_of(bench, ["duskline", "RGW"], rounds, one)
    show(seen, {"requests/s": lambda c: c["per_second"], "server CPU µs each": lambda c: c["cpu"] * 1e6 / c["requests"], "median ms": lambda c: c["median_ms"],
                "99 % ms": lambda c: c["p99_ms"], "flushes/s": lambda c: c.get("flushes_per_second", 0.0), "puts/flush": lambda c: c.get("puts_per_flush", 0.0)}, lambda c: c["per_second"])


def get(bench: StoreBench, rounds: int, seconds: float) -> None:
    fill(bench, "small", SMALL_COUNT)
    print("\n### GET 4 KiB, 64 connections, signed (nginx: unsigned, files)")
    seen = rounds_of(bench, ["duskline", "nginx", "RGW"], rounds, lambda server: bench.load(server, gets_of(bench, server, "small", SMALL_COUNT), 64, seconds))
    show(seen, {"requests/s": lambda c: c["per_second"], "server CPU µs each": lambda c: c["cpu"] * 1e6 / c["requests"], "median ms": lambda c: c["median_ms"], "99 % ms": lambda c: c["p99_ms"]},
         lambda c: c["per_second"])


def large(bench: StoreBench, rounds: int, seconds: float) -> None:
    fill(bench, "large", LARGE_COUNT)
    columns = {"GB/s": lambda c: c["bytes"] / c["seconds"] / 1e9, "server CPU µs each": lambda c: c["cpu"] * 1e6 / c["requests"]}

    def rate(cost: dict) -> float:
        return cost["bytes"] / cost["seconds"]

    def first(server: Server) -> dict:
        """Each object once, by a server that has just been started; the bytes are in the page cache, as they are on a server in use."""
        subprocess.run(f"cat {bench.work}/store/data/*/* {bench.work}/nginx/bench/large-* > /dev/null 2>&1", shell=True, check=False)
        requests = gets_of(bench, server, "large", LARGE_COUNT)
        if server.name == "duskline":
            bench.restart_ours()
        else:
            bench.stop_nginx()
            bench.start_nginx()
        cost = bench.load(bench.servers[server.name], requests, 16, 1)
        if cost["requests"] > LARGE_COUNT:
            raise SystemExit("faster than there are objects: set LARGE_COUNT higher")
        return cost

    print("\n### GET 1 MiB, 16 connections, each object for the first time")
    show(rounds_of(bench, ["duskline", "nginx"], rounds, first), columns, rate)
    print("\n### GET 1 MiB, 16 connections, warm")
    show(rounds_of(bench, ["duskline", "nginx", "RGW"], rounds, lambda server: bench.load(server, gets_of(bench, server, "large", 500), 16, seconds)), columns, rate)


def upload(bench: StoreBench, rounds: int) -> None:
    """By curl, four parts at a time, so that the client costs next to nothing."""
    part, count = 64 << 20, 16
    piece = bench.base / "part"
    piece.write_bytes(random.Random(1).randbytes(part))
    digest = hashlib.sha256(piece.read_bytes()).hexdigest()

    def call(server: Server, method: str, query: str, body: bytes = b"") -> bytes:
        headers = server.signer.headers(method, "/bench/upload", query, hashlib.sha256(body).hexdigest())
        url = f"{server.endpoint}/bench/upload?{query}"
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers, method=method)) as answer:
            return answer.read()

    def send(server: Server, upload_id: str, number: int) -> str:
        query = f"partNumber={number}&uploadId={urllib.parse.quote(upload_id, safe='-_.~')}"
        headers = server.signer.headers("PUT", "/bench/upload", query, digest)
        arguments = [word for name, value in headers.items() if name != "Host" for word in ("-H", f"{name}: {value}")]
        done = subprocess.run(["curl", "-sS", "-f", "-T", str(piece), "-H", "Expect:", *arguments, "-w", "%header{etag}", "-o", "/dev/null", f"{server.endpoint}/bench/upload?{query}"],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def one(server: Server) -> dict:
        cpu, began = server.cpu(), time.monotonic()
        upload_id = re.search(rb"<UploadId>([^<]+)<", call(server, "POST", "uploads="))[1].decode()
        with concurrent.futures.ThreadPoolExecutor(4) as four:
            etags = list(four.map(lambda number: send(server, upload_id, number), range(1, count + 1)))
        parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in enumerate(etags, 1))
        call(server, "POST", f"uploadId={urllib.parse.quote(upload_id, safe='-_.~')}", f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode())
        return {"seconds": time.monotonic() - began, "cpu": server.cpu() - cpu}

    print("\n### PUT 1 GiB in parts of 64 MiB, four at a time")
    seen = rounds_of(bench, ["duskline", "RGW"], rounds, one)
    show(seen, {"MB/s": lambda c: part * count / c["seconds"] / 1e6, "server CPU s": lambda c: c["cpu"]}, lambda c: 1 / c["seconds"])
    for name in seen:
        got = hashlib.sha256()
        headers = bench.servers[name].signer.headers("GET", "/bench/upload")
        with urllib.request.urlopen(urllib.request.Request(f"{bench.servers[name].endpoint}/bench/upload", headers=headers)) as answer:
            while piece_read := answer.read(1 << 20):
                got.update(piece_read)
        expected = hashlib.sha256()
        for _ in range(count):
            expected.update(piece.read_bytes())
        if got.digest() != expected.digest():
            raise SystemExit(f"{name} gives other bytes than were uploaded")


def listings(bench: StoreBench, rounds: int, keys: int) -> None:
    """In a store that is filled below the server, since putting ten million objects takes an hour; the engine's own code writes it."""
    program = TOP / "build" / "bench" / "tests" / "integration" / "objects_bench"
    for command in (["cmake", "--preset", "release", "-B", "build/bench", "-DDUSKLINE_TESTS=ON"], ["cmake", "--build", "build/bench", "--target", "objects_bench"]):
        subprocess.run(command, cwd=TOP, check=True, stdout=subprocess.DEVNULL)
    bench.stop_store()
    shutil.rmtree(bench.work / "store")
    bench.start_store()
    bench.stop_store()
    print(f"\n### Listings, {keys:,} keys")
    subprocess.run([str(program), str(bench.work / "store"), "delimiter", str(keys)], check=True, stdout=subprocess.DEVNULL)
    bench.restart_ours()
    server = bench.servers["duskline"]
    rows = []
    for number in range(rounds):
        cpu, began, count, after = server.cpu(), time.monotonic(), 0, ""
        connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
        while count < min(keys, 1_000_000):
            query = "list-type=2" + (f"&start-after={urllib.parse.quote(after, safe='-_.~')}" if after else "")
            connection.request("GET", f"/bench?{query}", headers=server.signer.headers("GET", "/bench", query))
            page = connection.getresponse().read()
            found = page.count(b"<Key>")
            if found == 0:
                raise SystemExit(f"the listing ends after {count} keys")
            count += found
            after = page[page.rindex(b"<Key>") + 5 : page.rindex(b"</Key>")].decode()
        seconds, cpu = time.monotonic() - began, server.cpu() - cpu
        roots = []
        for _ in range(5):
            root_began = time.monotonic()
            root = server.get("/bench", "delimiter=%2F&list-type=2")
            roots.append((time.monotonic() - root_began) * 1e3)
        if root.count(b"<CommonPrefixes>") != min(1000, keys):
            raise SystemExit("the listing of the root lacks prefixes")
        rows.append([number + 1, f"{count / seconds:,.0f}", f"{cpu * 1e6 / count:.2f}", f"{min(roots):.1f} to {max(roots):.1f}"])
    table(["round", "keys/s by pages of 1,000", "server CPU µs a key", "root with delimiter, ms"], rows)
    print(f"peak memory {server.peak_mib():.0f} MiB")


def memory(bench: StoreBench, seconds: float) -> None:
    fill(bench, "small", SMALL_COUNT)
    fill(bench, "large", 500)
    print("\n### Memory under 256 connections: small GETs, large GETs, small PUTs, large PUTs, each for some seconds")
    rows = []
    for name in ("duskline", "RGW"):
        if name in bench.servers:
            server = bench.servers[name]
            large_puts = bench.prepared(server, "put-large", [server.request("PUT", key("large", n), content("large", n)) for n in range(100)])
            for requests in (gets_of(bench, server, "small", SMALL_COUNT), gets_of(bench, server, "large", 500), puts_of(bench, server), large_puts):
                bench.load(server, requests, 256, seconds)
            rows.append([name, f"{server.peak_mib():.0f}"])
    table(["", "peak MiB"], rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--keys", type=int, default=10_000_000, help="for the listings")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if not have("wrk"):
        raise SystemExit("this needs wrk: apt-get install wrk")
    with StoreBench("store", 40) as bench:
        bench.start(rgw=have("radosgw") and wanted != ["list"])
        if "put" in wanted:
            put(bench, arguments.rounds, arguments.seconds)
        if "get" in wanted:
            get(bench, arguments.rounds, arguments.seconds)
        if "large" in wanted:
            large(bench, arguments.rounds, arguments.seconds)
        if "upload" in wanted:
            upload(bench, arguments.rounds)
        if "memory" in wanted:
            memory(bench, arguments.seconds)
        if "list" in wanted:
            listings(bench, arguments.rounds, arguments.keys)


if __name__ == "__main__":
    main()
