"""Starts `duskline store serve` for tests, makes keys, and speaks S3 to it: through boto3, and in requests signed by hand."""
from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import urllib.parse

from support import Failure, Program

SKIPPED = 77

try:
    import boto3
    import botocore.auth
    import botocore.awsrequest
    import botocore.config
    import botocore.credentials
    import botocore.exceptions
except ImportError:
    boto3 = None


class Server:
    """A server of its own, on a port of its own, gone at the end. `url`, `key`, `other`: (access key, secret key)."""

    def __init__(self, program: Program, *arguments: str) -> None:
        self.program = program
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="store-", dir=program.work))
        self.key = self.add_key("main")
        self.other = self.add_key("alt")
        self.start(*arguments)

    def add_key(self, name: str, *arguments: str) -> tuple[str, str]:
        made = self.program.json("key", "store", "key", "add", name, "--dir", str(self.directory), *arguments)
        return made["access_key"], made["secret_key"]

    def start(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [self.program.binary, "store", "serve", str(self.directory), "--listen", "127.0.0.1:0", "--json", *arguments],
            env=self.program.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=self.program.work)
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "listening":
                self.url = event["url"]
                # What it says from now on is not read: a thread keeps the pipe from filling.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise Failure(f"the server did not start (exit {self.process.wait()})")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.stop()


def client(url: str, key: tuple[str, str] | None, **config: object):
    """boto3 against `url`; without a key, unsigned."""
    options: dict = {"retries": {"max_attempts": 1}, "s3": {"addressing_style": "path"}}
    if key is None:
        options["signature_version"] = botocore.UNSIGNED
    options.update(config)
    return boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", config=botocore.config.Config(**options),
        aws_access_key_id=key[0] if key else None, aws_secret_access_key=key[1] if key else None)


class HandSigner(*((botocore.auth.S3SigV4Auth,) if boto3 else ())):
    """Signs for the hash of the body that the caller gives, right or wrong."""

    def payload(self, request) -> str:
        return self.digest


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def code(self) -> str:
        """S3's name of the error, or nothing."""
        text = self.body.decode(errors="replace")
        return text.split("<Code>", 1)[1].split("</Code>", 1)[0] if "<Code>" in text else ""


def send(url: str, key: tuple[str, str] | None, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """One request, signed by hand unless there is no key; `path` goes out as it is."""
    where = urllib.parse.urlsplit(url)
    headers = dict(headers or {})
    if key is not None:
        digest = headers.pop("x-amz-content-sha256", None) or hashlib.sha256(body).hexdigest()
        request = botocore.awsrequest.AWSRequest(method=method, url=url + path, data=body, headers=headers)
        signer = HandSigner(botocore.credentials.Credentials(*key), "s3", "us-east-1")
        signer.digest = digest
        signer.add_auth(request)
        headers = dict(request.headers.items())
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    try:
        connection.request(method, path, body=body or None, headers=headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def presigned(url: str, key: tuple[str, str], method: str, path: str, seconds: int = 600) -> str:
    """Path and query that need no header."""
    request = botocore.awsrequest.AWSRequest(method=method, url=url + path)
    botocore.auth.S3SigV4QueryAuth(botocore.credentials.Credentials(*key), "s3", "us-east-1", expires=seconds).add_auth(request)
    return request.url[len(url):]
