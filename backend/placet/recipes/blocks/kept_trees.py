"""What a party keeps of trees that stay shared: how it cuts its own columns, and its shares of all cuts and leaves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from placet.core.values import Value
from placet.models.trees import MAX_COLUMNS, TreeColumn, Weight
from placet.protocols.spu import KeptShare

KIND = "trees"


class KeptTrees(Value):
    """`columns` are the party's own, in the order of the plan that trained; `base` is the consumer's to keep. Of who
    computes: `yes` (trees, nodes, cells), 1 for each cell of all parties' columns that goes to `yes`, and `weights`
    (trees, leaves), in units."""

    columns: Annotated[tuple[TreeColumn, ...], Field(max_length=MAX_COLUMNS)]
    base: Weight | None
    yes: KeptShare | None
    weights: KeptShare | None
