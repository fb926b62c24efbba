#!/usr/bin/env python3
"""Copies and multipart uploads as Amazon documents them, asked of our own server.

usage: as store_protocol_test.py
"""
import base64
import hashlib
import pathlib
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from store_protocol_test import MIB, World, answered, main, refused, same  # noqa: E402
from support import expect  # noqa: E402

PART = 5 * MIB


def parts_of(etags: list[str], numbers: list[int] | None = None) -> dict:
    return {"Parts": [{"PartNumber": n, "ETag": e} for n, e in zip(numbers or range(1, len(etags) + 1), etags)]}


def begin(world: World, bucket: str, key: str = "big", **arguments) -> str:
    return world.s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)["UploadId"]


def part(world: World, bucket: str, upload: str, number: int, body: bytes, key: str = "big", **arguments) -> str:
    return world.s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body, **arguments)["ETag"]


def complete(world: World, bucket: str, upload: str, parts: dict, key: str = "big") -> dict:
    return world.s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)


def multipart_life(world: World) -> None:
    bucket = world.bucket()
    bodies = [b"1" * PART, b"2" * PART, b"end"]
    upload = begin(world, bucket, Metadata={"a": "b"}, ContentType="text/x", StorageClass="STANDARD_IA")
    expect("Contents" not in world.s3.list_objects_v2(Bucket=bucket), "an unfinished upload shows")
    etags = [part(world, bucket, upload, n, body) for n, body in enumerate(bodies, 1)]
    listed = world.s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)
    same([(p["PartNumber"], p["Size"], p["ETag"]) for p in listed["Parts"]], [(n, len(b), e) for n, (b, e) in enumerate(zip(bodies, etags), 1)])
    same((listed["StorageClass"], listed["IsTruncated"], "ID" in listed["Owner"]), ("STANDARD_IA", False, True))
    page = world.s3.list_parts(Bucket=bucket, Key="big", UploadId=upload, MaxParts=2)
    same((page["IsTruncated"], page["NextPartNumberMarker"]), (True, 2))
    same([p["PartNumber"] for p in world.s3.list_parts(Bucket=bucket, Key="big", UploadId=upload, PartNumberMarker=2)["Parts"]], [3])
    done = complete(world, bucket, upload, parts_of(etags))
    whole = hashlib.md5(b"".join(hashlib.md5(b).digest() for b in bodies)).hexdigest() + "-3"
    same((done["ETag"], done["Bucket"], done["Key"]), (f'"{whole}"', bucket, "big"))
    same(complete(world, bucket, upload, parts_of(etags))["ETag"], done["ETag"], "completed once more")
    got = world.s3.get_object(Bucket=bucket, Key="big")
    same(hashlib.md5(got["Body"].read()).hexdigest(), hashlib.md5(b"".join(bodies)).hexdigest())
    same((got["Metadata"], got["ContentType"], got["StorageClass"], got["ETag"]), ({"a": "b"}, "text/x", "STANDARD_IA", f'"{whole}"'))
    refused(lambda: part(world, bucket, upload, 1, b"x"), 404, "NoSuchUpload")
    for number, body in enumerate(bodies, 1):
        got = world.s3.get_object(Bucket=bucket, Key="big", PartNumber=number)
        same((got["ResponseMetadata"]["HTTPStatusCode"], got["PartsCount"], got["ContentLength"], got["Body"].read() == body), (206, 3, len(body), True))
        same(world.s3.head_object(Bucket=bucket, Key="big", PartNumber=number)["ContentLength"], len(body))
    answered(world.send("GET", f"/{bucket}/big?partNumber=4"), 416, "InvalidPartNumber")
    answered(world.send("GET", f"/{bucket}/big?partNumber=0"), 400, "InvalidArgument")
    answered(world.send("GET", f"/{bucket}/big?partNumber=1", Range="bytes=0-1"), 400, "InvalidRequest")
    across = world.s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={PART - 2}-{2 * PART + 1}")["Body"].read()
    same(across == b"11" + bodies[1] + b"en", True)


def multipart_mistakes(world: World) -> None:
    bucket = world.bucket()
    upload = begin(world, bucket)
    etags = [part(world, bucket, upload, n, b"small") for n in (1, 2)]
    error = refused(lambda: complete(world, bucket, upload, parts_of(etags)), 400, "EntityTooSmall")
    same((error["Error"]["PartNumber"], error["Error"]["MinSizeAllowed"]), ("1", str(PART)))
    refused(lambda: complete(world, bucket, upload, parts_of(etags[::-1], [2, 1])), 400, "InvalidPartOrder")
    refused(lambda: complete(world, bucket, upload, parts_of(etags[:1] * 2, [1, 1])), 400, "InvalidPartOrder")
    refused(lambda: complete(world, bucket, upload, parts_of(etags[:1], [9])), 400, "InvalidPart")
    refused(lambda: complete(world, bucket, upload, parts_of([f'"{"0" * 32}"'])), 400, "InvalidPart")
    for document in (b"", b"<CompleteMultipartUpload/>", b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
                     b"<!DOCTYPE a [<!ENTITY b 'c'>]><CompleteMultipartUpload/>", b"<a>" * 1000):
        answered(world.send("POST", f"/{bucket}/big?uploadId={upload}", document), 400, "MalformedXML")
    for number in ("0", "10001", "-1", "one", ""):
        answered(world.send("PUT", f"/{bucket}/big?partNumber={number}&uploadId={upload}", b"x"), 400, "InvalidArgument")
    answered(world.send("PUT", f"/{bucket}/big?partNumber=1&uploadId=none", b"x"), 404, "NoSuchUpload")
    answered(world.send("PUT", f"/{bucket}/other?partNumber=1&uploadId={upload}", b"x"), 404, "NoSuchUpload")
    same(complete(world, bucket, upload, parts_of([part(world, bucket, upload, 1, b"again")]))["ETag"][-3:], '-1"')
    refused(lambda: complete(world, bucket, "none", parts_of(etags)), 404, "NoSuchUpload")
    upload = begin(world, bucket)
    part(world, bucket, upload, 1, b"x")
    world.s3.abort_multipart_upload(Bucket=bucket, Key="big", UploadId=upload)
    refused(lambda: world.s3.abort_multipart_upload(Bucket=bucket, Key="big", UploadId=upload), 404, "NoSuchUpload")
    refused(lambda: world.s3.list_parts(Bucket=bucket, Key="big", UploadId=upload), 404, "NoSuchUpload")


def replaced_and_left_out_parts(world: World) -> None:
    bucket = world.bucket()
    upload = begin(world, bucket)
    part(world, bucket, upload, 3, b"old" * MIB)
    kept = part(world, bucket, upload, 3, b"n" * PART)
    part(world, bucket, upload, 5, b"left out")
    last = part(world, bucket, upload, 10_000, b"last")
    complete(world, bucket, upload, parts_of([kept, last], [3, 10_000]))
    same(world.s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"n" * PART + b"last", True)
    same(world.s3.get_object(Bucket=bucket, Key="big", PartNumber=2)["Body"].read(), b"last")


def upload_conditions(world: World) -> None:
    bucket = world.bucket()
    upload = begin(world, bucket)
    etag = part(world, bucket, upload, 1, b"one")
    document = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>".encode()
    world.put(bucket, "big")
    answered(world.send("POST", f"/{bucket}/big?uploadId={upload}", document, If_None_Match="*"), 412, "PreconditionFailed")
    answered(world.send("POST", f"/{bucket}/big?uploadId={upload}", document, If_Match='"x"'), 412, "PreconditionFailed")
    world.s3.delete_object(Bucket=bucket, Key="big")
    answered(world.send("POST", f"/{bucket}/big?uploadId={upload}", document, If_None_Match="*"), 200)


def listed_uploads(world: World) -> None:
    bucket = world.bucket()
    uploads = [(key, begin(world, bucket, key)) for key in ("a", "a", "b/1", "b/2", "c")]
    listed = world.s3.list_multipart_uploads(Bucket=bucket)
    same(sorted((u["Key"], u["UploadId"]) for u in listed["Uploads"]), sorted(uploads))
    same([u["Key"] for u in listed["Uploads"]], ["a", "a", "b/1", "b/2", "c"])
    rolled = world.s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    same(([u["Key"] for u in rolled["Uploads"]], [p["Prefix"] for p in rolled["CommonPrefixes"]]), (["a", "a", "c"], ["b/"]))
    same([u["Key"] for u in world.s3.list_multipart_uploads(Bucket=bucket, Prefix="b/")["Uploads"]], ["b/1", "b/2"])
    for size in (1, 2, 4):
        found = []
        for page in world.s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}):
            found += [(u["Key"], u["UploadId"]) for u in page.get("Uploads", [])]
        same(sorted(found), sorted(uploads), str(size))
    for key, upload in uploads:
        world.s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    expect("Uploads" not in world.s3.list_multipart_uploads(Bucket=bucket), "something is left")
    world.s3.delete_bucket(Bucket=bucket)


def checksummed_uploads(world: World) -> None:
    bucket = world.bucket()
    bodies = [b"a" * PART, b"tail"]

    def upload(headers: dict, numbers=lambda b: {}, finish: dict | None = None, status: int = 200, code: str = "") -> dict[str, str]:
        made = answered(world.send("POST", f"/{bucket}/sum?uploads", **headers), 200)
        ident = made.body.decode().split("<UploadId>")[1].split("<")[0]
        document = "<CompleteMultipartUpload>"
        for number, body in enumerate(bodies, 1):
            values = numbers(body)
            sent = answered(world.send("PUT", f"/{bucket}/sum?partNumber={number}&uploadId={ident}", body, **{f"x-amz-checksum-{n}": v for n, v in values.items()}), 200)
            document += f"<Part><PartNumber>{number}</PartNumber><ETag>{sent.headers['etag']}</ETag>"
            document += "".join(f"<Checksum{n.upper()}>{v}</Checksum{n.upper()}>" for n, v in values.items()) + "</Part>"
        answer = answered(world.send("POST", f"/{bucket}/sum?uploadId={ident}", document.encode() + b"</CompleteMultipartUpload>", **(finish or {})), status, code)
        return {"xml": answer.body.decode(), **world.send("HEAD", f"/{bucket}/sum", x_amz_checksum_mode="ENABLED").headers}

    sha = lambda b: base64.b64encode(hashlib.sha256(b).digest()).decode()  # noqa: E731
    crc = lambda b: base64.b64encode(zlib.crc32(b).to_bytes(4, "big")).decode()  # noqa: E731
    composite = base64.b64encode(hashlib.sha256(b"".join(hashlib.sha256(b).digest() for b in bodies)).digest()).decode() + "-2"
    got = upload({"x-amz-checksum-algorithm": "SHA256"}, lambda b: {"sha256": sha(b)})
    same((got["x-amz-checksum-sha256"], got["x-amz-checksum-type"]), (composite, "COMPOSITE"))
    expect(f"<ChecksumSHA256>{composite}</ChecksumSHA256>" in got["xml"], got["xml"])
    upload({"x-amz-checksum-algorithm": "SHA256"}, status=400, code="InvalidRequest")  # no part's checksum in the document
    full = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"}
    got = upload(full, lambda b: {"crc32": crc(b)}, {"x-amz-checksum-crc32": crc(b"".join(bodies)), "x-amz-checksum-type": "FULL_OBJECT"})
    same((got["x-amz-checksum-crc32"], got["x-amz-checksum-type"]), (crc(b"".join(bodies)), "FULL_OBJECT"))
    upload(full, lambda b: {"crc32": crc(b)}, {"x-amz-checksum-crc32": "AAAAAA=="}, 400, "BadDigest")
    upload(full, lambda b: {"crc32": crc(b)}, {"x-amz-mp-object-size": "5"}, 400, "InvalidRequest")
    same(upload({})["x-amz-checksum-type"], "FULL_OBJECT")  # CRC64NVME, where nobody asked for another
    for headers in ({"x-amz-checksum-algorithm": "MD5"}, {"x-amz-checksum-algorithm": "SHA1", "x-amz-checksum-type": "FULL_OBJECT"},
                    {"x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE"}, {"x-amz-checksum-type": "FULL_OBJECT"}):
        answered(world.send("POST", f"/{bucket}/sum?uploads", **headers), 400, "InvalidRequest")
    made = answered(world.send("POST", f"/{bucket}/sum?uploads", x_amz_checksum_algorithm="CRC32"), 200).body.decode()
    ident = made.split("<UploadId>")[1].split("<")[0]
    answered(world.send("PUT", f"/{bucket}/sum?partNumber=1&uploadId={ident}", b"x", x_amz_checksum_sha256=sha(b"x")), 400, "InvalidRequest")


# --- copies


def copies(world: World) -> None:
    bucket, target = world.bucket(), world.bucket()
    world.s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"copied", Metadata={"m": "1"}, ContentType="text/x", StorageClass="STANDARD_IA")
    source = {"Bucket": bucket, "Key": "a b/ü"}
    done = world.s3.copy_object(Bucket=target, Key="c", CopySource=source)["CopyObjectResult"]
    same(done["ETag"], f'"{hashlib.md5(b"copied").hexdigest()}"')
    got = world.s3.get_object(Bucket=target, Key="c")
    same((got["Body"].read(), got["Metadata"], got["ContentType"], got.get("StorageClass")), (b"copied", {"m": "1"}, "text/x", None))
    world.s3.copy_object(Bucket=target, Key="c", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"})
    got = world.s3.head_object(Bucket=target, Key="c")
    same((got["Metadata"], got["ContentType"]), ({"n": "2"}, "binary/octet-stream"))
    world.s3.copy_object(Bucket=target, Key="c", CopySource=source, Metadata={"ignored": "x"})
    same(world.s3.head_object(Bucket=target, Key="c")["Metadata"], {"m": "1"})
    refused(lambda: world.s3.copy_object(Bucket=bucket, Key=source["Key"], CopySource=source), 400, "InvalidRequest")
    world.s3.copy_object(Bucket=bucket, Key=source["Key"], CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "1"})
    same(world.s3.head_object(Bucket=bucket, Key=source["Key"])["Metadata"], {"new": "1"})
    refused(lambda: world.s3.copy_object(Bucket=target, Key="d", CopySource={"Bucket": bucket, "Key": "none"}), 404, "NoSuchKey")
    refused(lambda: world.s3.copy_object(Bucket=target, Key="d", CopySource={"Bucket": bucket + "x", "Key": "none"}), 404, "NoSuchBucket")
    refused(lambda: world.other.copy_object(Bucket=target, Key="d", CopySource=source), 403, "AccessDenied")
    for bad in ("", "/", "bucket", "/bucket/", "a%zz/b"):
        answered(world.send("PUT", f"/{target}/d", x_amz_copy_source=bad), 400, "InvalidArgument")
    answered(world.send("PUT", f"/{target}/d", x_amz_copy_source=f"/{bucket}/a%20b/%C3%BC", x_amz_metadata_directive="MAYBE"), 400, "InvalidArgument")
    world.s3.delete_object(Bucket=bucket, Key=source["Key"])
    same(world.s3.get_object(Bucket=target, Key="c")["Body"].read(), b"copied", "after its source is gone")


def copy_conditions(world: World) -> None:
    bucket = world.bucket()
    world.put(bucket, "a")
    etag = world.s3.head_object(Bucket=bucket, Key="a")["ETag"]
    before, after = "Sat, 29 Oct 1994 19:43:31 GMT", "Tue, 29 Oct 2199 19:43:31 GMT"

    def copy(status: int, **conditions: str) -> None:
        headers = {f"x_amz_copy_source_{name}": value for name, value in conditions.items()}
        answered(world.send("PUT", f"/{bucket}/b", x_amz_copy_source=f"{bucket}/a", **headers), status, "" if status == 200 else "PreconditionFailed")

    copy(200, if_match=etag)
    copy(412, if_match='"x"')
    copy(412, if_none_match=etag)
    copy(200, if_none_match='"x"')
    copy(412, if_modified_since=after)
    copy(200, if_modified_since=before)
    copy(412, if_unmodified_since=before)
    copy(200, if_match=etag, if_unmodified_since=before)
    copy(412, if_none_match=etag, if_modified_since=before)
    answered(world.send("PUT", f"/{bucket}/b", x_amz_copy_source=f"{bucket}/a", If_None_Match="*"), 412, "PreconditionFailed")


def copied_versions(world: World) -> None:
    bucket = world.bucket(versioned=True)
    first = world.s3.put_object(Bucket=bucket, Key="a", Body=b"one")["VersionId"]
    world.put(bucket, "a", body=b"two")
    done = world.s3.copy_object(Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a", "VersionId": first})
    same(done["CopySourceVersionId"], first)
    expect(done["VersionId"] not in ("null", first), "no version of its own")
    same(world.s3.get_object(Bucket=bucket, Key="a")["Body"].read(), b"one")
    marker = world.s3.delete_object(Bucket=bucket, Key="a")["VersionId"]
    refused(lambda: world.s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}), 404, "NoSuchKey")
    refused(lambda: world.s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a", "VersionId": marker}), 400, "InvalidRequest")


def copied_parts(world: World) -> None:
    bucket = world.bucket()
    body = bytes(range(256)) * (6 * MIB // 256)
    world.put(bucket, "source", body=body)
    upload = begin(world, bucket)
    copy = lambda number, **a: world.s3.upload_part_copy(Bucket=bucket, Key="big", UploadId=upload, PartNumber=number, CopySource={"Bucket": bucket, "Key": "source"}, **a)  # noqa: E731
    etags = [copy(1)["CopyPartResult"]["ETag"], copy(2, CopySourceRange=f"bytes=3-{PART + 2}")["CopyPartResult"]["ETag"], copy(3, CopySourceRange="bytes=0-9")["CopyPartResult"]["ETag"]]
    wanted = [body, body[3 : PART + 3], body[:10]]
    same(etags, [f'"{hashlib.md5(w).hexdigest()}"' for w in wanted])
    for bad in (f"bytes=0-{len(body)}", "bytes=5-", "0-5", "bytes=-5", "bytes=7-3"):
        refused(lambda b=bad: copy(4, CopySourceRange=b), 400, "InvalidArgument")
    complete(world, bucket, upload, parts_of(etags))
    same(world.s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"".join(wanted), True)
    world.s3.copy_object(Bucket=bucket, Key="again", CopySource={"Bucket": bucket, "Key": "big"})
    world.s3.delete_object(Bucket=bucket, Key="big")
    world.s3.delete_object(Bucket=bucket, Key="source")
    same(world.s3.get_object(Bucket=bucket, Key="again")["Body"].read() == b"".join(wanted), True)


CASES = [
    multipart_life, multipart_mistakes, replaced_and_left_out_parts, upload_conditions, listed_uploads, checksummed_uploads, copies, copy_conditions,
    copied_versions, copied_parts,
]

if __name__ == "__main__":
    sys.exit(main(CASES))
