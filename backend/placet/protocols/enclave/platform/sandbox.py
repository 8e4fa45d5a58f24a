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
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from placet.core.errors import ConfigError, StateError
from placet.protocols.enclave.platform import seccomp
from placet.protocols.enclave.platform.image import Image

_GONE_SECONDS = 30
_WORD_SECONDS = 10
"""For bubblewrap to say which process it started; it does so at once."""
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
        ours, theirs = os.pipe()
        try:
            with image.opened() as files, _filter() as refused:
                command = [program, *_OPTIONS]
                for path, descriptor in files.items():
                    # A process whose own file it may not read is none that dumps: the loader, which is what starts.
                    mode = "0111" if path == image.command[0] else "0555"
                    command += ["--perms", mode, "--file", str(descriptor), path]
                command += ["--remount-ro", "/", "--chdir", "/", "--info-fd", str(theirs), "--seccomp", str(refused)]
                self._process = subprocess.Popen(
                    [*command, "--", *image.command],
                    pass_fds=[*files.values(), theirs, refused],
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
            os.close(theirs)
        try:
            self._first = _first_inside(_word(ours), self._process.pid)
        finally:
            os.close(ours)
        if self._first is None:
            self.kill()
        self.sink = cast(BinaryIO, self._process.stdin)
        self.source = cast(BinaryIO, self._process.stdout)

    @property
    def errors(self) -> bytes:
        """What bubblewrap said, if it was asked for; of a sandbox that has ended."""
        return b"" if self._process.stderr is None else self._process.stderr.read(4096)

    def kill(self) -> None:
        """Its first process, with which the kernel kills all others of its namespace, and bubblewrap's group outside,
        where a first process may be that has no session of its own yet."""
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def gone(self) -> None:
        """Returns when it and everything that it started is gone. To be called after `kill`. StateError
        `enclave.alive` where it stays; then its pipes stay open, since closing one that is being read would wait."""
        try:
            self._process.wait(_GONE_SECONDS)
            ended = self._first is None or _readable(self._first, _GONE_SECONDS)
        except subprocess.TimeoutExpired:
            ended = False
        if not ended:
            raise StateError("a killed enclave is still there", remedy="look at the host", code="enclave.alive")
        for pipe in (self.sink, self.source, *((self._process.stderr,) if self._process.stderr else ())):
            with contextlib.suppress(OSError):
                pipe.close()
        if self._first is not None:
            os.close(self._first)
            self._first = None


def _readable(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read, an end, or for a process's descriptor its end, within that time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0, round(1000 * seconds))))


def _word(descriptor: int) -> bytes:
    """All that bubblewrap says there, or what it has said when its time is over."""
    said, until = b"", time.monotonic() + _WORD_SECONDS
    while len(said) < 4096 and _readable(descriptor, until - time.monotonic()):
        more = os.read(descriptor, 4096)
        if not more:
            break
        said += more
    return said


def _first_inside(info: bytes, bubblewrap: int) -> int | None:
    """A descriptor of the sandbox's first process; None where bubblewrap made none, or it has ended.

    Its number may be another process's by the time that we open it. A process that is alive after we have seen that
    bubblewrap is its parent is the one: bubblewrap has no other child, and keeps its number until we wait for it."""
    try:
        number = int(json.loads(info)["child-pid"])
        opened = os.pidfd_open(number)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None
    if _parent(number) == bubblewrap and not _readable(opened, 0):
        return opened
    os.close(opened)
    return None


def _parent(process: int) -> int | None:
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[1])


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
