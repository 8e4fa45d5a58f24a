"""The verifier's answer for people and for programs: `text`, `to_json`, and `html` as one self-contained page."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from typing import Any

from markupsafe import Markup

from placet.audit.drawing import HUES, after, drawing
from placet.audit.findings import BAD, CheckStatus, Result
from placet.audit.graph import graph
from placet.audit.outcome import CHAIN_LANE, AuditReport, Verdict
from placet.core.pages import template
from placet.core.values import to_hex

_GROUPS = {
    "chain": "The chain",
    "evidence": "The evidence",
    "plan": "The plan",
    "consent": "Consent at the opening",
    "withdrawal": "Withdrawal",
    "trail": "The trail",
    "exchange": "Messages between parties",
    "flow": "From step to step",
    "budget": "Privacy budgets and noise",
    "model": "Models",
    "enclave": "The enclave",
    "seal": "Seal and keys",
    "payment": "Payment",
    "retention": "Afterwards",
}
_SIGNS = {
    CheckStatus.PASSED: "✓",
    CheckStatus.FAILED: "✗",
    CheckStatus.DISPUTED: "?",
    CheckStatus.BREACHED: "!",
    CheckStatus.SKIPPED: "–",
}
_LACKING = "M9 3.5v7M9 14v.4"
_PATHS = {
    CheckStatus.PASSED: "M3.5 9.5l3.5 3.5 7.5-8.5",
    CheckStatus.FAILED: "M4 4l10 10M14 4L4 14",
    CheckStatus.DISPUTED: "M6 6.5a3 3 0 1 1 4.3 2.7c-.9.5-1.3 1-1.3 2M9 14v.4",
    CheckStatus.BREACHED: _LACKING,
    CheckStatus.SKIPPED: "M4 9h10",
}
_ROWS = 500
"""Of the table of messages."""
SEALS = {
    Verdict.INTACT: "M38 60l15 16 30-34",
    Verdict.LAWFULLY_ERASED: "M40 60h40",
    Verdict.TAMPERED: "M42 42l36 36M78 42L42 78",
    Verdict.DISPUTED: "M36 52h32l-9-9M84 70H52l9 9",
    Verdict.INCOMPLETE: "M60 38v26M60 78v1",
    Verdict.BREACHED: "M60 40v22l14 10",
}
_LEGEND = (
    ("step", "a step"),
    ("withdrawn", "a consent withdrawn"),
    ("key", "key released"),
    ("withheld", "key withheld"),
    ("credit", "paid"),
    ("refund", "given back"),
)


def to_json(report: AuditReport) -> dict[str, Any]:
    """The whole report as a plain JSON object."""
    return report.to_json()


def text(report: AuditReport) -> list[str]:
    """The report as plain lines for a terminal."""
    lines = [f"{report.verdict.words.upper()}  job {to_hex(report.job)}", report.headline, report.ended]
    lines.append(f"basis: {report.basis.words}")
    lines += [repetition.words for repetition in report.repetitions]
    lines += [f"note: {note}" for note in report.notes]
    for result in report.results:
        lines.append(f"{_SIGNS[result.status]} {result.name}: {result.title}{_aside(result)}")
        for problem in result.problems:
            whose = f"  ({', '.join(problem.parties)})" if problem.parties else ""
            lines += [f"    expected: {problem.expected}", f"    found:    {problem.found}{whose}"]
        if result.more_problems:
            lines.append(f"    and {result.more_problems} more like these")
    return lines


def _aside(result: Result) -> str:
    return f" [{result.reason}]" if result.reason else ""


@dataclass(frozen=True)
class _Card:
    """A check as the page shows it."""

    result: Result
    tone: str
    bad: bool
    aside: str
    path: str

    @property
    def open(self) -> bool:
        return self.bad or self.result.incomplete

    @property
    def whose(self) -> str:
        return "between" if self.result.status is CheckStatus.DISPUTED else "whose"


@dataclass(frozen=True)
class _Group:
    title: str
    passed: int
    cards: tuple[_Card, ...]


@dataclass(frozen=True)
class _Event:
    when: str
    where: str
    what: str
    block: int | None


@dataclass(frozen=True)
class _Row:
    """Messages of one tag between two steps, by their names."""

    attempt: int
    sender: str
    sent: str
    receiver: str
    received: str
    tag: str
    count: int
    acknowledged: int


def html(report: AuditReport) -> str:
    """One page without scripts or anything from outside; the template escapes every value in it."""
    kinds = {happening.kind for happening in report.timeline}
    return template("placet.audit", "report.jinja").render(
        report=report,
        css=Markup(style_sheet()),  # noqa: S704 - our own style sheet
        job=to_hex(report.job),
        purpose=(report.purpose or "unknown").rsplit("#", 1)[-1],
        head_time=when(report.head.timestamp),
        seal=SEALS[report.verdict],
        wrong=_wrong(report),
        wrong_heading="What is missing" if report.verdict is Verdict.INCOMPLETE else "What is wrong",
        drawing=drawing(report),
        legend=[(kind, words) for kind, words in _LEGEND if kind in kinds],
        begins=when(report.timeline[0].at) if report.timeline else "",
        events=list(_events(report)),
        graph=graph(report),
        links=list(_links(report)),
        most=_ROWS,
        hues=HUES,
        groups=list(_groups(report)),
    )


def style_sheet() -> str:
    """Of all reports as pages."""
    return (resources.files("placet.audit") / "templates" / "report.css").read_text(encoding="utf-8")


def _wrong(report: AuditReport) -> list[_Card]:
    """What failed, is disputed or was breached, first of all; what is missing only if that is all there is."""
    bad = [r for r in report.results if r.status in BAD]
    bad = bad or [r for r in report.results if r.name == "evidence.present" and r.incomplete]
    return [_card(result) for result in bad]


def _events(report: AuditReport) -> Iterator[_Event]:
    for happening in report.timeline:
        when = after(happening.at - report.timeline[0].at)
        yield _Event(when, _lane(report, happening.lane), happening.what, happening.block)


def _lane(report: AuditReport, lane: int) -> str:
    return "chain" if lane == CHAIN_LANE or lane >= len(report.parties) else report.parties[lane].name


def _links(report: AuditReport) -> Iterator[_Row]:
    names: dict[tuple[int, int | None, int | None], str] = {
        (h.lane, h.attempt, h.step): h.what.split(" · ")[0] for h in report.timeline if h.step is not None
    }
    for one in report.links:
        yield _Row(
            attempt=one.attempt,
            sender=report.parties[one.sender].name,
            sent=names.get((one.sender, one.attempt, one.sent), "in no step"),
            receiver=report.parties[one.receiver].name,
            received=names.get((one.receiver, one.attempt, one.received), "in no step"),
            tag=one.tag,
            count=one.count,
            acknowledged=one.acknowledged,
        )


def _groups(report: AuditReport) -> Iterator[_Group]:
    for group, members in groupby(report.results, key=lambda r: r.group):
        results = list(members)
        passed = sum(r.status is CheckStatus.PASSED for r in results)
        yield _Group(_GROUPS.get(group, group), passed, tuple(map(_card, results)))


def _card(result: Result) -> _Card:
    bad = result.status in BAD
    if result.incomplete and not bad:
        return _Card(result, "lacking", bad, "incomplete", _LACKING)
    aside = f"{result.looked_at:,} looked at" if result.status is CheckStatus.PASSED else result.status.value
    return _Card(result, result.status.value, bad, aside, _PATHS[result.status])


def when(timestamp: int) -> str:
    """A Unix time in words."""
    try:
        return datetime.datetime.fromtimestamp(timestamp, datetime.UTC).strftime("%d %B %Y, %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"Unix time {timestamp}"
