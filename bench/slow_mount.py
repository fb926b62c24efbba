#!/usr/bin/env python3
"""Runs an SFTP server whose every byte is late, for sshfs.   usage: sshfs -o ssh_command="slow_mount.py MS" ...

What comes from either side is passed on after MS milliseconds, in order, however much is on its way: a delay, not a rate.
"""
import collections
import os
import selectors
import subprocess
import sys
import time


def main() -> None:
    delay = float(sys.argv[1]) / 1000
    server = subprocess.Popen(["/usr/lib/openssh/sftp-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ways = {0: server.stdin.fileno(), server.stdout.fileno(): 1}
    waiting: collections.deque = collections.deque()  # (when, to, bytes); b"": the end
    ready = selectors.DefaultSelector()
    for source in ways:
        ready.register(source, selectors.EVENT_READ)
    while ways or waiting:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for key, _ in ready.select(pause):
            data = os.read(key.fd, 1 << 18)
            waiting.append((time.monotonic() + delay, ways[key.fd], data))
            if not data:
                ready.unregister(key.fd)
                del ways[key.fd]
        while waiting and waiting[0][0] <= time.monotonic():
            _, to, data = waiting.popleft()
            if not data:
                return
            while data:
                data = data[os.write(to, data):]


if __name__ == "__main__":
    main()
