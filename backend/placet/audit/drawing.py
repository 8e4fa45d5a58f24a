"""The timeline as SVG: a lane for the chain and one a party, a band an attempt, pauses drawn shorter than they were."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from html import escape

from placet.audit.outcome import CHAIN_LANE, AuditReport, Happening

LEFT, WIDTH, RIGHT = 168, 1060, 24
LANE, TOP, CHAIN, ROW = 52, 66, 44, 19
ROWS = 3
HUES = 8
_CHAIN_WIDE = ("opened", "amended", "sealed", "ended")


def svg(report: AuditReport) -> str:
    """The drawing, or nothing if nothing happened."""
    happenings = report.timeline
    if not happenings:
        return ""
    places = _places(happenings)
    bottom = TOP + CHAIN + LANE * len(report.parties)
    headings, empty = _headings(happenings, places, bottom)
    top = ROW * empty
    return "".join(
        [
            f'<svg viewBox="0 {top} {WIDTH} {bottom + 8 - top}" role="img" '
            f'aria-label="Timeline of {len(happenings)} events">',
            _bands(happenings, places, bottom),
            _lanes(report, bottom),
            headings,
            _step_names(happenings, places),
            *(_mark(h, places[i], _y(h.lane)) for i, h in enumerate(happenings) if h.kind not in _CHAIN_WIDE),
            "</svg>",
        ]
    )


def hue(lane: int) -> str:
    """A party's colour."""
    return f"var(--p{lane % HUES})"


def glyph(kind: str, x: float, y: float, colour: str) -> str:
    """The sign of one kind of event, about 12 units wide."""
    if kind == "step":
        return f'<circle class="mark" cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>'
    if kind == "key":
        return f'<path class="mark" d="M{x:.1f} {y - 7.5}l7.5 7.5-7.5 7.5-7.5-7.5z" fill="{colour}"/>'
    if kind in ("credit", "refund"):
        fill = colour if kind == "credit" else "none"
        return (
            f'<rect x="{x - 5.5:.1f}" y="{y - 5.5}" width="11" height="11" rx="3" fill="{fill}" '
            f'stroke="{colour}" stroke-width="1.5"/>'
        )
    if kind == "withheld":
        return f'<path d="M{x - 6:.1f} {y - 6}l12 12m0-12l-12 12" stroke="var(--tampered)" stroke-width="3"/>'
    return (
        f'<circle cx="{x:.1f}" cy="{y}" r="6.5" fill="var(--card)" stroke="var(--disputed)" stroke-width="2"/>'
        f'<path d="M{x - 4.5:.1f} {y + 4.5}l9-9" stroke="var(--disputed)" stroke-width="2"/>'
    )


def _places(happenings: tuple[Happening, ...]) -> list[float]:
    """An x for each: the logarithm of the pauses, and room side by side for what one lane did in the same second."""
    width: Counter[int] = Counter()
    for (at, _), count in Counter((h.at, h.lane) for h in happenings).items():
        width[at] = max(width[at], count)
    start: dict[int, float] = {}
    x, before = 0.0, None
    for at in sorted(width):
        x += 0 if before is None else 14 + 9 * math.log2(1 + min(at - before, 10**6))
        start[at], before = x, at
        x += 15 * (width[at] - 1)
    used: Counter[tuple[int, int]] = Counter()
    found = []
    room = WIDTH - LEFT - RIGHT - 20
    scale = min(room / x, 3.0) if x else 1.0
    for h in happenings:
        found.append(LEFT + 10 + scale * (start[h.at] + 15 * used[h.at, h.lane]))
        used[h.at, h.lane] += 1
    return found


def _y(lane: int) -> float:
    return TOP + CHAIN / 2 if lane == CHAIN_LANE else TOP + CHAIN + LANE * (lane + 0.5)


def _bands(happenings: tuple[Happening, ...], places: list[float], bottom: int) -> str:
    starts = [(places[i], h.attempt or 1) for i, h in enumerate(happenings) if h.kind in ("opened", "amended")]
    ends = [x for x, _ in starts[1:]]
    last = [places[i] for i, h in enumerate(happenings) if h.kind in ("sealed", "ended")]
    ends.append(last[0] if last else WIDTH - RIGHT)
    drawn = []
    for (x, attempt), end in zip(starts, ends, strict=True):
        fill = "var(--band)" if attempt % 2 else "var(--band2)"
        drawn.append(
            f'<rect x="{x:.1f}" y="{TOP}" width="{max(end - x, 0):.1f}" height="{bottom - TOP}" fill="{fill}"/>'
        )
    return "".join(drawn)


def _lanes(report: AuditReport, bottom: int) -> str:
    drawn = [f'<text class="name" x="8" y="{_y(CHAIN_LANE) + 4}">Chain</text>']
    for lane, party in enumerate(report.parties):
        y = _y(lane)
        drawn.append(f'<rect x="0" y="{y - 17}" width="3" height="34" rx="1.5" fill="{hue(lane)}"/>')
        drawn.append(f'<text class="name" x="10" y="{y - 1}">{escape(_cut(party.name, 22))}</text>')
        role = party.role if party.evidence else f"{party.role}, no evidence"
        drawn.append(f'<text class="soft" x="10" y="{y + 14}">{escape(_cut(role, 26))}</text>')
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="{hue(lane)}" opacity=".35"/>')
        drawn.append(f'<line class="rule" x1="0" x2="{WIDTH}" y1="{y - LANE / 2}" y2="{y - LANE / 2}"/>')
    drawn.append(f'<line class="rule" x1="0" x2="{WIDTH}" y1="{bottom}" y2="{bottom}"/>')
    return "".join(drawn)


def _headings(happenings: tuple[Happening, ...], places: list[float], bottom: int) -> tuple[str, int]:
    """What concerns everybody: a line through all lanes with its words above; and how many rows these left empty."""
    first, rows, highest = happenings[0].at, [-math.inf] * ROWS, ROWS - 1
    drawn = []
    for i, h in enumerate(happenings):
        if h.kind not in _CHAIN_WIDE:
            continue
        x, when = places[i], after(h.at - first)
        words = {"opened": "opened", "sealed": "sealed", "amended": f"attempt {h.attempt}"}.get(h.kind)
        words = words or h.what.removeprefix("The job is ")
        length = 6.6 * len(words) + 6 * len(when) + 14
        left = min(x - 3, WIDTH - length)
        row = next((r for r in reversed(range(ROWS)) if rows[r] < left), 0)
        rows[row], highest = left + length, min(row, highest)
        y = TOP - 14 - ROW * (ROWS - 1 - row)
        dashes = "none" if h.kind in ("opened", "sealed") else "3 3"
        drawn.append(
            f"<g><title>{escape(_told(h))}</title>"
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y + 4}" y2="{bottom}" stroke="var(--soft)" '
            f'stroke-dasharray="{dashes}" opacity=".7"/>'
            f'<circle class="mark" cx="{x:.1f}" cy="{_y(CHAIN_LANE)}" r="6" fill="var(--ink)"/>'
            f'<text x="{left:.1f}" y="{y}">{escape(words)} <tspan class="when">{when}</tspan></text></g>'
        )
    return "".join(drawn), highest


def _step_names(happenings: tuple[Happening, ...], places: list[float]) -> str:
    """The name of each step under its mark, where the lane has room for it."""
    lanes: dict[int, list[int]] = defaultdict(list)
    for i, h in enumerate(happenings):
        if h.lane != CHAIN_LANE:
            lanes[h.lane].append(i)
    drawn = []
    for lane, marks in lanes.items():
        for i, following in zip(marks, [*marks[1:], None], strict=True):
            name = happenings[i].what.split(" · ")[0]
            room = (places[following] if following is not None else WIDTH - RIGHT) - places[i]
            if happenings[i].kind == "step" and 5.4 * len(name) < room:
                drawn.append(f'<text class="step" x="{places[i] - 4:.1f}" y="{_y(lane) + 19}">{escape(name)}</text>')
    return "".join(drawn)


def _mark(h: Happening, x: float, y: float) -> str:
    colour = "var(--ink)" if h.lane == CHAIN_LANE else hue(h.lane)
    return f"<g><title>{escape(_told(h))}</title>{glyph(h.kind, x, y, colour)}</g>"


def _told(h: Happening) -> str:
    return h.what + (f" · block {h.block}" if h.block is not None else "")


def after(seconds: int) -> str:
    """A time since the start in words."""
    if seconds < 120:
        return f"+{seconds} s"
    if seconds < 7200:
        return f"+{seconds // 60} min"
    return f"+{seconds // 3600} h" if seconds < 172_800 else f"+{seconds // 86_400} days"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
