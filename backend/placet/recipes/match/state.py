"""What a consumer keeps of `match` until its result is made: whom it asked about, in which spelling, and whom it found.

A frame (8 bytes of length) of canonical JSON, one of a table (`core.column_table`), and for each round whose matches
are known one of their places, 8 bytes each. Sealed by its node, and read by it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.alignment import Rules, parse_rules
from placet.alignment.keys import Round
from placet.core.column_table import Column, ColumnTable
from placet.core.errors import StateError
from placet.core.framing import FrameReader, frame
from placet.core.hashing import canonical
from placet.core.json_text import read_json
from placet.core.text_columns import Places, TextColumn

_WIDTH = 8
_MOST = 1 << 32
_COUNTS = ("empty", "invalid", "ambiguous")
_CUSTOMERS = "customers"


@dataclass(frozen=True, eq=False)
class MatchState:
    """`customers` as the result names them; `matched`: by round the rows that matched, None where the protocol told
    them to the provider alone."""

    customers: TextColumn
    rounds: Sequence[Round]
    matched: Sequence[Places] | None
    rules: Rules

    def encode(self) -> bytes:
        """Identifiers that are the customers themselves are written once."""
        same = [one.identifiers.equals(self.customers) for one in self.rounds]
        columns: dict[str, Column] = {_CUSTOMERS: self.customers}
        columns |= {str(n): one.identifiers for n, one in enumerate(self.rounds) if not same[n]}
        counts = [{name: getattr(one, name) for name in _COUNTS} for one in self.rounds]
        head = {"alignment": self.rules.to_json(), "counts": counts, "same": same, "told": self.matched is not None}
        places = [] if self.matched is None else [np.ascontiguousarray(one, "<i8").tobytes() for one in self.matched]
        return b"".join(frame(part, _WIDTH) for part in (canonical(head), ColumnTable(columns).encode(), *places))

    @classmethod
    def decode(cls, raw: bytes) -> MatchState:
        """What `encode` gave."""
        reader = FrameReader(raw, "what the consumer kept of a match")
        head: Any = read_json(reader.frame(_MOST, _WIDTH), "what the consumer kept of a match")
        table, _ = ColumnTable.decode(reader.frame(_MOST, _WIDTH))
        rules = parse_rules(head["alignment"])
        rounds = [
            Round(key, _texts(table, _CUSTOMERS if same else str(number)), **counts)
            for number, (key, same, counts) in enumerate(zip(rules.keys, head["same"], head["counts"], strict=True))
        ]
        matched = [np.frombuffer(reader.frame(_MOST, _WIDTH), "<i8") for _ in rounds] if head["told"] else None
        reader.end()
        return cls(_texts(table, _CUSTOMERS), rounds, matched, rules)


def _texts(table: ColumnTable, name: str) -> TextColumn:
    column = table[name]
    if not isinstance(column, TextColumn):
        raise StateError("what the consumer kept of a match holds no texts", found=name)
    return column
