"""One page of a PDF: its lines, what of them no reader sees, and what stands on it without being text."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pypdf import PageObject, PdfReader
from pypdf.generic import DictionaryObject

from placet.comparison.normal import normal
from placet.comparison.reading.layout import Drawn
from placet.comparison.reading.pdf_annotations import Annotations, Over
from placet.comparison.reading.pdf_content import Interpreter
from placet.comparison.reading.pdf_drawn import Area, PageDrawing, Run, Shape
from placet.comparison.reading.pdf_fonts import Fonts
from placet.comparison.reading.pdf_layers import Layers
from placet.comparison.reading.pdf_lines import lines_of
from placet.comparison.reading.pdf_state import Box, Matrix, alike, area, common, moved, numbers
from placet.comparison.reading.unread import Unread, unread

_LINES: Final = 300
"""Lines at a text's height that may strike it through."""
_WORDS: Final = 3
"""Words by which a thing on a page is found again."""
_PAIRS: Final = 400_000
"""Texts and areas on a page that are held against each other: beyond, the largest areas are."""
_SHAPES: Final = 500
"""Drawings on a page that are found again one by one: beyond, all of them together."""
_MARGIN: Final = 0.15
"""Of a page's height: what is marked as header or footer stands so near to an edge."""
_BAR: Final = 60.0
"""Points: what is higher is a ground."""
_WHITE: Final = (1.0, 1.0, 1.0)


@dataclass
class Page:
    lines: list[Drawn]
    unread: list[Unread] = field(default_factory=list)
    unseen: dict[str, list[str]] = field(default_factory=dict)
    struck: list[str] = field(default_factory=list)
    differing: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, tuple[int, ...]] = field(default_factory=dict)
    turns: bool = False
    """Columns were drawn in turns."""
    pictured: bool = False
    """A picture fills the page."""


def read_page(
    page: PageObject, reader: PdfReader, fonts: Fonts, layers: Layers, count: Callable[[int], None], *, anew: bool
) -> Page:
    """Draws a page and what lies over it. Errors of pypdf for what is malformed."""
    base, seen = _upright(page)
    interpreter = Interpreter(reader, fonts, layers, base, seen, count)
    resources = page.get("/Resources")
    resources = resources.get_object() if resources is not None else None
    contents = page.get_contents()
    if contents is not None:
        dictionary = resources if isinstance(resources, DictionaryObject) else DictionaryObject()
        interpreter.draw(contents, dictionary, base, seen)
    over = Annotations(interpreter, layers, base, made_anew=anew).read(page.get("/Annots"))
    return _told(interpreter.finish(), over, seen)


def _upright(page: PageObject) -> tuple[Matrix, Box]:
    """The matrix that turns a page as it is shown, and the box that is seen of it then."""
    x0, y0, x1, y1 = numbers(page.cropbox, 4)
    box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    turn = int(numbers([page.get("/Rotate", 0)], 1)[0]) % 360
    matrix: Matrix = {
        90: (0.0, -1.0, 1.0, 0.0, 0.0, 0.0),
        180: (-1.0, 0.0, 0.0, -1.0, 0.0, 0.0),
        270: (0.0, 1.0, -1.0, 0.0, 0.0, 0.0),
    }.get(turn, (1.0, 0.0, 0.0, 1.0, 0.0, 0.0))
    return matrix, moved(box, matrix)


def _told(drawing: PageDrawing, over: Over, seen: Box) -> Page:
    height = seen[3] - seen[1]
    for run in drawing.runs:
        run.margin &= min(run.y - seen[1], seen[3] - run.y) < _MARGIN * height
    lines = lines_of(drawing.runs, over.runs)
    page = Page(lines.lines, turns=lines.turns, rows=lines.rows, differing=over.differing)
    areas = drawing.areas
    if len(areas) * len(drawing.runs) > _PAIRS:
        largest = sorted(areas, key=lambda one: -area(one.box))[: _PAIRS // len(drawing.runs)]
        areas = sorted(largest, key=lambda one: one.order)
    strokes = sorted([*drawing.strokes, *map(_middle, over.struck)], key=_height)
    for run in drawing.runs:
        if why := run.why or _hidden(run, areas):
            page.unseen.setdefault(why, []).append(run.text)
        if run.turned == 0 and (text := _struck(run, strokes)):
            page.struck.append(text)
    for one in _few(drawing):
        page.unread.append(Unread(one.kind, one.digest, _near(one.box, drawing.runs)))
        page.pictured |= one.kind == "pictures" and area(one.box) > 0.6 * area(seen)
    page.unread += _blackened(drawing, areas)
    for place, box in over.boxes:
        thing = over.unread[place]
        over.unread[place] = Unread(thing.kind, thing.digest, _near(box, drawing.runs), thing.shown)
    page.unread += over.unread
    if drawing.concealed:
        words = "".join(drawing.concealed)
        page.unread.append(unread("texts of layers that are not shown", words, shown=words))
    for drawn, said in drawing.actual:
        if "".join(normal(drawn).split()) != "".join(normal(said).split()):
            page.unread.append(unread("texts behind the letters that are drawn", drawn, said, shown=said))
    return page


def _few(drawing: PageDrawing) -> list[Shape]:
    """Shapes one by one, or as one where they are many."""
    shapes = drawing.shapes
    if len(shapes) <= _SHAPES:
        return shapes
    whole = hashlib.sha256(b"".join(one.kind.encode() + one.digest for one in shapes)).digest()
    return [Shape("drawings and pictures of a page full of them", whole, shapes[0].box, shapes[0].order)]


def _blackened(drawing: PageDrawing, areas: Sequence[Area]) -> list[Unread]:
    """Dark areas on which nothing is written: what a redaction looks like."""
    bars = []
    for one in areas:
        if one.color is None or sum(one.color) >= 1.0 or one.box[3] - one.box[1] > _BAR:
            continue
        if not any(run.order > one.order and area(common(run.box, one.box)) > 0 for run in drawing.runs):
            size = (round(one.box[2] - one.box[0]), round(one.box[3] - one.box[1]))
            bars.append(unread("dark bars", repr(size), near=_near(one.box, drawing.runs)))
    return bars


def _hidden(run: Run, areas: Sequence[Area]) -> str:
    """Why a text can't be told from what lies below it or is covered by what lies above it."""
    ground = _WHITE
    known = True
    middle = ((run.box[0] + run.box[2]) / 2, (run.box[1] + run.box[3]) / 2)
    for one in areas:
        if one.order > run.order:
            if area(common(run.box, one.box)) > 0.75 * area(run.box):
                return "covered"
        elif one.box[0] <= middle[0] <= one.box[2] and one.box[1] <= middle[1] <= one.box[3]:
            known = one.color is not None
            ground = one.color or _WHITE
    if known and run.color is not None and alike(run.color, ground):
        return "in the colour of its ground"
    return ""


def _middle(box: Box) -> Box:
    """A line through the middle of a box."""
    y = (box[1] + box[3]) / 2
    return box[0], y, box[2], y


def _height(stroke: Box) -> float:
    return (stroke[1] + stroke[3]) / 2


def _struck(run: Run, strokes: Sequence[Box]) -> str:
    """The part of a text that a line goes through, of lines in ascending order; empty where none does."""
    parts = []
    width = run.end - run.x
    first = bisect_left(strokes, run.y + 0.12 * run.size, key=_height)
    last = bisect_left(strokes, run.y + 0.5 * run.size, key=_height)
    for x0, _, x1, _ in strokes[first : min(last, first + _LINES)]:
        inside = min(x1, run.end) - max(x0, run.x)
        if inside > 0.8 * run.size and width > 0:
            begin = round(len(run.text) * max(0.0, (x0 - run.x) / width))
            end = round(len(run.text) * min(1.0, (x1 - run.x) / width))
            parts.append(run.text[begin:end])
    return " ".join(parts)


def _near(box: Box, runs: Sequence[Run]) -> str:
    """The words beside something on a page, else the last ones above it."""
    beside = [run for run in runs if run.turned == 0 and run.box[1] < box[3] and box[1] < run.box[3] and not run.margin]
    if beside:
        nearest = min(beside, key=lambda run: max(run.box[0] - box[2], box[0] - run.box[2], 0.0))
        words = normal(nearest.text).split()
        return " ".join(words[:_WORDS] if nearest.box[0] >= box[0] - nearest.size else words[-_WORDS:])
    above = [run for run in runs if run.turned == 0 and run.y >= box[3] and not run.margin]
    if not above:
        return ""
    return " ".join(normal(min(above, key=lambda run: run.y).text).split()[-_WORDS:])


def beside_pages(root: DictionaryObject) -> list[Unread]:
    """What a document holds beside its pages: forms of another kind, files, scripts."""
    things: list[Unread] = []
    form = _dictionary(root.get("/AcroForm"))
    if "/XFA" in form:
        packets: Any = form["/XFA"].get_object()
        pieces = [one.get_object() for one in packets] if isinstance(packets, list) else [packets]
        data = [one.get_data() for one in pieces if hasattr(one, "get_data")]
        things.append(unread("forms in XML (XFA)", *data))
    names = _dictionary(root.get("/Names"))
    for key, kind in (("/EmbeddedFiles", "embedded files"), ("/JavaScript", "scripts")):
        things += [unread(kind, content, shown=name) for name, content in _named(names.get(key), 0)]
    if "/OpenAction" in root and str(_dictionary(root.get("/OpenAction")).get("/S")) == "/JavaScript":
        things.append(unread("scripts", repr(_dictionary(root["/OpenAction"]).get("/JS"))))
    if "/AA" in root:
        things.append(unread("scripts", repr(root["/AA"].get_object())[:100_000]))
    return things


def _named(tree: Any, depth: int) -> list[tuple[str, bytes]]:
    inside = _dictionary(tree)
    entries: list[tuple[str, bytes]] = []
    pairs = inside.get("/Names")
    pairs = pairs.get_object() if pairs is not None else []
    for name, value in zip(pairs[::2], pairs[1::2], strict=False):
        entry = _dictionary(value)
        streams = [_dictionary(entry.get("/EF")).get("/F"), entry.get("/JS")]
        content = b""
        for one in streams:
            stream: Any = one.get_object() if one is not None else b""
            content += stream.get_data() if hasattr(stream, "get_data") else str(stream).encode()
        entries.append((str(name), content))
    kids = inside.get("/Kids")
    for kid in (kids.get_object() if kids is not None else []) if depth < 10 else []:
        entries += _named(kid, depth + 1)
    return entries[:1000]


def _dictionary(value: Any) -> DictionaryObject:
    target = value.get_object() if value is not None else None
    return target if isinstance(target, DictionaryObject) else DictionaryObject()
