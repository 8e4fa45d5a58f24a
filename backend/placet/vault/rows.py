"""Rows that were handed out: bytes between vault and node, lists where a recipe reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from placet.core.column_table import Column, ColumnTable, FixedColumn
from placet.core.errors import PlacetError, StateError
from placet.core.hashing import canonical
from placet.core.ids import ConsentId
from placet.core.text_columns import TextColumn, written
from placet.vault.leaves import split

_CONSENT = "\0consent"


@dataclass(frozen=True)
class Rows:
    """`identifier` names the column that tells whose a row is. `consent_ids`: the rows' consents, 32 bytes each; none
    for a named consent, where the whole table belongs to the institution. `asks_matches`: the vault is to be told which
    of them match before anything is released."""

    table: ColumnTable = field(repr=False)
    identifier: str
    consent_ids: bytes = field(repr=False)
    asks_matches: bool = False

    @property
    def count(self) -> int:
        return len(self.table)

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """Integers, numbers or texts, by column."""
        return self.table.lists()

    @property
    def by_column(self) -> Mapping[str, Column]:
        """The same as columns."""
        return self.table.columns

    def holds_integers(self, name: str) -> bool:
        """By the column's type, whatever is in it."""
        column = self.table[name]
        return isinstance(column, FixedColumn) and column.kind == "integer"

    def texts(self, name: str) -> TextColumn:
        """A column's values as text, none of them null."""
        column = self.table[name]
        return column if isinstance(column, TextColumn) and column.there is None else TextColumn.of(map(str, column))

    def written(self) -> bytes:
        """Canonical JSON of {column: its values as text}: what a step of a job commits to."""
        ordered = sorted(self.table.columns, key=lambda name: name.encode("utf-16-be"))
        return b"{" + b",".join(canonical(name) + b":" + self._texts_written(name) for name in ordered) + b"}"

    def _texts_written(self, name: str) -> bytes:
        """Canonical JSON of a column's values as text."""
        if self.holds_integers(name):  # no such text has to be escaped
            return b'["' + '","'.join(map(str, self.table[name])).encode() + b'"]' if self.count else b"[]"
        return written(self.texts(name))

    @property
    def consents(self) -> list[ConsentId]:
        return [ConsentId(consent) for consent in split(self.consent_ids, 32)]

    def encode(self) -> bytes:
        """All of it as one row of bytes."""
        columns = dict(self.table.columns)
        if self.consent_ids:
            columns[_CONSENT] = FixedColumn(np.frombuffer(self.consent_ids, "S32"))
        return ColumnTable(columns).encode(
            identifier=self.identifier, matches="asked" if self.asks_matches else "not asked"
        )

    @classmethod
    def decode(cls, stream: bytes) -> Rows:
        """What `encode` gave; StateError for anything else."""
        try:
            table, about = ColumnTable.decode(stream)
            identifier, asks_matches = about["identifier"], about["matches"] != "not asked"
            columns = dict(table.columns)
            consents = columns.pop(_CONSENT, None)
            ids = consents.values.tobytes() if isinstance(consents, FixedColumn) else b""
        except (PlacetError, KeyError) as error:
            raise StateError("the vault's rows are malformed", found=type(error).__name__, code="vault.rows") from None
        return cls(ColumnTable(columns), identifier, ids, asks_matches)
