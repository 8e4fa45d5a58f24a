"""A pot is divided as the recorded metrics say, and who signed another division is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from simulator import CONSUMER, NAMES, Simulation

from placet.audit.facts import Ending
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.verify import verify
from placet.catalogue import specs
from placet.core.plan import Plan
from placet.models.contribution import PROTOCOL, Contribution, Division, sealed_payouts

POT = 1_000
DIVISION = Division("shapley", CONSUMER, 200_000)
METRICS = {
    frozenset(): 500_000,
    frozenset({0}): 600_000,
    frozenset({1}): 650_000,
    frozenset({0, 1}): 700_000,
}


@contextmanager
def measuring() -> Iterator[None]:
    """As if the recipe measured what each party contributed."""
    spec = specs.spec_of("asset-view")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(specs._BY_NAME, spec.name, replace(spec, pays=lambda parameters, roles: DIVISION))
        yield


@pytest.fixture(autouse=True)
def measured() -> Iterator[None]:
    with measuring():
        yield


class Divided(Simulation):
    """All four record the same metrics; the seal divides the pot by them."""

    def make_plan(self, fields: dict[str, Any]) -> Plan:
        return super().make_plan(fields | {"pot": POT})

    def metrics(self, party: int) -> dict[frozenset[int], int]:
        return METRICS

    def measure(self, party: int) -> None:
        parameters = Contribution.of("auc", self.metrics(party)).to_json()
        self.step(party, "contribution", protocol=PROTOCOL, parameters=parameters)

    def _open_tables(self) -> None:
        super()._open_tables()
        for party in self.parties:
            self.measure(party)

    def payouts(self) -> tuple[int, ...]:
        return sealed_payouts(POT, DIVISION, [s for s in self.steps[0] if s.attempt == self.attempt], len(NAMES))


def report(simulation: Simulation) -> AuditReport:
    return verify(simulation.bundle())


def broken(found: AuditReport) -> dict[str, tuple[str, ...]]:
    return {r.name: r.named for r in found.results if r.problems}


@pytest.mark.parametrize("ending", [Ending.COMPLETED, Ending.CLOSED, Ending.ABORTED])
def test_an_honest_division_is_intact(ending: Ending) -> None:
    simulation = Divided(ending=ending, withholds=(1,) if ending is Ending.CLOSED else ())
    assert report(simulation).verdict is Verdict.INTACT
    if ending is not Ending.ABORTED:
        assert simulation.sealed.payouts == (300, 500, 0, 200)


def test_an_honest_division_of_a_second_attempt() -> None:
    assert report(Divided(withdraw=(0,))).verdict is Verdict.INTACT


def test_two_stories_that_divide_alike_are_disputed() -> None:
    class Shifted(Divided):
        def metrics(self, party: int) -> dict[frozenset[int], int]:
            return {c: value + 1000 * (party == 1) for c, value in METRICS.items()}

    found = report(Shifted())
    assert found.verdict is Verdict.DISPUTED
    assert found.disputed == (NAMES[0], NAMES[1])


@pytest.mark.parametrize("times", [0, 2])
def test_a_pot_without_one_record_names_who_signed(times: int) -> None:
    class Careless(Divided):
        def measure(self, party: int) -> None:
            for _ in range(times if party == 1 else 1):
                super().measure(party)

    assert broken(report(Careless())) == {"seal.payouts": (NAMES[1],)}


def test_a_party_without_evidence_makes_it_incomplete() -> None:
    found = verify(Divided().bundle(without=(1,)))
    assert found.verdict is Verdict.INCOMPLETE
    result = next(r for r in found.results if r.name == "seal.payouts")
    assert result.incomplete and not result.problems


def test_more_than_the_pot_and_a_list_that_does_not_fit() -> None:
    class Generous(Divided):
        def payouts(self) -> tuple[int, ...]:
            return (300, 500, 1, 200)

    class Short(Divided):
        def payouts(self) -> tuple[int, ...]:
            return (300, 500, 200)

    assert {"seal.shape", "seal.payouts"} <= broken(report(Generous())).keys()
    assert {"seal.shape", "seal.payouts"} <= broken(report(Short())).keys()


def test_a_payout_without_a_pot() -> None:
    class Gift(Simulation):
        def payouts(self) -> tuple[int, ...]:
            return (1, 0, 0, 0)

    found = broken(report(Gift()))
    assert {"seal.payouts", "seal.shape"} <= found.keys()


def test_a_recipe_that_measures_nothing_takes_no_pot() -> None:
    with pytest.MonkeyPatch.context() as patch:
        spec = specs.spec_of("asset-view")
        patch.setitem(specs._BY_NAME, spec.name, replace(spec, pays=lambda parameters, roles: None))
        assert "plan.terms" in broken(report(Divided()))
