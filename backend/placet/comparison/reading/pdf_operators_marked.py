"""Operators of marked content: layers, headers and footers, and what letters stand for (ISO 32000-2, 14.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pypdf.generic import DictionaryObject, NameObject

from placet.comparison.reading.pdf_canvas import Canvas, Handler, MarkedContent


def _begin_marked(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.runs.flush()
    mark = canvas.mark.inner()
    tag = str(operands[0]) if operands else ""
    operand = operands[1] if len(operands) > 1 else None
    properties = canvas.resource("/Properties", operand) if isinstance(operand, NameObject) else operand
    if tag == "/OC" and isinstance(operand, NameObject):
        mark.layer(canvas.layers, canvas.resource("/Properties", operand, raw=True))
    if isinstance(properties, DictionaryObject):
        if tag == "/Artifact" and str(properties.get("/Type")) == "/Pagination":
            mark.margin = True
        if "/ActualText" in properties:
            said = properties["/ActualText"]
            mark.actual = said.decode("latin-1") if isinstance(said, bytes) else str(said)
    canvas.marked.append(mark)


def _end_marked(canvas: Canvas, _: Sequence[Any]) -> None:
    if not canvas.marked:
        return
    canvas.runs.flush()
    mark = canvas.marked.pop()
    if mark.actual is not None:
        _actual(canvas, mark)


def _actual(canvas: Canvas, mark: MarkedContent) -> None:
    drawn, said = "".join(mark.drawn), mark.actual or ""
    if not mark.drawn or not canvas.drawing.runs:
        return
    last = canvas.drawing.runs[-1]
    if said == "\u00ad" and last.text.endswith("-"):
        last.text = last.text[:-1] + said
    elif "\ufffd" in drawn and last.text == drawn.strip():
        last.text = said
    elif said:
        canvas.drawing.actual.append((drawn, said))


OPERATORS: Final[dict[bytes, Handler]] = {b"BDC": _begin_marked, b"BMC": _begin_marked, b"EMC": _end_marked}
