"""What a PDF page draws, operator by operator (ISO 32000-2, annex A).

Text is read as its glyphs' codes say; that a reader can't see it is told with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from pypdf.generic import ContentStream, DictionaryObject, StreamObject

from placet.comparison.limits import check
from placet.comparison.reading import (
    pdf_operators_marked,
    pdf_operators_paint,
    pdf_operators_state,
    pdf_operators_text,
)
from placet.comparison.reading.pdf_canvas import Canvas, Handler
from placet.comparison.reading.pdf_drawn import PageDrawing
from placet.comparison.reading.pdf_fonts import Fonts
from placet.comparison.reading.pdf_layers import Layers
from placet.comparison.reading.pdf_state import (
    EVERYWHERE,
    IDENTITY,
    Box,
    Matrix,
    State,
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
_OPERATORS: Final[dict[bytes, Handler]] = {
    **pdf_operators_state.OPERATORS,
    **pdf_operators_marked.OPERATORS,
    **pdf_operators_text.OPERATORS,
    **pdf_operators_paint.OPERATORS,
}
"""All but `Do`."""


class Interpreter:
    """Draws a page into a `PageDrawing`. `count` is called for every operator and every string, with its letters."""

    def __init__(
        self, pdf: Any, fonts: Fonts, layers: Layers, base: Matrix, page: Box, count: Callable[[int], None]
    ) -> None:
        """`base` makes a page's space one that stands upright, in which `page` is what is seen."""
        self._canvas = Canvas(fonts, layers, base, page, count)
        self._pdf, self._base = pdf, base
        self._forms = 0

    @property
    def drawing(self) -> PageDrawing:
        """What is drawn so far."""
        return self._canvas.drawing

    def draw(self, content: Any, resources: DictionaryObject, matrix: Matrix, clip: Box = EVERYWHERE) -> None:
        """One content stream in its own state; what it leaves open is closed."""
        canvas = self._canvas
        if len(canvas.resources) >= _DEEP:
            return
        outer = (canvas.state, canvas.stack, canvas.marked, canvas.text, canvas.line)
        canvas.state = State(matrix, clip=clip, fill=canvas.state.fill, alpha=canvas.state.alpha)
        canvas.stack, canvas.marked = [], list(canvas.marked)
        canvas.resources.append(resources)
        try:
            stream = content if isinstance(content, ContentStream) else ContentStream(content, self._pdf, "bytes")
            for operands, operator in stream.operations:
                canvas.order += 1
                canvas.count(0)
                if operator == b"Do":
                    self._do(operands)
                elif (handler := _OPERATORS.get(bytes(operator))) is not None:
                    handler(canvas, operands)
            canvas.runs.flush()
        finally:
            canvas.resources.pop()
            canvas.state, canvas.stack, canvas.marked, canvas.text, canvas.line = outer

    def appearance(self, look: StreamObject, place: Matrix) -> None:
        """What an annotation looks like, over all that was drawn."""
        canvas = self._canvas
        canvas.runs.flush()
        canvas.order += 1
        canvas.state = State(times(place, self._base), clip=canvas.page)
        canvas.stack, canvas.marked = [], []
        self.form(look, canvas.state.matrix)

    def finish(self) -> PageDrawing:
        """All that was drawn."""
        self._canvas.runs.flush()
        self._canvas.paths.flush()
        return self.drawing

    def _do(self, operands: Sequence[Any]) -> None:
        canvas = self._canvas
        external = canvas.resource("/XObject", operands[0] if operands else "")
        if not isinstance(external, StreamObject):
            return
        canvas.runs.flush()
        mark = canvas.mark.inner()
        if "/OC" in external:
            mark.layer(canvas.layers, external.raw_get("/OC"))
        canvas.marked.append(mark)
        if str(external.get("/Subtype")) == "/Image":
            _picture(canvas, external)
        elif str(external.get("/Subtype")) == "/Form":
            self.form(external, canvas.state.matrix)
        else:
            kind = f"objects of the kind {str(external.get('/Subtype', 'unknown'))[:40]}"
            canvas.drawing.shape(kind, external.get_data(), canvas.state.clip, canvas.order)
        canvas.marked.pop()

    def form(self, form: StreamObject, matrix: Matrix) -> None:
        """A form XObject in the place that a matrix gives it."""
        self._forms += 1
        check(self._forms, _FORMS, "forms on a page")
        inner = times(matrix_of(form.get("/Matrix", IDENTITY)), matrix)
        clip = self._canvas.state.clip
        bounds: Any = form["/BBox"].get_object() if "/BBox" in form else None
        if isinstance(bounds, list):
            x0, y0, x1, y1 = numbers(bounds, 4)
            clip = common(clip, moved((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), inner))
        resources = form.get("/Resources")
        resources = resources.get_object() if resources is not None else None
        if not isinstance(resources, DictionaryObject):
            resources = self._canvas.resources[-1] if self._canvas.resources else DictionaryObject()
        self.draw(form, resources, inner, clip)


def _picture(canvas: Canvas, image: StreamObject) -> None:
    """An image XObject, by its data as they stand in the file."""
    masks = [image[key].get_object() for key in ("/SMask", "/Mask") if key in image]
    raw = [one._data for one in (image, *masks) if isinstance(one, StreamObject)]
    size = repr([image.get(key) for key in ("/Width", "/Height", "/Decode", "/ImageMask")]).encode()
    pieces = (piece if isinstance(piece, bytes) else str(piece).encode() for piece in raw)
    pdf_operators_paint.picture(canvas, *pieces, size)
