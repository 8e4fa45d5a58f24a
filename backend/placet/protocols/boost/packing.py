"""Gradients and curvatures as one plaintext, and sums of them as many in one.

A row is (g + 1)·2^18 behind h·2^18, and behind a 1 where rows are `counted`: none is negative, so sums of them have no
sign either. Fields are as wide as the sum over all rows of training may be, so none runs over into the next. A
plaintext holds sums behind each other: of several nodes, in which a row stands in the slot of its own, and of several
places, since multiplying by a power of two moves sums up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from placet.core.errors import ProtocolError
from placet.models.boosting import MAX_CURVATURE, MAX_GRADIENT
from placet.models.trees import Whole


@dataclass(frozen=True)
class Packing:
    """Of sums over up to `rows` rows in plaintexts of `bits` bits, for so many `nodes`."""

    rows: int
    bits: int
    nodes: int = 1
    counted: bool = False

    @property
    def low(self) -> int:
        """Bits of a sum of curvatures."""
        return (self.rows * MAX_CURVATURE).bit_length()

    @property
    def high(self) -> int:
        """Bits of a sum of gradients."""
        return (self.rows * 2 * MAX_GRADIENT).bit_length()

    @property
    def width(self) -> int:
        """Bits of a sum."""
        return self.low + self.high + (self.rows.bit_length() if self.counted else 0)

    @property
    def slots(self) -> int:
        """Of nodes in one plaintext."""
        return min(self.nodes, self.bits // self.width)

    @property
    def layers(self) -> int:
        """Plaintexts of a row."""
        return -(-self.nodes // self.slots)

    @property
    def shift(self) -> int:
        """Bits of one place's sums."""
        return self.slots * self.width

    @property
    def places(self) -> int:
        """In one plaintext."""
        return self.bits // self.shift

    def ciphertexts(self, places: int) -> int:
        """Of one layer, for the sums of so many places."""
        return -(-places // self.places)

    def encode(self, gradient: int, curvature: int) -> int:
        """One row."""
        return int(self.counted) << self.low + self.high | (gradient + MAX_GRADIENT) << self.low | curvature

    def decode(
        self, layers: Sequence[Sequence[int]], places: int, *, sender: str, counts: Whole | None = None
    ) -> Whole:
        """(nodes, places, 3): rows, gradients and curvatures, from each layer's decrypted ciphertexts; with the number
        of rows in each sum, (nodes, places), where they are not counted. ProtocolError `boost.sums`, naming `sender`,
        for sums that so many rows can't have."""
        mask = (1 << self.width) - 1
        fields = np.zeros((self.layers * self.slots, places), dtype=object)
        extra = False
        for layer, residues in enumerate(layers):
            for group, residue in enumerate(residues):
                here = min(self.places, places - group * self.places)
                extra |= residue >> here * self.shift > 0
                for number in range(here * self.slots):
                    place, slot = divmod(number, self.slots)
                    node = layer * self.slots + slot
                    fields[node, group * self.places + place] = residue >> number * self.width & mask
        extra |= bool(fields[self.nodes :].any())
        fields = fields[: self.nodes]
        curvature = (fields & (1 << self.low) - 1).astype(np.int64)
        upper = (fields >> self.low & (1 << self.high) - 1).astype(np.int64)
        if counts is None:
            counts = (fields >> self.low + self.high).astype(np.int64)
        sums: Whole = np.stack([counts, upper - counts * MAX_GRADIENT, curvature], axis=2)
        if extra:
            raise impossible(sender)
        demand_possible(sums, self.rows, sender=sender)
        return sums


def demand_possible(sums: Whole, rows: int, *, sender: str) -> None:
    """ProtocolError `boost.sums`, naming `sender`, for (…, 3) rows, gradients and curvatures that no rows have."""
    counts, gradient, curvature = sums[..., 0], sums[..., 1], sums[..., 2]
    fits = (counts >= 0) & (counts <= rows) & (np.abs(gradient) <= counts * MAX_GRADIENT)
    if not bool((fits & (curvature >= 0) & (curvature <= counts * MAX_CURVATURE)).all()):
        raise impossible(sender)


def impossible(sender: str) -> ProtocolError:
    """The error for sums that a host can't have."""
    return ProtocolError(
        f"{sender} sent sums that its rows can't have",
        expected="gradients within the number of rows, curvatures within a quarter of it",
        found="more",
        code="boost.sums",
    )
