"""Which MPC protocol runs, chosen by the number of parties and known by its name in plan, trail and audit.

Cheetah: Huang, Lu, Hong, Ding, "Cheetah: lean and fast secure two-party deep neural network inference", USENIX
Security 2022. ABY3: Mohassel, Rindal, "ABY3: a mixed protocol framework for machine learning", CCS 2018. Both
semi-honest; ABY3 withstands one party, never two that collude.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from placet.core.errors import PlanError
from placet.core.values import Value

Protocol = Literal["cheetah", "aby3"]
Ring = Literal["FM64", "FM128"]
PARTIES: dict[str, int] = {"cheetah": 2, "aby3": 3}
FRACTION_BITS: dict[str, int] = {"FM64": 18, "FM128": 40}
_WORDS = {"FM64": 64, "FM128": 128}
_REFUSED = {
    "semi2k": "its default Beaver source lets rank 0 see every seed, hence every secret, and SPU refuses the other one",
    "ref2k": "it is a reference without any secrecy",
    "securenn": "its helper party and what it learns have not been examined here",
}


class Engine(Value):
    """What all parties of a computation agree on: protocol, ring, and the bits after a real number's point."""

    protocol: Protocol
    field: Ring = "FM64"
    fraction_bits: Annotated[int, Field(ge=0, le=60)] = FRACTION_BITS["FM64"]

    @property
    def parties(self) -> int:
        return PARTIES[self.protocol]

    @property
    def word_bits(self) -> int:
        """Bits of a ring element. Integers are exact modulo 2^word_bits; nothing tells an overflow."""
        return _WORDS[self.field]


def choose(parties: int, *, field: Ring = "FM64", named: str | None = None) -> Engine:
    """The engine for so many parties. PlanError where there is none, or where a plan `named` one that is not it."""
    if named is not None and named.lower() in _REFUSED:
        raise PlanError(
            f"{named} is refused",
            expected="cheetah for two parties, aby3 for three",
            found=_REFUSED[named.lower()],
            code="spu.protocol",
        )
    for protocol, count in PARTIES.items():
        if count == parties:
            if named is not None and named.lower() != protocol:
                raise PlanError("another protocol was named", expected=protocol, found=named[:40], code="spu.protocol")
            return Engine.model_validate({"protocol": protocol, "field": field, "fraction_bits": FRACTION_BITS[field]})
    raise PlanError(
        "no MPC protocol for this number of parties",
        expected="two (cheetah) or three (aby3)",
        found=parties,
        code="spu.protocol",
    )
