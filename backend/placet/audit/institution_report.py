"""The answer about all jobs of an institution for people: `lines` for a terminal, `html` as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from placet.audit.institution import InstitutionReport
from placet.audit.outcome import Verdict
from placet.audit.report import SEALS, style_sheet, when
from placet.core.pages import template
from placet.core.values import to_hex

_ROWS = 5_000
"""Of each of the page's tables."""


def lines(report: InstitutionReport) -> list[str]:
    """The report as plain lines for a terminal."""
    said = [f"{_words(report.verdict)}  {report.name} {to_hex(report.institution)}", report.headline]
    said.append(f"basis: {report.basis.words}")
    said += [f"note: {note}" for note in report.notes]
    for job in report.jobs:
        verdict = "no bundle" if job.verdict is None else job.verdict.words
        recipe = "" if job.recipe is None else f" {job.recipe}"
        said.append(f"{job.number:>5}  {to_hex(job.job)}  block {job.block}{recipe}, {job.ending.value}: {verdict}")
    for gap in report.gaps:
        number = "" if gap.number is None else f" number {gap.number}"
        job_id = "" if gap.job is None else f" {to_hex(gap.job)}"
        said.append(f"✗ {gap.kind.value}{number}{job_id}: {gap.words}")
    return said


def _words(verdict: Verdict) -> str:
    return "COMPLETE" if verdict is Verdict.INTACT else verdict.words.upper()


@dataclass(frozen=True)
class _GapRow:
    kind: str
    numbers: str
    job: str
    parties: str
    words: str


@dataclass(frozen=True)
class _JobRow:
    number: int
    id: str
    opened: str
    block: int
    recipe: str
    ending: str
    verdict: str


def html(report: InstitutionReport) -> str:
    """One page without scripts or anything from outside; the template escapes every value in it."""
    return template("placet.audit", "institution.jinja").render(
        report=report,
        css=Markup(style_sheet()),  # noqa: S704 - our own style sheet
        word=_words(report.verdict).capitalize(),
        address=to_hex(report.institution),
        head_time=when(report.head.timestamp),
        seal=SEALS[report.verdict],
        gaps=list(_gaps(report)),
        jobs=list(_jobs(report)),
        most=_ROWS,
    )


def _gaps(report: InstitutionReport) -> Iterator[_GapRow]:
    for gap in report.gaps:
        until = "" if gap.until in (None, gap.number) else f" to {gap.until}"
        yield _GapRow(
            kind=gap.kind.value,
            numbers="" if gap.number is None else f"{gap.number}{until}",
            job="" if gap.job is None else to_hex(gap.job),
            parties=", ".join(gap.parties),
            words=gap.words,
        )


def _jobs(report: InstitutionReport) -> Iterator[_JobRow]:
    for job in report.jobs:
        yield _JobRow(
            number=job.number,
            id=to_hex(job.job),
            opened=when(job.opened_at),
            block=job.block,
            recipe=job.recipe or "unknown",
            ending=job.ending.value,
            verdict="no bundle" if job.verdict is None else job.verdict.words,
        )
