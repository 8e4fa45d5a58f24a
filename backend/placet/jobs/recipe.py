"""What the runner is handed for each recipe: what every party runs, and how the consumer puts the parts together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.spec import RecipeSpec
from placet.core.errors import DataError, PlanError, ProtocolError
from placet.jobs.party_run import PartyRun

Run = Callable[[PartyRun], Awaitable[None]]
Combine = Callable[[Mapping[int, bytes], bytes, Path], dict[str, Any]]
"""(parts by party, what the consumer kept to itself, a folder for engines) to the result: a JSON object whose `rows`
are one object a person, and whose `alarm`, where there is one, is told as an event of that name."""
Open = Callable[[bytes, Mapping[int, bytes], bytes], dict[str, Any]]
"""(what a party kept to itself, release keys by party, its HPKE secret) to that party's own result."""


class WrongParts(ProtocolError):  # noqa: N818 - what it is
    """Released parts that contradict what `parties` have signed; `shown` are the messages of theirs that show it."""

    code = "sums.release"

    def __init__(self, message: str, *, parties: Sequence[int], shown: tuple[bytes, ...], **words: Any) -> None:
        super().__init__(message, **words)
        self.parties, self.shown = tuple(parties), shown


UNFIT = frozenset({DataError.code, "warrant.change", "warrant.changes"})
"""What stands in the rows does not fit, or too few matches are new: another attempt ends the same."""
CAUGHT = frozenset({"psi.list", "psi.scalar", "ot.check"})
"""A party has left its protocol in a way that no accident explains. Each further attempt would be another guess."""


def _nothing(_: DeclaredTerms) -> None:
    """Most recipes need no package beyond what a node has."""


@dataclass(frozen=True, kw_only=True)
class RecipeRun:
    """How a recipe is done. `run` is the same function at every party. `combine` makes the consumer's result; a recipe
    of which each party that kept something private gets a result of its own has `open` instead. `final` says of a
    failure's code that another attempt would end the same. `demand` is a PlanError where this installation lacks what
    the job takes. `intersects`: on SPU, its first task is an intersection, whose process may start before the rows are
    there."""

    spec: RecipeSpec[Any]
    run: Run
    combine: Combine | None = None
    open: Open | None = None
    final: Callable[[str], bool] = UNFIT.__contains__
    demand: Callable[[DeclaredTerms], None] = _nothing
    intersects: bool = False

    def ends(self, why: str) -> bool:
        """Does a failure with this code end the job? The consumer asks for no attempt after it, and the party that
        failed by it agrees to none."""
        return why in CAUGHT or self.final(why)


Runs = Mapping[str, RecipeRun]
"""By the recipe's name."""


def run_of(runs: Runs, name: str) -> RecipeRun:
    """PlanError for a recipe that this node can't run."""
    if name not in runs:
        raise PlanError("unknown recipe", expected=", ".join(sorted(runs)), found=name[:100], code="plan.recipe")
    return runs[name]
