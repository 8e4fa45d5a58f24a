"""Operators of the graphics state and of colours (ISO 32000-2, 8.4.4 and 8.6.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pypdf.generic import DictionaryObject, NameObject, StreamObject

from placet.comparison.reading.pdf_canvas import Canvas, Handler
from placet.comparison.reading.pdf_state import color_of, matrix_of, numbers, times


def _save(canvas: Canvas, _: Sequence[Any]) -> None:
    if len(canvas.stack) < 1000:
        canvas.stack.append(canvas.state.copy())


def _restore(canvas: Canvas, _: Sequence[Any]) -> None:
    if canvas.stack:
        canvas.state = canvas.stack.pop()


def _concat(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.state.matrix = times(matrix_of(operands), canvas.state.matrix)


def _width(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.state.width = numbers(operands, 1)[0]


def _graphics_state(canvas: Canvas, operands: Sequence[Any]) -> None:
    parameters = canvas.resource("/ExtGState", operands[0] if operands else "")
    if not isinstance(parameters, DictionaryObject):
        return
    if "/ca" in parameters:
        canvas.state.alpha = numbers([parameters["/ca"]], 1)[0]
    if "/CA" in parameters:
        canvas.state.stroke_alpha = numbers([parameters["/CA"]], 1)[0]
    if "/BM" in parameters:
        canvas.state.blended = str(parameters["/BM"]) not in ("/Normal", "/Compatible")
    if "/SMask" in parameters:
        canvas.state.masked = isinstance(parameters["/SMask"].get_object(), DictionaryObject)
    if "/Font" in parameters:
        font: Any = parameters["/Font"].get_object()
        canvas.state.font, canvas.state.size = canvas.fonts.of(font[0].get_object()), numbers(font[1:], 1)[0]


def _fill_space(canvas: Canvas, operands: Sequence[Any]) -> None:
    name = str(operands[0]) if operands else ""
    canvas.state.plain_fill = name in ("/DeviceGray", "/DeviceRGB", "/DeviceCMYK", "/G", "/RGB", "/CMYK")
    canvas.state.tints = False
    if not canvas.state.plain_fill:
        space = canvas.resource("/ColorSpace", name)
        kind = str(space[0]) if isinstance(space, list) and space else ""
        canvas.state.tints = kind in ("/Separation", "/DeviceN")
        canvas.state.plain_fill = kind in ("/ICCBased", "/CalRGB", "/CalGray")
    canvas.state.fill = (0.0, 0.0, 0.0) if canvas.state.plain_fill else None


def _fill_color(canvas: Canvas, operands: Sequence[Any]) -> None:
    if operands and isinstance(operands[-1], NameObject):
        canvas.state.fill = None
        pattern = canvas.resource("/Pattern", operands[-1])
        if isinstance(pattern, StreamObject):
            canvas.drawing.shape("patterns", pattern.get_data(), canvas.state.clip, canvas.order)
    elif canvas.state.plain_fill:
        canvas.state.fill = color_of(numbers(operands, len(operands)))
    else:
        inks = numbers(operands, len(operands))
        canvas.state.fill = (1.0, 1.0, 1.0) if canvas.state.tints and not any(inks) else None


def _device_fill(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.state.plain_fill = True
    canvas.state.fill = color_of(numbers(operands, len(operands)))


def _stroke_color(canvas: Canvas, operands: Sequence[Any]) -> None:
    plain = not (operands and isinstance(operands[-1], NameObject))
    canvas.state.stroke = color_of(numbers(operands, len(operands))) if plain else None


OPERATORS: Final[dict[bytes, Handler]] = {
    b"q": _save, b"Q": _restore, b"cm": _concat, b"w": _width, b"gs": _graphics_state,
    b"cs": _fill_space, b"sc": _fill_color, b"scn": _fill_color,
    b"g": _device_fill, b"rg": _device_fill, b"k": _device_fill,
    b"G": _stroke_color, b"RG": _stroke_color, b"K": _stroke_color, b"SC": _stroke_color, b"SCN": _stroke_color,
}  # fmt: skip
