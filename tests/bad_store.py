"""An S3 server on loopback that holds objects in memory and misbehaves on order. Signatures are not checked."""
from __future__ import annotations

import hashlib
import http.server
import select
import socket
import struct
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

BUCKET = "bucket"


@dataclass
class Misdeed:
    """One way of failing. `kind` is `answer` (with status and error code), `late` (the right answer, once `work` is done)
    or the name of another of Answer's methods."""

    kind: str = "answer"
    status: int = 500
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    work: Callable[[], None] = lambda: None


@dataclass
class Order:
    misdeed: Misdeed
    method: str
    part: str
    left: int


def error_document(code: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>as the test ordered</Message></Error>'.encode() if code else b""


class BadStore:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.lock = threading.Lock()
        self._orders: list[Order] = []
        self.closing = threading.Event()
        store = self

        class Handler(Answer):
            bad_store = store

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:  # clients break off by design
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def order(self, misdeed: Misdeed, method: str = "", part: str = "", times: int = 1) -> None:
        """The next `times` requests with this method whose path contains `part` (both empty: any) meet the misdeed."""
        with self.lock:
            self._orders.append(Order(misdeed, method, part, times))

    def forgive(self) -> int:
        """Takes all orders back; how many times one was obeyed since the last call."""
        with self.lock:
            self._orders.clear()
            met, self._met = self._met, 0
            return met

    _met = 0

    def take(self, method: str, path: str) -> Misdeed | None:
        with self.lock:
            self.requests.append(f"{method} {path}")
            for order in self._orders:
                if order.left > 0 and order.method in ("", method) and order.part in path:
                    order.left -= 1
                    self._met += 1
                    return order.misdeed
        return None


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    bad_store: BadStore
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    # What was asked

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        parsed = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(parsed.query, keep_blank_values=True))
        self.key = urllib.parse.unquote(parsed.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        misdeed = self.bad_store.take(self.command, self.path)
        if misdeed is None:
            self.send(*self.reply())
        elif misdeed.kind == "answer":
            self.send(misdeed.status, misdeed.headers, error_document(misdeed.code))
        elif misdeed.kind == "late":
            misdeed.work()
            self.send(*self.reply())
        else:
            getattr(self, misdeed.kind)()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

    # What a good server says: status, headers, body

    def reply(self) -> tuple[int, dict[str, str], bytes]:
        with self.bad_store.lock:
            if self.command == "POST":
                return self.delete_many()
            if not self.key:
                return self.list_objects()
            if self.command == "PUT":
                return self.put()
            if self.command == "DELETE":
                self.bad_store.objects.pop(self.key, None)
                return 204, {}, b""
            return self.get()

    def etag(self) -> str:
        body = self.bad_store.objects.get(self.key)
        return "" if body is None else f'"{hashlib.md5(body).hexdigest()}"'

    def get(self) -> tuple[int, dict[str, str], bytes]:
        body = self.bad_store.objects.get(self.key)
        if body is None:
            return 404, {}, error_document("NoSuchKey")
        if self.headers.get("if-match", self.etag()) != self.etag():
            return 412, {}, error_document("PreconditionFailed")
        headers = {"ETag": self.etag()}
        wanted = self.headers.get("range")
        if wanted is None:
            return 200, headers, body
        first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        if first >= len(body):
            return 416, {}, error_document("InvalidRange")
        last = min(last, len(body) - 1)
        return 206, {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"}, body[first : last + 1]

    def put(self) -> tuple[int, dict[str, str], bytes]:
        promised = self.headers.get("x-amz-content-sha256", "")
        if promised != hashlib.sha256(self.body).hexdigest():
            return 400, {}, error_document("XAmzContentSHA256Mismatch")
        taken = self.headers.get("if-none-match") == "*" and self.key in self.bad_store.objects
        if taken or self.headers.get("if-match", self.etag()) != self.etag():
            return 412, {}, error_document("PreconditionFailed")
        self.bad_store.objects[self.key] = self.body
        return 200, {"ETag": self.etag()}, b""

    def list_objects(self) -> tuple[int, dict[str, str], bytes]:
        prefix, after = self.query.get("prefix", ""), self.query.get("start-after", "")
        rows = "".join(
            f"<Contents><Key>{escape(urllib.parse.quote(key))}</Key><Size>{len(body)}</Size>"
            f"<ETag>&quot;{hashlib.md5(body).hexdigest()}&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, body in sorted(self.bad_store.objects.items())
            if key.startswith(prefix) and key > after)
        return 200, {}, f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()

    def delete_many(self) -> tuple[int, dict[str, str], bytes]:
        for name in self.body.decode().split("<Key>")[1:]:
            self.bad_store.objects.pop(name.split("</Key>")[0], None)
        return 200, {}, b"<DeleteResult></DeleteResult>"

    # How it is sent

    def head_of(self, status: int, headers: dict[str, str], length: int | None) -> bytes:
        lines = [f"HTTP/1.1 {status} ordered", *(f"{name}: {value}" for name, value in headers.items())]
        if "Date" not in headers:
            lines.append(f"Date: {self.date_time_string()}")
        if length is not None and status != 204:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join([*lines, "", ""]).encode()

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.wfile.write(self.head_of(status, headers, len(body)) + (b"" if self.command == "HEAD" else body))

    def halves(self) -> tuple[bytes, bytes, bytes]:
        status, headers, body = self.reply()
        return self.head_of(status, headers, len(body)), body[: len(body) // 2], body[len(body) // 2 :]

    def hang_up(self) -> None:
        """Closes so that the client sees a reset, not an end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def wait_for_the_client_to_leave(self) -> None:
        while not self.bad_store.closing.is_set():
            if select.select([self.connection], [], [], 0.2)[0]:
                break
        self.close_connection = True

    # Misdeeds by name

    def reset(self) -> None:
        self.hang_up()

    def lost_answer(self) -> None:
        self.reply()
        self.hang_up()

    def reset_in_body(self) -> None:
        head, first, _ = self.halves()
        self.wfile.write(head + first)
        self.hang_up()

    def stall(self) -> None:
        self.wait_for_the_client_to_leave()

    def stall_in_body(self) -> None:
        head, first, _ = self.halves()
        self.wfile.write(head + first)
        self.wait_for_the_client_to_leave()

    def short_body(self) -> None:
        head, first, _ = self.halves()
        self.wfile.write(head + first)
        self.close_connection = True

    def long_body(self) -> None:
        head, first, second = self.halves()
        self.wfile.write(head + first + second + b"and more of it")
        self.close_connection = True

    def wrong_bytes(self) -> None:
        head, first, second = self.halves()
        self.wfile.write(head + first + bytes([second[0] ^ 1]) + second[1:])

    def wrong_length(self) -> None:
        status, headers, body = self.reply()
        half = body[: len(body) // 2]
        self.wfile.write(self.head_of(status, headers, len(half)) + half)

    def wrong_range(self) -> None:
        status, headers, body = self.reply()
        self.send(206, {**headers, "Content-Range": f"bytes 1-{len(body)}/{len(body) + 1}"}, body)

    def endless_body(self) -> None:
        status, headers, body = self.reply()
        self.wfile.write(self.head_of(status, {**headers, "Transfer-Encoding": "chunked"}, None))
        piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        try:
            while not self.bad_store.closing.is_set():
                self.wfile.write(piece)
        except OSError:
            self.close_connection = True

    def endless_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while not self.bad_store.closing.is_set():
                self.wfile.write(b"x-more: " + b"y" * 1000 + b"\r\n")
        except OSError:
            self.close_connection = True

    def garbage(self) -> None:
        self.wfile.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
        self.close_connection = True
