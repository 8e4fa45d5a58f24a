"""The system calls that an enclave's program may make, as a filter for bubblewrap's `--seccomp`; others are refused.

Allowed is what Python, its libraries and bubblewrap's own first process need to load files, take memory, read and write
what is open, and end. So there are no new processes or threads, no sockets, no mounts, no debugging, no keyrings, and
no memory beside the address space that `inside.boot` limits (System V shared memory, memfd, io_uring).

Classic BPF over `struct seccomp_data` (seccomp(2)): another architecture kills; a refused call gets EPERM, one of the
numbers that are still being given out ENOSYS, as from a kernel that doesn't know it, so that libraries fall back.
"""

from __future__ import annotations

import platform
import struct
from typing import Final

from placet.core.errors import ConfigError

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_NUMBER, _ARCHITECTURE = 0, 4
_X32: Final = 0x40000000
"""Calls of the x32 ABI come under the same architecture."""
_COMMON: Final = 424
"""From here on all architectures number alike, and kernels go on adding."""

# name: x86-64, arm64 (None: there is no such call)
_ALLOWED: Final[dict[str, tuple[int, int | None]]] = {
    # what is open, and the sandbox's files
    "read": (0, 63),
    "readv": (19, 65),
    "pread64": (17, 67),
    "write": (1, 64),
    "writev": (20, 66),
    "open": (2, None),
    "openat": (257, 56),
    "close": (3, 57),
    "close_range": (436, 436),
    "lseek": (8, 62),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "stat": (4, None),
    "lstat": (6, None),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    # memory
    "brk": (12, 214),
    "mmap": (9, 222),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "madvise": (28, 233),
    # itself: its start, limits, signals, end
    "execve": (59, 221),
    "arch_prctl": (158, None),
    "prctl": (157, 167),
    "set_tid_address": (218, 96),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "getrlimit": (97, 163),
    "setrlimit": (160, 164),
    "prlimit64": (302, 261),
    "getrusage": (98, 165),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "tgkill": (234, 131),
    "wait4": (61, 260),
    "exit": (60, 93),
    "exit_group": (231, 94),
    # locks, time, randomness, the machine's size
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrandom": (318, 278),
    "sysinfo": (99, 179),
    "uname": (63, 160),
}
_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def program(machine: str | None = None) -> bytes:
    """The filter for this machine; ConfigError for one that it is not written for."""
    name = platform.machine() if machine is None else machine
    if name not in _MACHINES:
        raise ConfigError(
            "no filter of system calls for this machine", found=name, expected="x86_64 or aarch64",
            code="enclave.isolation",
        )  # fmt: skip
    column, architecture = _MACHINES[name]
    steps = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, architecture, 1), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER)]
    if column == 0:
        steps += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    for numbers in _ALLOWED.values():
        number = numbers[column]
        if number is not None:
            steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ALLOW)]
    steps += [_step(_AT_LEAST, _COMMON, 0, 1), _step(_RETURN, _ENOSYS), _step(_RETURN, _EPERM)]
    return b"".join(steps)
