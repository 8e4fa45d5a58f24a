"""A model's lineage: who has withdrawn since its origin's seal, and what that says against its use."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.core.ids import ConsentId, DatasetId, JobId, OfferId
from placet.core.lineage import Lineage, Order, Origin, Registration, ended_since, lineage, model_breaches
from placet.core.offers import Scope, output_words
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head

NORTH, SOUTH, STRANGER = (bytes([n]) * 20 for n in (1, 2, 3))


def word(number: int) -> Any:
    return number.to_bytes(32, "big")


def epoch_of(ended: list[ConsentId]) -> bytes:
    head = FIRST_EPOCH
    for consent in ended:
        head = withdrawal_head(head, consent)
    return head


@dataclass
class View:
    """Rows behind offers 1 and 2, learned from by job 10, whose model (dataset 100) stands behind offer 3, which job 20
    adapted to dataset 200."""

    registrations: dict[DatasetId, Registration] = field(default_factory=dict)
    origins: dict[JobId, Origin] = field(default_factory=dict)
    datasets: dict[OfferId, DatasetId] = field(default_factory=dict)
    ends: dict[OfferId, list[ConsentId]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ends = {word(1): [word(1001), word(1002)], word(2): [], word(3): []}
        self.datasets = {word(1): word(51), word(2): word(52), word(3): word(100)}
        self.made(100, 10, (1, 2), (50, 0), (60, 0))
        self.made(200, 20, (2, 3), (150, 3), (150, 4))

    def made(self, dataset: int, job: int, offers: tuple[int, ...], sealed: Order, registered: Order) -> None:
        inputs = tuple((word(one), epoch_of(self.ends[word(one)])) for one in offers)
        self.origins[word(job)] = Origin(word(job), (NORTH, SOUTH), inputs, sealed)
        self.registrations[word(dataset)] = Registration(word(dataset), NORTH, word(job), b"c" * 32, registered)

    def registration(self, dataset: DatasetId) -> Registration | None:
        return self.registrations.get(dataset)

    def origin(self, job: JobId) -> Origin | None:
        return self.origins.get(job)

    def dataset(self, offer: OfferId) -> DatasetId | None:
        return self.datasets.get(offer)

    def ended(self, offer: OfferId) -> list[ConsentId]:
        return self.ends[offer]

    def of(self, dataset: int) -> Lineage | None:
        return lineage(word(dataset), self)


def scope(**changes: Any) -> Scope:
    values: dict[str, Any] = {
        "title": "Scorecard", "provider": NORTH, "purpose": "https://w3id.org/dpv#CreditChecking",
        "columns": ("points",), "output": "score", "recipes": ("model-score",), "parties": (SOUTH,),
        "personal": False, "salt": bytes(32),
    }  # fmt: skip
    return Scope(**(values | changes))


def rules(found: Lineage | None, of: Scope | None = None, provider: bytes = NORTH) -> list[str]:
    return [breach.rule for breach in model_breaches(provider, of, found)]


@given(st.lists(st.integers(0, 2**32), unique=True, max_size=12).flatmap(lambda all_: st.tuples(
    st.just(all_), st.integers(0, len(all_)))))  # fmt: skip
def test_what_came_after_an_epoch_is_counted(ends: tuple[list[int], int]) -> None:
    consents, at = [word(one) for one in ends[0]], ends[1]
    assert ended_since(consents)[epoch_of(consents[:at])] == len(consents) - at
    assert b"\7" * 24 not in ended_since(consents)
    assert (epoch_of(consents) in ended_since(consents[:at])) == (at == len(consents))


def test_only_withdrawals_after_the_seal_count() -> None:
    view = View()
    assert view.of(100) is not None and view.of(100).total == 0  # type: ignore[union-attr]
    view.ends[word(1)] += [word(1003)]
    view.ends[word(2)] += [word(2001), word(2002)]
    found = view.of(100)
    assert found is not None
    assert found.withdrawn == ((word(1), 1), (word(2), 2))
    assert view.of(51) is None, "rows have no lineage"


def test_a_model_of_a_model_has_both_lineages_and_counts_nobody_twice() -> None:
    view = View()
    view.ends[word(2)] += [word(2001)]
    view.made(200, 20, (2, 3), (150, 3), (150, 4))
    view.ends[word(2)] += [word(2002)]
    view.ends[word(1)] += [word(1003)]
    found = view.of(200)
    assert found is not None
    assert found.withdrawn == ((word(1), 1), (word(2), 2), (word(3), 0))


@pytest.mark.parametrize("tolerated", [None, 0, 1, 2, 3])
def test_a_model_is_stale_beyond_what_its_offer_tolerates(tolerated: int | None) -> None:
    view = View()
    view.ends[word(1)] += [word(1003)]
    view.ends[word(2)] += [word(2001)]
    found = view.of(100)
    assert rules(found, scope(tolerated_withdrawals=tolerated)) == (["stale"] if (tolerated or 0) < 2 else [])
    assert rules(found) == [], "who does not know the scope does not know how many it tolerates"


@pytest.mark.parametrize("lacking", ["registration", "origin", "dataset", "list", "late", "same", "earlier", "cycle"])
def test_what_cannot_be_shown_is_refused(lacking: str) -> None:
    view = View()
    if lacking == "registration":
        del view.registrations[word(200)]
    if lacking == "origin":
        del view.origins[word(10)]
    if lacking == "dataset":
        del view.datasets[word(1)]
    if lacking == "list":
        view.ends[word(1)] = []
    if lacking in ("late", "same"):
        at = view.origins[word(20)].sealed if lacking == "same" else (150, 2)
        view.registrations[word(200)] = replace(view.registrations[word(200)], at=at)
    if lacking == "earlier":
        view.registrations[word(100)] = replace(view.registrations[word(100)], at=(150, 3))
    if lacking == "cycle":
        view.datasets[word(3)] = word(200)
    assert view.of(200) is None
    assert rules(None, scope(tolerated_withdrawals=1000)) == ["origin"]


def test_a_lineage_of_many_models_costs_no_more_than_they_are() -> None:
    """Two inputs of each model are the one before it: by all ways there would be 2^600."""
    view = View()
    for number in range(1, 600):
        before, offers = 1000 + number, (word(5000 + 2 * number), word(5001 + 2 * number))
        for offer in offers:
            view.datasets[offer], view.ends[offer] = word(before), []
        at = 1000 + 2 * number
        view.made(before + 1, 9000 + number, (), (at, 0), (at + 1, 0))
        view.origins[word(9000 + number)] = Origin(
            word(9000 + number), (NORTH,), tuple((offer, FIRST_EPOCH) for offer in offers), (at, 0)
        )
    view.registrations[word(1001)] = Registration(word(1001), NORTH, word(10), b"c" * 32, (60, 0))
    found = view.of(1600)
    assert found is not None
    assert len(found.withdrawn) == 2 * 599 + 2


def test_who_was_no_party_of_the_origin_holds_no_part() -> None:
    view = View()
    found = view.of(100)
    assert rules(found, scope()) == []
    assert rules(found, scope(), SOUTH) == ["origin"], "the part is another's"
    view.registrations[word(100)] = replace(view.registrations[word(100)], provider=STRANGER)
    assert rules(view.of(100), scope(), STRANGER) == ["origin"]


def test_the_offer_says_it_to_who_consents() -> None:
    assert "no more than 3 of those it was learned from have withdrawn" in output_words(scope(tolerated_withdrawals=3))
    assert "tolerated_withdrawals" not in scope().to_json()
    assert scope(tolerated_withdrawals=0).hash != scope().hash
    personal = {"personal": True, "identifier": "points", "namespace": "urn:example:person"}
    with pytest.raises(ValidationError, match="withdrawals are tolerated of a model"):
        scope(tolerated_withdrawals=1, **personal)
