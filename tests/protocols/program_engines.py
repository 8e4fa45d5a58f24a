"""The engines that must give the same answers: each computes a case as its parties would."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from placet.chain.local import free_port
from placet.cli import certificates
from placet.core.errors import ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.mpc import embedded
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.programs import Dot, Mean, Sum, WeightedSum
from placet.protocols.spu import Member, Network, evaluate

from .program_cases import CASES, Case

SECONDS = 180


class Engine(Protocol):
    """One engine under test. What it does not offer it refuses, saying `refusal`."""

    refusal: str

    def offers(self, case: Case) -> bool: ...

    def compute(self, case: Case, scratch: Path) -> Integers: ...


class Embedded:
    """All parties in one process, joined by queues."""

    refusal = "the embedded engine can't do .* safely"

    def offers(self, case: Case) -> bool:
        return isinstance(case.program, Sum | Mean | WeightedSum | Dot)

    def compute(self, case: Case, scratch: Path) -> Integers:
        names = [f"bank {place}" for place in range(len(case.brought))]
        network = LocalNetwork(tuple(names))
        shares = asyncio.run(
            _all(
                embedded.run(case.program, network.channel(name), names, brought, size=case.size)
                for name, brought in zip(names, case.brought, strict=True)
            )
        )
        return embedded.combine(case.program, case.size, shares)


class Spu:
    """Every party a process of the operating system, and one more that puts the shares together."""

    refusal = ""

    def __init__(self, parties: int) -> None:
        self.parties = parties

    def offers(self, case: Case) -> bool:
        return True

    def compute(self, case: Case, scratch: Path) -> Integers:
        for _ in range(3):
            try:
                return asyncio.run(self._compute(case, scratch))
            except ProtocolError as error:
                if error.code != "spu.port":
                    raise
        raise AssertionError("no port stayed free")

    async def _compute(self, case: Case, scratch: Path) -> Integers:
        ranks = range(self.parties)
        members = tuple(Member(f"bank-{rank}", "127.0.0.1", free_port(), certificate_of(rank)[1]) for rank in ranks)
        owners = range(len(case.brought))
        found = await _all(
            evaluate.run(
                Network(members, rank, case.name.encode(), certificate_of(rank)[0]),
                case.program,
                owners,
                case.brought[rank] if rank in owners else None,
                size=case.size,
                scratch=scratch,
                seconds=SECONDS,
            )
            for rank in ranks
        )
        shares = [share for (share,) in found]
        assert list(scratch.iterdir()) == []
        engine = evaluate.engine_of(case.program, self.parties, len(owners), case.size)
        return await evaluate.combine(case.program, case.size, engine, shares, scratch=scratch, seconds=SECONDS)


ENGINES: dict[str, Engine] = {"embedded": Embedded(), "cheetah": Spu(2), "aby3": Spu(3)}
WITH_AN_IDLE_THIRD = {"mean", "dot", "flags of larger", "group by", "levels beyond 63 bits", "all pair statistics"}
WITH_AN_IDLE_THIRD |= {"bands, of which two are merged"}
RUNS = [
    *(("embedded", case) for case in CASES),
    *(("cheetah", case) for case in CASES if len(case.brought) == 2),
    *(("aby3", case) for case in CASES if len(case.brought) == 3 or case.name in WITH_AN_IDLE_THIRD),
]


async def _all(parties: Any) -> list[Any]:
    """What every party gets, or the first party's error, once all have ended."""
    sides: list[Coroutine[Any, Any, Any]] = list(parties)
    async with asyncio.timeout(2 * SECONDS):
        results = await asyncio.gather(*sides, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


@functools.cache
def certificate_of(rank: int) -> tuple[bytes, str]:
    """A party's key, unencrypted, and its certificate."""
    encrypted, certificate = certificates.make(f"bank-{rank}", ["127.0.0.1"], "only for tests")
    key = load_pem_private_key(encrypted, b"only for tests")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), certificate.decode()
