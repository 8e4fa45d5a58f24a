"""Openings of drawn places: a true one is found true, and each way of cheating is found at its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from placet.audit.sampling import JudgedSample, SampledParty, judged
from placet.cli.audit_sample import _ended_by_now, demand_named
from placet.core.auditor_sealing import auditor_secret
from placet.core.consent import Status
from placet.core.errors import InputError
from placet.core.hashing import sha256
from placet.core.ids import ConsentId, JobId
from placet.core.masking import public_key
from placet.core.merkle import rfc6962_leaf, rfc6962_nodes, rfc6962_paths
from placet.core.plan import RandomAudit
from placet.core.sample import LeafPath, PlaceOpening, RowOpening, SampleOpening
from placet.core.sample_sealing import open_sample, seal_sample
from placet.core.signatures import Key
from placet.protocols.mpc.commitments import commit

TOTAL, DRAWN, NOW = 7, (0, 2, 3, 5), 1_000
COLUMNS = ("customer", "balance")
SECRET = auditor_secret(b"\x11" * 32)


@dataclass
class Provider:
    """Rows of persons 0 … 3, at the places 0, 2, 4 and 5; what it opens can be changed before it is judged."""

    balances: tuple[int, ...] = (100, -7, 0, 2**60)
    at: tuple[int, ...] = (0, 2, 4, 5)
    ended: set[ConsentId] = field(default_factory=set)
    until: dict[ConsentId, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.consents = [ConsentId(bytes([n + 1]) * 32) for n in range(len(self.balances))]
        self.rows = [self.row(n, COLUMNS) for n in range(len(self.balances))]
        self.leaves = [row.commitment for row in self.rows]
        self.nodes = [rfc6962_leaf(c + leaf) for c, leaf in zip(self.consents, self.leaves, strict=True)]
        self.values = [0] * TOTAL
        for place, balance in zip(self.at, self.balances, strict=True):
            self.values[place] = balance
        self.randomness = [1000 + n for n in range(TOTAL)]

    def row(self, number: int, columns: Sequence[str], **others: Any) -> RowOpening:
        row = {"customer": f"P{number}", "balance": self.balances[number], "remark": "x"} | others
        return RowOpening.of(bytes([number]) * 32, row, columns)

    def commitments(self) -> bytes:
        return b"".join(commit(v, r) for v, r in zip(self.values, self.randomness, strict=True))

    def known(self, committed: bytes | None = None) -> SampledParty:
        digest = sha256(self.commitments() if committed is None else committed)
        return SampledParty(2, rfc6962_nodes(list(self.nodes)), digest, "balance", COLUMNS, self.ended, self.until)

    def leaf(self, number: int) -> LeafPath:
        (path,) = rfc6962_paths(self.nodes, [number])
        return LeafPath(
            consent=self.consents[number], commitment=self.leaves[number], index=number, leaves=len(self.nodes),
            siblings=tuple(path),
        )  # fmt: skip

    def place(self, place: int) -> PlaceOpening:
        word = self.randomness[place].to_bytes(32, "big")
        if place not in self.at:
            return PlaceOpening(place=place, value=self.values[place], randomness=word)
        number = self.at.index(place)
        if self.consents[number] in self.ended:
            return PlaceOpening(place=place, leaf=self.leaf(number))
        return PlaceOpening(
            place=place, value=self.values[place], randomness=word, leaf=self.leaf(number), row=self.rows[number]
        )

    def opening(self, places: Sequence[int] = DRAWN) -> SampleOpening:
        return SampleOpening(
            job=JobId(bytes(32)), party=0, attempt=2, commitments=self.commitments(),
            places=tuple(map(self.place, places)),
        )  # fmt: skip

    def judged(self, opening: SampleOpening | None = None) -> JudgedSample:
        return judged(self.known(), opening or self.opening(), DRAWN, NOW)


def with_place(provider: Provider, place: int, **changes: Any) -> SampleOpening:
    opening = provider.opening()
    places = tuple(one.model_copy(update=changes) if one.place == place else one for one in opening.places)
    return opening.model_copy(update={"places": places})


def test_a_true_opening() -> None:
    outcome = Provider().judged()
    assert outcome == JudgedSample(rows=3) and outcome.true


def test_a_consent_that_has_ended_is_not_opened_and_said_so() -> None:
    provider = Provider()
    provider.ended = {provider.consents[1]}
    assert provider.judged() == JudgedSample(rows=3, ended=(2,))


@pytest.mark.parametrize(("last", "covered"), [(NOW - 1, False), (NOW, True)])
def test_a_consent_that_has_run_out_is_not_opened_either(last: int, *, covered: bool) -> None:
    provider = Provider()
    provider.until = dict.fromkeys(provider.consents, NOW + 1) | {provider.consents[1]: last}
    outcome = provider.judged(with_place(provider, 2, value=None, randomness=None, row=None))
    assert outcome.ended == (2,) and bool(outcome.places) is covered


def test_the_row_of_a_living_consent_must_be_opened() -> None:
    provider = Provider()
    outcome = provider.judged(with_place(provider, 2, value=None, randomness=None, row=None))
    assert [(one.place, one.why) for one in outcome.places] == [
        (2, "the row is not opened, and no owner has ended its consent")
    ]


def a_false_row(provider: Provider) -> SampleOpening:
    """It computed with another balance than the row's, and opens the commitment truly."""
    provider.values[2] = 999
    return provider.opening()


def a_value_from_nowhere(provider: Provider) -> SampleOpening:
    provider.values[3] = 5
    return provider.opening()


def another_value(provider: Provider) -> SampleOpening:
    """The commitment is to the false value, and the true one is told."""
    provider.values[2] = 999
    opening = provider.opening()
    provider_place = next(one for one in opening.places if one.place == 2)
    true = provider_place.model_copy(update={"value": -7})
    return opening.model_copy(update={"places": tuple(true if one.place == 2 else one for one in opening.places)})


def a_made_up_row(provider: Provider) -> SampleOpening:
    """The false value is written into the row that is shown."""
    provider.values[2] = 999
    return with_place(provider, 2, row=provider.row(1, COLUMNS, balance=999))


def another_column(provider: Provider) -> SampleOpening:
    """The false value stands in the row, in a column that is not added up."""
    provider.values[2] = 999
    row = provider.row(1, ("customer", "remark"), remark=999)
    cells = {"customer": row.cells["customer"], "balance": row.cells["remark"]}
    return with_place(provider, 2, row=row.model_copy(update={"cells": cells, "hidden": {"remark": bytes(32)}}))


def no_identifier(provider: Provider) -> SampleOpening:
    return with_place(provider, 2, row=provider.row(1, ("balance",)))


def more_than_was_used(provider: Provider) -> SampleOpening:
    return with_place(provider, 2, row=provider.row(1, (*COLUMNS, "remark")))


def a_row_outside_the_lawful_set(provider: Provider) -> SampleOpening:
    provider.values[2] = 999
    row = provider.row(1, COLUMNS, balance=999)
    leaf = provider.leaf(1).model_copy(update={"commitment": row.commitment})
    return with_place(provider, 2, row=row, leaf=leaf)


def a_row_dropped(provider: Provider) -> SampleOpening:
    return with_place(provider, 2, leaf=None, row=None)


def one_row_for_two(provider: Provider) -> SampleOpening:
    """The one true row of a value stands for another's too."""
    provider.values[2] = 100
    return with_place(provider, 2, leaf=provider.leaf(0), row=provider.rows[0])


def closed(provider: Provider) -> SampleOpening:
    return with_place(provider, 3, value=None, randomness=None)


@pytest.mark.parametrize(
    ("cheat", "place", "why"),
    [
        (a_false_row, 2, "the value is not the row's"),
        (a_value_from_nowhere, 3, "a value other than zero without a row"),
        (another_value, 2, "the commitment does not open to the value"),
        (a_made_up_row, 2, "the row is not the one that was committed to"),
        (another_column, 2, "the row is not the one that was committed to"),
        (no_identifier, 2, "other cells of the row are opened than those that the job used"),
        (more_than_was_used, 2, "other cells of the row are opened than those that the job used"),
        (a_row_outside_the_lawful_set, 2, "the row is no leaf of the lawful set under which the job opened"),
        (a_row_dropped, 2, "a value other than zero without a row"),
        (one_row_for_two, 2, "the row stands at another drawn place too"),
        (closed, 3, "the commitment is not opened"),
    ],
)
def test_each_way_of_cheating(cheat: Callable[[Provider], SampleOpening], place: int, why: str) -> None:
    provider = Provider()
    outcome = provider.judged(cheat(provider))
    assert [(one.place, one.why) for one in outcome.places] == [(place, why)]
    assert not outcome.true


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"attempt": 1}, "attempt 2 was sealed"),
        ({"commitments": Provider(balances=(1, 2, 3, 4)).commitments()}, "its commitments are not those"),
        ({"commitments": Provider().commitments()[:-1]}, "its commitments are not those"),
        ({"places": Provider().opening((0, 1, 3, 5)).places}, "other places than those that were drawn"),
        ({"places": Provider().opening((0, 2, 3)).places}, "other places than those that were drawn"),
        ({"places": Provider().opening((0, 2, 2, 3, 5)).places}, "other places than those that were drawn"),
    ],
)
def test_what_makes_the_whole_opening_false(changes: dict[str, Any], why: str) -> None:
    provider = Provider()
    outcome = provider.judged(provider.opening().model_copy(update=changes))
    assert outcome.why is not None and why in outcome.why and not outcome.true


def test_an_owner_that_withdraws_while_the_auditor_asks_costs_nobody_a_stake() -> None:
    provider = Provider()
    opening = provider.opening()
    places = tuple(
        one.model_copy(update={"row": None, "value": None, "randomness": None}) if one.place == 2 else one
        for one in opening.places
    )
    opening = opening.model_copy(update={"places": places})
    assert not provider.judged(opening).true

    class Asked:
        """A chain on which one status stands for all consents."""

        def __init__(self, status: Status) -> None:
            self.status = status

        def consent(self, consent: ConsentId) -> Asked:
            return self

    for status, true in ((Status.WITHDRAWN, True), (Status.REVOKED, False), (Status.GIVEN, False)):
        known = _ended_by_now(provider.known(), opening, Asked(status))  # type: ignore[arg-type]
        assert judged(known, opening, DRAWN, NOW).true is true


def test_an_auditor_calls_nothing_refused_that_was_opened_to_another_key() -> None:
    auditor = Key(b"\x11" * 32)
    audit = RandomAudit(
        auditor=auditor.address, key=public_key(SECRET), places=3, delay=1, token=b"\3" * 20, stake=5,
        beneficiary=b"\4" * 20, find_seconds=60, answer_seconds=60,
    )  # fmt: skip
    demand_named(audit, auditor)
    with pytest.raises(InputError, match="a key that is not yours"):
        demand_named(audit.model_copy(update={"key": public_key(b"\2" * 32)}), auditor)
    with pytest.raises(InputError, match="another auditor"):
        demand_named(audit, Key(b"\x12" * 32))


def test_an_opening_is_the_auditors_alone() -> None:
    opening = Provider().opening()
    sealed = seal_sample(opening, public_key(SECRET))
    assert open_sample(sealed, SECRET) == opening
    for changes, secret in (
        ({}, bytes([7]) * 32),
        ({"party": 1}, SECRET),
        ({"job": JobId(b"\1" * 32)}, SECRET),
        ({"sealed": sealed.sealed[:-1]}, SECRET),
    ):
        with pytest.raises(InputError):
            open_sample(sealed.model_copy(update=changes), secret)
    assert b"balance" not in sealed.sealed and "P0" not in repr(opening)
