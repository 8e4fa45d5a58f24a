"""The leaves of a lawful set: consent id, row commitment, root of the batch that holds the consent, 32 bytes each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from placet.core.ids import BatchRoot, ConsentId, OfferId
from placet.vault.columns import Column32

LEAF = 96
"""Bytes of a leaf at rest."""
_COLUMNS = np.dtype([("consent", "S32"), ("row", "S32"), ("batch", "S32")])


@dataclass(frozen=True, slots=True)
class RowLeaf:
    """One leaf."""

    consent: ConsentId
    row: bytes
    batch: BatchRoot


@dataclass(frozen=True)
class StoredSet:
    """A lawful set that this vault computed, `packed` as `join` gives it and ascending by consent id. A leaf stays when
    the record of its consent is erased. `places`: where its rows stood in the table when it was chosen, if that is
    known; nobody counts on them to be still there."""

    offer: OfferId
    root: bytes
    packed: bytes = field(repr=False)
    places: NDArray[np.intp] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.packed) // LEAF

    @property
    def leaves(self) -> list[RowLeaf]:
        return unpack(self.packed)

    @cached_property
    def consents(self) -> Column32:
        return self._column("consent")

    @cached_property
    def rows(self) -> Column32:
        return self._column("row")

    @cached_property
    def batches(self) -> Column32:
        return self._column("batch")

    def _column(self, name: str) -> Column32:
        return np.ascontiguousarray(np.frombuffer(self.packed, _COLUMNS)[name])


def join(consents: Column32, rows: Column32, batches: Column32) -> bytes:
    """Leaves as they are kept, one after the other."""
    joined = np.empty(len(consents), _COLUMNS)
    joined["consent"], joined["row"], joined["batch"] = consents, rows, batches
    return joined.tobytes()


def unpack(packed: bytes) -> list[RowLeaf]:
    """What `join` gave, as leaves."""
    return [RowLeaf(ConsentId(leaf[:32]), leaf[32:64], BatchRoot(leaf[64:])) for leaf in split(packed, LEAF)]


def split(joined: bytes, size: int) -> list[bytes]:
    return [joined[i : i + size] for i in range(0, len(joined), size)]
