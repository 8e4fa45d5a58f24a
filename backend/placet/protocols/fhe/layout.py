"""Where tags lie: a cuckoo table of the receiver's, and all places of each of the sender's rows, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from placet.protocols.fhe.oprf import OUTPUT_BYTES
from placet.protocols.fhe.parameters import BINS, FELTS, PLACES, N, T, partition
from placet.protocols.order import Entropy

Numbers = npt.NDArray[np.int64]
_WORDS = OUTPUT_BYTES // 8


@dataclass(frozen=True)
class Tags:
    """What stands for identifiers: `felts` (rows, 4) below t, `bins` (rows, 3), and `rank` (rows,), in whose order
    the rows of one bin lie. All of it follows from the pseudorandom function."""

    felts: Numbers = field(repr=False)
    bins: Numbers = field(repr=False)
    rank: npt.NDArray[np.uint64] = field(repr=False)

    @classmethod
    def of(cls, outputs: bytes) -> Tags:
        """Of outputs of the function, 64 bytes each. Reducing 64 bits modulo t is uniform but for 2^-44."""
        words = np.frombuffer(outputs, dtype="<u8").reshape(-1, _WORDS)
        felts, bins = words[:, :FELTS] % T, words[:, FELTS : FELTS + PLACES] % BINS
        return cls(felts.astype(np.int64), bins.astype(np.int64), words[:, _WORDS - 1].astype(np.uint64))

    @classmethod
    def joined(cls, parts: list[Tags]) -> Tags:
        """Those of several runs of rows, in their order."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("felts", "bins", "rank")))


def slots(table: Numbers, tags: Tags, entropy: Entropy) -> Numbers:
    """The receiver's N numbers: each bin's tag, random ones in bins that are empty."""
    values = draw(N, entropy).reshape(BINS, FELTS)
    full = table >= 0
    values[full] = tags.felts[table[full]]
    return values.reshape(N)


def draw(count: int, entropy: Entropy, below: int = T) -> Numbers:
    """Random numbers, uniform but for 2^-44."""
    return (np.frombuffer(entropy(8 * count), dtype="<u8") % below).astype(np.int64)


class Spread:
    """The sender's rows in all their bins: `parts` parts of `degree` roots a slot, filled up with random roots."""

    def __init__(self, tags: Tags, entropy: Entropy) -> None:
        bins = np.sort(tags.bins, axis=1)
        new = np.ones(bins.shape, dtype=np.bool_)
        new[:, 1:] = bins[:, 1:] != bins[:, :-1]
        rows, column = np.nonzero(new)
        where = bins[rows, column]
        order = np.lexsort((tags.rank[rows], where))
        self._rows, self._bins = rows[order], where[order]
        self._place = np.arange(len(order)) - np.searchsorted(self._bins, self._bins)
        self._felts = tags.felts
        self._entropy = entropy
        self.parts, self.degree = partition(int(self._place.max(initial=-1)) + 1)

    def __iter__(self) -> Iterator[Numbers]:
        """The roots of each part, (degree, N)."""
        for part in range(self.parts):
            roots = draw(self.degree * N, self._entropy).reshape(self.degree, BINS, FELTS)
            here = self._place // self.degree == part
            roots[self._place[here] % self.degree, self._bins[here]] = self._felts[self._rows[here]]
            yield roots.reshape(self.degree, N)


def hits(values: Numbers) -> npt.NDArray[np.bool_]:
    """In which bins all of a part's numbers are zero."""
    zero: npt.NDArray[np.bool_] = (values.reshape(BINS, FELTS) == 0).all(axis=1)
    return zero
