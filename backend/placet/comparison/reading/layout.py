"""From lines that a page draws to lines of running text: headers and footers left out, gaps found, headings by size."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from placet.comparison.normal import normal
from placet.comparison.numbering import BULLET, marker, roman
from placet.comparison.reading.paragraphs import TextLine
from placet.comparison.reading.text import line_of

_DIGITS = re.compile(r"\d+")
_PIECES = re.compile(r"\d+|\D+")
_DEEP = 0.1
"""Of the height that the document's lines take: so deep is an edge."""
_TALL = 300.0
"""Points that a document's lines take at least where it has edges."""
_EDGE = 2
"""Lines at a page's top and bottom that may be its header and footer."""
_PAGE_NUMBER = re.compile(
    r"(?:page\s*)?[-–(\s]*(?:(?P<number>\d{1,4})|(?P<roman>[ivxl]{1,6}))[-–)\s]*(?:(?:of|/)\s*(?P<of>\d{1,4}))?$",
    re.IGNORECASE,
)
_STAMP = re.compile(
    r"(?<!\S)\d{1,4}[./-]\s?\d{1,2}[./-]\s?\d{2,4},? \d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[ap]\.?\s?m\.?)?(?!\S)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?<!\S)(?:https?://|file:/|about:|data:)\S*")
_COUNT = re.compile(r"(?<!\S)(?:page )?\d{1,4}(?:\s?/\s?| of )\d{1,4}(?!\S)", re.IGNORECASE)
_BROWSER = {"stamp": _STAMP, "address": _ADDRESS, "count": _COUNT}
_SURE = 2
"""Of these three, those that a page has where a browser printed it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line of a page: text, and where it begins, in points from the lower left."""

    text: str
    x: float
    y: float
    size: float
    margin: bool = False
    """Marked by its file as a header or footer."""


def lines(pages: list[list[Drawn]]) -> Iterator[TextLine | None]:
    """What `paragraphs` takes; None where a gap is wider than between lines of a paragraph."""
    size = _commonest(round(line.size) for page in pages for line in page for _ in line.text)
    leading = _commonest(
        round(above.y - below.y, 1) for page in pages for above, below in pairwise(page) if above.y > below.y
    )
    width = max((len(line.text) for page in pages for line in page), default=0)
    last: Drawn | None = None
    for page in pages:
        for n, drawn in enumerate(page):
            if last is not None and _apart(last, drawn, leading, width, turned=n == 0):
                yield None
            text_line = line_of(drawn.text)
            if text_line is not None:
                large = size > 0 and drawn.size > 1.15 * size and len(drawn.text) < 120
                yield replace(text_line, heading=1 + (drawn.size < 1.5 * size)) if large else text_line
            last = drawn


def _apart(above: Drawn, below: Drawn, leading: float, width: int, *, turned: bool) -> bool:
    ended = above.text.rstrip().endswith((".", ":", ";", ".”", '."'))
    if turned or below.y > above.y:
        return ended and len(above.text) < 0.8 * width
    return above.y - below.y > 1.3 * max(leading, below.size) + 0.5 or (ended and below.x > above.x + 12)


def _commonest(values: Iterable[float]) -> float:
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value)) if counted else 0.0


def _shape(line: Drawn) -> tuple[str, int]:
    """What a line has in common with the same one of other pages: its place, and its words but for what counts pages.
    Numbers of clauses and schedules count something else."""
    text = line.text.strip()
    number = marker(normal(text))
    counts = number is None or number.readings[0].style == BULLET or not (number.firm or number.titled)
    return _DIGITS.sub("#", text) if counts else text, round(line.y / 4)


@dataclass(frozen=True, slots=True)
class _Edge:
    """The outermost lines of a page: all of them, and those that stand apart from the text or are marked."""

    outer: frozenset[int]
    apart: frozenset[int]


def _edge(page: list[Drawn], low: float, high: float) -> _Edge:
    """`low` and `high`: what is between them is at no edge."""
    order = sorted(range(len(page)), key=lambda n: page[n].y)
    apart = {n for n, line in enumerate(page) if line.margin}
    every = set(apart)
    for outward in (order, order[::-1]):
        rows = _rows(page, outward)
        every.update(n for row in rows[:_EDGE] for n in row if not low < page[n].y < high)
        for outer, inner in pairwise(rows):
            near, far = page[outer[-1]], page[inner[0]]
            if low < near.y < high or abs(near.y - far.y) < 1.8 * max(near.size, far.size):
                break
            apart.update(outer)
    return _Edge(frozenset(every), frozenset(apart))


def _rows(page: list[Drawn], order: list[int]) -> list[list[int]]:
    """The first lines in an order, those of one height together."""
    rows: list[list[int]] = []
    for n in order:
        if rows and abs(page[rows[-1][0]].y - page[n].y) < 2:
            rows[-1].append(n)
        elif len(rows) > _EDGE:
            break
        else:
            rows.append([n])
    return rows


def _printed(page: list[Drawn]) -> set[int]:
    """The lines that a browser prints around a page: when, the title, the address, `1/3`; in the outermost rows."""
    order = sorted(range(len(page)), key=lambda n: page[n].y)
    rows = [row for outward in (order, order[::-1]) for row in _rows(page, outward)[:1]]
    texts = [" ".join(page[n].text for n in row) for row in rows]
    kinds_of_rows = [{name for name, form in _BROWSER.items() if form.search(text)} for text in texts]
    if len(set().union(*kinds_of_rows)) < _SURE:
        return set()
    return {n for row, kinds in zip(rows, kinds_of_rows, strict=True) if kinds for n in row}


def without_margins(pages: list[list[Drawn]]) -> tuple[list[list[Drawn]], list[str]]:
    """Pages without headers, footers and page numbers; and what was left out, each once, what counts pages as `#`.

    Left out is what stands apart at the edge of at least a third of the pages, or is marked there, or is a page number,
    or is what a browser prints around each page.
    """
    heights = [line.y for page in pages for line in page]
    low, high = min(heights, default=0.0), max(heights, default=0.0)
    deep = _DEEP * (high - low) if high - low > _TALL else -1.0
    edges = [_edge(page, low + deep, high - deep) for page in pages]
    shapes = [
        [_shape(line) if n in edge.outer else ("", 0) for n, line in enumerate(page)]
        for page, edge in zip(pages, edges, strict=True)
    ]
    seen = Counter(shape for own, edge in zip(shapes, edges, strict=True) for shape in {own[n] for n in edge.apart})
    often = {shape for shape, count in seen.items() if count >= 2 and 3 * count >= len(pages)}
    numbers = _numbers(pages, edges)
    gone: dict[str, list[tuple[int, str]]] = {}
    inner = []
    for place, (page, edge, own) in enumerate(zip(pages, edges, shapes, strict=True)):
        margin = {n for n in edge.outer if page[n].margin or own[n] in often} | numbers[place] | _printed(page)
        for n in sorted(margin):
            gone.setdefault(own[n][0] or page[n].text, []).append((place + 1, page[n].text.strip()))
        inner.append([line for n, line in enumerate(page) if n not in margin])
    if not any(inner):
        return pages, []
    return inner, list(dict.fromkeys(text for lines in gone.values() for text in _counting(lines, len(pages))))


def _counting(lines: list[tuple[int, str]], pages: int) -> list[str]:
    """Lines that are alike but for their digits, by page: as one where what varies counts pages, else each once."""
    shown: list[str] = []
    for column in zip(*(_PIECES.findall(text) for _, text in lines), strict=False):
        steps = {int(piece) - page for piece, (page, _) in zip(column, lines, strict=True) if piece.isdigit()}
        counts = column[0].isdigit() and len(steps) == 1 and (len(lines) > 1 or _PAGE_NUMBER.match(lines[0][1]))
        total = column[0] == str(pages) and shown[-2:-1] == ["#"] and shown[-1].strip() in ("/", "of")
        if not counts and len(set(column)) > 1:
            return list(dict.fromkeys(text for _, text in lines))
        shown.append("#" if counts or total else column[0])
    return ["".join(shown)]


def _numbers(pages: list[list[Drawn]], edges: list[_Edge]) -> list[set[int]]:
    """By page: its number, where it stands apart and goes on with those of others; a number alone may be a value."""
    matches = [
        {n: match for n in edge.apart if (match := _PAGE_NUMBER.match(page[n].text.strip()))}
        for page, edge in zip(pages, edges, strict=True)
    ]
    steps = Counter(
        step for place, numbers in enumerate(matches) for step in {_step(match, place) for match in numbers.values()}
    )
    return [
        {
            n
            for n, match in numbers.items()
            if len(pages) > 1 and (match["of"] or _step(match, place) == 1 or steps[_step(match, place)] > 1)
        }
        for place, numbers in enumerate(matches)
    ]


def _step(match: re.Match[str], place: int) -> int:
    """By how much a page's number is more than the pages before it."""
    return (int(match["number"]) if match["number"] else roman(match["roman"]) or 0) - place
