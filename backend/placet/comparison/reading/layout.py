"""From lines that a page draws to lines of running text: headers and footers left out, gaps found, headings by size."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from placet.comparison.reading.paragraphs import TextLine
from placet.comparison.reading.text import line_of

_DIGITS = re.compile(r"\d+")
_PIECES = re.compile(r"\d+|\D+")
_EDGE = 2
"""Lines at a page's top and bottom that may be its header and footer."""
_PAGE_NUMBER = re.compile(r"(?:page\s*)?[-–(\s]*(?:\d{1,4}|[ivxl]{1,6})[-–)\s]*(?:(?:of|/)\s*\d{1,4})?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line of a page: text, and where it begins, in points from the lower left."""

    text: str
    x: float
    y: float
    size: float
    margin: bool = False
    """Marked by its file as a header or footer."""


def lines(kept: list[list[Drawn]]) -> Iterator[TextLine | None]:
    """What `paragraphs` takes; None where a gap is wider than between lines of a paragraph."""
    size = _commonest(round(line.size) for page in kept for line in page for _ in line.text)
    leading = _commonest(
        round(above.y - below.y, 1) for page in kept for above, below in pairwise(page) if above.y > below.y
    )
    width = max((len(line.text) for page in kept for line in page), default=0)
    last: Drawn | None = None
    for page in kept:
        for n, drawn in enumerate(page):
            if last is not None and _apart(last, drawn, leading, width, turned=n == 0):
                yield None
            made = line_of(drawn.text)
            if made is not None:
                large = size > 0 and drawn.size > 1.15 * size and len(drawn.text) < 120
                yield replace(made, heading=1 + (drawn.size < 1.5 * size)) if large else made
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
    return _DIGITS.sub("#", line.text.strip()), round(line.y / 4)


def _edges(page: list[Drawn]) -> set[int]:
    """The outermost lines of a page that stand apart from the text, at most two on each side, and what is marked."""
    order = sorted(range(len(page)), key=lambda n: page[n].y)
    found = {n for n, line in enumerate(page) if line.margin}
    for outward in (order, order[::-1]):
        for outer, inner in pairwise(_rows(page, outward)):
            near, far = page[outer[-1]], page[inner[0]]
            if abs(near.y - far.y) < 1.8 * max(near.size, far.size):
                break
            found.update(outer)
    return found


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


def without_margins(pages: list[list[Drawn]]) -> tuple[list[list[Drawn]], list[str]]:
    """Pages without headers, footers and page numbers; and what was left out, each once, what counts pages as `#`.

    Left out is what stands apart at the edge of at least half the pages, or is marked there, or is a page number.
    """
    edges = [_edges(page) for page in pages]
    seen = Counter(shape for page, edge in zip(pages, edges, strict=True) for shape in {_shape(page[n]) for n in edge})
    often = {shape for shape, count in seen.items() if count >= 2 and 2 * count >= len(pages)}
    gone: dict[str, list[str]] = {}
    kept = []
    for page, edge in zip(pages, edges, strict=True):
        margin = {n for n in edge if page[n].margin or _shape(page[n]) in often or _numbers(page[n], len(pages))}
        for n in sorted(margin):
            gone.setdefault(_shape(page[n])[0], []).append(page[n].text.strip())
        kept.append([line for n, line in enumerate(page) if n not in margin])
    return kept, [_counting(texts, len(pages)) for texts in gone.values()]


def _counting(texts: list[str], pages: int) -> str:
    """Lines that are alike but for their digits as one: digits that are the same on every page stay."""
    shown: list[str] = []
    for piece in zip(*(_PIECES.findall(text) for text in texts), strict=False):
        varies = piece[0].isdigit() and (len(set(piece)) > 1 or _PAGE_NUMBER.match(texts[0]) is not None)
        total = piece[0] == str(pages) and shown[-2:-1] == ["#"] and shown[-1].strip() in ("/", "of")
        shown.append("#" if varies or total else piece[0])
    return "".join(shown)


def _numbers(line: Drawn, pages: int) -> bool:
    return pages > 1 and _PAGE_NUMBER.match(line.text.strip()) is not None
