"""Operators of paths, shadings and pictures (ISO 32000-2, 8.5, 8.7.4 and 8.9.7)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from placet.comparison.reading.pdf_canvas import Canvas, Handler
from placet.comparison.reading.pdf_drawn import Area
from placet.comparison.reading.pdf_state import common, moved, numbers


def _start_path(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.paths.start(canvas.state.matrix, *numbers(operands, 2))


def _line_to(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.paths.line(canvas.state.matrix, *numbers(operands, 2))


def _curve(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.paths.curve(canvas.state.matrix, numbers(operands, len(operands)))


def _close_path(canvas: Canvas, _: Sequence[Any]) -> None:
    canvas.paths.close()


def _rectangle(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.paths.rectangle(canvas.state.matrix, *numbers(operands, 4))


def _clip(canvas: Canvas, _: Sequence[Any]) -> None:
    canvas.paths.clipping = True


def _paint(canvas: Canvas, *, fill: bool, stroke: bool) -> None:
    shown = not canvas.mark.hidden
    canvas.paths.paint(canvas.state, fill=fill and shown, stroke=stroke and shown, order=canvas.order)


def _shading(canvas: Canvas, operands: Sequence[Any]) -> None:
    shading = canvas.resource("/Shading", operands[0] if operands else "")
    canvas.paths.drawn(repr(shading).encode()[:10_000], canvas.state.clip, canvas.order)


def _inline(canvas: Canvas, operands: Any) -> None:
    if isinstance(operands, dict):
        data = operands.get("data", b"")
        picture(canvas, data if isinstance(data, bytes) else bytes(data), repr(operands.get("settings")).encode())


def picture(canvas: Canvas, *content: bytes) -> None:
    """A picture over the unit square, by what it is made of."""
    box = moved((0, 0, 1, 1), canvas.state.matrix)
    seen = common(box, common(canvas.state.clip, canvas.page))
    if canvas.mark.hidden or seen[2] - seen[0] < 2 or seen[3] - seen[1] < 2:
        return
    canvas.runs.flush()
    what = b"".join(hashlib.sha256(piece).digest() for piece in content)
    canvas.drawing.shape("pictures", what, seen, canvas.order)
    if canvas.state.alpha > 0.95 and not canvas.state.blended:
        canvas.drawing.areas.append(Area(seen, None, canvas.order))


def _painter(*, fill: bool, stroke: bool, close: bool = False) -> Handler:
    def handler(canvas: Canvas, operands: Sequence[Any]) -> None:
        if close:
            _close_path(canvas, operands)
        _paint(canvas, fill=fill, stroke=stroke)

    return handler


OPERATORS: Final[dict[bytes, Handler]] = {
    b"m": _start_path, b"l": _line_to, b"c": _curve, b"v": _curve, b"y": _curve, b"h": _close_path,
    b"re": _rectangle, b"W": _clip, b"W*": _clip,
    b"n": _painter(fill=False, stroke=False),
    b"S": _painter(fill=False, stroke=True), b"s": _painter(fill=False, stroke=True, close=True),
    b"f": _painter(fill=True, stroke=False), b"F": _painter(fill=True, stroke=False),
    b"f*": _painter(fill=True, stroke=False),
    b"B": _painter(fill=True, stroke=True), b"B*": _painter(fill=True, stroke=True),
    b"b": _painter(fill=True, stroke=True, close=True), b"b*": _painter(fill=True, stroke=True, close=True),
    b"sh": _shading, b"INLINE IMAGE": _inline,
}  # fmt: skip
