"""A process of its own in bubblewrap's sandbox. Where bubblewrap can't isolate, nothing runs.

Inside there are the image's files, read-only in memory, two pipes, and nothing else: no network, no file of the host,
no /proc, /dev or /sys, no other process, no environment, no capability, no way to more privileges or to a namespace
of its own. The program's limits it sets itself, before it reads anything (`inside.boot`).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

from placet.core.errors import ConfigError, StateError
from placet.protocols.enclave.platform import seccomp
from placet.protocols.enclave.platform.image import Image

_GONE_SECONDS = 30
_REMEDY = "apt-get install bubblewrap, and let this user make user namespaces"
_OPTIONS = (
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup",
    "--disable-userns", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL",
    "--hostname", "enclave", "--uid", "65534", "--gid", "65534",
)  # fmt: skip
"""Each of them must hold, or bubblewrap starts nothing: none is of the kind that only tries."""


class Sandbox:
    """One run of an image. Start it in a thread that lives on: the kernel kills it when that thread ends."""

    def __init__(self, image: Image, *, stderr: int | IO[bytes] = subprocess.DEVNULL) -> None:
        program = shutil.which("bwrap")
        if program is None:
            raise ConfigError("bubblewrap is not installed", remedy=_REMEDY, code="enclave.isolation")
        ours, told = os.pipe()
        try:
            with image.opened() as files, _filter() as refused:
                command = [program, *_OPTIONS]
                for path, descriptor in files.items():
                    command += ["--perms", "0555", "--file", str(descriptor), path]
                command += ["--remount-ro", "/", "--chdir", "/", "--info-fd", str(told), "--seccomp", str(refused)]
                self._process = subprocess.Popen(
                    [*command, "--", *image.command],
                    pass_fds=[*files.values(), told, refused],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env={},
                    cwd="/",
                    start_new_session=True,
                )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(told)
        with os.fdopen(ours, "rb") as info:
            self._first = _first_inside(info.read(4096))
        if self._first is None:
            self.kill()
        self.sink = cast(BinaryIO, self._process.stdin)
        self.source = cast(BinaryIO, self._process.stdout)

    @property
    def errors(self) -> bytes:
        """What bubblewrap said, if it was asked for; of a sandbox that has ended."""
        return b"" if self._process.stderr is None else self._process.stderr.read(4096)

    def kill(self) -> None:
        """Its first process, with which the kernel kills all others of its namespace, and bubblewrap outside."""
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        self._process.kill()

    def gone(self) -> None:
        """Returns when it and everything that it started is gone. To be called once, after `kill`."""
        self._process.wait(_GONE_SECONDS)
        for pipe in (self.sink, self.source, *((self._process.stderr,) if self._process.stderr else ())):
            with contextlib.suppress(OSError):
                pipe.close()
        if self._first is not None:
            ended, _, _ = select.select([self._first], [], [], _GONE_SECONDS)
            os.close(self._first)
            self._first = None
            if not ended:
                raise StateError("a killed enclave is still there", remedy="look at the host", code="enclave.alive")


def _first_inside(info: bytes) -> int | None:
    """A descriptor of the sandbox's first process; None where bubblewrap made none."""
    try:
        return os.pidfd_open(int(json.loads(info)["child-pid"]))
    except (ValueError, KeyError, TypeError, ProcessLookupError):
        return None


@contextlib.contextmanager
def _filter() -> Iterator[int]:
    read, write = os.pipe()
    try:
        os.write(write, seccomp.program())
    finally:
        os.close(write)
    try:
        yield read
    finally:
        os.close(read)
