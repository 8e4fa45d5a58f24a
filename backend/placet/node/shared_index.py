"""The chain's events for a process beside the one that leads, which alone follows the chain."""

from __future__ import annotations

from collections.abc import Hashable

import sqlalchemy as sa

from placet.chain.blocks import BlockHeader, Head
from placet.chain.event_tables import checkpoints
from placet.chain.index import Index
from placet.node.state import leadership


class SharedIndex(Index):
    """Reads what the leader has written, and writes nothing."""

    def sync(self, head: Head | None = None) -> int:
        """The last block that the leader has read, or passed over since its header holds nothing of ours."""
        with self._engine.connect() as connection:
            passed = connection.execute(sa.select(leadership.c.indexed)).scalar()
        if head is not None:
            self._final = self._chain.confirmed(head.number)
        return max(self.latest(), -1 if passed is None else int(passed))

    def skip(self, header: BlockHeader) -> bool:
        return False

    def mark(self, head: Head, last: int) -> Hashable:
        query = sa.select(checkpoints.c.block, checkpoints.c.hash).order_by(checkpoints.c.block.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else tuple(row)
