"""What `mpc.cells` brings, under trace: the cells of all owners, labels, and which rows count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from placet.protocols.mpc.cells import CellsProgram

Array = Any
"""A jax array under trace."""


@dataclass(frozen=True)
class CellBlocks:
    """Of each owner the cells that are brought (rows, own ones), and whether it has the row (rows, 1), or 1; labels
    (rows,); 1 for each row that all providers have (rows,), None where all rows count."""

    blocks: tuple[Array, ...]
    has: tuple[Array, ...]
    labels: Array
    present: Array | None


def blocks_of(program: CellsProgram, arrays: Sequence[Array]) -> CellBlocks:
    *brought, consumer = program.by_owner(arrays)
    blocks, has, present = [], [], None
    for owner, block in enumerate([*brought, consumer[:, :-1]]):
        there: Any = 1
        if program.join == "all" and owner < program.providers:
            block, there = block[:, :-1], block[:, -1:]
            present = there[:, 0] if present is None else present * there[:, 0]
        blocks.append(block)
        has.append(there)
    return CellBlocks(tuple(blocks), tuple(has), consumer[:, -1], present)
