"""Secure sums by their trails: what a party says to all is the same to each."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from simulator import NAMES, Simulation, h

from placet.audit.findings import CheckStatus, Result
from placet.audit.outcome import Verdict
from placet.audit.verify import verify
from placet.core.sum_messages import PROTOCOL, TO_ALL
from placet.core.trail import Exchange
from placet.recipes.blocks import secure_sums


class Summed(Simulation):
    """All four parties add up once more, behind their other steps."""

    liar: int | None = None
    lie = ""

    def digest(self, tag: str, sender: int, receiver: int) -> bytes:
        lying = sender == self.liar and tag == self.lie and receiver == (sender + 1) % len(self.parties)
        return h(tag, sender, "another" if lying else "the same")

    def about(self, party: int) -> dict[str, Any]:
        return {"round": 0, "sums": "people", "words": 3, "members": len(self.parties), "bytes": 4}

    def adds(self, party: int) -> bool:
        return True

    def _open_tables(self) -> None:
        super()._open_tables()
        sent: dict[int, list[Exchange]] = defaultdict(list)
        received: dict[int, list[Exchange]] = defaultdict(list)
        for tag in TO_ALL:
            for sender in self.parties:
                for receiver in self.parties:
                    if sender != receiver:
                        out, there = self.send(sender, receiver, tag, self.digest(tag, sender, receiver))
                        sent[sender].append(out)
                        received[receiver].append(there)
        for party in self.parties:
            fields: dict[str, Any] = {"protocol": PROTOCOL, "parameters": self.about(party)}
            if not self.adds(party):
                fields = {}
            self.step(party, "sum-0", **fields, sent=tuple(sent[party]), received=tuple(received[party]))


def result(simulation: Simulation) -> Result:
    return next(one for one in verify(simulation.bundle()).results if one.name == "flow.sums")


def test_the_words_are_those_of_the_protocol() -> None:
    assert secure_sums.PROTOCOL == PROTOCOL
    assert (secure_sums.ANNOUNCED, secure_sums.UPLOAD, secure_sums.REVEALED) == TO_ALL


def test_an_honest_sum_is_intact() -> None:
    report = verify(Summed().bundle())
    assert report.verdict is Verdict.INTACT, report.headline
    (sums,) = [one for one in report.results if one.name == "flow.sums"]
    assert sums.looked_at == 4 * len(TO_ALL) + 1
    assert result(Simulation()).reason == "the job adds nothing up in secret"


@pytest.mark.parametrize("tag", TO_ALL)
def test_who_shows_two_parties_different_things_is_named(tag: str) -> None:
    simulation = type("Lying", (Summed,), {"liar": 2, "lie": tag})()
    told = result(simulation)
    assert (told.status, told.named) == (CheckStatus.FAILED, (NAMES[2],))
    others = [one.name for one in verify(simulation.bundle()).results if one.status is CheckStatus.FAILED]
    assert others == ["flow.sums"], "each message by itself is signed and acknowledged"


def test_parties_that_added_up_different_things_are_disputed() -> None:
    def about(self: Summed, party: int) -> dict[str, Any]:
        return Summed.about(self, party) | {"words": 3 + (party == 1)}

    told = result(type("Other", (Summed,), {"about": about})())
    assert told.status is CheckStatus.DISPUTED and set(told.disputed) == set(NAMES)


def test_a_message_that_one_party_was_not_sent_is_told() -> None:
    class Left(Summed):
        def send(self, sender: int, receiver: int, tag: str, digest: bytes | None = None) -> tuple[Exchange, Exchange]:
            out, there = super().send(sender, receiver, tag, digest)
            if tag == "sum.upload" and (sender, receiver) == (0, 1):
                return out.model_copy(update={"peer": 2}), there
            return out, there

    assert NAMES[0] in result(Left()).named
