"""What is no offence, what is missing evidence, and what is disputed: beside the corpus, in which each check fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from malicious.consents import BadOwnSignature
from malicious.endings import RefusesToSeal
from malicious.enrolments import AtOnce, Inventor
from malicious.lies import OWN_LIST, A, B, evidence_of, with_facts
from malicious.messages import Hides
from malicious.plans import Standing
from malicious.scopes import ByLevels, JointStatistics, OwnTable, Statistics, declaring
from malicious.withdrawals import Stubborn
from simulator import CONSUMER, NAMES, VERIFIED, Simulation

from declaring import CUSTOMER
from placet.audit.bundle import Bundle
from placet.audit.findings import CheckStatus
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.verify import verify
from placet.core.offers import Scope


def failed(report: AuditReport) -> list[Any]:
    return [r for r in report.results if r.status in (CheckStatus.FAILED, CheckStatus.DISPUTED)]


def test_an_opening_of_a_standing_plan_is_intact_and_says_so() -> None:
    report = verify(Standing().bundle())
    assert report.verdict is Verdict.INTACT, failed(report)
    assert any(note.startswith("opening 1 of at most 2 under the standing plan 0x") for note in report.notes)
    simulation = Standing()
    without = [evidence_of(simulation, party, standing=None) for party in simulation.parties]
    assert verify(simulation.bundle(*without[1:])).verdict is Verdict.INTACT  # one shows it
    assert verify(simulation.bundle(*without)).verdict is Verdict.INCOMPLETE


UNDECLARED: dict[str, Callable[[], Bundle]] = {
    "a recipe that does not exist": declaring({"recipe": "copy-all"}),
    "a version that does not exist": declaring({"recipe_version": 2}),
    "an engine that does not exist": declaring({"engine": "abacus"}),
    "an engine that can't do it": declaring({"engine": "spu"}),
    "roles that fit no recipe": declaring({"roles": ("reader", "reader", "reader", "consumer")}),
    "roles in another order": declaring({"roles": ("consumer", "provider", "provider", "provider")}),
    "PSI alone, for a recipe that computes too": declaring({}, {"operations": 1}),
    "another answer to a withdrawal": declaring({"on_withdrawal": "abort"}),
    "a parameter too many": declaring({"parameters": {**CUSTOMER, "value": "balance", "columns": ["x"]}}),
    "a parameter too few": declaring({"parameters": CUSTOMER}),
}


@pytest.mark.parametrize("what", UNDECLARED)
def test_signed_terms_that_no_recipe_declares(what: str) -> None:
    """Everybody signed them, so everybody is named."""
    report = verify(UNDECLARED[what]())
    assert report.verdict is Verdict.TAMPERED
    assert {r.name for r in failed(report)} == {"plan.terms", "plan.scope"}
    assert report.named == NAMES


def test_a_provider_need_not_name_itself_nor_the_consumer() -> None:
    """They stand in every offer by themselves; before, both gates let this pass and the audit called it tampered."""

    class Others(Simulation):
        def make_scope(self, provider: int) -> Scope:
            others = [s.address for s in self.signers[:3] if s is not self.signers[provider]]
            return super().make_scope(provider).model_copy(update={"parties": tuple(others)})

    assert verify(Others().bundle()).verdict is Verdict.INTACT


def test_a_provider_that_calls_its_table_of_persons_its_own() -> None:
    report = verify(OwnTable().bundle())
    assert report.verdict is Verdict.TAMPERED
    assert report.named == (B,)
    assert "plan.scope" in {r.name for r in failed(report)}
    assert f"input 1: {B} declared the rows its own, by its own word" in report.notes


def test_whose_rows_a_list_holds_is_its_consumers_word_alone() -> None:
    assert verify(Simulation().bundle()).notes == (OWN_LIST, VERIFIED)


def test_people_who_were_enrolled_at_once_are_enrolled() -> None:
    assert failed(verify(AtOnce().bundle())) == []


@pytest.mark.parametrize("simulation", [RefusesToSeal, BadOwnSignature])
def test_a_contracts_signature_counts_as_the_chain_took_it(simulation: type[Simulation]) -> None:
    """The same bundles, in which the consumer's account is a contract, whose key may have been replaced since: what the
    ledger and the registry hold, they took under its signature of then."""
    tampered = simulation()
    assert verify(tampered.bundle()).verdict is Verdict.TAMPERED
    consumer = tampered.signers[CONSUMER].address
    report = verify(with_facts(tampered, contracts=(consumer,)))
    assert (report.verdict, report.named, report.disputed) == (Verdict.INTACT, (), ())
    another = verify(with_facts(tampered, contracts=(tampered.signers[0].address,)))
    assert another.verdict is Verdict.TAMPERED


def test_two_stories_without_a_signature_are_disputed() -> None:
    class Unacknowledged(Hides):
        who = 1
        acknowledged = False

    report = verify(Unacknowledged().bundle())
    assert report.verdict is Verdict.DISPUTED
    assert report.disputed == (A, B)
    assert report.named == ()
    assert [r.name for r in failed(report)] == ["exchange.both-ends"]
    assert report.headline.startswith(f"Disputed: {A}, {B} ")


def test_levels_as_fine_as_the_scope_are_no_offence() -> None:
    assert verify(ByLevels().bundle()).verdict is Verdict.INTACT


@pytest.mark.parametrize("honest", [Statistics, JointStatistics])
def test_statistics_over_as_many_as_the_scope_are_no_offence(honest: type[Simulation]) -> None:
    assert verify(honest().bundle()).verdict is Verdict.INTACT


def test_invented_customers_are_reported_as_self_enrolled() -> None:
    class Unasked(Inventor):
        def make_scope(self, provider: int) -> Scope:
            scope = super().make_scope(provider)
            return scope.model_copy(update={"enrollers": ()}) if provider == 1 else scope

    report = verify(Unasked().bundle())
    assert report.verdict is Verdict.INTACT
    assert report.notes == (
        OWN_LIST,
        f"self-enrolled: 4 of 4 people of {B}",
        VERIFIED,
    )


def test_an_attempt_that_was_given_up_untouched_is_no_offence() -> None:
    class Careful(Stubborn):
        def step(self, party: int, name: str, **fields: Any) -> None:
            if self.attempt > 1 or party != 0:
                super().step(party, name, **fields)

    report = verify(Careful(withdraw=(1,)).bundle())
    assert report.verdict is Verdict.INTACT
    assert any("given up unused" in note for note in report.notes)


def test_a_withdrawal_after_the_seal_binds_the_next_job() -> None:
    simulation = Simulation()
    simulation.withdraw(0, simulation.people[0][0].consent.id)
    assert verify(simulation.bundle()).verdict is Verdict.INTACT
