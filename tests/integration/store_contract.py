#!/usr/bin/env python3
"""The ObjectStore contract over real S3 servers: Ceph's gateway, and OpenStack Swift, which has no conditional PUT.

usage: store_contract.py rgw|swift OBJECT_STORE_CONTRACT_TEST

Starts the server in a temporary folder, makes a bucket, runs the suite's S3 kind over it, stops the server. Exits with 77
(skipped), saying what to install, where the server is not there.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

LAB = pathlib.Path(__file__).resolve().parent / "lab"
SKIPPED = 77
SERVERS = {
    "rgw": {"needs": ["radosgw", "ceph-mon", "ceph-osd", "ceph"], "packages": "radosgw ceph-mon ceph-osd ceph-common", "lacks": ""},
    "swift": {
        "needs": ["swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server"],
        "packages": "swift-proxy swift-account swift-container swift-object python3-swift",
        "lacks": "conditions,atomic-overwrite",
    },
}


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[1] not in SERVERS:
        sys.exit(__doc__)
    name, suite = sys.argv[1:]
    server = SERVERS[name]
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [program for program in server["needs"] if not shutil.which(program, path=path)]
    if missing:
        print(f"skipped: {', '.join(missing)} not found; on Debian: apt-get install {server['packages']}")
        return SKIPPED
    folder = tempfile.mkdtemp(prefix=f"duskline-{name}-")
    try:
        printed = subprocess.run([LAB / f"{name}-up", folder], stdout=subprocess.PIPE, text=True, check=True).stdout
        settings = dict(word.split("=", 1) for word in printed.split())
        endpoint = settings.pop("S3_ENDPOINT")
        environment = {**os.environ, **settings, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        subprocess.run([LAB / "make-bucket", endpoint, "contract"], env=environment, check=True)
        environment |= {
            "AWS_ENDPOINT_URL": endpoint,
            "DUSKLINE_TEST_S3_URL": "s3://contract/suite",
            "DUSKLINE_TEST_S3_LACKS": server["lacks"],
        }
        return subprocess.run([suite, "--gtest_filter=*/s3:S3Store.*"], env=environment, check=False).returncode
    finally:
        subprocess.run([LAB / f"{name}-down", folder, "--wipe"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
