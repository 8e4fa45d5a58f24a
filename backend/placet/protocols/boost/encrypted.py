"""Sums of a host's encrypted numbers by the cells of its columns: products modulo the key's modulus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from placet.models.cuts import CodedColumn, CutCandidates
from placet.models.trees import Marks, Whole
from placet.protocols.boost.packing import Packing
from placet.protocols.mpc.ciphertexts import AdditiveKey, Mixture
from placet.protocols.mpc.extra import gmpy2
from placet.protocols.order import Entropy
from placet.protocols.work import Progress, each

Sums = list[list[gmpy2.mpz]]
"""By column and cell: an encrypted sum each."""


@dataclass(frozen=True)
class EncryptedColumns:
    """A host's columns under a key."""

    columns: tuple[CodedColumn, ...]
    key: AdditiveKey
    entropy: Entropy

    def sums(self, values: Sequence[gmpy2.mpz], rows: Whole) -> Sums:
        """Over these rows of training."""
        own = [values[row] for row in rows.tolist()]
        modulus, sums = gmpy2.mpz(self.key.modulus), Sums()
        for pair in _pairs(self.columns, len(rows)):
            sums += _multiply(own, [column.codes[rows] for column in pair], [column.cells for column in pair], modulus)
        return sums

    def without(self, whole: Sums, part: Sums) -> Sums:
        """The sums over the other rows of the whole."""
        modulus = gmpy2.mpz(self.key.modulus)
        return [
            [one if less == 1 else one * gmpy2.invert(less, modulus) % modulus for one, less in zip(*two, strict=True)]
            for two in zip(whole, part, strict=True)
        ]

    async def packed(
        self, arranged: CutCandidates, sums: Sums, disclosed: Marks, packing: Packing, progress: Progress | None
    ) -> bytes:
        """The sums of the places that are told, as many in a ciphertext as fit, refreshed."""
        modulus = gmpy2.mpz(self.key.modulus)

        def together(group: Sequence[gmpy2.mpz]) -> bytes:
            total = gmpy2.mpz(1)
            for one in reversed(group):
                total = gmpy2.powmod(total, 1 << packing.shift, modulus) * one % modulus
            return self.key.pack([self.key.refresh(Mixture(self.key.n, int(total)), self.entropy)])

        shown = [one for one, tell in zip(_by_place(arranged, sums, modulus), disclosed, strict=True) if tell]
        groups = [shown[start : start + packing.places] for start in range(0, len(shown), packing.places)]
        return b"".join(await each(together, groups, stage="sums", progress=progress))


def _pairs(columns: Sequence[CodedColumn], rows: int) -> Iterator[Sequence[CodedColumn]]:
    """Two columns share one pass over the rows where their cells together are fewer than the rows."""
    place = 0
    while place < len(columns):
        two = columns[place : place + 2]
        share = len(two) == 2 and 2 * two[0].cells * two[1].cells < rows
        yield two if share else two[:1]
        place += 2 if share else 1


def _multiply(values: Sequence[gmpy2.mpz], codes: Sequence[Whole], cells: Sequence[int], modulus: gmpy2.mpz) -> Sums:
    """Of one or two columns by cell the product of the rows' ciphertexts."""
    joint = codes[0] if len(codes) == 1 else codes[0] * cells[1] + codes[1]
    products: list[gmpy2.mpz | None] = [None] * int(np.prod(cells))
    for cell, value in zip(joint.tolist(), values, strict=True):
        before = products[cell]
        products[cell] = value if before is None else before * value % modulus
    if len(codes) == 1:
        return [[gmpy2.mpz(1) if product is None else product for product in products]]
    first, second = [gmpy2.mpz(1)] * cells[0], [gmpy2.mpz(1)] * cells[1]
    for cell, product in enumerate(products):
        if product is not None:
            high, low = divmod(cell, cells[1])
            first[high] = first[high] * product % modulus
            second[low] = second[low] * product % modulus
    return [first, second]


def _by_place(arranged: CutCandidates, sums: Sums, modulus: gmpy2.mpz) -> list[gmpy2.mpz]:
    """`CutCandidates.places` of encrypted sums."""
    prefixes = []
    for column in sums:
        total, prefix = gmpy2.mpz(1), []
        for one in column:
            total = total * one % modulus
            prefix.append(total)
        prefixes.append(prefix)
    cuts = []
    for cut in arranged.cuts:
        one = prefixes[cut.column][cut.last]
        cuts.append(one * sums[cut.column][-1] % modulus if cut.missing else one)
    return cuts + [sums[column][cell] for column, order in arranged.categories for cell in order]
