"""The engines that must give the same answers: each computes a case as its parties would."""

from __future__ import annotations

import asyncio
from typing import Protocol

from placet.protocols.local import LocalNetwork
from placet.protocols.mpc import embedded
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.programs import Dot, Mean, Sum, WeightedSum

from .program_cases import Case


class Engine(Protocol):
    """One engine under test. `refusal` is what it says of a program that it does not offer."""

    name: str
    refusal: str

    def offers(self, case: Case) -> bool: ...

    def compute(self, case: Case) -> Integers: ...


class Embedded:
    """All parties in one process, joined by queues."""

    name = "embedded"
    refusal = "the embedded engine can't do .* safely"

    def offers(self, case: Case) -> bool:
        return isinstance(case.program, Sum | Mean | WeightedSum | Dot)

    def compute(self, case: Case) -> Integers:
        names = [f"bank {place}" for place in range(len(case.brought))]
        network = LocalNetwork(tuple(names))

        async def parties() -> Integers:
            async with asyncio.timeout(120):
                shares = await asyncio.gather(
                    *(
                        embedded.run(case.program, network.channel(name), names, brought, size=case.size)
                        for name, brought in zip(names, case.brought, strict=True)
                    ),
                    return_exceptions=True,
                )
            for share in shares:
                if isinstance(share, BaseException):
                    raise share
            return embedded.combine(case.program, case.size, [s for s in shares if not isinstance(s, BaseException)])

        return asyncio.run(parties())
