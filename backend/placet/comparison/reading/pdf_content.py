"""What a PDF page draws, operator by operator (ISO 32000-2, annex A).

Text is read as its glyphs' codes say; that a reader can't see it is told with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pypdf.generic import ContentStream, DictionaryObject, NameObject, StreamObject

from placet.comparison.limits import check
from placet.comparison.reading.pdf_drawn import Area, PageDrawing
from placet.comparison.reading.pdf_fonts import Fonts, Letter, PdfFont
from placet.comparison.reading.pdf_layers import Layers
from placet.comparison.reading.pdf_letters import RunPen, advances
from placet.comparison.reading.pdf_paths import PathPen
from placet.comparison.reading.pdf_state import (
    EVERYWHERE,
    IDENTITY,
    Box,
    Matrix,
    State,
    color_of,
    common,
    matrix_of,
    moved,
    numbers,
    times,
)

_DEEP: Final = 20
"""Forms inside each other."""
_FORMS: Final = 2_000
"""Forms drawn on a page."""


@dataclass
class _Marked:
    """Marked content: whether its layer is hidden, or is on the screen alone, whether it is a header or footer, and
    what its letters stand for."""

    hidden: bool = False
    unprinted: bool = False
    margin: bool = False
    actual: str | None = None
    drawn: list[str] = field(default_factory=list)

    def inner(self) -> _Marked:
        """What holds for what is inside it."""
        return _Marked(self.hidden, self.unprinted, self.margin)

    def layer(self, layers: Layers, content: Any) -> None:
        """Puts it into a layer."""
        self.hidden |= not layers.shows(content)
        self.unprinted |= not layers.prints(content)


class Interpreter:
    """Draws a page into a `PageDrawing`. `count` is called for every operator and every string, with its letters."""

    def __init__(
        self, pdf: Any, fonts: Fonts, layers: Layers, base: Matrix, page: Box, count: Callable[[int], None]
    ) -> None:
        """`base` makes a page's space one that stands upright, in which `page` is what is seen."""
        self.drawing = PageDrawing()
        self._runs, self._paths = RunPen(self.drawing, page), PathPen(self.drawing, page)
        self._pdf, self._layers, self._base, self._page, self._count = pdf, layers, base, page, count
        self._state = State(base)
        self._stack: list[State] = []
        self._marked: list[_Marked] = []
        self._resources: list[DictionaryObject] = []
        self._fonts = fonts
        self._text, self._line = IDENTITY, IDENTITY
        self._order = 0
        self._forms = 0

    def draw(self, content: Any, resources: DictionaryObject, matrix: Matrix, clip: Box = EVERYWHERE) -> None:
        """One content stream in its own state; what it leaves open is closed."""
        if len(self._resources) >= _DEEP:
            return
        kept = (self._state, self._stack, self._marked, self._text, self._line)
        self._state = State(matrix, clip=clip, fill=self._state.fill, alpha=self._state.alpha)
        self._stack, self._marked = [], list(self._marked)
        self._resources.append(resources)
        try:
            stream = content if isinstance(content, ContentStream) else ContentStream(content, self._pdf, "bytes")
            for operands, operator in stream.operations:
                self._order += 1
                self._count(0)
                handler = _OPERATORS.get(bytes(operator))
                if handler is not None:
                    handler(self, operands)
            self._runs.flush()
        finally:
            self._resources.pop()
            self._state, self._stack, self._marked, self._text, self._line = kept

    def appearance(self, look: StreamObject, place: Matrix) -> None:
        """What an annotation looks like, over all that was drawn."""
        self._runs.flush()
        self._order += 1
        self._state = State(times(place, self._base), clip=self._page)
        self._stack, self._marked = [], []
        self.form(look, self._state.matrix)

    def finish(self) -> PageDrawing:
        """All that was drawn."""
        self._runs.flush()
        self._paths.flush()
        return self.drawing

    @property
    def _mark(self) -> _Marked:
        return self._marked[-1] if self._marked else _Marked()

    # --- state ---

    def _resource(self, kind: str, name: Any, *, raw: bool = False) -> Any:
        group = self._resources[-1].get(kind)
        group = group.get_object() if group is not None else None
        if not isinstance(group, DictionaryObject) or name not in group:
            return None
        return group.raw_get(name) if raw else group[name].get_object()

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
        if "/SMask" in found:
            self._state.masked = isinstance(found["/SMask"].get_object(), DictionaryObject)
        if "/Font" in found:
            chosen: Any = found["/Font"].get_object()
            self._state.font, self._state.size = self._fonts.of(chosen[0].get_object()), numbers(chosen[1:], 1)[0]

    def _fill_space(self, operands: Sequence[Any]) -> None:
        name = str(operands[0]) if operands else ""
        self._state.plain_fill = name in ("/DeviceGray", "/DeviceRGB", "/DeviceCMYK", "/G", "/RGB", "/CMYK")
        self._state.tints = False
        if not self._state.plain_fill:
            space = self._resource("/ColorSpace", name)
            kind = str(space[0]) if isinstance(space, list) and space else ""
            self._state.tints = kind in ("/Separation", "/DeviceN")
            self._state.plain_fill = kind in ("/ICCBased", "/CalRGB", "/CalGray")
        self._state.fill = (0.0, 0.0, 0.0) if self._state.plain_fill else None

    def _fill_color(self, operands: Sequence[Any]) -> None:
        if operands and isinstance(operands[-1], NameObject):
            self._state.fill = None
            pattern = self._resource("/Pattern", operands[-1])
            if isinstance(pattern, StreamObject):
                self.drawing.shape("patterns", pattern.get_data(), self._state.clip, self._order)
        elif self._state.plain_fill:
            self._state.fill = color_of(numbers(operands, len(operands)))
        else:
            inks = numbers(operands, len(operands))
            self._state.fill = (1.0, 1.0, 1.0) if self._state.tints and not any(inks) else None

    def _device_fill(self, operands: Sequence[Any]) -> None:
        self._state.plain_fill = True
        self._state.fill = color_of(numbers(operands, len(operands)))

    # --- marked content ---

    def _begin_marked(self, operands: Sequence[Any]) -> None:
        self._runs.flush()
        mark = self._mark.inner()
        tag = str(operands[0]) if operands else ""
        given = operands[1] if len(operands) > 1 else None
        properties = self._resource("/Properties", given) if isinstance(given, NameObject) else given
        if tag == "/OC" and isinstance(given, NameObject):
            mark.layer(self._layers, self._resource("/Properties", given, raw=True))
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
        self._runs.flush()
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
        self._state.font = self._fonts.of(resource) if isinstance(resource, DictionaryObject) else None
        self._state.size = numbers(operands[1:], 1)[0]

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
        letters: list[Letter] = []
        shifts: list[float] = []
        first = 0.0
        for item in operands[0] if operands and isinstance(operands[0], list) else ():
            if isinstance(item, (str, bytes)):
                more = self._letters(item)
                letters += more
                shifts += advances(more, self._state)
                continue
            shift = -numbers([item], 1)[0] / 1000 * self._state.size * self._state.scale
            if shifts:
                shifts[-1] += shift
            else:
                first += shift
        if first:
            self._text = times((1, 0, 0, 1, first, 0), self._text)
        if letters:
            self._write(letters, shifts)

    def _string(self, item: Any) -> None:
        letters = self._letters(item)
        self._write(letters, advances(letters, self._state))

    def _letters(self, item: Any) -> list[Letter]:
        raw = getattr(item, "original_bytes", item)
        raw = raw if isinstance(raw, bytes) else str(raw).encode("latin-1", "replace")
        if self._state.font is None:
            self._state.font = PdfFont("", "", DictionaryObject(), measured=False)
        self._count(len(raw))
        return list(self._state.font.letters(raw))

    def _write(self, letters: list[Letter], shifts: list[float]) -> None:
        """Letters at the place of the text matrix, each with how far it moves that."""
        state = self._state
        for one in self._marked:
            if one.actual is not None:
                one.drawn += [letter.text for letter in letters]
        mark = self._mark
        if mark.hidden:
            self.drawing.concealed += [letter.text for letter in letters]
        else:
            self._paths.flush()
            why = "in print" if mark.unprinted else ""
            self._runs.string(letters, shifts, state, self._text, order=self._order, margin=mark.margin, why=why)
        self._text = times((1, 0, 0, 1, sum(shifts), 0), self._text)

    # --- paths, pictures and forms ---

    def _start_path(self, operands: Sequence[Any]) -> None:
        self._paths.start(self._state.matrix, *numbers(operands, 2))

    def _line_to(self, operands: Sequence[Any]) -> None:
        self._paths.line(self._state.matrix, *numbers(operands, 2))

    def _curve(self, operands: Sequence[Any]) -> None:
        self._paths.curve(self._state.matrix, numbers(operands, len(operands)))

    def _close_path(self, _: Sequence[Any]) -> None:
        self._paths.close()

    def _rectangle(self, operands: Sequence[Any]) -> None:
        self._paths.rectangle(self._state.matrix, *numbers(operands, 4))

    def _clip(self, _: Sequence[Any]) -> None:
        self._paths.clipping = True

    def _paint(self, *, fill: bool, stroke: bool) -> None:
        shown = not self._mark.hidden
        self._paths.paint(self._state, fill=fill and shown, stroke=stroke and shown, order=self._order)

    def _shading(self, operands: Sequence[Any]) -> None:
        shading = self._resource("/Shading", operands[0] if operands else "")
        self._paths.drawn(repr(shading).encode()[:10_000], self._state.clip, self._order)

    def _inline(self, operands: Any) -> None:
        if isinstance(operands, dict):
            data = operands.get("data", b"")
            self._picture(data if isinstance(data, bytes) else bytes(data), repr(operands.get("settings")).encode())

    def _picture(self, *content: bytes) -> None:
        box = moved((0, 0, 1, 1), self._state.matrix)
        seen = common(box, common(self._state.clip, self._page))
        if self._mark.hidden or seen[2] - seen[0] < 2 or seen[3] - seen[1] < 2:
            return
        self._runs.flush()
        what = b"".join(hashlib.sha256(piece).digest() for piece in content)
        self.drawing.shape("pictures", what, seen, self._order)
        if self._state.alpha > 0.95 and not self._state.blended:
            self.drawing.areas.append(Area(seen, None, self._order))

    def _do(self, operands: Sequence[Any]) -> None:
        name = operands[0] if operands else ""
        found = self._resource("/XObject", name)
        if not isinstance(found, StreamObject):
            return
        self._runs.flush()
        mark = self._mark.inner()
        if "/OC" in found:
            mark.layer(self._layers, found.raw_get("/OC"))
        self._marked.append(mark)
        if str(found.get("/Subtype")) == "/Image":
            masks = [found[key].get_object() for key in ("/SMask", "/Mask") if key in found]
            raw = [one._data for one in (found, *masks) if isinstance(one, StreamObject)]
            size = repr([found.get(key) for key in ("/Width", "/Height", "/Decode", "/ImageMask")]).encode()
            self._picture(*(piece if isinstance(piece, bytes) else str(piece).encode() for piece in raw), size)
        elif str(found.get("/Subtype")) == "/Form":
            self.form(found, self._state.matrix)
        else:
            kind = f"objects of the kind {str(found.get('/Subtype', 'unknown'))[:40]}"
            self.drawing.shape(kind, found.get_data(), self._state.clip, self._order)
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
