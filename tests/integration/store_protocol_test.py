#!/usr/bin/env python3
"""The S3 protocol as Amazon documents it, asked of our own server by boto3 and by requests made by hand.

usage: store_protocol_test.py --duskline PROGRAM [--only WORD] | --url URL --key ACCESS:SECRET --other ACCESS:SECRET

Ends with 77 (skipped) where boto3 is not installed.
"""
import argparse
import base64
import hashlib
import io
import itertools
import pathlib
import sys
import time
import traceback
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from store_server import SKIPPED, Answer, Server, boto3, client, presigned, send  # noqa: E402
from support import Failure, Program, expect  # noqa: E402

MIB = 1 << 20


class World:
    """What a case works with: clients of two users, and buckets of its own."""

    numbers = itertools.count(1)

    def __init__(self, url: str, key: tuple[str, str], other: tuple[str, str]) -> None:
        self.url, self.key, self.other_key = url, key, other
        self.s3 = client(url, key)
        self.other = client(url, other)
        self.nobody = client(url, None)

    def bucket(self, versioned: bool = False) -> str:
        name = f"case-{next(self.numbers)}-{id(self) % 100_000}"
        self.s3.create_bucket(Bucket=name)
        if versioned:
            self.versioning(name, "Enabled")
        return name

    def versioning(self, bucket: str, status: str) -> None:
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        return send(self.url, self.key, method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def put(self, bucket: str, *keys: str, body: bytes = b"body") -> None:
        for key in keys:
            self.s3.put_object(Bucket=bucket, Key=key, Body=body)


def refused(call, status: int, code: str) -> dict:
    """The call fails so; the error's own elements are returned."""
    try:
        call()
    except boto3.exceptions.botocore.exceptions.ClientError as error:
        got = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        expect(got == (status, code), f"refused with {got}, not with {(status, code)}")
        return error.response
    raise Failure(f"succeeded, where {status} {code} was due")


def same(got, wanted, what: str = "") -> None:
    expect(got == wanted, f"{what}: {got!r}, not {wanted!r}")


def answered(answer: Answer, status: int, code: str = "") -> Answer:
    expect((answer.status, answer.code) == (status, code), f"answered {answer.status} {answer.code}, not {status} {code}: {answer.body[:300]!r}")
    return answer


# --- buckets


def bucket_names(world: World) -> None:
    for name in ("ab", "a" * 64, "Upper", "under_score", "-front", "back-", "a..b", "a.-b", "a-.b", "192.168.1.1", "xn--a", "a-s3alias", "with space"):
        quoted = name.replace(" ", "%20")
        answered(world.send("PUT", f"/{quoted}"), 400, "InvalidBucketName")
    for name in ("abc", "a" * 63, "a.b-c.d", "1numbers1"):
        answered(world.send("PUT", f"/{name}"), 200)
        answered(world.send("DELETE", f"/{name}"), 204)


def bucket_life(world: World) -> None:
    bucket = world.bucket()
    expect(bucket in [b["Name"] for b in world.s3.list_buckets()["Buckets"]], "the bucket is not listed")
    expect(bucket not in [b["Name"] for b in world.other.list_buckets()["Buckets"]], "somebody else's bucket is listed")
    same(world.s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"], "us-east-1")
    same(world.s3.get_bucket_location(Bucket=bucket)["LocationConstraint"], None)
    # Once more is no error in us-east-1, and begins the ACL anew.
    world.s3.put_bucket_acl(Bucket=bucket, ACL="authenticated-read")
    world.s3.create_bucket(Bucket=bucket)
    same(len(world.s3.get_bucket_acl(Bucket=bucket)["Grants"]), 1)
    world.s3.create_bucket(Bucket=bucket, ACL="authenticated-read")
    same(len(world.s3.get_bucket_acl(Bucket=bucket)["Grants"]), 2)
    world.s3.create_bucket(Bucket=bucket)
    refused(lambda: world.other.create_bucket(Bucket=bucket), 409, "BucketAlreadyExists")
    refused(lambda: world.other.head_bucket(Bucket=bucket), 403, "403")
    refused(lambda: world.other.delete_bucket(Bucket=bucket), 403, "AccessDenied")
    refused(lambda: world.nobody.head_bucket(Bucket=bucket), 403, "403")
    world.put(bucket, "a")
    refused(lambda: world.s3.delete_bucket(Bucket=bucket), 409, "BucketNotEmpty")
    world.s3.delete_object(Bucket=bucket, Key="a")
    world.s3.delete_bucket(Bucket=bucket)
    refused(lambda: world.s3.delete_bucket(Bucket=bucket), 404, "NoSuchBucket")
    refused(lambda: world.s3.head_bucket(Bucket=bucket), 404, "404")
    refused(lambda: world.s3.list_objects(Bucket=bucket), 404, "NoSuchBucket")
    refused(lambda: world.s3.put_object(Bucket=bucket, Key="a", Body=b""), 404, "NoSuchBucket")


def bucket_location(world: World) -> None:
    bucket = f"located-{next(world.numbers)}"
    world.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    same(world.s3.get_bucket_location(Bucket=bucket)["LocationConstraint"], "eu-west-1")
    world.s3.delete_bucket(Bucket=bucket)
    answered(world.send("PUT", f"/{bucket}", b"<CreateBucketConfiguration><LocationConstraint>"), 400, "MalformedXML")
    answered(world.send("PUT", f"/{bucket}", b"<Other/>"), 400, "MalformedXML")
    nowhere = b"<CreateBucketConfiguration><LocationConstraint>nowhere</LocationConstraint></CreateBucketConfiguration>"
    answered(world.send("PUT", f"/{bucket}", nowhere), 400, "InvalidLocationConstraint")


def buckets_in_pages(world: World) -> None:
    names = sorted(world.bucket() for _ in range(3))
    mine = [b["Name"] for b in world.s3.list_buckets()["Buckets"]]
    expect(mine == sorted(mine) and set(names) <= set(mine), "not in order")
    answer = answered(world.send("GET", "/?max-buckets=2"), 200)
    same(answer.body.count(b"<Bucket>"), 2)
    token = answer.body.split(b"<ContinuationToken>")[1].split(b"<")[0].decode()
    rest = answered(world.send("GET", f"/?max-buckets=1000&continuation-token={token.replace('=', '%3D')}"), 200)
    same(rest.body.count(b"<Bucket>"), len(mine) - 2)
    answered(world.send("GET", "/?max-buckets=0"), 400, "InvalidArgument")
    same(answered(world.send("GET", f"/?prefix={names[0]}"), 200).body.count(b"<Bucket>"), 1)


def methods(world: World) -> None:
    bucket = world.bucket()
    answered(world.send("POST", f"/{bucket}/key"), 405, "MethodNotAllowed")
    answered(world.send("PATCH", f"/{bucket}/key"), 405, "MethodNotAllowed")
    answered(world.send("DELETE", "/"), 405, "MethodNotAllowed")
    answered(world.send("POST", f"/{bucket}?versioning"), 405, "MethodNotAllowed")
    answered(world.send("PUT", f"/{bucket}?inventory&id=a", b"<x/>"), 501, "NotImplemented")
    answered(world.send("GET", f"/{bucket}/a%zz"), 400, "InvalidURI")
    answered(world.send("GET", f"/{bucket}/a%ff"), 400, "InvalidURI")
    answered(world.send("PUT", f"/{bucket}/{'k' * 1025}"), 400, "KeyTooLongError")
    answered(world.send("PUT", f"/{bucket}/{'k' * 1024}"), 200)


# --- objects


def object_life(world: World) -> None:
    bucket = world.bucket()
    put = world.s3.put_object(Bucket=bucket, Key="a", Body=b"hello")
    same(put["ETag"], '"5d41402abc4b2a76b9719d911017c592"')
    expect("VersionId" not in put, "an unversioned put has a version")
    got = world.s3.get_object(Bucket=bucket, Key="a")
    same(got["Body"].read(), b"hello")
    same((got["ContentLength"], got["ETag"], got["ContentType"], got["AcceptRanges"]), (5, put["ETag"], "binary/octet-stream", "bytes"))
    head = world.s3.head_object(Bucket=bucket, Key="a")
    same((head["ContentLength"], head["ETag"]), (5, put["ETag"]))
    world.s3.delete_object(Bucket=bucket, Key="a")
    world.s3.delete_object(Bucket=bucket, Key="a")
    error = refused(lambda: world.s3.get_object(Bucket=bucket, Key="a"), 404, "NoSuchKey")
    same(error["Error"]["Key"], "a")
    refused(lambda: world.s3.head_object(Bucket=bucket, Key="a"), 404, "404")
    refused(lambda: world.other.get_object(Bucket=bucket, Key="a"), 403, "AccessDenied")  # existence is not told


def odd_keys(world: World) -> None:
    bucket = world.bucket()
    keys = ["a b", "a+b", "a%b", "a&b=c", "ünï/cödé", "//", "a//b", "/front", "back/", ".", "..", "a/../b", "?", "#", "~!@$*()_-'\"\\<>[]{}|^`", "\u65e5\u672c", "\U0001f307", " "]
    for key in keys:
        world.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in keys:
        same(world.s3.get_object(Bucket=bucket, Key=key)["Body"].read(), key.encode(), key)
    same([o["Key"] for o in world.s3.list_objects_v2(Bucket=bucket)["Contents"]], sorted(keys, key=lambda k: k.encode()))
    raw = answered(world.send("GET", f"/{bucket}?list-type=2"), 200).body.decode()
    expect("a&amp;b=c" in raw and "&lt;&gt;" in raw, "keys are not escaped")
    world.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    expect("Contents" not in world.s3.list_objects_v2(Bucket=bucket), "something is left")
    world.s3.put_object(Bucket=bucket, Key="control\x01\n", Body=b"")
    same(world.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"], "control\x01\n")


def metadata(world: World) -> None:
    bucket = world.bucket()
    world.s3.put_object(
        Bucket=bucket, Key="a", Body=b"x", Metadata={"Colour": "dusk", "empty": ""}, ContentType="text/x", CacheControl="no-cache",
        ContentDisposition="attachment", ContentEncoding="gzip", ContentLanguage="de", Expires="Thu, 01 Dec 1994 16:00:00 GMT",
        WebsiteRedirectLocation="/there", StorageClass="STANDARD_IA")
    for got in (world.s3.get_object(Bucket=bucket, Key="a"), world.s3.head_object(Bucket=bucket, Key="a")):
        same(got["Metadata"], {"colour": "dusk", "empty": ""})
        same([got[n] for n in ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "WebsiteRedirectLocation", "StorageClass")],
             ["text/x", "no-cache", "attachment", "gzip", "de", "/there", "STANDARD_IA"])
        same(got["ResponseMetadata"]["HTTPHeaders"]["expires"], "Thu, 01 Dec 1994 16:00:00 GMT")
    same(world.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"], "STANDARD_IA")
    refused(lambda: world.s3.put_object(Bucket=bucket, Key="b", Body=b"", Metadata={"a": "v" * 2048}), 400, "MetadataTooLarge")
    refused(lambda: world.s3.put_object(Bucket=bucket, Key="b", Body=b"", StorageClass="GOLD"), 400, "InvalidStorageClass")
    world.s3.put_object(Bucket=bucket, Key="a", Body=b"y")
    got = world.s3.head_object(Bucket=bucket, Key="a")
    expect(got["Metadata"] == {} and "StorageClass" not in got, "metadata outlived their object")
    answered(world.send("PUT", f"/{bucket}/n", b"", x_amz_meta_n="=?UTF-8?B?w4Q=?="), 200)
    same(world.send("HEAD", f"/{bucket}/n").headers["x-amz-meta-n"], "=?UTF-8?B?w4Q=?=")


def overrides(world: World) -> None:
    bucket = world.bucket()
    world.put(bucket, "a")
    got = world.s3.get_object(Bucket=bucket, Key="a", ResponseContentType="a/b", ResponseContentLanguage="c", ResponseExpires="Thu, 01 Dec 1994 16:00:00 GMT",
                              ResponseCacheControl="e", ResponseContentDisposition='attachment; filename="f g"', ResponseContentEncoding="gzip")
    headers = got["ResponseMetadata"]["HTTPHeaders"]
    same([headers[n] for n in ("content-type", "content-language", "cache-control", "content-disposition", "content-encoding")],
         ["a/b", "c", "e", 'attachment; filename="f g"', "gzip"])
    answered(world.send("GET", f"/{bucket}/a?response-content-type=a%0Ab"), 400, "InvalidArgument")


def ranges(world: World) -> None:
    bucket = world.bucket()
    body = bytes(range(256)) * 8
    world.put(bucket, "a", body=body)
    world.put(bucket, "empty", body=b"")
    for header, first, last in (("bytes=0-0", 0, 0), ("bytes=5-9", 5, 9), ("bytes=2000-", 2000, 2047), ("bytes=-8", 2040, 2047), ("bytes=-9999", 0, 2047), ("bytes=2040-9999", 2040, 2047)):
        got = world.s3.get_object(Bucket=bucket, Key="a", Range=header)
        same((got["ResponseMetadata"]["HTTPStatusCode"], got["ContentRange"], got["Body"].read()), (206, f"bytes {first}-{last}/2048", body[first : last + 1]), header)
        head = world.s3.head_object(Bucket=bucket, Key="a", Range=header)
        same((head["ResponseMetadata"]["HTTPStatusCode"], head["ContentLength"]), (206, last - first + 1), header)
    for header in ("bytes=2048-", "bytes=5000-6000", "bytes=-0"):
        error = refused(lambda h=header: world.s3.get_object(Bucket=bucket, Key="a", Range=h), 416, "InvalidRange")
        same(error["Error"]["ActualObjectSize"], "2048")
        same(error["ResponseMetadata"]["HTTPHeaders"]["content-range"], "bytes */2048")
    for header in ("bytes=9-5", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5"):
        same(world.s3.get_object(Bucket=bucket, Key="a", Range=header)["ResponseMetadata"]["HTTPStatusCode"], 200, header)
    refused(lambda: world.s3.get_object(Bucket=bucket, Key="empty", Range="bytes=0-"), 416, "InvalidRange")


def read_conditions(world: World) -> None:
    bucket = world.bucket()
    world.put(bucket, "a")
    head = world.s3.head_object(Bucket=bucket, Key="a")
    etag, time = head["ETag"], head["ResponseMetadata"]["HTTPHeaders"]["last-modified"]
    before, after = "Sat, 29 Oct 1994 19:43:31 GMT", "Tue, 29 Oct 2199 19:43:31 GMT"

    def status(**conditions: str) -> int:
        answers = {world.send(method, f"/{bucket}/a", **conditions).status for method in ("GET", "HEAD")}
        expect(len(answers) == 1, f"GET and HEAD differ: {answers}")
        return answers.pop()

    same(status(If_Match=etag), 200)
    same(status(If_Match='"x"'), 412)
    same(status(If_None_Match=etag), 304)
    same(status(If_None_Match='"x"'), 200)
    same(status(If_Modified_Since=before), 200)
    same(status(If_Modified_Since=time), 304)
    same(status(If_Unmodified_Since=before), 412)
    same(status(If_Unmodified_Since=after), 200)
    same(status(If_Match=etag, If_Unmodified_Since=before), 200)
    same(status(If_None_Match=etag, If_Modified_Since=before), 304)
    same(status(If_None_Match='"x"', If_Modified_Since=after), 200)
    same(status(If_Modified_Since="rubbish"), 200)
    unchanged = world.send("GET", f"/{bucket}/a", If_None_Match=etag)
    same((unchanged.headers["etag"], unchanged.headers["last-modified"], unchanged.body), (etag, time, b""))
    same(world.send("GET", f"/{bucket}/a", If_Match='"x"').code, "PreconditionFailed")


def write_conditions(world: World) -> None:
    bucket = world.bucket()
    put = lambda **c: world.send("PUT", f"/{bucket}/a", b"new", **c)  # noqa: E731
    answered(put(If_Match='"x"'), 404, "NoSuchKey")
    etag = answered(put(If_None_Match="*"), 200).headers["etag"]
    answered(put(If_None_Match="*"), 412, "PreconditionFailed")
    answered(put(If_Match='"x"'), 412, "PreconditionFailed")
    answered(put(If_Match=etag), 200)
    answered(world.send("DELETE", f"/{bucket}/a", If_Match='"x"'), 412, "PreconditionFailed")
    answered(world.send("DELETE", f"/{bucket}/a", If_Match=etag), 204)
    answered(put(If_None_Match="*"), 200)


def digests(world: World) -> None:
    bucket = world.bucket()
    body = b"some bytes"
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    answered(world.send("PUT", f"/{bucket}/a", body, Content_MD5=md5), 200)
    answered(world.send("PUT", f"/{bucket}/a", body, Content_MD5=base64.b64encode(bytes(16)).decode()), 400, "BadDigest")
    for wrong in ("rubbish", "YWJyYWNhZGFicmE=", " "):
        answered(world.send("PUT", f"/{bucket}/a", body, Content_MD5=wrong), 400, "InvalidDigest")
    answered(world.send("PUT", f"/{bucket}/a", body, x_amz_content_sha256=hashlib.sha256(b"other").hexdigest()), 400, "XAmzContentSHA256Mismatch")
    answered(world.send("PUT", f"/{bucket}/a", body, x_amz_content_sha256="UNSIGNED-PAYLOAD"), 200)
    same(world.s3.get_object(Bucket=bucket, Key="a")["Body"].read(), body)


def checksums(world: World) -> None:
    bucket = world.bucket()
    body = b"123456789"
    values = {
        "crc32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(), "crc32c": "4waSgw==", "crc64nvme": "rosUhgp5mIg=",
        "sha1": base64.b64encode(hashlib.sha1(body).digest()).decode(), "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
    for name, value in values.items():
        header = f"x-amz-checksum-{name}"
        put = answered(world.send("PUT", f"/{bucket}/{name}", body, **{header: value}), 200)
        same((put.headers[header], put.headers["x-amz-checksum-type"]), (value, "FULL_OBJECT"))
        expect(header not in world.send("GET", f"/{bucket}/{name}").headers, "a checksum that nobody asked for")
        for method in ("GET", "HEAD"):
            same(world.send(method, f"/{bucket}/{name}", x_amz_checksum_mode="ENABLED").headers[header], value)
        other = base64.b64encode(bytes(len(base64.b64decode(value)))).decode()
        answered(world.send("PUT", f"/{bucket}/{name}", body, **{header: other}), 400, "BadDigest")
        answered(world.send("PUT", f"/{bucket}/{name}", body, **{header: "AAAA"}), 400, "InvalidRequest")
        attributes = answered(world.send("GET", f"/{bucket}/{name}?attributes", x_amz_object_attributes="Checksum,ObjectSize,ETag,StorageClass"), 200).body.decode()
        expect(f"<Checksum{name.upper()}>{value}</Checksum{name.upper()}>" in attributes and "<ObjectSize>9</ObjectSize>" in attributes, attributes)
    plain = answered(world.send("PUT", f"/{bucket}/plain", body), 200)
    same(plain.headers["x-amz-checksum-crc64nvme"], values["crc64nvme"])
    answered(world.send("PUT", f"/{bucket}/two", body, x_amz_checksum_crc32=values["crc32"], x_amz_checksum_sha1=values["sha1"]), 400, "InvalidRequest")
    answered(world.send("PUT", f"/{bucket}/two", body, x_amz_sdk_checksum_algorithm="CRC32"), 400, "InvalidRequest")
    answered(world.send("GET", f"/{bucket}/plain?attributes"), 400, "InvalidRequest")
    answered(world.send("GET", f"/{bucket}/plain?attributes", x_amz_object_attributes="Colour"), 400, "InvalidArgument")


def chunked_bodies(world: World) -> None:
    bucket = world.bucket()
    body = b"d" * 70_000
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    wire = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(body), body, crc.encode())
    headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": str(len(body)), "x-amz-trailer": "x-amz-checksum-crc32", "Content-Encoding": "aws-chunked"}
    put = answered(send(world.url, world.key, "PUT", f"/{bucket}/a", wire, headers), 200)
    same(put.headers["x-amz-checksum-crc32"], crc)
    got = world.s3.get_object(Bucket=bucket, Key="a")
    same(got["Body"].read(), body)
    expect("ContentEncoding" not in got, "the framing is told")
    answered(send(world.url, world.key, "PUT", f"/{bucket}/a", wire.replace(b":" + crc.encode(), b":AAAAAA=="), headers), 400, "BadDigest")
    answered(send(world.url, world.key, "PUT", f"/{bucket}/a", wire[:-60], headers), 400, "IncompleteBody")
    answered(send(world.url, world.key, "PUT", f"/{bucket}/a", wire, {n: v for n, v in headers.items() if n != "x-amz-decoded-content-length"}), 411, "MissingContentLength")
    same(world.s3.get_object(Bucket=bucket, Key="a")["Body"].read(), body)


def presigning(world: World) -> None:
    bucket = world.bucket()
    path = f"/{bucket}/a%20b"
    answered(send(world.url, None, "PUT", presigned(world.url, world.key, "PUT", path), b"by url"), 200)
    link = presigned(world.url, world.key, "GET", path)
    same(answered(send(world.url, None, "GET", link), 200).body, b"by url")
    answered(send(world.url, None, "HEAD", link), 403)
    answered(send(world.url, None, "GET", link.replace("a%20b", "a")), 403, "SignatureDoesNotMatch")
    answered(send(world.url, None, "GET", link[:-1] + ("0" if link[-1] != "0" else "1")), 403, "SignatureDoesNotMatch")
    answered(send(world.url, None, "GET", path), 403, "AccessDenied")
    answered(send(world.url, world.key, "GET", path), 200)
    answered(send(world.url, (world.key[0], "wrong"), "GET", path), 403, "SignatureDoesNotMatch")
    answered(send(world.url, ("NOBODY", "x"), "GET", path), 403, "InvalidAccessKeyId")


# --- listings


def listing(world: World) -> None:
    bucket = world.bucket()
    keys = ["a", "b/1", "b/2", "b/c/3", "d", "e/", "e/4", "f"]
    world.put(bucket, *keys)
    everything = world.s3.list_objects_v2(Bucket=bucket)
    same([o["Key"] for o in everything["Contents"]], keys)
    same((everything["KeyCount"], everything["IsTruncated"], everything["MaxKeys"]), (8, False, 1000))
    expect("Owner" not in everything["Contents"][0], "an owner that nobody asked for")
    expect("Owner" in world.s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0], "no owner")

    def look(**arguments) -> tuple[list[str], list[str]]:
        got = world.s3.list_objects_v2(Bucket=bucket, **arguments)
        one = world.s3.list_objects(Bucket=bucket, **{("Marker" if n == "StartAfter" else n): v for n, v in arguments.items()})
        pair = [o["Key"] for o in got.get("Contents", [])], [p["Prefix"] for p in got.get("CommonPrefixes", [])]
        same(([o["Key"] for o in one.get("Contents", [])], [p["Prefix"] for p in one.get("CommonPrefixes", [])]), pair, "versions 1 and 2 differ")
        return pair

    same(look(Delimiter="/"), (["a", "d", "f"], ["b/", "e/"]))
    same(look(Delimiter="/", Prefix="b/"), (["b/1", "b/2"], ["b/c/"]))
    same(look(Delimiter="/", Prefix="b"), ([], ["b/"]))
    same(look(Delimiter="/", Prefix="e/"), (["e/", "e/4"], []))
    same(look(Prefix="b/"), (["b/1", "b/2", "b/c/3"], []))
    same(look(Prefix="zz"), ([], []))
    same(look(Delimiter="/c"), (["a", "b/1", "b/2", "d", "e/", "e/4", "f"], ["b/c"]))
    same(look(StartAfter="b/2"), (["b/c/3", "d", "e/", "e/4", "f"], []))
    same(look(StartAfter="zz"), ([], []))
    same(look(Delimiter="/", StartAfter="b/"), (["d", "f"], ["e/"]))
    same(look(MaxKeys=0), ([], []))
    same(look(MaxKeys=2), (["a", "b/1"], []))
    same(world.s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["IsTruncated"], False)
    same(world.s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["MaxKeys"], 1000)
    for path in ("?max-keys=-1", "?max-keys=many", "?list-type=2&max-keys=1.5", "?encoding-type=gzip", "?list-type=3", "?list-type=2&continuation-token=x"):
        answered(world.send("GET", f"/{bucket}{path}"), 400, "InvalidArgument")
    raw = answered(world.send("GET", f"/{bucket}?encoding-type=url&prefix=b%2F&delimiter=%2F"), 200).body.decode()
    expect("<Prefix>b/</Prefix>" in raw and "<EncodingType>url</EncodingType>" in raw, raw)


def pages(world: World) -> None:
    bucket = world.bucket()
    keys = sorted(f"{a}/{n:02}" for a in "xyz" for n in range(5)) + ["zz"]
    world.put(bucket, *keys)
    for size in (1, 2, 3, 7, 16, 100):
        found: list[str] = []
        for page in world.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}):
            expect(page["KeyCount"] <= size, "a page too long")
            found += [o["Key"] for o in page.get("Contents", [])]
        same(found, keys, str(size))
        found, prefixes = [], []
        for page in world.s3.get_paginator("list_objects").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}):
            found += [o["Key"] for o in page.get("Contents", [])]
            prefixes += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        same((found, prefixes), (["zz"], ["x/", "y/", "z/"]), str(size))
    first = world.s3.list_objects(Bucket=bucket, MaxKeys=2)
    expect(first["IsTruncated"] and "NextMarker" not in first, "NextMarker without delimiter")
    same(world.s3.list_objects(Bucket=bucket, MaxKeys=1, Delimiter="/")["NextMarker"], "x/")


# --- versions


def versions(world: World) -> None:
    bucket = world.bucket()
    expect("Status" not in world.s3.get_bucket_versioning(Bucket=bucket), "a new bucket is versioned")
    world.put(bucket, "a", body=b"null one")
    world.versioning(bucket, "Enabled")
    same(world.s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
    first = world.s3.put_object(Bucket=bucket, Key="a", Body=b"one")["VersionId"]
    second = world.s3.put_object(Bucket=bucket, Key="a", Body=b"two")["VersionId"]
    read = lambda v: world.s3.get_object(Bucket=bucket, Key="a", VersionId=v)["Body"].read()  # noqa: E731
    same([read(v) for v in (first, second, "null")], [b"one", b"two", b"null one"])
    same(world.s3.get_object(Bucket=bucket, Key="a")["VersionId"], second)
    gone = world.s3.delete_object(Bucket=bucket, Key="a")
    same(gone["DeleteMarker"], True)
    error = refused(lambda: world.s3.get_object(Bucket=bucket, Key="a"), 404, "NoSuchKey")
    same(error["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"], "true")
    error = refused(lambda: world.s3.get_object(Bucket=bucket, Key="a", VersionId=gone["VersionId"]), 405, "MethodNotAllowed")
    same(error["ResponseMetadata"]["HTTPHeaders"]["allow"], "DELETE")
    refused(lambda: world.s3.head_object(Bucket=bucket, Key="a", VersionId=gone["VersionId"]), 405, "405")
    listed = world.s3.list_object_versions(Bucket=bucket)
    same([(v["VersionId"], v["IsLatest"]) for v in listed["Versions"]], [(second, False), (first, False), ("null", False)])
    same([(v["VersionId"], v["IsLatest"]) for v in listed["DeleteMarkers"]], [(gone["VersionId"], True)])
    expect("Contents" not in world.s3.list_objects_v2(Bucket=bucket), "a deleted object is listed")
    removed = world.s3.delete_object(Bucket=bucket, Key="a", VersionId=gone["VersionId"])
    same((removed["DeleteMarker"], removed["VersionId"]), (True, gone["VersionId"]))
    same(world.s3.get_object(Bucket=bucket, Key="a")["Body"].read(), b"two")
    world.s3.delete_object(Bucket=bucket, Key="a", VersionId=second)
    same(world.s3.get_object(Bucket=bucket, Key="a")["Body"].read(), b"one")
    refused(lambda: world.s3.get_object(Bucket=bucket, Key="a", VersionId=second), 404, "NoSuchVersion")
    refused(lambda: world.s3.delete_bucket(Bucket=bucket), 409, "BucketNotEmpty")
    answered(world.send("PUT", f"/{bucket}?versioning", b"<VersioningConfiguration><Status>Maybe</Status></VersioningConfiguration>"), 400, "MalformedXML")
    answered(world.send("PUT", f"/{bucket}?versioning", b"<VersioningConfiguration/>"), 400, "IllegalVersioningConfigurationException")


def suspended(world: World) -> None:
    bucket = world.bucket(versioned=True)
    first = world.s3.put_object(Bucket=bucket, Key="a", Body=b"one")["VersionId"]
    world.versioning(bucket, "Suspended")
    same(world.s3.put_object(Bucket=bucket, Key="a", Body=b"two").get("VersionId"), "null")
    world.s3.put_object(Bucket=bucket, Key="a", Body=b"three")
    same([v["VersionId"] for v in world.s3.list_object_versions(Bucket=bucket)["Versions"]], ["null", first])
    gone = world.s3.delete_object(Bucket=bucket, Key="a")
    same((gone["DeleteMarker"], gone["VersionId"]), (True, "null"))
    listed = world.s3.list_object_versions(Bucket=bucket)
    same(([v["VersionId"] for v in listed["Versions"]], [m["VersionId"] for m in listed["DeleteMarkers"]]), ([first], ["null"]))


def version_pages(world: World) -> None:
    bucket = world.bucket(versioned=True)
    for key in ("a", "b", "c/1", "c/2"):
        for _ in range(3):
            world.put(bucket, key)
    world.s3.delete_object(Bucket=bucket, Key="b")
    whole = world.s3.list_object_versions(Bucket=bucket)
    wanted = [(v["Key"], v["VersionId"]) for v in whole["Versions"]]
    same(len(wanted), 12)
    for size in (1, 2, 5):
        found, markers = [], []
        for page in world.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}):
            found += [(v["Key"], v["VersionId"]) for v in page.get("Versions", [])]
            markers += [m["Key"] for m in page.get("DeleteMarkers", [])]
        same((found, markers), (wanted, ["b"]), str(size))
    rolled = world.s3.list_object_versions(Bucket=bucket, Delimiter="/")
    same([p["Prefix"] for p in rolled["CommonPrefixes"]], ["c/"])
    answered(world.send("GET", f"/{bucket}?versions&version-id-marker=x"), 400, "InvalidArgument")


def many_deletions(world: World) -> None:
    bucket = world.bucket(versioned=True)
    version = world.s3.put_object(Bucket=bucket, Key="a", Body=b"")["VersionId"]
    world.put(bucket, "b", "c")
    done = world.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a", "VersionId": version}, {"Key": "b"}, {"Key": "none"}]})["Deleted"]
    by_key = {d["Key"]: d for d in done}
    same(by_key["a"], {"Key": "a", "VersionId": version})
    expect(by_key["b"]["DeleteMarker"] and by_key["none"]["DeleteMarker"], "no markers")
    expect("Deleted" not in world.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "c"}], "Quiet": True}), "not quiet")
    errors = world.other.delete_objects
    refused(lambda: errors(Bucket=bucket + "x", Delete={"Objects": [{"Key": "c"}]}), 404, "NoSuchBucket")
    same({e["Code"] for e in errors(Bucket=bucket, Delete={"Objects": [{"Key": "c"}]})["Errors"]}, {"AccessDenied"})
    document = b"<Delete><Object><Key>c</Key></Object></Delete>"
    answered(world.send("POST", f"/{bucket}?delete", document), 400, "InvalidRequest")
    answered(world.send("POST", f"/{bucket}?delete", document, Content_MD5=base64.b64encode(bytes(16)).decode()), 400, "BadDigest")
    for bad in (b"<Delete/>", b"<Delete", b"", b"<Other/>", b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1001 + b"</Delete>"):
        answered(world.send("POST", f"/{bucket}?delete", bad, Content_MD5=base64.b64encode(hashlib.md5(bad).digest()).decode()), 400, "MalformedXML")
    plain = world.bucket()
    keys = [f"k{n:04}" for n in range(1000)]
    world.put(plain, *keys[::10])
    same(len(world.s3.delete_objects(Bucket=plain, Delete={"Objects": [{"Key": k} for k in keys]})["Deleted"]), 1000)
    expect("Contents" not in world.s3.list_objects_v2(Bucket=plain), "something is left")


CASES = [
    bucket_names, bucket_life, bucket_location, buckets_in_pages, methods, object_life, odd_keys, metadata, overrides, ranges, read_conditions,
    write_conditions, digests, checksums, chunked_bodies, presigning, listing, pages, versions, suspended, version_pages, many_deletions,
]


def run(world: World, cases: list, only: str) -> int:
    failed = 0
    for case in cases:
        if only not in case.__name__:
            continue
        began = time.monotonic()
        try:
            case(world)
        except Exception as error:  # noqa: BLE001 - the next case runs all the same
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            line = next(frame.lineno for frame in where if frame.name == case.__name__)
            print(f"FAILED {case.__name__} (line {line}): {type(error).__name__}: {error}")
        print(f"{case.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


def main(cases: list) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline")
    parser.add_argument("--url")
    parser.add_argument("--key", type=lambda text: tuple(text.split(":")))
    parser.add_argument("--other", type=lambda text: tuple(text.split(":")))
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if boto3 is None:
        print("skipped: boto3 not found; on Debian: apt-get install python3-boto3")
        return SKIPPED
    if arguments.url:
        return run(World(arguments.url, arguments.key, arguments.other), cases, arguments.only)
    with Program(arguments.duskline, "store-protocol") as program, Server(program) as server:
        return run(World(server.url, server.key, server.other), cases, arguments.only)


if __name__ == "__main__":
    sys.exit(main(CASES))
