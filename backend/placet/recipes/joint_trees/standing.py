"""Trees on shares that stand when an attempt begins: what each party that computes sealed, and how far all can go on.

Shares fit together only if they are of one run. So what is sealed says in which attempt each tree grew, and parties go
on from the last tree that all of them have of the same attempt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from placet.core.errors import ProtocolError
from placet.core.hashing import canonical
from placet.core.values import Octets, Value
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.models.choices import MAX_TREES
from placet.protocols.spu import KeptShare

STANDING = "trees.standing"
KEPT = 3
"""Trees back that a party can go on from: others may not have sealed the last one."""
_MAX_TOLD = 256


class Grown(Value):
    """Our shares of a tree (`TreeGrow`), encoded."""

    cuts: Annotated[Octets, Field(repr=False)]
    numbers: Annotated[Octets, Field(repr=False)]


class SealedState(Value):
    """Our share of the margins after so many trees, the last of which grew in this attempt."""

    attempt: Annotated[int, Field(strict=True, ge=1)]
    trees: Annotated[int, Field(strict=True, ge=1, le=MAX_TREES)]
    state: KeptShare


class Standing(Value):
    """All trees so far, and the last moments."""

    trees: Annotated[tuple[Grown, ...], Field(max_length=MAX_TREES)] = ()
    moments: Annotated[tuple[SealedState, ...], Field(max_length=KEPT)] = ()

    @property
    def last(self) -> KeptShare | None:
        """The margins as they stand; None before any tree."""
        return self.moments[-1].state if self.moments else None

    def after(self, tree: Grown, attempt: int, state: KeptShare) -> Standing:
        """With one tree more."""
        trees = (*self.trees, tree)
        moment = SealedState(attempt=attempt, trees=len(trees), state=state)
        return Standing(trees=trees, moments=(*self.moments, moment)[-KEPT:])

    def until(self, attempt: int, trees: int) -> Standing:
        """As it was at a moment; empty for (0, 0)."""
        moments = [one for one in self.moments if one.trees <= trees]
        return Standing(trees=self.trees[:trees], moments=tuple(moments) if trees else ())


async def agreed(step: StepRecorder, others: Sequence[int], standing: Standing) -> Standing:
    """What stands at all parties alike. ProtocolError `peer.standing` for what is no list of moments."""
    own = {(one.attempt, one.trees) for one in standing.moments}
    for party in others:
        await step.send(name_of(party), STANDING, canonical(sorted(list(one) for one in own)))
    common = own | {(0, 0)}
    for party in others:
        common &= _moments(party, await step.receive(name_of(party), STANDING, limit=_MAX_TOLD)) | {(0, 0)}
    attempt, trees = max(common, key=lambda one: (one[1], one[0]))
    return standing.until(attempt, trees)


def _moments(party: int, raw: bytes) -> set[tuple[int, int]]:
    try:
        moments = {(attempt, trees) for attempt, trees in json.loads(raw)}
    except (ValueError, TypeError):
        moments = {(-1, -1)}
    if any(type(number) is not int or number < 1 for one in moments for number in one):
        raise ProtocolError(f"{name_of(party)} told no trees that stand", code="peer.standing")
    return moments
