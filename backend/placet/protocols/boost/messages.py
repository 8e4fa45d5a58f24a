"""The messages of boosting, as bytes. Each begins with its tree and level; one of another tree or level is refused.

Numbers are big-endian. Rows are bits, the first row in the highest bit of the first byte, and zeros behind the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from placet.core.errors import InputError, LimitError, ProtocolError
from placet.core.framing import FrameReader, header
from placet.models.boosting import HostCut
from placet.models.choices import MAX_BINS, MAX_COLUMNS, MAX_DEPTH, MAX_TREES
from placet.models.cuts import Choice, CutShape
from placet.models.trees import MAX_CUTS, Marks, Whole

STANDING, KEY, SHAPE, GRADIENTS, NODES, SUMS, CUTS, SIDES, JUDGED = (
    f"boost.{name}" for name in ("standing", "key", "shape", "gradients", "nodes", "sums", "cuts", "sides", "judged")
)
MAX_NODES = 2 ** (MAX_DEPTH - 1)
MAX_CELLS = MAX_BINS + 2
MAX_PLACES = 2 * MAX_COLUMNS * MAX_CELLS
HEADER = 8


class At(NamedTuple):
    """Where in the training a message belongs."""

    tree: int
    level: int

    def write(self, content: bytes) -> bytes:
        return header(self.tree) + header(self.level) + content

    def read(self, payload: bytes, what: str, sender: str) -> BoostReader:
        """What follows. ProtocolError `boost.order` for a message of another tree or level."""
        reader = BoostReader(payload, what, sender)
        place = At(reader.number(MAX_TREES), reader.number(MAX_DEPTH))
        if place != self:
            raise ProtocolError(
                f"{sender} sent {what} of another tree or level",
                expected=f"tree {self.tree}, level {self.level}",
                found=f"tree {place.tree}, level {place.level}",
                code="boost.order",
            )
        return reader


class BoostReader(FrameReader):
    """Errors are ProtocolError `boost.message`, and name who sent it."""

    def __init__(self, raw: bytes, what: str, sender: str) -> None:
        super().__init__(raw, what)
        self.what, self.sender = what, sender

    def take(self, count: int) -> bytes:
        try:
            return super().take(count)
        except InputError as error:
            raise self.bad(str(error.expected), str(error.found)) from None

    def number(self, limit: int, width: int = 4) -> int:
        try:
            return super().number(limit, width)
        except LimitError as error:
            raise self.bad(str(error.expected), str(error.found)) from None

    def end(self) -> None:
        if self.left:
            raise self.bad("nothing more", f"{self.left} bytes")

    def rows(self, count: int) -> Marks:
        """So many rows' bits."""
        raw = np.frombuffer(self.take((count + 7) // 8), dtype=np.uint8)
        bits = np.unpackbits(raw)
        if bits[count:].any():
            raise self.bad("zeros behind the last row", "ones")
        return bits[:count].astype(np.bool_)

    def bad(self, expected: str, found: str) -> ProtocolError:
        return ProtocolError(
            f"{self.sender} sent a message {self.what} of another form",
            expected=expected,
            found=found,
            code="boost.message",
        )


def rows_bytes(marks: Marks) -> bytes:
    """Rows as bits."""
    return np.packbits(marks).tobytes()


def write_shape(shape: CutShape) -> bytes:
    """cuts(4) ‖ of them rising(4) ‖ falling(4) ‖ categories(4) ‖ cells of each(4)."""
    numbers = shape.cuts, shape.rising, shape.falling, len(shape.categories), *shape.categories
    return b"".join(map(header, numbers))


def read_shape(reader: BoostReader) -> CutShape:
    cuts = reader.number(MAX_PLACES)
    rising = reader.number(cuts)
    falling = reader.number(cuts - rising)
    categories = tuple(reader.number(MAX_CELLS) for _ in range(reader.number(MAX_COLUMNS)))
    shape = CutShape(cuts, categories, rising, falling)
    reader.end()
    return shape


def write_nodes(parents: Sequence[Whole | None], rows: int) -> bytes:
    """Of each node of the level above: 0 for a leaf, or 1 and the rows that went to `yes`."""
    parts = []
    for parent in parents:
        if parent is None:
            parts.append(b"\x00")
        else:
            marks = np.zeros(rows, np.bool_)
            marks[parent] = True
            parts.append(b"\x01" + rows_bytes(marks))
    return b"".join(parts)


def read_nodes(reader: BoostReader, parents: int, rows: int) -> list[Marks | None]:
    nodes = [reader.rows(rows) if reader.number(1, 1) else None for _ in range(parents)]
    reader.end()
    return nodes


def write_judged(sides: Sequence[Marks]) -> bytes:
    """cuts(4) ‖ of each in turn which of the rows that are judged are on its left side."""
    return header(len(sides)) + b"".join(map(rows_bytes, sides))


def read_judged(reader: BoostReader, rows: int) -> list[Marks]:
    sides = [reader.rows(rows) for _ in range(reader.number(MAX_CUTS))]
    reader.end()
    return sides


def slots_of(level: int) -> int:
    """Nodes of a level that a blind host tells of: one of each pair."""
    return 1 << max(0, level - 1)


def smaller(yes: int, no: int) -> int:
    """Which of two children a host tells of, by their rows of training."""
    return int(no < yes)


def write_cuts(cuts: Sequence[HostCut]) -> bytes:
    """How many(4), then of each node(4) ‖ place(4) ‖ cells(4) ‖ each cell(4)."""
    return header(len(cuts)) + b"".join(header(cut.node) + _write_choice(cut.choice) for cut in cuts)


def read_cuts(reader: BoostReader, host: int) -> list[HostCut]:
    cuts = []
    for _ in range(reader.number(MAX_NODES)):
        node = reader.number(MAX_NODES)
        cuts.append(HostCut(host, node, _read_choice(reader)))
    reader.end()
    return cuts


def write_choices(choices: Sequence[Choice]) -> bytes:
    """How many(4), then of each place(4) ‖ cells(4) ‖ each cell(4)."""
    return header(len(choices)) + b"".join(map(_write_choice, choices))


def read_choices(reader: BoostReader) -> list[Choice]:
    choices = [_read_choice(reader) for _ in range(reader.number(MAX_NODES))]
    reader.end()
    return choices


def _write_choice(choice: Choice) -> bytes:
    return b"".join(map(header, (choice.place, len(choice.cells), *choice.cells)))


def _read_choice(reader: BoostReader) -> Choice:
    place = reader.number(MAX_PLACES)
    return Choice(place, tuple(reader.number(MAX_CELLS) for _ in range(reader.number(MAX_CELLS))))
