"""Passes TCP connections on to a server and counts the bytes that go over them: what a program says it moved can be checked by it."""
from __future__ import annotations

import ctypes
import os
import socket
import threading

CLONE_NEWNET = 0x40000000


def listen_at(address: str, namespace: str | None) -> socket.socket:
    """A listening socket; in another network namespace, which it stays in wherever its owner lives."""
    made: list[socket.socket | OSError] = []

    def make() -> None:  # a thread of its own: setns() changes the thread that calls it
        try:
            if namespace:
                with open(f"/run/netns/{namespace}") as there:
                    if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            made.append(socket.create_server((address, 0), backlog=128))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


class Relay:
    def __init__(self, server: tuple[str, int], address: str = "127.0.0.1", namespace: str | None = None) -> None:
        self.server = server
        self.lock = threading.Lock()
        self.reset()
        self.listener = listen_at(address, namespace)
        self.url = f"http://{address}:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Counters to nothing; only between two programs' runs."""
        with self.lock:
            self.to_client = self.to_server = self.connections = 0

    def _accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.server)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
            for name, source, sink in (("to_server", client, server), ("to_client", server, client)):
                threading.Thread(target=self._pass, args=(name, source, sink), daemon=True).start()

    def _pass(self, name: str, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(1 << 18):
                with self.lock:
                    setattr(self, name, getattr(self, name) + len(piece))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for one in (source, sink):
                one.close()
