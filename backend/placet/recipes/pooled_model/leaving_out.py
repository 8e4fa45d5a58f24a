"""Which party the model would be better without, for all others: by a few numbers of each one's own, and no more.

Judged is what each party *added* to the last gradient that the model came from, not what it says of itself: parts of
the very upload are opened (`protocols.mpc.secure_sum`), in directions that nobody knew when he uploaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from placet.core.errors import ProtocolError
from placet.jobs.step_recorder import name_of
from placet.models.pooled import Fit
from placet.models.pooled_checks import IMPOSSIBLE
from placet.models.pooled_pulls import Pull, beyond, directions_of, harmful, pulls
from placet.protocols.order import Entropy

MOMENTS = 3
"""Numbers of the fit's sums before its gradient."""
AT_REST = 2.0**-11
"""The largest slope of a fit at rest, by person: what a party did before it must then show in the last sum too."""


class ByParty(Protocol):
    """Opens parts of what each party added to the last sum of a name; `members` of them."""

    @property
    def members(self) -> int: ...

    def coin(self, what: str) -> Entropy: ...

    async def parts(self, what: str, weights: Sequence[Sequence[int]]) -> list[list[int]]: ...


@dataclass(frozen=True)
class LeftOut:
    """By party, and the one that harms all others, if one does; `directions` in which each was looked at."""

    parties: tuple[Pull, ...]
    harms: int | None
    directions: int


async def left_out(
    by_party: ByParty, fit: Fit, people_sum: str, slopes: str, limits: Sequence[float], numbers: Sequence[int]
) -> LeftOut | None:
    """None where the fit has not come to rest, or has one number alone to look at: `numbers` are those of the
    smallest group at every party, so that no number of projections tells of fewer. `people_sum`, of which the first
    number is how many, and `slopes` are names of sums; `limits`: how far from 0 each number of a row can be, 1 last.
    ProtocolError, by its name, for a party that added more than its people could."""
    if fit.curvature is None or len(numbers) < 2 or max(map(abs, fit.slope)) > AT_REST * fit.people:
        return None
    curvature = [[fit.curvature[i][j] for j in numbers] for i in numbers]
    people = [own[0] for own in await by_party.parts(people_sum, [[1]])]
    directions = directions_of(curvature, by_party.coin(slopes))
    places = {number: place for place, number in enumerate(numbers)}
    spread = [[one[places[n]] if n in places else 0 for n in range(len(limits))] for one in directions]
    values = await by_party.parts(slopes, [[0] * MOMENTS + one for one in spread])
    for party, (count, added) in enumerate(zip(people, values, strict=True)):
        if count < 1 or beyond(count, added, spread, limits):
            raise ProtocolError(
                f"{name_of(party)} added more to {slopes} than its people could",
                expected=f"{count} rows within the plan's bounds",
                found=name_of(party),
                code=IMPOSSIBLE,
            )
    judged = tuple(pulls(people, values, directions, curvature))
    return LeftOut(judged, harmful(judged), len(directions))
