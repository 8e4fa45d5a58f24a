"""The graphics state of a PDF page (ISO 32000-2, 8.4 and 9.3), as far as it decides what of a text is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from placet.comparison.reading.pdf_fonts import PdfFont

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Color = tuple[float, float, float]
IDENTITY: Final[Matrix] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
EVERYWHERE: Final[Box] = (-1e9, -1e9, 1e9, 1e9)


def times(first: Matrix, then: Matrix) -> Matrix:
    """The matrix that applies one, then the other."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def at(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    return matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5]


def box_of(points: Sequence[tuple[float, float]]) -> Box:
    """The smallest box around points."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around boxes."""
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def moved(box: Box, matrix: Matrix) -> Box:
    """The box around a box that was transformed."""
    x0, y0, x1, y1 = box
    return box_of([at(matrix, x, y) for x, y in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))])


def common(one: Box, other: Box) -> Box:
    """What is in both; a box of no area where nothing is."""
    x0, y0 = max(one[0], other[0]), max(one[1], other[1])
    return x0, y0, max(x0, min(one[2], other[2])), max(y0, min(one[3], other[3]))


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def numbers(values: Sequence[Any], count: int) -> list[float]:
    """As many numbers; zeros for what is none."""
    numbers_ = []
    for value in [*values, *[0] * count][:count]:
        try:
            numbers_.append(float(value))
        except (TypeError, ValueError):
            numbers_.append(0.0)
    return numbers_


def matrix_of(values: Sequence[Any]) -> Matrix:
    a, b, c, d, e, f = numbers(values, 6)
    return a, b, c, d, e, f


def color_of(parts: Sequence[float]) -> Color | None:
    """Red, green and blue from 0 to 1 of a colour in grey, RGB or CMYK."""
    if len(parts) == 1:
        return parts[0], parts[0], parts[0]
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    if len(parts) == 4:
        cyan, magenta, yellow, black = parts
        return (1 - cyan) * (1 - black), (1 - magenta) * (1 - black), (1 - yellow) * (1 - black)
    return None


def alike(one: Color, other: Color) -> bool:
    """So close that no reader tells them apart."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) < 0.15


@dataclass(slots=True)
class State:
    """What `q` keeps and `Q` brings back."""

    matrix: Matrix
    clip: Box = EVERYWHERE
    fill: Color | None = (0.0, 0.0, 0.0)
    stroke: Color | None = (0.0, 0.0, 0.0)
    plain_fill: bool = True
    """Whether the colour space of fills is one of grey, RGB and CMYK."""
    tints: bool = False
    """Whether it is one of single inks, of which none leaves the paper as it is."""
    alpha: float = 1.0
    stroke_alpha: float = 1.0
    blended: bool = False
    """Whether what is below shows through."""
    masked: bool = False
    """Whether a mask decides what of it is seen."""
    font: PdfFont | None = None
    size: float = 0.0
    letter_space: float = 0.0
    word_space: float = 0.0
    scale: float = 1.0
    leading: float = 0.0
    rise: float = 0.0
    mode: int = 0
    width: float = 1.0

    def copy(self) -> State:
        return replace(self)
