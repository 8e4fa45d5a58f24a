"""A result that was promised to be deleted: in time, too late, or nobody says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from simulator import NAMES, Simulation

from placet.audit import report as drawn
from placet.audit.facts import ChainFacts, Ending
from placet.audit.findings import CheckStatus, Result
from placet.audit.outcome import Verdict
from placet.audit.verify import verify
from placet.core.deletion import DAY, GRACE, ResultDeletion, SignedDeletion
from placet.core.evidence import Evidence
from placet.core.offers import Scope
from placet.core.plan import Terms

LIFE = 30
END = LIFE * DAY
"""Seconds after the job's end."""


class Lasting(Simulation):
    """The facts are read `read` seconds after the job's end. The consumer deletes after `deletes` seconds, if it does,
    and says other things of that than are true by `changes`; `signer` is who signs."""

    days: int | None = LIFE
    read = 0
    deletes: int | None = None
    changes: Mapping[str, Any] = {}
    signer: int | None = None

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        return Terms(**fields, data_life=self.days)

    def make_scope(self, provider: int) -> Scope:
        return super().make_scope(provider).model_copy(update={"data_life": LIFE if provider == 1 else None})

    def chain_facts(self) -> ChainFacts:
        facts = super().chain_facts()
        if facts.end is None:
            return facts
        late = facts.head.model_copy(update={"timestamp": facts.end.at.timestamp + self.read})
        return facts.model_copy(update={"head": late})

    def evidence(self, party: int) -> Evidence:
        evidence = super().evidence(party)
        if party != self.consumer or self.deletes is None or self.end is None:
            return evidence
        ended = self.end.at.timestamp
        said = {"job": self.job, "keep_until": ended + END, "deleted": ended + self.deletes, **self.changes}
        deletion = ResultDeletion(**said)
        recorder = self.recorders[self.consumer if self.signer is None else self.signer]
        signed = SignedDeletion(deletion=deletion, signature=recorder.sign(deletion.digest(self.deployment.jobs)))
        return evidence.model_copy(update={"deletion": signed})


def result(simulation: Simulation, **bundle: Any) -> tuple[Result, Verdict]:
    report = verify(simulation.bundle(**bundle))
    return next(one for one in report.results if one.name == "retention.deleted"), report.verdict


def lasting(**values: Any) -> Simulation:
    ending = values.pop("ending", Ending.COMPLETED)
    return type("Case", (Lasting,), values)(ending=ending)


@pytest.mark.parametrize(
    "values",
    [
        {"read": 6},
        {"read": END},
        {"read": END + GRACE},
        {"read": END + GRACE + 1, "deletes": END + 3600},
        {"read": END + 9 * DAY, "deletes": END + GRACE},
        {"read": 600, "deletes": 300},
        {"read": END, "ending": Ending.CLOSED},
    ],
)
def test_a_result_that_was_deleted_in_time_or_may_still_be_there_is_well(values: dict[str, Any]) -> None:
    answer, verdict = result(lasting(**values))
    assert (answer.status, verdict) == (CheckStatus.PASSED, Verdict.INTACT)
    assert any("may keep the result until" in note for note in answer.notes)
    assert any("by its own word" in note for note in answer.notes) == ("deletes" in values)


@pytest.mark.parametrize(
    "values",
    [
        {"read": 600, "deletes": 300, "changes": {"job": b"\1" * 32}},
        {"read": 600, "deletes": 300, "changes": {"keep_until": 5}},
        {"read": 600, "deletes": 300, "signer": 0},
    ],
)
def test_the_consumer_is_named_who_says_of_another_result_or_end_that_it_deleted(values: dict[str, Any]) -> None:
    answer, verdict = result(lasting(**values))
    assert (answer.status, verdict) == (CheckStatus.FAILED, Verdict.TAMPERED)
    assert answer.named == (NAMES[3],)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"read": END + GRACE + 1}, "none at "),
        ({"read": END + 9 * DAY, "deletes": END + GRACE + 1}, "one at "),
        ({"read": END + 9 * DAY, "deletes": END + 5 * DAY}, "5.0 days after the end of the data life"),
    ],
)
def test_who_deleted_late_or_not_at_all_breached_a_promise_and_tampered_with_nothing(
    values: dict[str, Any], found: str
) -> None:
    simulation = lasting(**values)
    answer, verdict = result(simulation)
    assert (answer.status, verdict, answer.named) == (CheckStatus.BREACHED, Verdict.BREACHED, (NAMES[3],))
    (problem,) = answer.problems
    assert found in problem.found and problem.breach and problem.parties == (NAMES[3],)
    report = verify(simulation.bundle())
    assert report.headline.startswith(f"Breached: what was done in the job stands, but {NAMES[3]} did not keep")
    assert "BREACHED" in drawn.text(report)[0] and found in drawn.html(report)


def test_what_was_tampered_with_is_called_that_and_the_breach_beside_it() -> None:
    report = verify(lasting(read=END + 9 * DAY, days=LIFE + 1).bundle())
    assert report.verdict is Verdict.TAMPERED
    assert f"Besides, {NAMES[3]} did not keep the promise" in report.headline
    report = verify(lasting(read=END + 9 * DAY, deletes=END + 5 * DAY).bundle(without=(0,)))
    assert report.verdict is Verdict.INCOMPLETE
    assert f"Besides, {NAMES[3]} did not keep the promise" in report.headline


def test_without_the_consumers_evidence_nobody_says_that_it_was_deleted() -> None:
    overdue = lasting(read=END + GRACE + 1)
    answer, verdict = result(overdue, without=(overdue.consumer,))
    assert answer.incomplete
    assert verdict is Verdict.INCOMPLETE


def test_a_job_without_a_result_has_none_to_delete() -> None:
    answer, _ = result(lasting(read=END * 2, ending=Ending.ABORTED))
    assert answer.status is CheckStatus.SKIPPED


@pytest.mark.parametrize("days", [None, LIFE + 1])
def test_terms_that_keep_it_for_longer_than_an_offer_says_are_tampered_with(days: int | None) -> None:
    report = verify(lasting(days=days, read=6).bundle())
    (failed,) = [one for one in report.results if one.problems]
    assert (failed.name, failed.named) == ("plan.scope", (NAMES[1],))
