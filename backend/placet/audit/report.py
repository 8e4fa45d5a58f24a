"""The verifier's answer for people and for programs: `text`, `to_json`, and `html` as one self-contained page."""

from __future__ import annotations

import datetime
from html import escape
from itertools import groupby
from typing import Any

from placet.audit.drawing import after, glyph, hue, svg
from placet.audit.findings import CheckStatus, Result
from placet.audit.outcome import CHAIN_LANE, AuditReport, PartyView, Verdict
from placet.audit.style import CSS
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
    "seal": "Seal and keys",
    "payment": "Payment",
}
_SIGNS = {CheckStatus.PASSED: "✓", CheckStatus.FAILED: "✗", CheckStatus.DISPUTED: "?", CheckStatus.SKIPPED: "–"}
_PATHS = {
    CheckStatus.PASSED: "M3.5 9.5l3.5 3.5 7.5-8.5",
    CheckStatus.FAILED: "M4 4l10 10M14 4L4 14",
    CheckStatus.DISPUTED: "M6 6.5a3 3 0 1 1 4.3 2.7c-.9.5-1.3 1-1.3 2M9 14v.4",
    CheckStatus.SKIPPED: "M4 9h10",
}
_LACKING = "M9 3.5v7M9 14v.4"
_SEALS = {
    Verdict.INTACT: "M38 60l15 16 30-34",
    Verdict.LAWFULLY_ERASED: "M40 60h40",
    Verdict.TAMPERED: "M42 42l36 36M78 42L42 78",
    Verdict.DISPUTED: "M36 52h32l-9-9M84 70H52l9 9",
    Verdict.INCOMPLETE: "M60 38v26M60 78v1",
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


def html(report: AuditReport) -> str:
    """One page without scripts or anything from outside; every value in it is escaped."""
    name = f"Placet audit · {report.verdict.words}"
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(name)}</title><style>{CSS}</style></head><body><main>",
            _header(report),
            _notes(report),
            _wrong(report),
            _timeline(report),
            _parties(report),
            _checks(report),
            _footer(report),
            "</main></body></html>\n",
        ]
    )


def _header(report: AuditReport) -> str:
    facts = (
        ("Job", f"<code>{to_hex(report.job)}</code>"),
        ("Recipe", escape(report.recipe or "unknown")),
        ("Purpose", escape((report.purpose or "unknown").rsplit("#", 1)[-1])),
        ("Chain", f"{report.chain_id}, up to block {report.head.block}, {_when(report.head.timestamp)}"),
        ("Basis", escape(report.basis.words)),
    )
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    verdict = report.verdict.value
    return (
        f'<header class="{verdict}">{_seal(report.verdict)}<div>'
        f'<div class="word">{report.verdict.words}</div>'
        f"<h1>{escape(report.headline)}</h1><p>{escape(report.ended)}</p></div>"
        "</header>"
        f'<dl class="facts">{listed}</dl>'
    )


def _seal(verdict: Verdict) -> str:
    rays = "".join(
        f'<path d="M60 3v7" transform="rotate({angle} 60 60)" stroke-width="2" opacity=".55"/>'
        for angle in range(0, 360, 10)
    )
    return (
        '<svg class="seal" viewBox="0 0 120 120" fill="none" stroke="currentColor" aria-hidden="true">'
        f'{rays}<circle cx="60" cy="60" r="45" stroke-width="2.5"/><circle cx="60" cy="60" r="39" stroke-width="1"/>'
        f'<path d="{_SEALS[verdict]}" stroke-width="7" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )


def _notes(report: AuditReport) -> str:
    if not report.notes:
        return ""
    return '<ul class="notes">' + "".join(f"<li>{escape(note)}</li>" for note in report.notes) + "</ul>"


def _wrong(report: AuditReport) -> str:
    """What failed or is disputed, first of all; what is missing only if that is all there is."""
    bad = [r for r in report.results if r.status in (CheckStatus.FAILED, CheckStatus.DISPUTED)]
    bad = bad or [r for r in report.results if r.name == "evidence.present" and r.incomplete]
    if not bad:
        return ""
    heading = "What is missing" if report.verdict is Verdict.INCOMPLETE else "What is wrong"
    return f'<h2>{heading}</h2><section class="group">{"".join(_check(r) for r in bad)}</section>'


def _timeline(report: AuditReport) -> str:
    if not report.timeline:
        return ""
    kinds = {h.kind for h in report.timeline}
    legend = "".join(
        f'<span><svg viewBox="0 0 16 16" aria-hidden="true">{glyph(kind, 8, 8, "var(--soft)")}</svg>{words}</span>'
        for kind, words in _LEGEND
        if kind in kinds
    )
    first = report.timeline[0].at
    rows = "".join(
        f"<tr><td>{after(h.at - first)}</td><td>{escape(_lane(report, h.lane))}</td><td>{escape(h.what)}</td>"
        f"<td>{'' if h.block is None else h.block}</td></tr>"
        for h in report.timeline
    )
    return (
        f"<h2>What happened</h2><figure>{svg(report)}<figcaption>{legend}"
        f"<span>begins {_when(first)}; pauses are drawn shorter</span></figcaption></figure>"
        f'<div class="group"><details><summary>The same in words<em>{len(report.timeline)} events</em></summary>'
        f'<div class="why"><table><tr><th>time</th><th>where</th><th>what</th><th>block</th></tr>{rows}</table></div>'
        "</details></div>"
    )


def _lane(report: AuditReport, lane: int) -> str:
    return "chain" if lane == CHAIN_LANE or lane >= len(report.parties) else report.parties[lane].name


def _parties(report: AuditReport) -> str:
    if not report.parties:
        return ""
    cards = "".join(_card(index, party) for index, party in enumerate(report.parties))
    return f'<h2>Who took part</h2><div class="cards">{cards}</div>'


def _card(index: int, party: PartyView) -> str:
    people = "own data" if party.people is None else f"{party.people:,}"
    rows = (
        ("consenting people", people if party.evidence else "unknown"),
        ("steps", f"{party.steps:,}" if party.evidence else "unknown"),
        ("reward agreed", f"{party.reward:,}"),
        ("credited", f"{party.paid:,}"),
        ("evidence", "given" if party.evidence else "missing"),
    )
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return (
        f'<div class="card" style="--hue:{hue(index)}"><b>{escape(party.name)}</b><small>{escape(party.role)}</small>'
        f"<dl>{listed}</dl></div>"
    )


def _checks(report: AuditReport) -> str:
    drawn = ["<h2>What was checked</h2>"]
    for group, members in groupby(report.results, key=lambda r: r.group):
        results = list(members)
        passed = sum(r.status is CheckStatus.PASSED for r in results)
        drawn.append(
            f'<section class="group"><h3>{escape(_GROUPS.get(group, group))}<span>{passed} of {len(results)} passed'
            f"</span></h3>{''.join(_check(r) for r in results)}</section>"
        )
    return "".join(drawn)


def _check(result: Result) -> str:
    bad = result.status in (CheckStatus.FAILED, CheckStatus.DISPUTED)
    tone = "lacking" if result.incomplete and not bad else result.status.value
    aside = f"{result.looked_at:,} looked at" if result.status is CheckStatus.PASSED else result.status.value
    path = _PATHS[result.status]
    if tone == "lacking":
        aside, path = "incomplete", _LACKING
    title = f"<b>{escape(result.title)}</b>" if bad else f"<span>{escape(result.title)}</span>"
    more = f"<p>and {result.more_problems:,} more like these</p>" if result.more_problems else ""
    reason = f"<p>{escape(result.reason)}</p>" if result.reason else ""
    notes = "".join(f"<p>Note: {escape(note)}</p>" for note in result.notes)
    return (
        f'<details class="{tone}"{" open" if bad or result.incomplete else ""}><summary>'
        '<svg viewBox="0 0 18 18" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" '
        f'aria-hidden="true"><path d="{path}"/></svg>{title}<em>{aside}</em></summary>'
        f'<div class="why">{_problems(result)}{more}{reason}{notes}'
        f"<p>{escape(result.rule)} <code>{escape(result.name)}</code></p></div></details>"
    )


def _problems(result: Result) -> str:
    if not result.problems:
        return ""
    rows = "".join(
        f"<tr><td>{escape(p.expected)}</td><td>{escape(p.found)}</td><td>{escape(', '.join(p.parties))}</td></tr>"
        for p in result.problems
    )
    whose = "between" if result.status is CheckStatus.DISPUTED else "whose"
    return f"<table><tr><th>expected</th><th>found</th><th>{whose}</th></tr>{rows}</table>"


def _footer(report: AuditReport) -> str:
    return (
        f"<footer>{len(report.results)} checks by Placet’s verifier, from the chain’s facts and the parties’ signed "
        "evidence; no node was believed. The audit shows who agreed, consented, recorded and was paid, and that each "
        "step worked on what an earlier one made. It does not compute anything again: that a party used exactly the "
        "rows it declared, only a re-execution shows.</footer>"
    )


def _when(timestamp: int) -> str:
    try:
        return datetime.datetime.fromtimestamp(timestamp, datetime.UTC).strftime("%d %B %Y, %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"Unix time {timestamp}"
