"""Verified sums by the signed messages that honest parties show, where the liar shows nothing."""

from __future__ import annotations

import pytest
from simulator import NAMES, Simulation, Telling

from placet.audit.findings import CheckStatus, Result
from placet.audit.verify import verify
from placet.core.verified_sums import CHALLENGE, WEIGHTED


def result(simulation: Simulation, without: tuple[int, ...]) -> Result:
    return next(one for one in verify(simulation.bundle(without=without)).results if one.name == "flow.verified-sums")


@pytest.mark.parametrize(("liar", "tag"), [(1, WEIGHTED), (3, CHALLENGE)])
def test_who_told_two_things_is_named_though_it_shows_nothing(liar: int, tag: str) -> None:
    told = result(Telling(liar, tag), without=(liar,))
    assert (told.status, told.named) == (CheckStatus.FAILED, (NAMES[liar],))


@pytest.mark.parametrize("hidden", [(1,), (3,), (0, 2)])
def test_nobody_is_named_for_what_others_hold_back(hidden: tuple[int, ...]) -> None:
    assert result(Simulation(), without=hidden).status is not CheckStatus.FAILED
