"""Gradients and curvatures as one plaintext, and sums of them as many in one.

A row is (g + 1)·2^18 behind h·2^18: both are not negative, so sums of them have no sign either. Fields are as wide as
the sum over all rows of training may be, so none runs over into the next. As many sums as a plaintext holds stand
behind each other: multiplying by 2^width moves a sum up by one place.
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
    """Of sums over up to `rows` rows in plaintexts of `bits` bits."""

    rows: int
    bits: int

    @property
    def low(self) -> int:
        """Bits of a sum of curvatures."""
        return (self.rows * MAX_CURVATURE).bit_length()

    @property
    def width(self) -> int:
        """Bits of a sum."""
        return self.low + (self.rows * 2 * MAX_GRADIENT).bit_length()

    @property
    def each(self) -> int:
        """Sums in one ciphertext."""
        return self.bits // self.width

    def ciphertexts(self, sums: int) -> int:
        """For so many sums."""
        return -(-sums // self.each)

    def encode(self, gradient: int, curvature: int) -> int:
        """One row."""
        return (gradient + MAX_GRADIENT) << self.low | curvature

    def decode(self, residues: Sequence[int], counts: Whole, *, sender: str) -> Whole:
        """(sums, 3): rows, gradients and curvatures, from decrypted ciphertexts and the number of rows in each sum.
        ProtocolError `boost.sums`, naming `sender`, for sums that so many rows can't have."""
        mask, low = (1 << self.width) - 1, (1 << self.low) - 1
        fields: list[int] = []
        for residue in residues:
            fields += [residue >> self.width * place & mask for place in range(self.each)]
        extra = any(fields[len(counts) :]) or any(residue >> self.width * self.each for residue in residues)
        upper = np.array([field >> self.low for field in fields[: len(counts)]], dtype=np.int64)
        curvature = np.array([field & low for field in fields[: len(counts)]], dtype=np.int64)
        gradient = upper - counts * MAX_GRADIENT
        fits = (np.abs(gradient) <= counts * MAX_GRADIENT) & (curvature <= counts * MAX_CURVATURE)
        if extra or not bool(fits.all()):
            raise ProtocolError(
                f"{sender} sent sums that its rows can't have",
                expected="gradients within the number of rows, curvatures within a quarter of it",
                found="more",
                code="boost.sums",
            )
        return np.stack([counts, gradient, curvature], axis=1)
