"""Promise 5, a stranger can check: an institution that hides a run is found out.

It may leave a job out of its list, leave evidence out, or show a list and bundles that were true once. The auditor has
the hash of one block, the deployment file and the trust list, and what the institution hands him. That every field of a
list counts is in tests/audit/test_institution; that the ledger enters every opened job into each signer's list, in
contracts/test/JobLists.t.sol and tests/model.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import tests.audit.conftest as _simulator_beside_its_tests  # noqa: F401 - lets these modules import each other
from institutions import BLOCK, listed, reports, simulations, whole
from simulator import NAMES

from placet.audit.gaps import AuditGap, GapKind
from placet.audit.institution import InstitutionReport, judge_institution
from placet.audit.job_list import InstitutionJobs
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.proof import TrustedBlocks
from placet.audit.verify import verify
from placet.core.job_list import FIRST_HEAD, list_head

JOBS = range(3)


def audited(
    shown: InstitutionJobs, bundles: Sequence[AuditReport] | None = None, trusted: TrustedBlocks | None = None
) -> InstitutionReport:
    """By an auditor who knows the hash of the list's newest block."""
    own = simulations()[0]
    given = reports() if bundles is None else bundles
    return judge_institution(shown, given, (), own.deployment, own.trust, trusted=trusted or whole()[1])


def without(hidden: int) -> InstitutionJobs:
    shown = whole()[0]
    return shown.model_copy(update={"jobs": tuple(job for job in shown.jobs if job.number != hidden + 1)})


def renumbered(hidden: int) -> InstitutionJobs:
    """The list that the institution would have without this job, count and heads and all."""
    jobs, head = [], FIRST_HEAD
    for number, job in enumerate(without(hidden).jobs, 1):
        head = list_head(head, job.job, job.block)
        jobs.append(job.model_copy(update={"number": number, "head": head}))
    return whole()[0].model_copy(update={"jobs": tuple(jobs), "count": len(jobs), "list_head": head})


def shown_of(hidden: int) -> list[AuditReport]:
    return [report for report in reports() if report.job != simulations()[hidden].job]


def only(report: InstitutionReport, kind: GapKind) -> AuditGap:
    (gap,) = (gap for gap in report.gaps if gap.kind is kind)
    return gap


@pytest.mark.parametrize("hidden", JOBS)
def test_a_job_that_is_left_out_of_the_list_is_a_number_that_is_missing(hidden: int) -> None:
    """With its evidence, or without it."""
    for bundles in (reports(), shown_of(hidden)):
        report = audited(without(hidden), bundles)
        assert report.verdict is Verdict.INCOMPLETE
        gap, opened = only(report, GapKind.JOB), simulations()[hidden].bundle().facts.opened
        assert opened is not None and gap.block is not None
        assert gap.number == hidden + 1 and opened.at.block <= gap.block


@pytest.mark.parametrize("hidden", JOBS)
def test_a_list_that_is_numbered_anew_is_not_the_ledgers(hidden: int) -> None:
    report = audited(renumbered(hidden), shown_of(hidden))
    assert report.verdict is Verdict.TAMPERED
    assert "3 jobs" in only(report, GapKind.LIST).words


@pytest.mark.parametrize("hidden", JOBS)
def test_a_state_of_its_own_making_is_not_the_blocks(hidden: int) -> None:
    """A header that it made itself, under which its short list is true."""
    bundles = [simulation.bundle() for number, simulation in enumerate(simulations()) if number != hidden]
    shown, own = listed(bundles)
    assert audited(shown, shown_of(hidden), own).verdict is Verdict.INTACT
    report = audited(shown, shown_of(hidden))
    assert report.verdict is Verdict.TAMPERED
    assert f"block {BLOCK} is " in only(report, GapKind.LIST).words


def test_a_list_of_an_older_block_is_not_that_of_the_newest() -> None:
    """It was true, and the auditor trusts that block too."""
    shown, older = listed([simulation.bundle() for simulation in simulations()[:2]], BLOCK - 1)
    both = TrustedBlocks({**older.hashes, **whole()[1].hashes}, "witnesses")
    assert audited(shown, shown_of(2), older).verdict is Verdict.INTACT
    for trusted in (both, whole()[1]):
        report = audited(shown, shown_of(2), trusted)
        assert report.verdict is Verdict.INCOMPLETE
        assert f"up to block {BLOCK} is not shown" in only(report, GapKind.PROOF).words


def test_a_list_without_its_proof_is_nobodys() -> None:
    report = audited(renumbered(1).model_copy(update={"proof": None}), shown_of(1))
    assert (report.verdict, [gap.kind for gap in report.gaps]) == (Verdict.INCOMPLETE, [GapKind.PROOF])


@pytest.mark.parametrize("hidden", JOBS)
def test_evidence_that_is_left_out_is_named_by_job_number_and_block(hidden: int) -> None:
    """Another job's bundle in its place is none of it."""
    for bundles in (shown_of(hidden), [*shown_of(hidden), shown_of(hidden)[0]]):
        gap = only(audited(whole()[0], bundles), GapKind.BUNDLE)
        opened = simulations()[hidden].bundle().facts.opened
        assert opened is not None
        assert (gap.number, gap.job, gap.block) == (hidden + 1, simulations()[hidden].job, opened.at.block)


def test_who_hands_out_nothing_of_its_own_is_named() -> None:
    report = audited(whole()[0], [*shown_of(0), verify(simulations()[0].bundle(without=(0,)))])
    assert report.verdict is Verdict.INCOMPLETE
    assert only(report, GapKind.EVIDENCE).parties == (NAMES[0],)


def test_a_bundle_of_before_what_was_recorded_later_is_older() -> None:
    """Of an aborted job, in which a party recorded one more step after the bundle was collected: no evidence in it
    tells of that step."""
    bundle = simulations()[2].bundle()
    last = bundle.facts.recorded[-1]
    earlier = bundle.facts.model_copy(update={"recorded": bundle.facts.recorded[:-1]})
    early = verify(bundle.model_copy(update={"facts": earlier}))
    report = audited(whole()[0], [*shown_of(2), early])
    gap = only(report, GapKind.OLDER)
    assert (gap.number, gap.parties) == (3, (NAMES[last.party],))
    assert report.verdict is not Verdict.INTACT
