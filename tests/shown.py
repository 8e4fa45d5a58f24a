"""What a vault shows of a lawful set, as leaves."""

from __future__ import annotations

from placet.core.evidence import Leaf
from placet.core.leaves import decode_leaves
from placet.vault.responses import LeavesPart


def leaves_of(part: LeavesPart) -> list[Leaf]:
    return [leaf.leaf() for leaf in decode_leaves(part.leaves)]
