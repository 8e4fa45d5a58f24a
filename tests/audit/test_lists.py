"""One list for all providers, by the signed messages of PSI."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import NAMES, Simulation, h

from placet.audit.findings import CheckStatus, Result
from placet.audit.outcome import Verdict
from placet.audit.verify import verify
from placet.core.hashing import sha256
from placet.core.trail import Exchange


class TwoLists(Simulation):
    """The consumer shows the last provider another list, of which each provider tells the truth."""

    def shown_list(self, provider: int) -> bytes:
        return h("list", self.attempt, provider == self.providers - 1)


def result(simulation: Simulation, **bundled: Any) -> Result:
    return next(one for one in verify(simulation.bundle(**bundled)).results if one.name == "flow.one-list")


def test_one_list_is_intact() -> None:
    simulation = Simulation()
    report = verify(simulation.bundle())
    assert report.verdict is Verdict.INTACT, report.headline
    pairs = simulation.providers * (simulation.providers - 1)
    assert result(simulation).looked_at == simulation.providers + 2 * pairs


@pytest.mark.parametrize("hidden", [[0], [0, 1], [2, 3]])
def test_nobody_is_named_for_a_list_that_somebody_else_holds_back(hidden: list[int]) -> None:
    told = result(Simulation(), without=tuple(hidden))
    assert told.status is not CheckStatus.FAILED and told.incomplete


def test_two_providers_lists_name_the_consumer_that_shows_nothing_of_its_own() -> None:
    simulation = TwoLists()
    told = result(simulation, without=(simulation.consumer,))
    assert (told.status, told.named) == (CheckStatus.FAILED, (NAMES[simulation.consumer],))


def test_a_provider_that_compares_nothing_is_named() -> None:
    class Silent(Simulation):
        def send(self, sender: int, receiver: int, tag: str, digest: bytes | None = None) -> tuple[Exchange, Exchange]:
            silent = (sender, tag) == (0, "psi.agreed")
            return super().send(sender, receiver, "chatter" if silent else tag, digest)

    told = result(Silent())
    assert (told.status, told.named) == (CheckStatus.FAILED, (NAMES[0],))


def test_a_list_that_nobody_sent_is_no_excuse() -> None:
    """A provider that agrees to a list nobody signed for it is named even where the digests agree."""

    class Invents(Simulation):
        def send(self, sender: int, receiver: int, tag: str, digest: bytes | None = None) -> tuple[Exchange, Exchange]:
            if (receiver, tag) == (1, "psi.list"):
                tag, digest = "chatter", sha256(b"no list")
            return super().send(sender, receiver, tag, digest)

    told = result(Invents())
    assert NAMES[1] in told.named
