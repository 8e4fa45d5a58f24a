"""What a PDF page draws, operator by operator: runs of text with their places, areas that cover, and what is no text.

The operators are those of ISO 32000-2, annex A. Text is read as its glyphs' codes say; that a reader can't see it is
told with it.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from pypdf.generic import ContentStream, DictionaryObject, NameObject, StreamObject

from placet.comparison.limits import check
from placet.comparison.normal import BREAK
from placet.comparison.reading.pdf_fonts import Letter, PdfFont
from placet.comparison.reading.pdf_layers import Layers
from placet.comparison.reading.pdf_state import (
    EVERYWHERE,
    IDENTITY,
    Box,
    Color,
    Matrix,
    State,
    area,
    at,
    box_of,
    color_of,
    common,
    matrix_of,
    moved,
    numbers,
    times,
)

_DEEP: Final = 20
"""Forms inside each other."""
_FORMS: Final = 500
"""Forms drawn on a page."""
_BLANK: Final = 0.14
"""Of the size: a gap between letters that parts words."""
_PART: Final = 3.0
"""Of the size: a gap that ends a run."""
_SMALL: Final = (2.0, 24.0)
"""Points: a box of such sides may be a tick or a box for one."""
_INVISIBLE: Final = frozenset({3, 7})


@dataclass(slots=True)
class Run:
    """Text on one line without a wide gap. `x` and `end` along the direction of writing, `y` across it, in points."""

    text: str
    x: float
    end: float
    y: float
    size: float
    turned: int
    """Degrees against the page's own direction."""
    box: Box
    order: int
    color: Color | None
    why: str = ""
    """Why no reader sees it; empty where one does, or where that depends on what else is drawn."""
    margin: bool = False
    """Marked as a page's header or footer."""


@dataclass(frozen=True, slots=True)
class Area:
    """Something opaque that lies over what was drawn before it; the colour None where it has several."""

    box: Box
    color: Color | None
    order: int


@dataclass(frozen=True, slots=True)
class Shape:
    """Something drawn that is no text, by the hash of what it is."""

    kind: str
    digest: bytes
    box: Box
    order: int


@dataclass
class Drawing:
    """Everything that one page draws, in order."""

    runs: list[Run] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    strokes: list[Box] = field(default_factory=list)
    """Thin lines along the direction of writing."""
    concealed: list[str] = field(default_factory=list)
    """Text of layers that are not shown."""
    actual: list[tuple[str, str]] = field(default_factory=list)
    """Letters as they are drawn, and the text that the file says they are."""
    unknown: int = 0
    """Letters of which no font says what they are."""
    lies: set[str] = field(default_factory=set)


@dataclass
class _Marked:
    hidden: bool = False
    margin: bool = False
    actual: str | None = None
    drawn: list[str] = field(default_factory=list)


@dataclass
class _Pending:
    """A run that is being read, letter by letter."""

    letters: list[str]
    gaps: list[float]
    x: float
    end: float
    y: float
    size: float
    turned: int
    boxes: list[Box]
    order: int
    color: Color | None
    why: str
    measured: bool


class Interpreter:
    """Draws a page into a `Drawing`. `count` is called for every operator, with the number of letters that it shows."""

    def __init__(self, pdf: Any, layers: Layers, base: Matrix, page: Box, count: Callable[[int], None]) -> None:
        """`base` makes a page's space one that stands upright, in which `page` is what is seen."""
        self.drawing = Drawing()
        self._pdf, self._layers, self._base, self._page, self._count = pdf, layers, base, page, count
        self._state = State(base)
        self._stack: list[State] = []
        self._marked: list[_Marked] = []
        self._resources: list[DictionaryObject] = []
        self._fonts: dict[int, PdfFont | None] = {}
        self._text, self._line = IDENTITY, IDENTITY
        self._pending: _Pending | None = None
        self._path: list[list[tuple[float, float]]] = []
        self._curved = False
        self._clipping = False
        self._order = 0
        self._forms = 0
        self._strokes: Any = None
        self._drawn_box: Box | None = None
        self._drawn_order = 0

    def draw(self, content: Any, resources: DictionaryObject, matrix: Matrix, clip: Box = EVERYWHERE) -> None:
        """One content stream in its own state; what it leaves open is closed."""
        if len(self._resources) >= _DEEP:
            return
        kept = (self._state, self._stack, self._marked, self._text, self._line, self._path)
        self._state = State(matrix, clip=clip, fill=self._state.fill, alpha=self._state.alpha)
        self._stack, self._path = [], []
        self._marked = list(self._marked)
        self._resources.append(resources)
        try:
            stream = content if isinstance(content, ContentStream) else ContentStream(content, self._pdf, "bytes")
            for operands, operator in stream.operations:
                self._order += 1
                self._count(0)
                handler = _OPERATORS.get(bytes(operator))
                if handler is not None:
                    handler(self, operands)
            self._flush()
        finally:
            self._resources.pop()
            self._state, self._stack, self._marked, self._text, self._line, self._path = kept

    def appearance(self, look: StreamObject, place: Matrix) -> None:
        """What an annotation looks like, over all that was drawn."""
        self._flush()
        self._order += 1
        self._state = State(times(place, self._base), clip=self._page)
        self._stack, self._marked = [], []
        self.form(look, self._state.matrix)

    def finish(self) -> Drawing:
        self._flush()
        self._flush_shape()
        for font in self._fonts.values():
            if font is not None:
                self.drawing.lies |= font.lies
        return self.drawing

    # --- state ---

    def _resource(self, kind: str, name: Any, *, raw: bool = False) -> Any:
        for resources in reversed(self._resources):
            group = resources.get(kind)
            group = group.get_object() if group is not None else None
            if isinstance(group, DictionaryObject) and name in group:
                return group.raw_get(name) if raw else group[name].get_object()
            break
        return None

    def _save(self, _: Sequence[Any]) -> None:
        if len(self._stack) < 1000:
            self._stack.append(self._state.copy())

    def _restore(self, _: Sequence[Any]) -> None:
        if self._stack:
            self._state = self._stack.pop()

    def _concat(self, operands: Sequence[Any]) -> None:
        self._state.matrix = times(matrix_of(operands), self._state.matrix)

    def _width(self, operands: Sequence[Any]) -> None:
        self._state.width = numbers(operands, 1)[0]

    def _graphics_state(self, operands: Sequence[Any]) -> None:
        found = self._resource("/ExtGState", operands[0] if operands else "")
        if not isinstance(found, DictionaryObject):
            return
        if "/ca" in found:
            self._state.alpha = numbers([found["/ca"]], 1)[0]
        if "/CA" in found:
            self._state.stroke_alpha = numbers([found["/CA"]], 1)[0]
        if "/BM" in found:
            self._state.blended = str(found["/BM"]) not in ("/Normal", "/Compatible")
        if "/Font" in found:
            chosen: Any = found["/Font"].get_object()
            self._state.font, self._state.size = self._font(chosen[0].get_object()), numbers(chosen[1:], 1)[0]

    def _fill_space(self, operands: Sequence[Any]) -> None:
        name = str(operands[0]) if operands else ""
        self._state.plain_fill = name in ("/DeviceGray", "/DeviceRGB", "/DeviceCMYK", "/G", "/RGB", "/CMYK")
        if not self._state.plain_fill:
            space = self._resource("/ColorSpace", name)
            kind = str(space[0]) if isinstance(space, list) and space else ""
            self._state.plain_fill = kind in ("/ICCBased", "/CalRGB", "/CalGray")
        self._state.fill = (0.0, 0.0, 0.0) if self._state.plain_fill else None

    def _fill_color(self, operands: Sequence[Any]) -> None:
        if operands and isinstance(operands[-1], NameObject):
            self._state.fill = None
            pattern = self._resource("/Pattern", operands[-1])
            if isinstance(pattern, StreamObject):
                self._shape("patterns", pattern.get_data(), self._state.clip)
        elif self._state.plain_fill:
            self._state.fill = color_of(numbers(operands, len(operands)))
        else:
            self._state.fill = None

    def _device_fill(self, operands: Sequence[Any]) -> None:
        self._state.plain_fill = True
        self._state.fill = color_of(numbers(operands, len(operands)))

    # --- marked content ---

    def _begin_marked(self, operands: Sequence[Any]) -> None:
        self._flush()
        mark = _Marked()
        if self._marked:
            mark.hidden, mark.margin = self._marked[-1].hidden, self._marked[-1].margin
        tag = str(operands[0]) if operands else ""
        given = operands[1] if len(operands) > 1 else None
        properties = self._resource("/Properties", given) if isinstance(given, NameObject) else given
        if tag == "/OC" and isinstance(given, NameObject):
            mark.hidden |= not self._layers.shows(self._resource("/Properties", given, raw=True))
        if isinstance(properties, DictionaryObject):
            if tag == "/Artifact" and str(properties.get("/Type")) == "/Pagination":
                mark.margin = True
            if "/ActualText" in properties:
                said = properties["/ActualText"]
                mark.actual = said.decode("latin-1") if isinstance(said, bytes) else str(said)
        self._marked.append(mark)

    def _end_marked(self, _: Sequence[Any]) -> None:
        if not self._marked:
            return
        self._flush()
        mark = self._marked.pop()
        if mark.actual is not None:
            self._actual(mark)

    def _actual(self, mark: _Marked) -> None:
        drawn, said = "".join(mark.drawn), mark.actual or ""
        if not mark.drawn or not self.drawing.runs:
            return
        last = self.drawing.runs[-1]
        if said == "\u00ad" and last.text.endswith("-"):
            last.text = last.text[:-1] + said
        elif "\ufffd" in drawn and last.text == drawn.strip():
            last.text = said
        elif said:
            self.drawing.actual.append((drawn, said))

    # --- text ---

    def _begin_text(self, _: Sequence[Any]) -> None:
        self._text = self._line = IDENTITY

    def _set_font(self, operands: Sequence[Any]) -> None:
        resource = self._resource("/Font", operands[0] if operands else "")
        self._state.font = self._font(resource) if isinstance(resource, DictionaryObject) else None
        self._state.size = numbers(operands[1:], 1)[0]

    def _font(self, resource: DictionaryObject) -> PdfFont | None:
        key = id(resource)
        if key not in self._fonts:
            try:
                self._fonts[key] = PdfFont.of(resource)
            except (AttributeError, TypeError, KeyError, ValueError):
                self._fonts[key] = PdfFont("", "", resource, measured=False)
        return self._fonts[key]

    def _move(self, operands: Sequence[Any]) -> None:
        x, y = numbers(operands, 2)
        self._line = self._text = times((1, 0, 0, 1, x, y), self._line)

    def _move_leading(self, operands: Sequence[Any]) -> None:
        self._state.leading = -numbers(operands, 2)[1]
        self._move(operands)

    def _text_matrix(self, operands: Sequence[Any]) -> None:
        self._line = self._text = matrix_of(operands)

    def _next_line(self, _: Sequence[Any]) -> None:
        self._move([0, -self._state.leading])

    def _show(self, operands: Sequence[Any]) -> None:
        for raw in operands[:1]:
            self._string(raw)

    def _show_next(self, operands: Sequence[Any]) -> None:
        self._next_line(())
        self._show(operands[-1:])

    def _show_spaced(self, operands: Sequence[Any]) -> None:
        self._state.word_space, self._state.letter_space = numbers(operands, 2)
        self._show_next(operands)

    def _show_array(self, operands: Sequence[Any]) -> None:
        for item in operands[0] if operands and isinstance(operands[0], list) else ():
            if isinstance(item, (str, bytes)):
                self._string(item)
            else:
                shift = -numbers([item], 1)[0] / 1000 * self._state.size * self._state.scale
                self._text = times((1, 0, 0, 1, shift, 0), self._text)

    def _string(self, item: Any) -> None:
        raw = getattr(item, "original_bytes", item)
        raw = raw if isinstance(raw, bytes) else str(raw).encode("latin-1", "replace")
        state = self._state
        if state.font is None:
            state.font = PdfFont("", "", DictionaryObject(), measured=False)
        self._count(len(raw))
        for letter in state.font.letters(raw):
            self._letter(state, state.font, letter)
            space = state.letter_space + (state.word_space if letter.blank else 0.0)
            shift = (letter.width * state.size + space) * state.scale
            self._text = times((1, 0, 0, 1, shift, 0), self._text)

    def _letter(self, state: State, font: PdfFont, letter: Letter) -> None:
        place = times((state.size * state.scale, 0, 0, state.size, 0, state.rise), times(self._text, state.matrix))
        mark = self._marked[-1] if self._marked else None
        text = letter.text
        if text == "\ufffd":
            self.drawing.unknown += 1
            what = font.look(letter.code)
            self._shape("letters that no font names", what, moved((0, -0.2, letter.width, 0.8), place))
        for one in self._marked:
            if one.actual is not None:
                one.drawn.append(text)
        if mark is not None and mark.hidden:
            self.drawing.concealed.append(text)
            return
        x, y, turned = _along(place)
        end = _along(times((1, 0, 0, 1, letter.width, 0), place))[0]
        size = (place[2] ** 2 + place[3] ** 2) ** 0.5
        box = moved((0, -0.2, max(letter.width, 0.01), 0.8), place)
        why = self._why(state, size, box)
        color = state.stroke if state.mode in (1, 5) else state.fill
        pending = self._pending
        if pending is not None and not (
            pending.turned == turned
            and pending.why == why
            and pending.color == color
            and abs(pending.size - size) < 0.05 * size + 0.01
            and abs(pending.y - y) < 0.1 * size
            and -0.6 * size < x - pending.end < _PART * size
        ):
            self._flush()
            pending = None
        if pending is None:
            self._flush_shape()
            self._pending = pending = _Pending(
                [text], [], x, end, y, size, turned, [box], self._order, color, why, font.measured
            )
            return
        pending.letters.append(text)
        pending.gaps.append((x - pending.end) / size if size else 0.0)
        pending.boxes.append(box)
        pending.end = max(end, pending.end)

    def _why(self, state: State, size: float, box: Box) -> str:
        if state.mode in _INVISIBLE:
            return "drawn invisibly"
        if min(state.alpha, 1.0) < 0.05 and state.mode not in (1, 5):
            return "transparent"
        if size < 1.5:
            return "tiny"
        seen = common(box, common(state.clip, self._page))
        if area(seen) < 0.2 * area(box):
            return "outside of the page" if area(common(box, self._page)) < 0.2 * area(box) else "cut off"
        return ""

    def _flush(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        text = "".join(_worded(pending)).replace(BREAK, "")
        if not text.strip():
            return
        margin = bool(self._marked and self._marked[-1].margin)
        box = _around(pending.boxes)
        run = Run(
            text, pending.x, pending.end, pending.y, pending.size, pending.turned, box, pending.order, pending.color,
            pending.why, margin,
        )  # fmt: skip
        for other in self.drawing.runs[-4:]:  # drawn twice, a little apart: bold, or with a shadow
            if (
                other.text == run.text
                and abs(other.x - run.x) < 0.1 * run.size
                and abs(other.y - run.y) < 0.1 * run.size
            ):
                return
        self.drawing.runs.append(run)

    # --- paths ---

    def _start_path(self, operands: Sequence[Any]) -> None:
        x, y = numbers(operands, 2)
        self._path.append([at(self._state.matrix, x, y)])

    def _line_to(self, operands: Sequence[Any]) -> None:
        x, y = numbers(operands, 2)
        if self._path:
            self._path[-1].append(at(self._state.matrix, x, y))

    def _curve(self, operands: Sequence[Any]) -> None:
        self._curved = True
        values = numbers(operands, len(operands))
        for n in range(0, len(values) - 1, 2):
            if self._path:
                self._path[-1].append(at(self._state.matrix, values[n], values[n + 1]))

    def _close_path(self, _: Sequence[Any]) -> None:
        if self._path:
            self._path[-1].append(self._path[-1][0])

    def _rectangle(self, operands: Sequence[Any]) -> None:
        x, y, width, height = numbers(operands, 4)
        corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y))
        self._path.append([at(self._state.matrix, *corner) for corner in corners])

    def _clip(self, _: Sequence[Any]) -> None:
        self._clipping = True

    def _paint(self, *, fill: bool, stroke: bool) -> None:
        points = [point for part in self._path for point in part]
        if points:
            if (fill or stroke) and not (self._marked and self._marked[-1].hidden):
                for part in self._path:
                    self._painted(part, fill=fill, stroke=stroke)
            if self._clipping:
                self._state.clip = common(self._state.clip, box_of(points))
        self._path, self._curved, self._clipping = [], False, False

    def _painted(self, points: list[tuple[float, float]], *, fill: bool, stroke: bool) -> None:
        state = self._state
        whole = box_of(points)
        box = common(whole, common(state.clip, self._page))
        upright = not self._curved and all(
            abs(x - x2) < 0.1 or abs(y - y2) < 0.1 for (x, y), (x2, y2) in pairwise(points)
        )
        width, height = whole[2] - whole[0], whole[3] - whole[1]
        seen = (fill and state.alpha > 0.05) or (stroke and state.stroke_alpha > 0.05)
        if not seen or (area(box) <= 0 and whole[0] > self._page[2]):
            return
        if upright and fill and state.alpha > 0.95 and not state.blended and width > 3 and height > 3:
            self.drawing.areas.append(Area(box, state.fill, self._order))
        thin = height < 2.5 and width > 4
        if upright and thin:
            self.drawing.strokes.append(whole)
            return
        small = _SMALL[0] <= width <= _SMALL[1] and _SMALL[0] <= height <= _SMALL[1]
        if not upright or small:
            color = state.fill if fill else state.stroke
            corner = [(round((x - whole[0]) * 2), round((y - whole[1]) * 2)) for x, y in points]
            self._draw_shape(repr((fill, stroke, color, corner)).encode(), whole)

    def _draw_shape(self, what: bytes, box: Box) -> None:
        """Shapes that follow each other are one drawing."""
        if self._strokes is None:
            self._strokes, self._drawn_box, self._drawn_order = hashlib.sha256(), box, self._order
        elif not _near(self._drawn_box or box, box):
            self._flush_shape()
            self._strokes, self._drawn_box, self._drawn_order = hashlib.sha256(), box, self._order
        self._strokes.update(what)
        self._drawn_box = _around([self._drawn_box or box, box])

    def _flush_shape(self) -> None:
        if self._strokes is not None and self._drawn_box is not None:
            self.drawing.shapes.append(Shape("drawings", self._strokes.digest(), self._drawn_box, self._drawn_order))
        self._strokes = self._drawn_box = None

    def _shape(self, kind: str, content: bytes, box: Box) -> None:
        self.drawing.shapes.append(Shape(kind, hashlib.sha256(content).digest(), box, self._order))

    # --- pictures and forms ---

    def _shading(self, operands: Sequence[Any]) -> None:
        self._draw_shape(
            repr(self._resource("/Shading", operands[0] if operands else "")).encode()[:10_000], self._state.clip
        )

    def _inline(self, operands: Any) -> None:
        if isinstance(operands, dict):
            data = operands.get("data", b"")
            self._picture(data if isinstance(data, bytes) else bytes(data), repr(operands.get("settings")).encode())

    def _picture(self, *content: bytes) -> None:
        box = moved((0, 0, 1, 1), self._state.matrix)
        seen = common(box, common(self._state.clip, self._page))
        if (self._marked and self._marked[-1].hidden) or seen[2] - seen[0] < 2 or seen[3] - seen[1] < 2:
            return
        self._flush()
        self._shape("pictures", b"".join(hashlib.sha256(piece).digest() for piece in content), seen)
        if self._state.alpha > 0.95 and not self._state.blended:
            self.drawing.areas.append(Area(seen, None, self._order))

    def _do(self, operands: Sequence[Any]) -> None:
        name = operands[0] if operands else ""
        found = self._resource("/XObject", name)
        if not isinstance(found, StreamObject):
            return
        self._flush()
        if "/OC" in found and not self._layers.shows(found.raw_get("/OC")):
            self._marked.append(_Marked(hidden=True))
        else:
            self._marked.append(self._marked[-1] if self._marked else _Marked())
        if str(found.get("/Subtype")) == "/Image":
            masks = [found[key].get_object() for key in ("/SMask", "/Mask") if key in found]
            raw = [one._data for one in (found, *masks) if isinstance(one, StreamObject)]
            size = repr([found.get(key) for key in ("/Width", "/Height", "/Decode", "/ImageMask")]).encode()
            self._picture(*(piece if isinstance(piece, bytes) else str(piece).encode() for piece in raw), size)
        elif str(found.get("/Subtype")) == "/Form":
            self.form(found, self._state.matrix)
        self._marked.pop()

    def form(self, found: StreamObject, matrix: Matrix) -> None:
        """A form XObject in the place that a matrix gives it."""
        self._forms += 1
        check(self._forms, _FORMS, "forms on a page")
        inner = times(matrix_of(found.get("/Matrix", IDENTITY)), matrix)
        clip = self._state.clip
        bounds: Any = found["/BBox"].get_object() if "/BBox" in found else None
        if isinstance(bounds, list):
            x0, y0, x1, y1 = numbers(bounds, 4)
            clip = common(clip, moved((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), inner))
        resources = found.get("/Resources")
        resources = resources.get_object() if resources is not None else None
        if not isinstance(resources, DictionaryObject):
            resources = self._resources[-1] if self._resources else DictionaryObject()
        self.draw(found, resources, inner, clip)


def _along(place: Matrix) -> tuple[float, float, int]:
    """Where a letter begins: along its direction of writing and across it; and the direction in degrees."""
    a, b, x, y = place[0], place[1], place[4], place[5]
    length = (a * a + b * b) ** 0.5 or 1.0
    across, up = a / length, b / length
    if abs(up) < 0.02:
        return (x, y, 0) if across > 0 else (-x, -y, 180)
    if abs(across) < 0.02:
        return (y, -x, 90) if up > 0 else (-y, x, 270)
    return x * across + y * up, y * across - x * up, 45


def _worded(pending: _Pending) -> Iterator[str]:
    """Letters with blanks where the gap before one parts words."""
    gaps = sorted(max(gap, 0.0) for gap in pending.gaps)
    usual = statistics.median(gaps) if gaps else 0.0
    least = (usual if usual > 0.05 else 0.0) + (_BLANK if pending.measured else 2 * _BLANK)
    yield pending.letters[0]
    last = pending.letters[0]
    for letter, gap in zip(pending.letters[1:], pending.gaps, strict=True):
        if gap > least and not last.isspace() and not letter.isspace():
            yield " "
        yield letter
        last = letter


def _around(boxes: Sequence[Box]) -> Box:
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _near(one: Box, other: Box) -> bool:
    gap = 12.0
    return one[0] - gap < other[2] and other[0] < one[2] + gap and one[1] - gap < other[3] and other[1] < one[3] + gap


def _set(name: str, factor: float = 1.0) -> Callable[[Interpreter, Sequence[Any]], None]:
    def handler(interpreter: Interpreter, operands: Sequence[Any]) -> None:
        setattr(interpreter._state, name, numbers(operands, 1)[0] * factor)

    return handler


def _mode(interpreter: Interpreter, operands: Sequence[Any]) -> None:
    interpreter._state.mode = int(numbers(operands, 1)[0])


def _stroke_color(interpreter: Interpreter, operands: Sequence[Any]) -> None:
    plain = not (operands and isinstance(operands[-1], NameObject))
    interpreter._state.stroke = color_of(numbers(operands, len(operands))) if plain else None


def _painter(*, fill: bool, stroke: bool, close: bool = False) -> Callable[[Interpreter, Sequence[Any]], None]:
    def handler(interpreter: Interpreter, operands: Sequence[Any]) -> None:
        if close:
            interpreter._close_path(operands)
        interpreter._paint(fill=fill, stroke=stroke)

    return handler


_OPERATORS: Final[dict[bytes, Callable[[Interpreter, Any], None]]] = {
    b"q": Interpreter._save, b"Q": Interpreter._restore, b"cm": Interpreter._concat, b"w": Interpreter._width,
    b"gs": Interpreter._graphics_state, b"cs": Interpreter._fill_space, b"sc": Interpreter._fill_color,
    b"scn": Interpreter._fill_color, b"g": Interpreter._device_fill, b"rg": Interpreter._device_fill,
    b"k": Interpreter._device_fill, b"G": _stroke_color, b"RG": _stroke_color, b"K": _stroke_color,
    b"SC": _stroke_color, b"SCN": _stroke_color, b"BDC": Interpreter._begin_marked, b"BMC": Interpreter._begin_marked,
    b"EMC": Interpreter._end_marked, b"BT": Interpreter._begin_text, b"Tf": Interpreter._set_font,
    b"Td": Interpreter._move, b"TD": Interpreter._move_leading, b"Tm": Interpreter._text_matrix,
    b"T*": Interpreter._next_line, b"Tj": Interpreter._show, b"'": Interpreter._show_next,
    b'"': Interpreter._show_spaced, b"TJ": Interpreter._show_array, b"Tc": _set("letter_space"),
    b"Tw": _set("word_space"), b"Tz": _set("scale", 0.01), b"TL": _set("leading"), b"Ts": _set("rise"), b"Tr": _mode,
    b"m": Interpreter._start_path, b"l": Interpreter._line_to, b"c": Interpreter._curve, b"v": Interpreter._curve,
    b"y": Interpreter._curve, b"h": Interpreter._close_path, b"re": Interpreter._rectangle, b"W": Interpreter._clip,
    b"W*": Interpreter._clip, b"n": _painter(fill=False, stroke=False), b"S": _painter(fill=False, stroke=True),
    b"s": _painter(fill=False, stroke=True, close=True), b"f": _painter(fill=True, stroke=False),
    b"F": _painter(fill=True, stroke=False), b"f*": _painter(fill=True, stroke=False),
    b"B": _painter(fill=True, stroke=True), b"B*": _painter(fill=True, stroke=True),
    b"b": _painter(fill=True, stroke=True, close=True), b"b*": _painter(fill=True, stroke=True, close=True),
    b"sh": Interpreter._shading, b"INLINE IMAGE": Interpreter._inline, b"Do": Interpreter._do,
}  # fmt: skip
