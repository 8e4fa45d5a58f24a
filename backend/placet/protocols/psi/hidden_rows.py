"""A provider's points on their way to the consumer and back: hidden there, and multiplied by one scalar or refused.

The consumer has shown A = a·G to all providers alike. A provider brings points P1 … Pn, the hashes of its rows, and
wants a·P1 … a·Pn, sure that the scalar is the a of A in each. It draws scalars b1 … bn, c and r, all for this once:

    shown     Ri = bi·Pi, and C = r·G + c·(P1 + … + Pn)
    answered  Di for Ri, E for C
    taken     Ui = (1/bi)·Di, if c·(U1 + … + Un) = E - r·A; else none of them

That is a proof of equal discrete logarithms to this provider alone: the consumer proves by its answer to C, which it
can compute from a, and not from wrong answers. It costs the consumer one multiplication, whatever n is, and the
provider two additions and a multiplication a row. `docs/explanation/protocols.md` has the argument (*One scalar*).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from placet.core.errors import ProtocolError
from placet.protocols.order import Entropy
from placet.protocols.psi.ristretto import Blinding, subtract, total
from placet.protocols.work import Progress, each_at_once

SLICE = 64
"""How many points a thread adds up before it looks for others."""


@dataclass(frozen=True)
class HiddenRows:
    """What is shown, `n + 1` points, which are uniform and say nothing of the rows; and what takes the answers apart,
    which is secret."""

    shown: list[bytes]
    _undo: list[Blinding] = field(repr=False)
    _sum_key: Blinding = field(repr=False)
    _mask: Blinding = field(repr=False)

    @classmethod
    async def of(
        cls, points: Sequence[bytes], entropy: Entropy = secrets.token_bytes, progress: Progress | None = None
    ) -> HiddenRows:
        """Hide valid points, in their order. Draws from `entropy` 64 bytes for each, then for c and for r."""
        keys, sum_key, mask = [Blinding(entropy) for _ in points], Blinding(entropy), Blinding(entropy)
        rows = await each_at_once(_by, list(zip(keys, points, strict=True)), stage="blind", progress=progress)
        check = total([mask.public(), sum_key(await _total(points))])
        return cls([*rows, check], await asyncio.to_thread(Blinding.inverses, keys), sum_key, mask)

    async def answered(
        self, key: bytes, answers: Sequence[bytes], sender: str, progress: Progress | None = None
    ) -> list[bytes]:
        """The rows' points, times the scalar of `key`, in their order. `answers` are as many valid points as were
        shown. ProtocolError `psi.scalar` unless each is that multiple."""
        *rows, check = answers
        pairs = list(zip(self._undo, rows, strict=True))
        multiples = await each_at_once(_by, pairs, stage="unblind", progress=progress)
        if subtract(check, self._mask(key)) != self._sum_key(await _total(multiples)):
            raise ProtocolError(
                f"{sender} multiplied rows by another scalar than its list",
                expected="one scalar for the list and for all rows of all providers",
                found="answers that do not add up",
                remedy=f"end the job: nothing that follows from them was used, and {sender} alone can have sent them",
                code="psi.scalar",
            )
        return multiples


def _by(pair: tuple[Blinding, bytes]) -> bytes:
    key, point = pair
    return key(point)


async def _total(points: Sequence[bytes]) -> bytes:
    slices = [points[start : start + SLICE] for start in range(0, len(points), SLICE)]
    return total(await each_at_once(total, slices, stage="add"))
