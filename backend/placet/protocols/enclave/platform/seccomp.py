"""System calls that a program in the sandbox never needs, as a filter for bubblewrap's `--seccomp`.

No new processes or threads, no sockets, no mounts, no keyrings, no debugging, none of the kernel's newer machinery.
Classic BPF over `struct seccomp_data` (seccomp(2)): another architecture kills, a refused call gets EPERM.
"""

from __future__ import annotations

import platform
import struct
from typing import Final

from placet.core.errors import ConfigError

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_NUMBER, _ARCHITECTURE = 0, 4
_X32: Final = 0x40000000
"""Calls of the x32 ABI come under the same architecture."""

# name: x86-64, arm64 (None: there is no such call)
_REFUSED: Final[dict[str, tuple[int, int | None]]] = {
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "clone3": (435, 435),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "open_by_handle_at": (304, 265),
    "unshare": (272, 97),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "personality": (135, 92),
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
    refused = [numbers[column] for numbers in _REFUSED.values()]
    steps = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, architecture, 1), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER)]
    if column == 0:
        steps += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    for number in refused:
        if number is not None:
            steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _EPERM)]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])
