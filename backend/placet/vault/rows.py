"""Rows that were handed out: an Arrow stream between vault and node, lists where a recipe reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from placet.core.errors import StateError
from placet.core.hashing import canonical
from placet.core.ids import ConsentId
from placet.core.text_columns import Texts, texts, written
from placet.vault.columns import joined
from placet.vault.leaves import split

_CONSENT = "\0consent"
_ID = pa.binary(32)
_IDENTIFIER, _ASKS = b"identifier", b"asks matches"


@dataclass(frozen=True)
class Rows:
    """`identifier` names the column that tells whose a row is. `consent_ids`: the rows' consents, 32 bytes each; none
    for a named consent, where the whole table belongs to the institution. `asks_matches`: the vault is to be told which
    of them match before anything is released."""

    table: pa.Table = field(repr=False)
    identifier: str
    consent_ids: bytes = field(repr=False)
    asks_matches: bool = False

    @property
    def count(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """Integers, numbers or texts, by column."""
        return {name: self.table.column(name).to_pylist() for name in self.table.column_names}

    @property
    def by_column(self) -> dict[str, pa.ChunkedArray]:
        """The same as Arrow has them."""
        return dict(zip(self.table.column_names, self.table.columns, strict=True))

    def texts(self, name: str) -> Texts:
        """A column's values as text, none of them null."""
        column = self.table.column(name)
        if column.null_count == 0 and (pa.types.is_string(column.type) or pa.types.is_integer(column.type)):
            return texts(column)
        return texts(list(map(str, column.to_pylist())))

    def written(self) -> bytes:
        """Canonical JSON of {column: its values as text}: what a step of a job commits to."""
        ordered = sorted(self.table.column_names, key=lambda name: name.encode("utf-16-be"))
        return b"{" + b",".join(canonical(name) + b":" + written(self.texts(name)) for name in ordered) + b"}"

    @property
    def consents(self) -> list[ConsentId]:
        return [ConsentId(consent) for consent in split(self.consent_ids, 32)]

    def encode(self) -> pa.Buffer:
        """All of it as one Arrow stream."""
        metadata = {_IDENTIFIER: self.identifier.encode(), _ASKS: b"yes" if self.asks_matches else b"no"}
        table = self.table.replace_schema_metadata(metadata)
        if self.consent_ids:
            ids = pa.Array.from_buffers(_ID, self.count, [None, pa.py_buffer(self.consent_ids)])
            table = table.append_column(_CONSENT, ids)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    @classmethod
    def decode(cls, stream: bytes) -> Rows:
        """What `encode` gave; StateError for anything else."""
        try:
            table = pa.ipc.open_stream(stream).read_all()
            table.validate(full=True)
            metadata = table.schema.metadata or {}
            identifier, asks_matches = metadata[_IDENTIFIER].decode(), metadata[_ASKS] != b"no"
            ids = b""
            if _CONSENT in table.column_names:
                ids = joined(table.column(_CONSENT).cast(_ID))
                table = table.drop_columns(_CONSENT)
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            raise StateError("the vault's rows are malformed", found=type(error).__name__, code="vault.rows") from None
        return cls(table, identifier, ids, asks_matches)
