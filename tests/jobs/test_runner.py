"""How the runner meets a vault that is not there yet, or has no room at the moment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from parties import World, at_once

from placet.core.errors import LimitError, PeerError, PlacetError, StateError, WarrantError
from placet.jobs import runner as runners
from placet.jobs.runner import Runner

PASSING = (
    WarrantError("not open here", code="warrant.unopened"),
    WarrantError("not deep enough", code="warrant.unconfirmed"),
    StateError("the vault does not answer", code="vault.unreachable"),
    LimitError("too many connections", code="vault.busy"),
)


def compute(monkeypatch: pytest.MonkeyPatch, *fates: PlacetError, started: bool = False) -> int:
    """Run a recipe that meets these errors, one a run; the number of runs."""
    runs = 0

    async def run(work: Any) -> None:
        nonlocal runs
        runs += 1
        if runs <= len(fates):
            raise fates[runs - 1]

    monkeypatch.setattr(runners, "recipe", lambda name: SimpleNamespace(run=run))
    work: Any = SimpleNamespace(terms=SimpleNamespace(recipe="any"), started=started)
    at_once(Runner(World().desks[0])._warranted(work))
    return runs


def test_what_passes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compute(monkeypatch, *PASSING) == len(PASSING) + 1


@pytest.mark.parametrize("fate", [LimitError("the answer is too large"), WarrantError("no", code="warrant.withdrawn")])
def test_what_stays_is_told_at_once(monkeypatch: pytest.MonkeyPatch, fate: PlacetError) -> None:
    with pytest.raises(type(fate)):
        compute(monkeypatch, fate)


@pytest.mark.parametrize("fate", PASSING)
def test_nothing_is_begun_twice(monkeypatch: pytest.MonkeyPatch, fate: PlacetError) -> None:
    with pytest.raises(type(fate)):
        compute(monkeypatch, fate, started=True)


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PeerError):
        compute(monkeypatch, *(PASSING[-1],) * runners.WAITS)
