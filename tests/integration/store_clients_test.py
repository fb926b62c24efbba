#!/usr/bin/env python3
"""The S3 tools that people have, against our own server: trees go in and come out the same.

usage: store_clients_test.py --duskline PROGRAM [--contract OBJECT_STORE_CONTRACT_TEST] [--only NAME]

Each client that is not installed is passed over, and said so. Prints the versions of those that ran.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from store_server import Server, boto3, client, send  # noqa: E402
from support import Failure, Program, expect, make_tree, wait_until  # noqa: E402


class Skipped(Exception):
    pass


def contents(top: pathlib.Path) -> dict[str, bytes]:
    return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file() and not p.is_symlink()}


class Lab:
    """A server, a tree to carry, and an environment in which a client finds both."""

    def __init__(self, program: Program, server: Server) -> None:
        self.server, self.work = server, program.work
        self.source = self.work / "source"
        self.source.mkdir()
        make_tree(self.source, random.Random(7), 60)
        for path in list(self.source.rglob("*")):
            if "\n" in path.name:  # not every tool carries a new line in a name
                path.unlink()
        (self.source / "big").write_bytes(random.Random(8).randbytes(21 << 20))  # beyond every client's threshold for parts
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.work), "LANG": "C.UTF-8", "AWS_ACCESS_KEY_ID": server.key[0],
            "AWS_SECRET_ACCESS_KEY": server.key[1], "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true"}

    def folder(self, name: str) -> pathlib.Path:
        path = self.work / name
        path.mkdir()
        return path

    def bucket(self, name: str) -> str:
        answer = send(self.server.url, self.server.key, "PUT", f"/{name}")
        expect(answer.status == 200, f"no bucket: {answer.body!r}")
        return name

    def run(self, *command: str, env: dict[str, str] | None = None, code: int = 0) -> str:
        done = subprocess.run(list(map(str, command)), env={**self.environment, **(env or {})}, cwd=self.work, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False)
        expect(done.returncode == code, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout.decode(errors='replace')[-1500:]}\n{done.stderr.decode(errors='replace')[-1500:]}")
        return done.stdout.decode(errors="replace")


def same_trees(a: pathlib.Path, b: pathlib.Path) -> None:
    left, right = contents(a), contents(b)
    different = [name for name in sorted(left.keys() | right.keys()) if left.get(name) != right.get(name)]
    expect(not different, f"differ: {different[:5]}")


def need(*programs: str, packages: str) -> None:
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        raise Skipped(f"{', '.join(missing)} not found; on Debian: apt-get install {packages}")


def awscli(lab: Lab) -> str:
    need("aws", packages="awscli")
    aws = ("aws", "--endpoint-url", lab.server.url)
    lab.run(*aws, "s3", "mb", "s3://aws-tree")
    lab.run(*aws, "s3", "sync", "--no-follow-symlinks", lab.source, "s3://aws-tree/t")
    out = lab.folder("aws-out")
    lab.run(*aws, "s3", "sync", "s3://aws-tree/t", out)
    same_trees(lab.source, out)
    expect(lab.run(*aws, "s3", "sync", "--no-follow-symlinks", lab.source, "s3://aws-tree/t") == "", "a second sync found something to do")
    lab.run(*aws, "s3", "cp", "--recursive", "s3://aws-tree/t", "s3://aws-tree/copy")
    lab.run(*aws, "s3", "mv", "s3://aws-tree/copy/big", "s3://aws-tree/moved")
    expect("big" in lab.run(*aws, "s3", "ls", "s3://aws-tree/t/"), "not listed")
    url = lab.run(*aws, "s3", "presign", "s3://aws-tree/moved").strip()
    answer = send(lab.server.url, None, "GET", url[len(lab.server.url):])
    expect(answer.status == 200 and answer.body == (lab.source / "big").read_bytes(), f"presigned: {answer.status}")
    lab.run(*aws, "s3", "rb", "--force", "s3://aws-tree")
    return lab.run("aws", "--version")


def s3cmd(lab: Lab) -> str:
    need("s3cmd", packages="s3cmd")
    host = lab.server.url.split("//")[1]
    config = lab.work / "s3cmd.cfg"
    config.write_text(f"[default]\naccess_key = {lab.server.key[0]}\nsecret_key = {lab.server.key[1]}\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\n")
    s3 = ("s3cmd", "-c", config)
    lab.run(*s3, "mb", "s3://cmd-tree")
    lab.run(*s3, "sync", "--no-progress", f"{lab.source}/", "s3://cmd-tree/t/")
    out = lab.folder("s3cmd-out")
    lab.run(*s3, "sync", "--no-progress", "s3://cmd-tree/t/", f"{out}/")
    same_trees(lab.source, out)
    lab.run(*s3, "cp", "s3://cmd-tree/t/big", "s3://cmd-tree/copy")
    lab.run(*s3, "modify", "--add-header=x-amz-meta-a:b", "s3://cmd-tree/copy")
    expect("x-amz-meta-a" in lab.run(*s3, "info", "s3://cmd-tree/copy"), "no metadata")
    lab.run(*s3, "du", "s3://cmd-tree")
    lab.run(*s3, "setacl", "--acl-private", "s3://cmd-tree/copy")
    lab.run(*s3, "rb", "--recursive", "--force", "s3://cmd-tree")
    return lab.run("s3cmd", "--version")


def rclone(lab: Lab) -> str:
    need("rclone", packages="rclone")
    environment = {
        "RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_D_TYPE": "s3", "RCLONE_CONFIG_D_PROVIDER": "Other", "RCLONE_CONFIG_D_ENDPOINT": lab.server.url,
        "RCLONE_CONFIG_D_ACCESS_KEY_ID": lab.server.key[0], "RCLONE_CONFIG_D_SECRET_ACCESS_KEY": lab.server.key[1], "RCLONE_S3_UPLOAD_CUTOFF": "8M"}
    run = lambda *c: lab.run("rclone", *c, env=environment)  # noqa: E731
    run("mkdir", "d:rclone-tree")
    run("sync", lab.source, "d:rclone-tree/t")
    run("check", "--download", lab.source, "d:rclone-tree/t")
    out = lab.folder("rclone-out")
    run("sync", "d:rclone-tree/t", out)
    same_trees(lab.source, out)
    run("copy", "d:rclone-tree/t", "d:rclone-tree/copy")  # by the server
    run("check", "d:rclone-tree/t", "d:rclone-tree/copy")
    run("purge", "d:rclone-tree")
    return run("version").splitlines()[0]


def restic(lab: Lab) -> str:
    need("restic", packages="restic")
    lab.bucket("restic-tree")
    environment = {"RESTIC_PASSWORD": "p", "RESTIC_REPOSITORY": f"s3:{lab.server.url}/restic-tree/repo"}
    run = lambda *c: lab.run("restic", *c, env=environment)  # noqa: E731
    run("init")
    run("backup", lab.source)
    run("check", "--read-data")
    out = lab.folder("restic-out")
    run("restore", "latest", "--target", out)
    same_trees(lab.source, out / lab.source.relative_to("/"))
    run("forget", "--keep-last", "1", "--prune")
    run("unlock")
    return run("version")


def s3fs(lab: Lab) -> str:
    need("s3fs", "fusermount", packages="s3fs")
    if not os.path.exists("/dev/fuse"):
        raise Skipped("there is no /dev/fuse")
    lab.bucket("s3fs-tree")
    password = lab.work / "s3fs.key"
    password.write_text(":".join(lab.server.key))
    password.chmod(0o600)
    mount = lab.folder("mounted")
    process = subprocess.Popen(["s3fs", "s3fs-tree", mount, "-f", "-o", f"url={lab.server.url},use_path_request_style,passwd_file={password}"],
                               env=lab.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.ismount(mount) or process.poll() is not None, "the mount")
        if process.poll() is not None:
            raise Skipped("s3fs may not mount here")
        shutil.copytree(lab.source, mount / "t", symlinks=True)
        same_trees(lab.source, mount / "t")
        (mount / "t" / "big").rename(mount / "renamed")
        with open(mount / "renamed", "r+b") as file:
            file.seek(1 << 20)
            file.write(b"changed")
        expect((mount / "renamed").read_bytes()[1 << 20 : (1 << 20) + 7] == b"changed", "not changed")
        shutil.rmtree(mount / "t")
        expect([p.name for p in mount.iterdir()] == ["renamed"], "something is left")
    finally:
        subprocess.run(["fusermount", "-u", mount], check=False)
        process.terminate()
        process.wait(timeout=60)
    return lab.run("s3fs", "--version").splitlines()[0]


def boto(lab: Lab) -> str:
    if boto3 is None:
        raise Skipped("boto3 not found; on Debian: apt-get install python3-boto3")
    lab.bucket("boto-tree")
    s3 = client(lab.server.url, lab.server.key)
    s3.upload_file(str(lab.source / "big"), "boto-tree", "big")
    out = lab.folder("boto-out") / "big"
    s3.download_file("boto-tree", "big", str(out))
    expect(out.read_bytes() == (lab.source / "big").read_bytes(), "differs")
    return f"boto3 {boto3.__version__}"


def contract(lab: Lab, suite: str) -> str:
    lab.bucket("contract")
    lab.run(suite, "--gtest_filter=*/s3:S3Store.*", env={"DUSKLINE_TEST_S3_URL": "s3://contract/suite", "DUSKLINE_TEST_S3_LACKS": ""})
    return "our own contract suite"


CLIENTS = [awscli, s3cmd, rclone, restic, s3fs, boto]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--duskline", required=True)
    parser.add_argument("--contract")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    failed = 0
    with Program(arguments.duskline, "store-clients") as program, Server(program) as server:
        lab = Lab(program, server)
        runs = [(c.__name__, c) for c in CLIENTS]
        if arguments.contract:
            runs.append(("contract", lambda lab: contract(lab, str(pathlib.Path(arguments.contract).resolve()))))
        for name, run in runs:
            if arguments.only not in name:
                continue
            try:
                print(f"passed {name}: {run(lab).strip()}", flush=True)
            except Skipped as why:
                print(f"passed over {name}: {why}", flush=True)
            except (Failure, OSError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAILED {name}: {error}", flush=True)
                if not isinstance(error, Failure):
                    traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
