"""A program of MPC bare, without consents, chain or trail: each party processes of its own on this machine, linked over
loopback."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import resource
import secrets
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from placet.chain.local import free_port
from placet.cli import certificates
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.programs import Program
from placet.protocols.spu import Member, Network, evaluate

HOST = "127.0.0.1"
SECONDS = 3600
_NEW_NETWORK, _SET_FLAGS, _UP = 0x40000000, 0x8914, 1
"""`CLONE_NEWNET`, `SIOCSIFFLAGS` and `IFF_UP`."""


@dataclass(frozen=True)
class Bare:
    """The result. `wall` and `processor` seconds are of all that was started, the shares put together too; `alone` from
    the program's start at the first party until its end at the last one. Megabytes over loopback, others' too unless
    it is this benchmark's own; `peak_mb` is of the largest process that was ever started here."""

    result: Integers
    wall: float
    alone: float
    processor: float
    traffic_mb: float
    peak_mb: float


def bare(program: Program, arrays: Sequence[Integers], size: Size) -> Bare:
    """One run; what each party brings is in the program's order, and all compute."""
    sent, used, began = traffic(), children(), time.perf_counter()
    result, alone = asyncio.run(_compute(program, arrays, size))
    wall, processor = time.perf_counter() - began, children() - used
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Bare(result, wall, alone, processor, (traffic() - sent) / 1e6, peak)


async def _compute(program: Program, arrays: Sequence[Integers], size: Size) -> tuple[Integers, float]:
    owners = range(len(arrays))
    moments: list[float] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "program":
            moments.append(time.perf_counter())

    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        scratch = Path(folder)
        given = await asyncio.gather(
            *(
                evaluate.run(
                    network,
                    program,
                    owners,
                    array,
                    size=size,
                    scratch=scratch,
                    seconds=SECONDS,
                    progress=progress,
                )
                for network, array in zip(networks(len(arrays)), arrays, strict=True)
            )
        )
        engine = evaluate.engine_of(program, len(arrays), len(arrays), size)
        shares = [share for (share,) in given]
        result = await evaluate.combine(program, size, engine, shares, scratch=scratch, seconds=SECONDS)
    return result, max(moments) - min(moments)


def networks(parties: int) -> list[Network]:
    """Each party's view of the same link over loopback."""
    pairs = [certificates.make(f"party-{rank}", [HOST], "bench") for rank in range(parties)]
    keys = [_plain(encrypted) for encrypted, _ in pairs]
    members = tuple(Member(f"party-{n}", HOST, free_port(), pem.decode()) for n, (_, pem) in enumerate(pairs))
    return [Network(members, rank, b"bench", key) for rank, key in enumerate(keys)]


def share_out(brought: list[Integers]) -> None:
    """The columns of all parties but the first two and the last come as two parts behind the first two's own."""
    for shared in brought[2:-1]:
        mask = np.frombuffer(secrets.token_bytes(8 * shared.size), dtype=np.uint64).reshape(shared.shape)
        rest = (shared.astype(np.uint64) - mask).astype(np.int64)
        brought[0] = np.concatenate([brought[0], mask.astype(np.int64)], axis=1)
        brought[1] = np.concatenate([brought[1], rest], axis=1)


def _plain(encrypted: bytes) -> bytes:
    key = load_pem_private_key(encrypted, b"bench")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def children() -> float:
    """Processor seconds of children that have ended."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def own_loopback() -> None:
    """From now on this process and its children have a network of their own, with a loopback that nobody else uses and
    nothing besides. Called before any of them listens; says so where the machine allows none (Linux does as root)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare") or libc.unshare(_NEW_NETWORK) != 0:
        print("no network of its own: megabytes hold what others send over loopback meanwhile", file=sys.stderr)
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


def traffic() -> int:
    """Bytes that came over loopback since it is there: this benchmark's own after `own_loopback`."""
    line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:"))
    return int(line.split()[1])
