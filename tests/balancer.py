"""One address for several servers, as a balancer in front of an institution's processes gives: whoever is there."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence

_PIECE = 64 << 10


class Balancer:
    """Takes connections at `port` of this machine and passes them on to the next of `targets` that takes them."""

    def __init__(self, port: int, targets: Sequence[int]) -> None:
        self._targets = list(targets)
        self._next = 0
        self._door = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                outer, _ = self._door.accept()
                threading.Thread(target=self._serve, args=(outer,), daemon=True).start()

    def _serve(self, outer: socket.socket) -> None:
        with outer:
            for _ in self._targets:
                self._next += 1
                try:
                    inner = socket.create_connection(("127.0.0.1", self._targets[self._next % len(self._targets)]), 5)
                except OSError:
                    continue
                with inner:
                    inner.settimeout(None)
                    back = threading.Thread(target=_pipe, args=(inner, outer), daemon=True)
                    back.start()
                    _pipe(outer, inner)
                    back.join()
                return


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
