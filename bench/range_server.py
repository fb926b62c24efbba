#!/usr/bin/env python3
"""A small HTTP server with single and multiple ranges, for zsync. usage: range_server.py FOLDER PORT. Prints the bytes it sent when it ends."""
import http.server
import os
import signal
import sys

sent = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = os.path.join(sys.argv[1], os.path.basename(self.path))
        size = os.path.getsize(path)
        wanted = self.headers.get("Range")
        with open(path, "rb") as file:
            if not wanted:
                self.answer(200, [], file.read())
                return
            ranges = [tuple(int(n) for n in part.split("-")) for part in wanted.removeprefix("bytes=").split(",")]
            if len(ranges) == 1:
                first, last = ranges[0]
                file.seek(first)
                self.answer(206, [("Content-Range", f"bytes {first}-{last}/{size}")], file.read(last - first + 1))
                return
            body = b""
            for first, last in ranges:
                file.seek(first)
                body += f"\r\n--BOUNDARY\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n".encode()
                body += file.read(last - first + 1)
            self.answer(206, [("Content-Type", "multipart/byteranges; boundary=BOUNDARY")], body + b"\r\n--BOUNDARY--\r\n")

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        global sent
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        sent += len(body)

    def log_message(self, *_: object) -> None:
        pass


def finish(*_: object) -> None:
    print(sent, flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, finish)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
print("ready", flush=True)
server.serve_forever()
