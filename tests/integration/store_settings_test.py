#!/usr/bin/env python3
"""Who may do what, and the settings of buckets and objects, as Amazon documents them, asked of our own server.

usage: store_settings_test.py --duskline PROGRAM [--only WORD]

Ends with 77 (skipped) where boto3 is not installed.
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import pathlib
import sys
import traceback
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from store_protocol_test import World, answered, refused, same  # noqa: E402
from store_server import SKIPPED, Answer, Server, boto3, client, send  # noqa: E402
from support import Program, expect, wait_until  # noqa: E402

UTC = datetime.timezone.utc
LATER, LATEST = datetime.datetime(2090, 1, 1, tzinfo=UTC), datetime.datetime(2091, 1, 1, tzinfo=UTC)


class Place(World):
    """Two users and nobody, at a server that lets anonymous callers in, beside one that does not."""

    def __init__(self, program: Program, server: Server, closed: Server) -> None:
        super().__init__(server.url, server.key, server.other)
        self.program, self.server, self.closed = program, server, closed
        self.id, self.other_id = (c.list_buckets()["Owner"]["ID"] for c in (self.s3, self.other))

    def policy(self, bucket: str, *statements: dict) -> None:
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def raw(place: Place, method: str, path: str, headers: dict | None = None, body: bytes | None = None) -> Answer:
    where = urllib.parse.urlsplit(place.url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    connection.request(method, path, body, headers or {})
    return Answer(connection.getresponse())


def statement(bucket: str, action, principal="*", effect: str = "Allow", **more) -> dict:
    resource = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource, **more}


def denied(call) -> None:
    refused(call, 403, "AccessDenied")


# --- ACLs


def bucket_acls(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    acl = s3.get_bucket_acl(Bucket=bucket)
    owner = {"ID": place.id, "DisplayName": "main"}
    same((acl["Owner"], acl["Grants"]), (owner, [{"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]))
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    groups = [g for g in s3.get_bucket_acl(Bucket=bucket)["Grants"] if g["Grantee"]["Type"] == "Group"]
    same([g["Permission"] for g in groups], ["READ", "WRITE"])
    place.nobody.list_objects(Bucket=bucket)
    s3.put_bucket_acl(Bucket=bucket, ACL="authenticated-read")
    place.other.list_objects(Bucket=bucket)
    denied(lambda: place.nobody.list_objects(Bucket=bucket))
    s3.put_bucket_acl(Bucket=bucket, GrantFullControl=f"id={place.other_id}")
    denied(lambda: s3.list_objects(Bucket=bucket))
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    denied(lambda: place.other.list_objects(Bucket=bucket))
    refused(lambda: s3.put_bucket_acl(Bucket=bucket, ACL="public"), 400, "InvalidArgument")
    refused(lambda: s3.put_bucket_acl(Bucket=bucket), 400, "MissingSecurityHeader")
    refused(lambda: s3.put_bucket_acl(Bucket=bucket, GrantRead="id=1"), 400, "InvalidArgument")
    refused(lambda: s3.put_bucket_acl(Bucket=bucket, GrantRead="emailAddress=a@b"), 400, "UnresolvableGrantByEmailAddress")
    refused(lambda: s3.put_bucket_acl(Bucket=bucket, ACL="private", GrantRead=f"id={place.id}"), 400, "InvalidRequest")
    document = {"Owner": {"ID": place.id}, "Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": place.other_id}, "Permission": "READ"}]}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=document)
    place.other.list_objects(Bucket=bucket)
    denied(lambda: s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy={**document, "Owner": {"ID": place.other_id}}))
    answered(place.send("PUT", f"/{bucket}?acl", b"<AccessControlPolicy/>"), 400, "MalformedACLError")


def object_acls(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    place.put(bucket, "a", "b")
    denied(lambda: place.other.get_object(Bucket=bucket, Key="a"))
    s3.put_object_acl(Bucket=bucket, Key="a", ACL="public-read")
    place.nobody.get_object(Bucket=bucket, Key="a")
    denied(lambda: place.nobody.get_object(Bucket=bucket, Key="b"))
    denied(lambda: place.nobody.get_object(Bucket=bucket, Key="none"))
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    refused(lambda: place.nobody.get_object(Bucket=bucket, Key="none"), 404, "NoSuchKey")
    place.other.put_object(Bucket=bucket, Key="theirs", Body=b"")
    denied(lambda: s3.get_object(Bucket=bucket, Key="theirs"))
    place.other.put_object(Bucket=bucket, Key="ours", Body=b"", ACL="bucket-owner-full-control")
    s3.get_object(Bucket=bucket, Key="ours")
    same(s3.get_object_acl(Bucket=bucket, Key="ours")["Owner"]["ID"], place.other_id)
    place.nobody.put_object(Bucket=bucket, Key="nobody's", Body=b"")
    same(s3.get_object_acl(Bucket=bucket, Key="nobody's")["Owner"]["ID"], place.id)
    refused(lambda: s3.put_object_acl(Bucket=bucket, Key="none", ACL="private"), 404, "NoSuchKey")


def ownership(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    controls = lambda rule: {"Rules": [{"ObjectOwnership": rule}]}  # noqa: E731
    refused(lambda: s3.get_bucket_ownership_controls(Bucket=bucket), 404, "OwnershipControlsNotFoundError")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    refused(lambda: s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls("BucketOwnerEnforced")), 400, "InvalidBucketAclWithObjectOwnership")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls("BucketOwnerPreferred"))
    same(s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"], controls("BucketOwnerPreferred"))
    place.other.put_object(Bucket=bucket, Key="a", Body=b"", ACL="bucket-owner-full-control")
    same(s3.get_object_acl(Bucket=bucket, Key="a")["Owner"]["ID"], place.id)
    upload = place.other.create_multipart_upload(Bucket=bucket, Key="b", ACL="bucket-owner-full-control")["UploadId"]
    part = place.other.upload_part(Bucket=bucket, Key="b", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    place.other.complete_multipart_upload(Bucket=bucket, Key="b", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    same(s3.get_object_acl(Bucket=bucket, Key="b")["Owner"]["ID"], place.id)
    place.other.put_object(Bucket=bucket, Key="c", Body=b"")
    same(place.other.get_object_acl(Bucket=bucket, Key="c")["Owner"]["ID"], place.other_id)
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls("BucketOwnerEnforced"))
    refused(lambda: s3.put_bucket_acl(Bucket=bucket, ACL="public-read"), 400, "AccessControlListNotSupported")
    refused(lambda: s3.put_bucket_acl(Bucket=bucket, ACL="private"), 400, "AccessControlListNotSupported")
    refused(lambda: s3.put_object(Bucket=bucket, Key="d", ACL="public-read"), 400, "AccessControlListNotSupported")
    s3.put_object(Bucket=bucket, Key="d", ACL="bucket-owner-full-control")
    s3.get_object(Bucket=bucket, Key="c")
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    answered(place.send("PUT", f"/{bucket}?ownershipControls", b"<OwnershipControls/>"), 400, "MalformedXML")


# --- public access


def blocked_public_access(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    settings = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    refused(lambda: s3.get_public_access_block(Bucket=bucket), 404, "NoSuchPublicAccessBlockConfiguration")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    place.nobody.list_objects(Bucket=bucket)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=settings)
    same(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"], settings)
    denied(lambda: place.nobody.list_objects(Bucket=bucket))
    denied(lambda: place.other.list_objects(Bucket=bucket))
    denied(lambda: s3.put_bucket_acl(Bucket=bucket, ACL="public-read"))
    denied(lambda: s3.put_object(Bucket=bucket, Key="a", ACL="public-read"))
    denied(lambda: place.policy(bucket, statement(bucket, "s3:GetObject")))
    place.policy(bucket, statement(bucket, "s3:GetObject", {"AWS": place.other_id}))
    s3.delete_public_access_block(Bucket=bucket)
    place.nobody.list_objects(Bucket=bucket)


def anonymous_off_by_default(place: Place) -> None:
    owner, other, nobody = client(place.closed.url, place.closed.key), client(place.closed.url, place.closed.other), client(place.closed.url, None)
    owner.create_bucket(Bucket="closed", ACL="public-read")
    other.list_objects(Bucket="closed")
    denied(lambda: nobody.list_objects(Bucket="closed"))
    denied(lambda: nobody.list_buckets())
    settings = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    owner.put_public_access_block(Bucket="closed", PublicAccessBlockConfiguration=settings)
    nobody.list_objects(Bucket="closed")
    owner.put_public_access_block(Bucket="closed", PublicAccessBlockConfiguration={**settings, "IgnorePublicAcls": True})
    denied(lambda: nobody.list_objects(Bucket="closed"))
    owner.delete_public_access_block(Bucket="closed")
    nobody.list_objects(Bucket="closed")


# --- policies


def policies(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    place.put(bucket, "a")
    refused(lambda: s3.get_bucket_policy(Bucket=bucket), 404, "NoSuchBucketPolicy")
    same(s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"], {"IsPublic": False})
    place.policy(bucket, statement(bucket, "s3:GetObject"))
    place.nobody.get_object(Bucket=bucket, Key="a")
    denied(lambda: place.nobody.put_object(Bucket=bucket, Key="a"))
    denied(lambda: place.nobody.list_objects(Bucket=bucket))
    same(s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"], {"IsPublic": True})
    same(json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"], [statement(bucket, "s3:GetObject")])
    for principal in ({"AWS": place.other_id}, {"CanonicalUser": place.other_id}, {"AWS": "arn:aws:iam:::user/alt"}):
        place.policy(bucket, statement(bucket, "s3:*", principal))
        place.other.put_object(Bucket=bucket, Key="b", Body=b"")
        denied(lambda: place.nobody.get_object(Bucket=bucket, Key="a"))
        place.other.get_bucket_policy(Bucket=bucket)
    place.policy(bucket, statement(bucket, "s3:*"), statement(bucket, ["s3:GetObject", "s3:GetBucketPolicy"], effect="Deny"))
    denied(lambda: s3.get_object(Bucket=bucket, Key="a"))
    s3.get_bucket_policy(Bucket=bucket)
    denied(lambda: place.other.get_bucket_policy(Bucket=bucket))
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    denied(lambda: place.other.put_object(Bucket=bucket, Key="b"))
    for bad in ("{", "{}", json.dumps({"Version": "2012-10-17", "Statement": [statement("another", "s3:*")]})):
        refused(lambda text=bad: s3.put_bucket_policy(Bucket=bucket, Policy=text), 400, "MalformedPolicy")


def policy_conditions(place: Place) -> None:
    s3, other, bucket = place.s3, place.other, place.bucket()
    s3.put_object(Bucket=bucket, Key="red", Tagging="team=red")
    s3.put_object(Bucket=bucket, Key="blue", Tagging="team=blue")

    def only(action, **condition) -> None:
        place.policy(bucket, statement(bucket, action, {"AWS": place.other_id}, Condition=condition))

    only("s3:ListBucket", StringEquals={"s3:prefix": "a/"})
    other.list_objects_v2(Bucket=bucket, Prefix="a/")
    denied(lambda: other.list_objects_v2(Bucket=bucket))
    only("s3:ListBucket", NumericLessThanEquals={"s3:max-keys": 5})
    other.list_objects_v2(Bucket=bucket, MaxKeys=5)
    denied(lambda: other.list_objects_v2(Bucket=bucket, MaxKeys=6))
    only("s3:GetObject", StringEquals={"s3:ExistingObjectTag/team": "red"})
    other.get_object(Bucket=bucket, Key="red")
    denied(lambda: other.get_object(Bucket=bucket, Key="blue"))
    only(["s3:PutObject", "s3:PutObjectTagging"], StringEquals={"s3:RequestObjectTag/team": "red"})
    other.put_object(Bucket=bucket, Key="a", Tagging="team=red")
    denied(lambda: other.put_object(Bucket=bucket, Key="a", Tagging="team=blue"))
    only(["s3:PutObject", "s3:PutObjectAcl"], StringEquals={"s3:x-amz-acl": "bucket-owner-full-control"})
    other.put_object(Bucket=bucket, Key="a", ACL="bucket-owner-full-control")
    denied(lambda: other.put_object(Bucket=bucket, Key="a", ACL="private"))
    only("s3:GetObject", IpAddress={"aws:SourceIp": "127.0.0.0/8"})
    other.get_object(Bucket=bucket, Key="red")
    only("s3:GetObject", NotIpAddress={"aws:SourceIp": "127.0.0.0/8"})
    denied(lambda: other.get_object(Bucket=bucket, Key="red"))
    only("s3:GetObject", Bool={"aws:SecureTransport": "true"})
    denied(lambda: other.get_object(Bucket=bucket, Key="red"))


# --- cross-origin requests


def cross_origin(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    refused(lambda: s3.get_bucket_cors(Bucket=bucket), 404, "NoSuchCORSConfiguration")
    asks = {"Origin": "http://www.example.org", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "X-Amz-Date"}
    answered(raw(place, "OPTIONS", f"/{bucket}/a", asks), 403, "AccessForbidden")
    rule = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://*.example.org"], "AllowedHeaders": ["x-amz-*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 30}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    same(s3.get_bucket_cors(Bucket=bucket)["CORSRules"], [rule])
    headers = answered(raw(place, "OPTIONS", f"/{bucket}/a", asks), 200).headers
    same([headers.get("access-control-" + name) for name in ("allow-origin", "allow-methods", "allow-headers", "expose-headers", "max-age")],
         ["http://www.example.org", "GET, PUT", "x-amz-date", "ETag", "30"])
    answered(raw(place, "OPTIONS", f"/{bucket}/a", {**asks, "Origin": "http://example.com"}), 403, "AccessForbidden")
    answered(raw(place, "OPTIONS", f"/{bucket}/a", {**asks, "Access-Control-Request-Method": "DELETE"}), 403, "AccessForbidden")
    answered(raw(place, "OPTIONS", f"/{bucket}/a", {"Origin": "http://www.example.org"}), 400, "BadRequest")
    same(raw(place, "GET", f"/{bucket}/a", {"Origin": "http://www.example.org"}).headers.get("access-control-allow-origin"), "http://www.example.org")
    expect("access-control-allow-origin" not in raw(place, "GET", f"/{bucket}/a").headers, "an answer to no page")
    refused(lambda: s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{**rule, "AllowedMethods": ["PATCH"]}]}), 400, "InvalidRequest")
    s3.delete_bucket_cors(Bucket=bucket)
    refused(lambda: s3.get_bucket_cors(Bucket=bucket), 404, "NoSuchCORSConfiguration")


# --- lifecycle


def lifecycle(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    refused(lambda: s3.get_bucket_lifecycle_configuration(Bucket=bucket), 404, "NoSuchLifecycleConfiguration")
    rules = [
        {"ID": "days", "Expiration": {"Days": 1}, "Filter": {"Prefix": "logs/"}, "Status": "Enabled"},
        {"ID": "date", "Expiration": {"Date": LATER}, "Prefix": "old/", "Status": "Disabled"},
        {"ID": "uploads", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}, "Filter": {"Prefix": ""}, "Status": "Enabled"},
        {"ID": "versions", "NoncurrentVersionExpiration": {"NoncurrentDays": 5, "NewerNoncurrentVersions": 2}, "Status": "Enabled",
         "Filter": {"And": {"Prefix": "x", "Tags": [{"Key": "a", "Value": "b"}], "ObjectSizeGreaterThan": 100}}},
    ]
    set_rules = lambda given: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": given})  # noqa: E731
    set_rules(rules)
    same(s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"], rules)
    expect('rule-id="days"' in s3.put_object(Bucket=bucket, Key="logs/a")["Expiration"], "a put names the rule")
    expect('rule-id="days"' in s3.head_object(Bucket=bucket, Key="logs/a")["Expiration"], "a head names the rule")
    same(s3.create_multipart_upload(Bucket=bucket, Key="u")["AbortRuleId"], "uploads")
    refused(lambda: set_rules([{**rules[0], "Expiration": {"Days": 0}}]), 400, "InvalidArgument")
    refused(lambda: set_rules([{**rules[0], "Status": "On"}]), 400, "MalformedXML")
    refused(lambda: set_rules([rules[0], rules[0]]), 400, "InvalidArgument")
    s3.delete_bucket_lifecycle(Bucket=bucket)


def lifecycle_acts(place: Place) -> None:
    with Server(place.program, "--lifecycle-day", "500ms") as server:
        s3 = client(server.url, server.key)
        s3.create_bucket(Bucket="short")
        rule = {"ID": "a", "Expiration": {"Days": 1}, "Filter": {"Prefix": "logs/"}, "Status": "Enabled"}
        s3.put_bucket_lifecycle_configuration(Bucket="short", LifecycleConfiguration={"Rules": [rule]})
        for key in ("logs/a", "kept"):
            s3.put_object(Bucket="short", Key=key, Body=b"")
        wait_until(lambda: [o["Key"] for o in s3.list_objects_v2(Bucket="short")["Contents"]] == ["kept"], "the old log to go")


# --- tags


def tags(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    refused(lambda: s3.get_bucket_tagging(Bucket=bucket), 404, "NoSuchTagSet")
    few = [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": few})
    same(s3.get_bucket_tagging(Bucket=bucket)["TagSet"], few)
    s3.delete_bucket_tagging(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Tagging="x=a%20b")
    same(s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"], [{"Key": "x", "Value": "a b"}])
    ten = [{"Key": str(n), "Value": "v"} for n in range(10)]
    put = lambda given, key="k": s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": given})  # noqa: E731
    put(ten)
    same(s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"], ten)
    same(s3.get_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"], "10")
    for bad in (ten + few, few + few, [{"Key": "k" * 129, "Value": ""}], [{"Key": "k", "Value": "v" * 257}], [{"Key": "aws:k", "Value": ""}]):
        refused(lambda given=bad: put(given), 400, "InvalidTag")
    refused(lambda: put(few, "none"), 404, "NoSuchKey")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    same(len(s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"]), 10)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", TaggingDirective="REPLACE", Tagging="n=1")
    same(s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"], [{"Key": "n", "Value": "1"}])
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    same(s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"], [])


# --- object lock


def lock_settings(place: Place) -> None:
    s3, plain = place.s3, place.bucket()
    refused(lambda: s3.get_object_lock_configuration(Bucket=plain), 404, "ObjectLockConfigurationNotFoundError")
    days = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    refused(lambda: s3.put_object_lock_configuration(Bucket=plain, ObjectLockConfiguration=days), 409, "InvalidBucketState")
    refused(lambda: s3.put_object(Bucket=plain, Key="a", ObjectLockLegalHoldStatus="ON"), 400, "InvalidRequest")
    bucket = plain + "-locked"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    same(s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
    refused(lambda: place.versioning(bucket, "Suspended"), 409, "InvalidBucketState")
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=days)
    same(s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"], days)
    version = s3.put_object(Bucket=bucket, Key="a")["VersionId"]
    same(s3.head_object(Bucket=bucket, Key="a")["ObjectLockMode"], "GOVERNANCE")
    denied(lambda: s3.delete_object(Bucket=bucket, Key="a", VersionId=version))
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_object(Bucket=bucket, Key="a", VersionId=version, BypassGovernanceRetention=True)
    bad = lambda **rule: {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": rule}}  # noqa: E731
    for configuration, code in [(bad(Mode="GOVERNANCE", Days=0), "InvalidRetentionPeriod"), (bad(Mode="X", Days=1), "MalformedXML"),
                                (bad(Mode="GOVERNANCE", Days=1, Years=1), "MalformedXML"), ({"ObjectLockEnabled": "No"}, "MalformedXML")]:
        refused(lambda c=configuration: s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=c), 400, code)


def retention(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    place.put(bucket, "a")
    keep = lambda key, mode, until, **more: s3.put_object_retention(Bucket=bucket, Key=key, Retention={"Mode": mode, "RetainUntilDate": until}, **more)  # noqa: E731
    refused(lambda: keep("a", "GOVERNANCE", LATER), 400, "InvalidRequest")
    bucket += "-locked"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket=bucket, Key="a")["VersionId"]
    refused(lambda: s3.get_object_retention(Bucket=bucket, Key="a"), 404, "NoSuchObjectLockConfiguration")
    refused(lambda: keep("a", "GOVERNANCE", datetime.datetime(2020, 1, 1)), 400, "InvalidArgument")
    refused(lambda: keep("a", "governance", LATER), 400, "MalformedXML")
    keep("a", "GOVERNANCE", LATER)
    same(s3.get_object_retention(Bucket=bucket, Key="a")["Retention"], {"Mode": "GOVERNANCE", "RetainUntilDate": LATER})
    keep("a", "GOVERNANCE", LATEST)
    denied(lambda: keep("a", "GOVERNANCE", LATER))
    denied(lambda: keep("a", "COMPLIANCE", LATEST))
    keep("a", "GOVERNANCE", LATER, BypassGovernanceRetention=True)
    errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a", "VersionId": version}]})["Errors"]
    same([e["Code"] for e in errors], ["AccessDenied"])
    s3.put_object_retention(Bucket=bucket, Key="a", Retention={}, BypassGovernanceRetention=True)
    s3.delete_object(Bucket=bucket, Key="a", VersionId=version)
    soon = datetime.datetime.now(UTC).replace(microsecond=0) + datetime.timedelta(seconds=3)
    kept = s3.put_object(Bucket=bucket, Key="c", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon)["VersionId"]
    denied(lambda: s3.delete_object(Bucket=bucket, Key="c", VersionId=kept, BypassGovernanceRetention=True))
    wait_until(lambda: datetime.datetime.now(UTC) > soon, "the retention to end")
    s3.delete_object(Bucket=bucket, Key="c", VersionId=kept)


def legal_holds(place: Place) -> None:
    s3, bucket = place.s3, place.bucket() + "-locked"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket=bucket, Key="a")["VersionId"]
    refused(lambda: s3.get_object_legal_hold(Bucket=bucket, Key="a"), 404, "NoSuchObjectLockConfiguration")
    hold = lambda status: s3.put_object_legal_hold(Bucket=bucket, Key="a", LegalHold={"Status": status})  # noqa: E731
    hold("ON")
    same(s3.get_object_legal_hold(Bucket=bucket, Key="a")["LegalHold"], {"Status": "ON"})
    same(s3.head_object(Bucket=bucket, Key="a")["ObjectLockLegalHoldStatus"], "ON")
    denied(lambda: s3.delete_object(Bucket=bucket, Key="a", VersionId=version, BypassGovernanceRetention=True))
    refused(lambda: hold("MAYBE"), 400, "MalformedXML")
    hold("OFF")
    s3.delete_object(Bucket=bucket, Key="a", VersionId=version)


# --- encryption, and what is in one state only


def encryption(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    refused(lambda: s3.get_bucket_encryption(Bucket=bucket), 404, "ServerSideEncryptionConfigurationNotFoundError")
    same(s3.put_object(Bucket=bucket, Key="a", ServerSideEncryption="AES256")["ServerSideEncryption"], "AES256")
    expect("ServerSideEncryption" not in s3.put_object(Bucket=bucket, Key="b"), "nobody asked")
    refused(lambda: s3.put_object(Bucket=bucket, Key="c", ServerSideEncryption="aws:kms"), 501, "NotImplemented")
    refused(lambda: s3.put_object(Bucket=bucket, Key="c", ServerSideEncryption="ROT13"), 400, "InvalidEncryptionAlgorithmError")
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
    same(s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"], rules)
    same(s3.put_object(Bucket=bucket, Key="b")["ServerSideEncryption"], "AES256")
    s3.delete_bucket_encryption(Bucket=bucket)


def customer_keys(place: Place) -> None:
    """Over sockets, which decrypt what they send: beyond what fits into one write, and in ranges."""
    s3, bucket = place.s3, place.bucket()
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(range(32))}
    body = bytes(i * 7 % 251 for i in range(3_000_000))
    s3.put_object(Bucket=bucket, Key="a", Body=body, **key)
    same(s3.get_object(Bucket=bucket, Key="a", **key)["Body"].read() == body, True)
    same(s3.get_object(Bucket=bucket, Key="a", Range="bytes=70001-2000017", **key)["Body"].read() == body[70001:2000018], True)
    refused(lambda: s3.get_object(Bucket=bucket, Key="a"), 400, "InvalidRequest")
    refused(lambda: s3.get_object(Bucket=bucket, Key="a", **{**key, "SSECustomerKey": bytes(32)}), 403, "AccessDenied")
    s3.put_object(Bucket=bucket, Key="b", Body=body, ServerSideEncryption="AES256")
    same(s3.get_object(Bucket=bucket, Key="b")["Body"].read() == body, True)
    with Server(place.program, "--named-key", "one", "--named-key", "two") as server:
        named = client(server.url, server.key)
        named.create_bucket(Bucket="named")
        put = named.put_object(Bucket="named", Key="a", Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId="two")
        same((put["ServerSideEncryption"], put["SSEKMSKeyId"]), ("aws:kms", "two"))
        server.stop()
        server.start()  # names are for what is put; what is there opens without them
        same(client(server.url, server.key).get_object(Bucket="named", Key="a")["Body"].read() == body, True)
    for path in place.server.directory.rglob("*"):
        expect(not path.is_file() or body[1000:1064] not in path.read_bytes(), f"{path} tells what was encrypted")


def fixed_settings(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    notify = lambda what: s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=what)  # noqa: E731
    notify({})
    topic = {"TopicArn": "arn:aws:sns:us-east-1:1:none", "Events": ["s3:ObjectCreated:*"]}
    refused(lambda: notify({"TopicConfigurations": [topic]}), 400, "InvalidArgument")
    s3.delete_bucket_replication(Bucket=bucket)


def requester_pays(place: Place) -> None:
    s3, other, bucket = place.s3, place.other, place.bucket()
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ACL="public-read")
    payer = lambda: s3.get_bucket_request_payment(Bucket=bucket)["Payer"]  # noqa: E731
    pay = lambda who: s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": who})  # noqa: E731
    same(payer(), "BucketOwner")
    pay("Requester")
    same(payer(), "Requester")
    denied(lambda: other.get_object(Bucket=bucket, Key="a"))
    denied(lambda: place.nobody.get_object(Bucket=bucket, Key="a"))
    same(other.get_object(Bucket=bucket, Key="a", RequestPayer="requester")["RequestCharged"], "requester")
    expect("RequestCharged" not in s3.get_object(Bucket=bucket, Key="a"), "the owner is charged")
    refused(lambda: pay("Nobody"), 400, "MalformedXML")
    pay("BucketOwner")
    same(place.nobody.get_object(Bucket=bucket, Key="a")["Body"].read(), b"x")


def website(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    put = lambda **what: s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=what)  # noqa: E731
    got = lambda: {k: v for k, v in s3.get_bucket_website(Bucket=bucket).items() if k != "ResponseMetadata"}  # noqa: E731
    refused(got, 404, "NoSuchWebsiteConfiguration")
    whole = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"},
             "RoutingRules": [{"Condition": {"KeyPrefixEquals": "a/"}, "Redirect": {"ReplaceKeyPrefixWith": "b/"}}]}
    put(**whole)
    same(got(), whole)
    put(RedirectAllRequestsTo={"HostName": "example.com", "Protocol": "https"})
    same(got(), {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}})
    refused(lambda: put(IndexDocument={"Suffix": "a/b"}), 400, "InvalidArgument")
    refused(lambda: put(ErrorDocument={"Key": "e"}), 400, "InvalidArgument")
    refused(lambda: put(RedirectAllRequestsTo={"HostName": "h", "Protocol": "gopher"}), 400, "InvalidRequest")
    s3.delete_bucket_website(Bucket=bucket)
    refused(got, 404, "NoSuchWebsiteConfiguration")


def log_document(target: str, prefix: str, more: str) -> bytes:
    """With elements that old clients do not know."""
    enabled = f"<TargetBucket>{target}</TargetBucket><TargetPrefix>{prefix}</TargetPrefix>{more}"
    return f"<BucketLoggingStatus><LoggingEnabled>{enabled}</LoggingEnabled></BucketLoggingStatus>".encode()


def by_date(source: str) -> str:
    inner = f"<PartitionedPrefix><PartitionDateSource>{source}</PartitionDateSource></PartitionedPrefix>"
    return f"<TargetObjectKeyFormat>{inner}</TargetObjectKeyFormat>"


def log_settings(place: Place) -> None:
    s3, source, target = place.s3, place.bucket(), place.bucket()
    put = lambda **what: s3.put_bucket_logging(Bucket=source, BucketLoggingStatus={"LoggingEnabled": what} if what else {})  # noqa: E731
    got = lambda: s3.get_bucket_logging(Bucket=source).get("LoggingEnabled")  # noqa: E731
    same(got(), None)
    refused(lambda: put(TargetBucket=target, TargetPrefix="l/"), 400, "InvalidTargetBucketForLogging")  # nobody let it in
    s3.put_bucket_acl(Bucket=target, ACL="log-delivery-write")
    put(TargetBucket=target, TargetPrefix="l/")
    same(got(), {"TargetBucket": target, "TargetPrefix": "l/"})
    granted = [{"Grantee": {"Type": "CanonicalUser", "ID": place.other_id}, "Permission": "READ"}]
    put(TargetBucket=target, TargetPrefix="", TargetGrants=granted)
    same([(g["Grantee"]["ID"], g["Permission"]) for g in got()["TargetGrants"]], [(place.other_id, "READ")])
    answered(place.send("PUT", f"/{source}?logging", log_document(target, "", by_date("EventTime"))), 200)
    expect(by_date("EventTime").encode() in place.send("GET", f"/{source}?logging").body, "the format is lost")
    answered(place.send("PUT", f"/{source}?logging", log_document(target, "", by_date("Never"))), 400, "MalformedXML")
    refused(lambda: put(TargetBucket="not-there-at-all", TargetPrefix=""), 400, "InvalidTargetBucketForLogging")
    theirs = f"theirs-{next(place.numbers)}"
    place.other.create_bucket(Bucket=theirs, ACL="log-delivery-write")
    refused(lambda: put(TargetBucket=theirs, TargetPrefix=""), 400, "InvalidTargetBucketForLogging")
    denied(lambda: place.other.put_bucket_logging(Bucket=source, BucketLoggingStatus={}))
    put()
    same(got(), None)
    # By policy, for one source only.
    s3.put_bucket_acl(Bucket=target, ACL="private")
    service, arn = {"Service": "logging.s3.amazonaws.com"}, {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"}}
    place.policy(target, statement(target, "s3:PutObject", service, Condition=arn))
    put(TargetBucket=target, TargetPrefix="")
    place.policy(target, statement(target, "s3:PutObject", service, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another"}}))
    refused(lambda: put(TargetBucket=target, TargetPrefix=""), 400, "InvalidTargetBucketForLogging")


def bucket_logs(place: Place) -> None:
    with Server(place.program, "--bucket-log-every", "200ms") as server:
        s3 = client(server.url, server.key)
        for name in ("source", "target", "quiet"):
            s3.create_bucket(Bucket=name)
        s3.put_bucket_acl(Bucket="target", ACL="log-delivery-write")
        answered(send(server.url, server.key, "PUT", "/source?logging", log_document("target", "logs/", by_date("DeliveryTime"))), 200)
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        s3.put_bucket_encryption(Bucket="target", ServerSideEncryptionConfiguration=rules)
        s3.put_object(Bucket="source", Key="seen", Body=b"x")
        s3.put_object(Bucket="quiet", Key="unseen", Body=b"x")
        owner = s3.list_buckets()["Owner"]["ID"]

        def lines() -> str:
            found = s3.list_objects(Bucket="target", Prefix=f"logs/{owner}/us-east-1/source/").get("Contents", [])
            return "".join(s3.get_object(Bucket="target", Key=each["Key"])["Body"].read().decode() for each in found)
        wait_until(lambda: " REST.PUT.OBJECT seen " in lines(), "the log")
        expect(lines().startswith(owner + " source [") and "unseen" not in lines(), lines())
        # What is left is delivered at the end.
        s3.put_object(Bucket="source", Key="last", Body=b"x")
        server.stop()
        server.start()
        s3 = client(server.url, server.key)
        expect(" REST.PUT.OBJECT last " in lines(), lines())


# --- forms


def form(place: Place, bucket: str, fields: list[tuple[str, str]], file: bytes | None = b"file", name: str = "n.txt") -> Answer:
    parts = [f'--edge\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields]
    if file is not None:
        parts.append(f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/x\r\n\r\n'.encode() + file + b"\r\n")
    return raw(place, "POST", f"/{bucket}", {"Content-Type": "multipart/form-data; boundary=edge"}, b"".join(parts) + b"--edge--\r\n")


def signed(key: tuple[str, str], conditions: list, expiration: str = "2090-01-01T00:00:00Z") -> list[tuple[str, str]]:
    """As Signature Version 2 signs a form."""
    policy = base64.b64encode(json.dumps({"expiration": expiration, "conditions": conditions}).encode()).decode()
    signature = base64.b64encode(hmac.new(key[1].encode(), policy.encode(), hashlib.sha1).digest()).decode()
    return [("AWSAccessKeyId", key[0]), ("signature", signature), ("policy", policy)]


def forms(place: Place) -> None:
    s3, bucket = place.s3, place.bucket()
    conditions = [{"bucket": bucket}, ["starts-with", "$key", "up/"], ["content-length-range", 1, 100]]
    sent = lambda more=(), fields=(), key="up/a", signer=place.key, **rest: form(  # noqa: E731
        place, bucket, [("key", key), *signed(signer, conditions + list(more)), *fields], **rest)
    same(sent().status, 204)
    same(s3.get_object(Bucket=bucket, Key="up/a")["Body"].read(), b"file")
    same(sent(key="up/${filename}").status, 204)
    s3.head_object(Bucket=bucket, Key="up/n.txt")
    made = sent([["eq", "$success_action_status", "201"]], [("success_action_status", "201")])
    expect(made.status == 201 and f"<Bucket>{bucket}</Bucket><Key>up/a</Key>".encode() in made.body, made.body.decode())
    to = "http://localhost:1/there"
    moved = sent([["eq", "$success_action_redirect", to]], [("success_action_redirect", to)])
    expect(moved.status == 303 and moved.headers["location"].startswith(f"{to}?bucket={bucket}&key=up%2Fa&etag=%22"), str(moved.headers))
    tagging = "<Tagging><TagSet><Tag><Key>t</Key><Value>1</Value></Tag></TagSet></Tagging>"
    same(sent([["starts-with", "$tagging", ""], {"x-amz-meta-m": "v"}, {"Content-Type": "image/x"}],
              [("tagging", tagging), ("x-amz-meta-m", "v"), ("Content-Type", "image/x")]).status, 204)
    head = s3.head_object(Bucket=bucket, Key="up/a")
    same((head["Metadata"], head["ContentType"]), ({"m": "v"}, "image/x"))
    same(s3.get_object_tagging(Bucket=bucket, Key="up/a")["TagSet"], [{"Key": "t", "Value": "1"}])
    answered(sent(key="down"), 403, "AccessDenied")
    answered(sent(fields=[("x-amz-meta-extra", "1")]), 403, "AccessDenied")
    same(sent(fields=[("x-ignore-extra", "1")]).status, 204)
    answered(sent(signer=(place.key[0], "wrong")), 403, "SignatureDoesNotMatch")
    answered(sent(signer=("nobody", "x")), 403, "InvalidAccessKeyId")
    answered(sent(signer=place.other_key), 403, "AccessDenied")
    answered(sent(file=b"x" * 101), 400, "EntityTooLarge")
    answered(sent(file=b""), 400, "EntityTooSmall")
    answered(sent(file=None), 400, "InvalidArgument")
    answered(form(place, bucket, [("key", "up/a"), *signed(place.key, conditions, "2020-01-01T00:00:00Z")]), 403, "AccessDenied")
    answered(form(place, bucket, [("key", "up/a"), *signed(place.key, conditions, "soon")]), 400, "InvalidPolicyDocument")
    answered(form(place, bucket, [*signed(place.key, conditions)]), 400, "InvalidArgument")
    answered(form(place, bucket, [("key", "up/a")]), 403, "AccessDenied")
    answered(sent([{"acl": "private"}], [("acl", "private"), ("acl", "public-read")]), 400, "InvalidArgument")
    place.policy(bucket, statement(bucket, "s3:PutObject", effect="Deny", Condition={"StringLike": {"s3:x-amz-acl": "public*"}}))
    answered(sent([{"acl": "public-read"}], [("acl", "public-read")]), 403, "AccessDenied")
    same(sent([{"acl": "private"}], [("acl", "private")]).status, 204)
    answered(raw(place, "POST", f"/{bucket}", {"Content-Type": "text/plain"}, b"x"), 412, "RequestIsNotMultiPartContent")


def forms_signed_as_now(place: Place) -> None:
    s3, bucket = client(place.url, place.key, signature_version="s3v4"), place.bucket()
    ready = s3.generate_presigned_post(bucket, "v4/${filename}", Conditions=[{"acl": "private"}], Fields={"acl": "private"})["fields"]
    expect("x-amz-signature" in ready, "boto3 signs with version 4")
    body = bytes(range(256)) * 12_000
    same(form(place, bucket, list(ready.items()), body, "big").status, 204)
    same(s3.get_object(Bucket=bucket, Key="v4/big")["Body"].read(), body)
    ready["x-amz-signature"] = "0" * 64
    answered(form(place, bucket, list(ready.items())), 403, "SignatureDoesNotMatch")


# --- keys, and what the server tells of itself


def restricted_keys(place: Place) -> None:
    bucket = place.bucket()
    place.put(bucket, "site-a/x", "site-b/x")
    reader = client(place.url, place.server.add_key(f"reader-{bucket}", "--allow", "read,list", "--prefix", "site-a/"))
    same(reader.get_object(Bucket=bucket, Key="site-a/x")["Body"].read(), b"body")
    same([o["Key"] for o in reader.list_objects_v2(Bucket=bucket, Prefix="site-a/")["Contents"]], ["site-a/x"])
    refused(lambda: reader.get_object(Bucket=bucket, Key="site-a/none"), 404, "NoSuchKey")
    for call in (lambda: reader.list_objects_v2(Bucket=bucket), lambda: reader.get_object(Bucket=bucket, Key="site-b/x"),
                 lambda: reader.put_object(Bucket=bucket, Key="site-a/y"), lambda: reader.delete_object(Bucket=bucket, Key="site-a/x"),
                 lambda: reader.put_object_acl(Bucket=bucket, Key="site-a/x", ACL="public-read"), lambda: reader.create_bucket(Bucket=bucket + "-2")):
        denied(call)
    writer = client(place.url, place.server.add_key(f"writer-{bucket}", "--allow", "write", "--bucket", bucket))
    writer.put_object(Bucket=bucket, Key="new", Body=b"")
    denied(lambda: writer.get_object(Bucket=bucket, Key="new"))
    place.s3.create_bucket(Bucket=bucket + "-2")
    denied(lambda: writer.put_object(Bucket=bucket + "-2", Key="new"))


def rotated_keys(place: Place) -> None:
    program, directory = place.program, str(place.server.directory)
    first = client(place.url, place.server.add_key("rotating"))
    second = client(place.url, place.server.add_key("rotating-2", "--user", "rotating"))
    bucket = f"rotating-{id(place) % 100_000}"
    first.create_bucket(Bucket=bucket)
    second.put_object(Bucket=bucket, Key="a", Body=b"")
    program.run("store", "key", "disable", "rotating", "--dir", directory)
    refused(lambda: first.list_objects(Bucket=bucket), 403, "InvalidAccessKeyId")
    second.list_objects(Bucket=bucket)


def pages(place: Place) -> None:
    for path, text in (("/healthz", b"ok\n"), ("/readyz", b"ready\n")):
        same(answered(raw(place, "GET", path), 200).body, text)
    refused(lambda: place.s3.get_object(Bucket=place.bucket(), Key="none"), 404, "NoSuchKey")
    metrics = answered(raw(place, "GET", "/metrics"), 200).body.decode()
    for name in ('duskline_requests_total{operation="GetObject",status="4xx"}', 'duskline_errors_total{code="NoSuchKey"}', "duskline_fsyncs_total",
                 'duskline_request_seconds_bucket{operation="CreateBucket",le="+Inf"}', "duskline_buckets"):
        expect("\n" + name + " " in metrics, f"no {name}")


def logs(place: Place) -> None:
    log = place.program.work / "access.log"
    with Server(place.program, "--access-log", str(log)) as server:
        s3 = client(server.url, server.key)
        s3.create_bucket(Bucket="logged")
        s3.put_object(Bucket="logged", Key="a b", Body=b"12345")
        s3.get_object(Bucket="logged", Key="a b")["Body"].read()
        refused(lambda: client(server.url, server.other).put_bucket_policy(Bucket="logged", Policy="{}"), 403, "AccessDenied")
    lines = log.read_text().splitlines()
    got = next(line for line in lines if " REST.GET.OBJECT " in line)
    expect(' logged [' in got and ' a%20b "GET /logged/a%20b HTTP/1.1" 200 - 5 5 ' in got and " SigV4 - AuthHeader " in got, got)
    acts = [json.loads(line) for line in (server.directory / "audit.log").read_text().splitlines()]
    acts = [(act["act"], act.get("bucket"), act.get("status")) for act in acts if act["act"] in ("CreateBucket", "PutBucketPolicy", "PutObject")]
    same(acts, [("CreateBucket", "logged", 200), ("PutBucketPolicy", "logged", 403)])


CASES = [
    bucket_acls, object_acls, ownership, blocked_public_access, anonymous_off_by_default, policies, policy_conditions, cross_origin, lifecycle,
    lifecycle_acts, tags, lock_settings, retention, legal_holds, encryption, customer_keys, fixed_settings, requester_pays, website,
    log_settings, bucket_logs, forms, forms_signed_as_now, restricted_keys,
    rotated_keys, pages, logs,
]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if boto3 is None:
        print("skipped: boto3 not found; on Debian: apt-get install python3-boto3")
        return SKIPPED
    failed = 0
    with Program(arguments.duskline, "store-settings") as program, Server(program, "--anonymous") as server, Server(program) as closed:
        place = Place(program, server, closed)
        for case in CASES:
            if arguments.only not in case.__name__:
                continue
            try:
                case(place)
            except Exception as error:  # noqa: BLE001 - the next case runs all the same
                failed += 1
                line = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.name == case.__name__]
                print(f"FAILED {case.__name__} (line {line[0]}): {type(error).__name__}: {error}")
            else:
                print(f"{case.__name__}: passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
