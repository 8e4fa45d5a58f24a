"""A program of MPC bare, without consents, chain or trail: each party processes of its own on this machine, linked over
loopback."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from placet.chain.local import free_port
from placet.cli import certificates
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.programs import Program
from placet.protocols.spu import Member, Network, evaluate

HOST = "127.0.0.1"
SECONDS = 3600


@dataclass(frozen=True)
class Bare:
    """The result. `wall` and `processor` seconds are of all that was started, the shares put together too; `alone` from
    the program's start at the first party until its end at the last one. Megabytes over loopback, which nothing else
    should use; `peak_mb` is of the largest process that was ever started here."""

    result: Integers
    wall: float
    alone: float
    processor: float
    traffic_mb: float
    peak_mb: float


def bare(program: Program, arrays: Sequence[Integers], size: Size) -> Bare:
    """One run; what each party brings is in the program's order, and all compute."""
    traffic, used, began = _loopback(), _children(), time.perf_counter()
    result, alone = asyncio.run(_compute(program, arrays, size))
    wall, processor = time.perf_counter() - began, _children() - used
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Bare(result, wall, alone, processor, (_loopback() - traffic) / 1e6, peak)


async def _compute(program: Program, arrays: Sequence[Integers], size: Size) -> tuple[Integers, float]:
    pairs = [certificates.make(f"party-{rank}", [HOST], "bench") for rank in range(len(arrays))]
    keys = [_plain(encrypted) for encrypted, _ in pairs]
    members = tuple(Member(f"party-{n}", HOST, free_port(), pem.decode()) for n, (_, pem) in enumerate(pairs))
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
                    Network(members, rank, b"bench", keys[rank]),
                    program,
                    owners,
                    array,
                    size=size,
                    scratch=scratch,
                    seconds=SECONDS,
                    progress=progress,
                )
                for rank, array in enumerate(arrays)
            )
        )
        engine = evaluate.engine_of(program, len(arrays), len(arrays), size)
        shares = [share for (share,) in given]
        result = await evaluate.combine(program, size, engine, shares, scratch=scratch, seconds=SECONDS)
    return result, max(moments) - min(moments)


def _plain(encrypted: bytes) -> bytes:
    key = load_pem_private_key(encrypted, b"bench")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _children() -> float:
    """Processor seconds of children that have ended."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def _loopback() -> int:
    line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:"))
    return int(line.split()[1])
