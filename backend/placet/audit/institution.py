"""Is everything there of an institution: each of its jobs, and of each job evidence that stands?

`judge_institution` joins two things that were checked each for itself: the list of its jobs, which the ledger's own
number and head show to be whole (`placet.audit.job_list`), and reports on bundles (`placet.audit.verify`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from placet.audit.facts import Count, Ending, Moment
from placet.audit.findings import listed
from placet.audit.gaps import AuditGap, GapKind
from placet.audit.job_list import InstitutionJobs, ListedJob, checked
from placet.audit.outcome import AuditReport, Basis, Verdict
from placet.audit.progress import JobProgress
from placet.audit.proof import TrustedBlocks
from placet.core.ids import JobId
from placet.core.trust import Deployment, TrustList
from placet.core.values import U48, Address, Value, to_hex

_RANK = (
    Verdict.TAMPERED,
    Verdict.DISPUTED,
    Verdict.INCOMPLETE,
    Verdict.BREACHED,
    Verdict.LAWFULLY_ERASED,
    Verdict.INTACT,
)
"""The worst first."""


class JobLine(Value):
    """A job of the list, and the verdict on its bundle, if there is one."""

    number: Count
    job: JobId
    block: Count
    opened_at: U48
    ending: Ending
    verdict: Verdict | None
    recipe: str | None = None


class InstitutionReport(Value):
    """What was found: `count` jobs as the ledger has them at the block `head`, those that are shown, and each gap."""

    type: Literal["placet.institution-report"] = "placet.institution-report"
    version: Literal[1] = 1
    institution: Address
    name: str
    verdict: Verdict
    basis: Basis
    headline: str
    head: Moment
    count: Count
    jobs: tuple[JobLine, ...]
    gaps: tuple[AuditGap, ...]
    notes: tuple[str, ...] = ()


class UnreadBundle(Value):
    """A file that is no bundle that can be judged, or a job whose bundle could not be collected, and why."""

    job: JobId | None = None
    name: Annotated[str, Field(max_length=300)]
    words: Annotated[str, Field(max_length=1500)]


def judge_institution(
    shown: InstitutionJobs,
    reports: Sequence[AuditReport],
    unread: Sequence[UnreadBundle],
    deployment: Deployment,
    trust: TrustList,
    *,
    trusted: TrustedBlocks | None = None,
    live: bool = False,
) -> InstitutionReport:
    """All that is missing. `live`: the list was just read from the auditor's own endpoint. Else, without `trusted`
    blocks, the list is the word of who collected it, and nothing is called complete."""
    gaps = [*checked(shown, deployment, trusted), *_of_bundles(shown, reports, unread)]
    if trusted is None and not live:
        words = "the list is the word of whoever collected it: give the hash of its block, or your own endpoint"
        gaps.append(AuditGap(kind=GapKind.PROOF, block=shown.head.block, words=words))
    by_job = _worst_by_job(reports)
    verdict = _verdict(gaps, by_job.values())
    names = {one.address: one.name for one in trust.institutions}
    name = names.get(shown.institution, to_hex(shown.institution))
    proven = trusted is not None and not any(gap.kind in (GapKind.PROOF, GapKind.LIST) for gap in gaps)
    return InstitutionReport(
        institution=shown.institution,
        name=name,
        verdict=verdict,
        basis=Basis.PROVEN if proven else Basis.LIVE_CHAIN if live else Basis.OWN_FILES,
        headline=_headline(name, shown, verdict, gaps),
        head=shown.head,
        count=shown.count,
        jobs=tuple(_line(one, by_job.get(one.job)) for one in shown.jobs),
        gaps=tuple(gaps),
        notes=tuple(_notes(shown)),
    )


def _worst_by_job(reports: Sequence[AuditReport]) -> dict[JobId, AuditReport]:
    """One report a job: where there are several bundles, a bad one is not made good by another."""
    by_job: dict[JobId, AuditReport] = {}
    for report in sorted(reports, key=lambda one: _RANK.index(one.verdict)):
        by_job.setdefault(report.job, report)
    return by_job


def _of_bundles(
    shown: InstitutionJobs, reports: Sequence[AuditReport], unread: Sequence[UnreadBundle]
) -> Iterator[AuditGap]:
    by_job, numbers = _worst_by_job(reports), {one.job: one for one in shown.jobs}
    failed = {one.job: one for one in unread if one.job is not None}
    for listed_job in shown.jobs:
        report = by_job.get(listed_job.job)
        if report is not None:
            yield from _of_report(shown, listed_job, report)
        else:
            why = failed[listed_job.job].words if listed_job.job in failed else "there is no bundle of it"
            yield _gap(GapKind.BUNDLE, listed_job, f"no evidence of this job: {why}")
    for job, report in by_job.items():
        if job not in numbers:
            words = "a bundle about a job that is not in the list"
            yield AuditGap(kind=GapKind.UNLISTED, job=job, block=report.head.block, words=words)
    for one in unread:
        if one.job is None or one.job not in numbers:
            yield AuditGap(kind=GapKind.FILE, job=one.job, words=f"{one.name} can't be judged: {one.words}")


def _of_report(shown: InstitutionJobs, job: ListedJob, report: AuditReport) -> Iterator[AuditGap]:
    silent = tuple(party.name for party in report.parties if not party.evidence)
    if silent:
        yield _gap(GapKind.EVIDENCE, job, f"no evidence of {listed(silent)}", silent)
    if report.head.block <= shown.head.block and report.progress != job.progress:
        if report.head.block < shown.head.block:
            behind = _behind(report, job.progress)
            whose = f" by {listed(behind)}" if behind else ""
            words = f"the bundle is as of block {report.head.block}: since then the ledger holds more{whose}"
            yield _gap(GapKind.OLDER, job, words, behind)
        else:
            words = "the bundle tells of another status, attempt or trail than the ledger holds at its block"
            yield _gap(GapKind.LIST, job, words)
    if report.verdict not in (Verdict.INTACT, Verdict.LAWFULLY_ERASED):
        yield _gap(GapKind.VERDICT, job, report.headline[:1500], report.named or report.disputed)


def _behind(report: AuditReport, progress: JobProgress) -> tuple[str, ...]:
    """The parties of whose steps the ledger holds more."""
    parties = sorted({trail.party for trail in set(progress.trails) - set(report.progress.trails)})
    return tuple(report.parties[at].name if at < len(report.parties) else f"party {at}" for at in parties)


def _gap(kind: GapKind, job: ListedJob, words: str, parties: tuple[str, ...] = ()) -> AuditGap:
    return AuditGap(kind=kind, number=job.number, job=job.job, block=job.block, parties=parties, words=words)


def _verdict(gaps: Sequence[AuditGap], reports: Iterable[AuditReport]) -> Verdict:
    """The worst decides."""
    verdicts = [Verdict.INTACT, *(report.verdict for report in reports)]
    lacking = [gap.kind for gap in gaps if gap.kind is not GapKind.VERDICT]  # whose report says it itself
    verdicts += [Verdict.TAMPERED if kind is GapKind.LIST else Verdict.INCOMPLETE for kind in lacking]
    return min(verdicts, key=_RANK.index)


def _headline(name: str, shown: InstitutionJobs, verdict: Verdict, gaps: Sequence[AuditGap]) -> str:
    jobs = f"{shown.count} job{'s' * (shown.count != 1)} of {name} up to block {shown.head.block}"
    if not gaps:
        erased = " Some records were erased, as they may be." if verdict is Verdict.LAWFULLY_ERASED else ""
        return f"Complete: all {jobs} are there, each with its evidence.{erased}"
    first = next((gap for gap in gaps if gap.kind is GapKind.LIST), gaps[0])
    where = f" (job number {first.number})" if first.job is not None and first.number is not None else ""
    words = {Verdict.TAMPERED: "Not what the ledger holds", Verdict.BREACHED: "Breached"}
    worst = words.get(verdict, "Incomplete")
    return f"{worst}: {len(gaps)} gap{'s' * (len(gaps) != 1)} in {jobs}; first: {first.words}{where}."


def _line(job: ListedJob, report: AuditReport | None) -> JobLine:
    return JobLine(
        number=job.number,
        job=job.job,
        block=job.block,
        opened_at=job.opened_at,
        ending=job.progress.status,
        verdict=None if report is None else report.verdict,
        recipe=None if report is None else report.recipe,
    )


def _notes(shown: InstitutionJobs) -> Iterator[str]:
    running = [job.number for job in shown.jobs if job.progress.status in (Ending.OPEN, Ending.SEALED)]
    if running:
        yield f"Still running at that block: {listed(f'number {number}' for number in running[:20])}."
