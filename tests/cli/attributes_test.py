"""Extended attributes (publish --xattrs) from a source to targets of both modes and back to an earlier release."""
import os
import pathlib
import shutil
import struct
import subprocess

from cases import expect, main, refused

NOBODY = 65534


def default_acl(uid):
    """What setfacl -d -m u:UID:rwx gives a directory of mode 0755."""
    anyone = 0xFFFFFFFF
    entries = [(1, 7, anyone), (2, 7, uid), (4, 5, anyone), (16, 7, anyone), (32, 5, anyone)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def source_with_attributes(p):
    """None where the file system holds none."""
    source = p.work / "source"
    (source / "shared" / "plain").mkdir(parents=True)
    (source / "shared" / "file").write_text("s")
    (source / "shared" / "plain" / "file").write_text("p")
    try:
        os.setxattr(source / "shared", "system.posix_acl_default", default_acl(4711))
        os.setxattr(source / "shared", "user.note", b"one")
        os.setxattr(source, "user.note", b"top")
        os.setxattr(source / "shared" / "file", "user.note", b"file")
    except OSError:
        return None
    return source


def publish(p, source, *more):
    return p.run("publish", "set", "--from", source, "--store", p.work / "store", "--xattrs", *more)


def pull(p, mode, *more, **how):
    return p.run("pull", "set", "--to", p.work / mode, "--store", p.work / "store", "--mode", mode, *more, **how)


def attributes(top):
    """path -> attributes of everything in a tree, the top included."""
    found = {}
    for folder, folders, files in os.walk(top):
        if ".duskline" in folders:
            folders.remove(".duskline")
        for path in [folder] + [os.path.join(folder, name) for name in files]:
            names = [n for n in os.listxattr(path) if n != "security.selinux"]
            found[os.path.relpath(path, top)] = {name: os.getxattr(path, name) for name in names}
    return found


def shown(p, mode):
    return p.work / mode / ("current" if mode == "switched" else "")


def expect_shown(p, mode, wanted):
    found = attributes(shown(p, mode))
    expect(found == wanted, f"{mode}: {found} where {wanted} was published")
    p.run("verify", p.work / mode)


def test_those_of_directories_reach_targets_and_change_with_the_source(p):
    source = source_with_attributes(p)
    if source is None:
        return
    result = publish(p, source)
    expect("not published" not in result.err, result.err)
    first = attributes(source)
    expect(first["shared/plain"] == {} and first["shared"]["user.note"] == b"one", "the test's source is not as meant")
    for mode in ("switched", "in-place"):
        pull(p, mode)
        expect_shown(p, mode, first)
        expect((shown(p, mode) / "shared" / "plain").stat().st_mode & 0o7777 == 0o755, "a mode became another")
    expect("nothing" in publish(p, source).out or "unchanged" in publish(p, source).out, "published for nothing")

    # Nothing but attributes of directories; then one goes while something new comes below it.
    os.setxattr(source / "shared", "user.note", b"two")
    expect("release 2" in publish(p, source).out, "a changed attribute is no release")
    second = attributes(source)
    for mode in ("switched", "in-place"):
        pull(p, mode)
        expect_shown(p, mode, second)
    os.removexattr(source / "shared", "system.posix_acl_default")
    (source / "shared" / "new" / "deep").mkdir(parents=True)
    publish(p, source)
    third = attributes(source)
    for mode in ("switched", "in-place"):
        pull(p, mode, "--check", "false", code=None)
        expect_shown(p, mode, second)
    os.setxattr(source, "user.note", b"top two")
    publish(p, source)
    for mode in ("switched", "in-place"):
        pull(p, mode)
        expect_shown(p, mode, third | {".": {"user.note": b"top two"}})
    p.run("rollback", p.work / "switched")
    expect_shown(p, "switched", second)


def test_what_is_changed_at_a_target_is_found_and_mended(p):
    source = source_with_attributes(p)
    if source is None:
        return
    publish(p, source)
    for mode in ("switched", "in-place"):
        pull(p, mode)
        directory = shown(p, mode) / "shared"
        os.setxattr(directory, "user.note", b"edited")
        os.removexattr(directory, "system.posix_acl_default")
        result = p.run("verify", p.work / mode, code=3)
        expect("xattr  shared\n" in result.out, f"not named: {result.out}")
        p.run("verify", p.work / mode, "--repair", "--store", p.work / "store", code=None)
        expect_shown(p, mode, attributes(source))
        shutil.rmtree(directory)
        p.run("verify", p.work / mode, "--repair", "--store", p.work / "store", code=None)
        expect_shown(p, mode, attributes(source))


def test_what_a_user_may_not_set_is_left_out_with_a_warning(p):
    source = source_with_attributes(p)
    if source is None or os.geteuid() != 0:
        return
    for name in ("one", "two"):
        path = source / "shared" / name
        path.write_text(name)
        os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, 1, 0, 0, 0))
    os.setxattr(source / "shared", "trusted.note", b"t")
    publish(p, source)
    # As somebody else, with a program that this user can reach.
    home = p.work / "home"
    home.mkdir(exist_ok=True)
    program = p.work / "duskline"
    shutil.copy(p.binary, program)
    for path in (p.work, home):
        path.chmod(0o777)
    for folder, _, _ in os.walk(p.work / "store"):
        pathlib.Path(folder).chmod(0o755)
    for mode in ("switched", "in-place"):
        key = next(word for word in p.run("key", "show").out.split() if word.startswith("duskline-ed25519:"))
        result = subprocess.run(
            [program, "pull", "set", "--to", p.work / mode, "--store", p.work / "store", "--mode", mode, "--trust", key],
            env={**p.environment, "DUSKLINE_CONFIG_DIR": str(home / "config"), "DUSKLINE_CACHE_DIR": str(home / "cache")},
            user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False, cwd=p.work)
        expect(result.returncode == 0, f"{mode}: ended with {result.returncode}: {result.stderr}")
        lines = [line for line in result.stderr.splitlines() if "extended attributes" in line]
        wanted = "3 extended attributes of 3 files and directories" if mode == "switched" else "cannot be set here"
        expect(lines and wanted in lines[0], f"{mode}: {result.stderr}")
        expect(os.getxattr(shown(p, mode) / "shared", "user.note") == b"one", "the rest is lost")
        verified = subprocess.run([program, "verify", p.work / mode], env=p.environment, user=NOBODY, group=NOBODY,
                                  extra_groups=[], capture_output=True, text=True, check=False, cwd=p.work)
        expect(verified.returncode == 0, f"{mode}: {verified.stdout}{verified.stderr}")


def test_help_says_what_is_recorded(p):
    expect("files and directories" in p.run("publish", "--help").out, "the help does not say")
    refused(p.run("publish", "set", "--from", p.work / "none", "--store", p.work / "store", "--xattrs", code=5), "none")


main(globals())
