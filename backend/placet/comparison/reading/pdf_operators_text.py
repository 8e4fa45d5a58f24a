"""Operators of text: its place, its state and the strings that are shown (ISO 32000-2, 9.3 and 9.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pypdf.generic import DictionaryObject

from placet.comparison.reading.pdf_canvas import Canvas, Handler
from placet.comparison.reading.pdf_fonts import Letter, PdfFont
from placet.comparison.reading.pdf_letters import advances
from placet.comparison.reading.pdf_state import IDENTITY, matrix_of, numbers, times


def _begin_text(canvas: Canvas, _: Sequence[Any]) -> None:
    canvas.text = canvas.line = IDENTITY


def _set_font(canvas: Canvas, operands: Sequence[Any]) -> None:
    resource = canvas.resource("/Font", operands[0] if operands else "")
    canvas.state.font = canvas.fonts.of(resource) if isinstance(resource, DictionaryObject) else None
    canvas.state.size = numbers(operands[1:], 1)[0]


def _move(canvas: Canvas, operands: Sequence[Any]) -> None:
    x, y = numbers(operands, 2)
    canvas.line = canvas.text = times((1, 0, 0, 1, x, y), canvas.line)


def _move_leading(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.state.leading = -numbers(operands, 2)[1]
    _move(canvas, operands)


def _text_matrix(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.line = canvas.text = matrix_of(operands)


def _next_line(canvas: Canvas, _: Sequence[Any]) -> None:
    _move(canvas, [0, -canvas.state.leading])


def _show(canvas: Canvas, operands: Sequence[Any]) -> None:
    for raw in operands[:1]:
        _string(canvas, raw)


def _show_next(canvas: Canvas, operands: Sequence[Any]) -> None:
    _next_line(canvas, ())
    _show(canvas, operands[-1:])


def _show_spaced(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.state.word_space, canvas.state.letter_space = numbers(operands, 2)
    _show_next(canvas, operands)


def _show_array(canvas: Canvas, operands: Sequence[Any]) -> None:
    letters: list[Letter] = []
    shifts: list[float] = []
    first = 0.0
    for item in operands[0] if operands and isinstance(operands[0], list) else ():
        if isinstance(item, (str, bytes)):
            more = _letters(canvas, item)
            letters += more
            shifts += advances(more, canvas.state)
            continue
        shift = -numbers([item], 1)[0] / 1000 * canvas.state.size * canvas.state.scale
        if shifts:
            shifts[-1] += shift
        else:
            first += shift
    if first:
        canvas.text = times((1, 0, 0, 1, first, 0), canvas.text)
    if letters:
        _write(canvas, letters, shifts)


def _string(canvas: Canvas, item: Any) -> None:
    letters = _letters(canvas, item)
    _write(canvas, letters, advances(letters, canvas.state))


def _letters(canvas: Canvas, item: Any) -> list[Letter]:
    raw = getattr(item, "original_bytes", item)
    raw = raw if isinstance(raw, bytes) else str(raw).encode("latin-1", "replace")
    if canvas.state.font is None:
        canvas.state.font = PdfFont("", "", DictionaryObject(), measured=False)
    canvas.count(len(raw))
    return list(canvas.state.font.letters(raw))


def _write(canvas: Canvas, letters: list[Letter], shifts: list[float]) -> None:
    """Letters at the place of the text matrix, each with how far it moves that."""
    state = canvas.state
    for one in canvas.marked:
        if one.actual is not None:
            one.drawn += [letter.text for letter in letters]
    mark = canvas.mark
    if mark.hidden:
        canvas.drawing.concealed += [letter.text for letter in letters]
    else:
        canvas.paths.flush()
        why = "in print" if mark.unprinted else ""
        canvas.runs.string(letters, shifts, state, canvas.text, order=canvas.order, margin=mark.margin, why=why)
    canvas.text = times((1, 0, 0, 1, sum(shifts), 0), canvas.text)


def _setter(name: str, factor: float = 1.0) -> Handler:
    def handler(canvas: Canvas, operands: Sequence[Any]) -> None:
        setattr(canvas.state, name, numbers(operands, 1)[0] * factor)

    return handler


def _mode(canvas: Canvas, operands: Sequence[Any]) -> None:
    canvas.state.mode = int(numbers(operands, 1)[0])


OPERATORS: Final[dict[bytes, Handler]] = {
    b"BT": _begin_text, b"Tf": _set_font, b"Td": _move, b"TD": _move_leading, b"Tm": _text_matrix, b"T*": _next_line,
    b"Tj": _show, b"'": _show_next, b'"': _show_spaced, b"TJ": _show_array,
    b"Tc": _setter("letter_space"), b"Tw": _setter("word_space"), b"Tz": _setter("scale", 0.01),
    b"TL": _setter("leading"), b"Ts": _setter("rise"), b"Tr": _mode,
}  # fmt: skip
